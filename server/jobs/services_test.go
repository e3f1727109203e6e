//go:build services

package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
)

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.run(t, place{url: cluster.Database()})
		})
	}
}

// The gateway starts before its database, and survives its restart; what was taken is
// done.
func TestPostgreSQLComesLater(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	url := cluster.Database()
	cluster.Stop()
	e := place{url: url, stale: stale}.open(t, 2, time.Second)
	done := make(chan string, 10)
	e.handle(func(_ context.Context, job Job[note]) error {
		done <- job.Args.Text
		return nil
	})
	e.run()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := e.Enqueue(short, note{"lost"}, Options{}); err == nil {
		t.Error("a job was taken without a database")
	}
	cluster.Start()
	e.enqueue("first", Options{})
	if got := await(t, done); got != "first" {
		t.Errorf("done was %s", got)
	}
	e.enqueue("second", Options{Delay: 300 * time.Millisecond})
	cluster.Stop()
	cluster.Start()
	// That the first was done may not have been written down; then it is done again.
	for got := ""; got != "second"; got = await(t, done) {
		if got != "" && got != "first" {
			t.Errorf("done was %s", got)
		}
	}
}
