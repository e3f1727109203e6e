//go:build services

package sqldb_test

import (
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
	"github.com/signalbox-ai/signalbox/server/storage/storagetest"
)

// openURL opens a database of PostgreSQL until the test ends.
func openURL(t *testing.T, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: t.TempDir(), DatabaseUrl: url}))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func TestPostgreSQLKeepsAuditRecords(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	storagetest.AuditLog(t, func(t *testing.T) storage.AuditLog { return openURL(t, cluster.Database()) })
}
