package sqldb_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

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

func TestSQLiteKeepsAuditRecords(t *testing.T) {
	t.Parallel()
	storagetest.AuditLog(t, func(t *testing.T) storage.AuditLog { return open(t, t.TempDir()) })
}
