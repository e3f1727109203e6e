// Package sqldb keeps the gateway's records in SQL: embedded SQLite, or
// PostgreSQL. It is one implementation; dialect.go has all that differs.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// File is the name of the embedded database in the data folder.
const File = "signalbox.db"

// Bounds in time. Every statement has one, so that a database that hangs makes
// errors and not waits.
const (
	writeTimeout   = 10 * time.Second
	readTimeout    = 5 * time.Second
	migrateTimeout = time.Minute
	connectTimeout = 5 * time.Second
)

// Params is what a database is opened with. All members are required.
type Params struct {
	// Config says where the records are kept; all its members are set.
	Config *configv1.Storage
	// Log takes what happens beside the calls.
	Log *slog.Logger
}

// DB is an open database. Safe for concurrent use.
type DB struct {
	dialect dialect
	log     *slog.Logger
	// writer and reader are two pools, so that no query of an administrator keeps
	// a record from being written.
	writer, reader *sql.DB
	// ready says that the schema is up to date and the inserts are prepared.
	// PostgreSQL may come later than the gateway; then the first statement that
	// reaches it sees to that, holding turn.
	ready   atomic.Bool
	turn    chan struct{}
	inserts []*sql.Stmt // one for each of batches
}

var _ storage.AuditLog = (*DB)(nil)

// Open opens the database and brings its schema up to date.
//
// SQLite must work at once. PostgreSQL need not be there yet: the gateway starts
// without it, and every method fails until it is. What waiting cannot mend (an
// address that is none, refused credentials, a newer schema) is an error in both.
func Open(ctx context.Context, params Params) (*DB, error) {
	if url := params.Config.GetDatabaseUrl(); url != "" {
		return openPostgres(ctx, url, params.Log)
	}
	dir := params.Config.GetDataDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	return openSQLite(ctx, filepath.Join(dir, File), params.Log)
}

// Close closes the database.
func (d *DB) Close() error {
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// prepare makes sure that statements can run.
func (d *DB) prepare(ctx context.Context) error {
	if d.ready.Load() {
		return nil
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.ready.Load() {
		return nil
	}
	if err := d.migrate(ctx); err != nil {
		return err
	}
	if err := d.prepareInserts(ctx); err != nil {
		return err
	}
	d.ready.Store(true)
	return nil
}

// transact runs statements that hold together. Nothing stays of them when one fails.
func (d *DB) transact(ctx context.Context, do func(*sql.Tx) error) (err error) {
	if err := d.prepare(ctx); err != nil {
		return err
	}
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// ignoreDone forgets that a transaction had ended already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func newDB(dialect dialect, log *slog.Logger) *DB {
	return &DB{dialect: dialect, log: log, turn: make(chan struct{}, 1)}
}

// fail gives an error of the database its meaning.
func (d *DB) fail(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case d.dialect.rejects(err):
		return fmt.Errorf("%s: %w: %w", doing, storage.ErrRejected, err)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}
