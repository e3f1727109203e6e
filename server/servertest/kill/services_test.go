//go:build services

package kill_test

import (
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
)

// kills is how often each store's gateway dies.
const kills = 100

func TestNothingIsLostByManyKills(t *testing.T) {
	for name, database := range map[string]func(*testing.T) string{
		"SQLite": func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string {
			t.Helper()
			return postgres.Start(t, postgres.Options{}).Database()
		},
	} {
		t.Run(name, func(t *testing.T) { newField(t, t.TempDir(), database(t)).run(kills) })
	}
}
