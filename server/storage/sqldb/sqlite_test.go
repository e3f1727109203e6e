package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
	"github.com/signalbox-ai/signalbox/server/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func params(config *configv1.Storage) sqldb.Params {
	return sqldb.Params{Config: config, Log: slog.New(slog.DiscardHandler)}
}

// open opens the embedded database of a folder until the test ends.
func open(t *testing.T, dir string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: dir}))
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

// entry is an end record of now.
func entry(id string) *storage.Record {
	return &storage.Record{Entry: &auditv1.AuditEntry{Id: id, StartTime: timestamppb.Now()}}
}

func TestSQLiteKeepsAuditRecords(t *testing.T) {
	t.Parallel()
	storagetest.AuditLog(t, func(t *testing.T) storage.AuditLog { return open(t, t.TempDir()) })
}

func TestRecordsAreThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a folder? with #odd%20 name")
	for n := range 3 {
		db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: dir}))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Append(t.Context(), []*storage.Record{entry(fmt.Sprint(n))}); err != nil {
			t.Fatal(err)
		}
		page, err := db.List(t.Context(), storage.AuditQuery{Limit: 10})
		if err != nil || page.Total != int64(n+1) {
			t.Errorf("after %d starts there are %d records, %v", n+1, page.Total, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{sqldb.File, "."} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v, %v", name, info.Mode(), err)
		}
	}
}

// Whoever starts the gateway over a database that it cannot use reads one line that
// says why.
func TestDatabasesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	change := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			db := raw(t, file)
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	patch := func(at int64, b ...byte) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			f, err := os.OpenFile(file, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, string)
		want  string
	}{
		{"something else", patch(0, []byte("This is no database at all.")...), "is not an SQLite database"},
		{"a part that is missing", func(t *testing.T, file string) {
			if err := os.Truncate(file, 8192); err != nil {
				t.Fatal(err)
			}
		}, "the database is damaged"},
		// SQLite itself writes no file whose header has a newer write version.
		{"one that must not be written", patch(18, 3), "cannot be written"},
		{"a folder", func(t *testing.T, file string) {
			if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		{"one of a newer version", change(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)`),
			"schema version 9000, and this version of signalbox knows 2 at most"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: dir}))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			test.spoil(t, filepath.Join(dir, sqldb.File))
			db, err = sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: dir}))
			if err == nil {
				_ = db.Close() // the test fails anyway
				t.Fatal("the database was opened")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want one line with %q", err, test.want)
			}
		})
	}
}

// raw opens a database file without our own rules.
func raw(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestManyProcessesStartAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var starts sync.WaitGroup
	for n := range 6 {
		starts.Go(func() {
			db, err := sqldb.Open(t.Context(), params(&configv1.Storage{DataDir: dir}))
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := db.Append(t.Context(), []*storage.Record{entry(fmt.Sprint(n))}); err != nil {
				t.Errorf("Append: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	starts.Wait()
	if page, err := open(t, dir).List(t.Context(), storage.AuditQuery{Limit: 1}); err != nil || page.Total != 6 {
		t.Errorf("%d records, %v, want 6", page.Total, err)
	}
}

// While another process holds the write lock, readers read, and a write waits until
// the lock is free or its time is over.
func TestAnotherProcessHoldsTheLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir)
	if err := db.Append(t.Context(), []*storage.Record{entry("1")}); err != nil {
		t.Fatal(err)
	}
	other, err := raw(t, filepath.Join(dir, sqldb.File)).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := db.Append(short, []*storage.Record{entry("2")}); err == nil || errors.Is(err, storage.ErrRejected) {
		t.Errorf("Append = %v while another process writes", err)
	}
	if page, err := db.List(t.Context(), storage.AuditQuery{Limit: 1}); err != nil || page.Total != 1 {
		t.Errorf("List = %d, %v while another process writes", page.Total, err)
	}
	written := make(chan error, 1)
	go func() { written <- db.Append(t.Context(), []*storage.Record{entry("3")}) }()
	if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("Append = %v after the lock was given back", err)
	}
}

func TestLongQueriesEnd(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	records := make([]*storage.Record, 0, 20_000)
	for n := range cap(records) {
		records = append(records, entry(fmt.Sprint(n)))
	}
	if err := db.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := db.List(short, storage.AuditQuery{Limit: 1, Search: "no such text"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a query beyond its deadline gave %v", err)
	}
	if err := db.Append(t.Context(), []*storage.Record{entry("after")}); err != nil {
		t.Errorf("Append after an interrupted query: %v", err)
	}
}

func TestSQLiteKeepsObjects(t *testing.T) {
	t.Parallel()
	storagetest.Objects(t, func(t *testing.T, limits storage.ObjectLimits) storagetest.ObjectStore {
		t.Helper()
		return open(t, t.TempDir()).Objects(limits)
	})
}

func TestSQLiteKeepsSecrets(t *testing.T) {
	t.Parallel()
	storagetest.Secrets(t, func(t *testing.T) storage.Secrets { return open(t, t.TempDir()) })
}
