//go:build services

package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

func TestPostgreSQLThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	newer := cluster.Database()
	openURL(t, newer)
	conn, err := pgx.Connect(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, true)"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret := "CANARY-password"
	with := func(old, replacement string) string { return strings.Replace(newer, old, replacement, 1) }
	for _, test := range []struct{ name, url, want string }{
		{"no URL", "postgres://user:" + secret + "@host:port/x", "read the database URL"},
		{"no such user", with("postgres@", "nobody:"+secret+"@"), `role "nobody" does not exist`},
		{"no such database", with("/test_1", "/missing"), `database "missing" does not exist`},
		{"a newer schema", newer, "schema version 9000, and this version of signalbox knows 2 at most"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DatabaseUrl: test.url}))
			if err == nil {
				_ = db.Close() // the test fails anyway
				t.Fatal("the database was opened")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want one line with %q", err, test.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	url := postgres.Start(t, postgres.Options{}).Database()
	var replicas sync.WaitGroup
	for n := range 4 {
		replicas.Go(func() {
			db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DatabaseUrl: url}))
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			// All write the same rows and some of their own.
			for range 20 {
				if err := db.Append(t.Context(), []*storage.Record{entry("b"), entry(fmt.Sprint(n)), entry("a")}); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	replicas.Wait()
	if page, err := openURL(t, url).List(t.Context(), storage.AuditQuery{Limit: 1}); err != nil || page.Total != 6 {
		t.Errorf("%d records, %v, want 6", page.Total, err)
	}
}

// A database that is down, or that hangs, makes errors in bounded time, and works
// again when it is back.
func TestPostgreSQLComesAndGoes(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	db := openURL(t, cluster.Database())
	objects := db.Objects(storage.ObjectLimits{})
	object := &storage.Object{Key: storage.ObjectKey{Kind: storage.ObjectResponse, ID: "1"}}
	works := func(id string) {
		t.Helper()
		if _, err := objects.Put(t.Context(), "/", object); err != nil {
			t.Errorf("Put: %v", err)
		}
		if _, err := objects.Get(t.Context(), "/", object.Key); err != nil {
			t.Errorf("Get: %v", err)
		}
		if err := db.Append(t.Context(), []*storage.Record{entry(id)}); err != nil {
			t.Errorf("Append: %v", err)
		}
		if _, err := db.Get(t.Context(), id); err != nil {
			t.Errorf("Get: %v", err)
		}
	}
	fails := func(most time.Duration) {
		t.Helper()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := db.Append(ctx, []*storage.Record{entry("x")}); err == nil || errors.Is(err, storage.ErrRejected) {
			t.Errorf("Append = %v", err)
		}
		if _, err := db.List(t.Context(), storage.AuditQuery{Limit: 1}); err == nil {
			t.Error("List works")
		}
		// An object that cannot be asked for is not missing.
		if _, err := objects.Get(ctx, "/", object.Key); err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Get = %v", err)
		}
		if err := objects.Delete(ctx, "/", object.Key); err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Delete = %v", err)
		}
		if took := time.Since(began); took > most {
			t.Errorf("errors took %s", took)
		}
	}
	works("1")
	cluster.Stop()
	fails(3 * time.Second)
	cluster.Start()
	works("2")
	cluster.Pause()
	fails(10 * time.Second) // the read's own deadline is 5 s
	cluster.Resume()
	works("3")
}

func TestPostgreSQLKeepsObjects(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	storagetest.Objects(t, func(t *testing.T, limits storage.ObjectLimits) storagetest.ObjectStore {
		t.Helper()
		return openURL(t, cluster.Database()).Objects(limits)
	})
	storagetest.Secrets(t, func(t *testing.T) storage.Secrets { return openURL(t, cluster.Database()) })
}
