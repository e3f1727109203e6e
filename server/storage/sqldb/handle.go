package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// JobsFile is the name of the embedded database of jobs. It is a file of its own, so
// that the writes of the job engine and those of records never wait for each other.
const JobsFile = "jobs.db"

// jobConnections is how many connections to PostgreSQL the job engine has at most, one
// of which listens.
const jobConnections = 4

// Handle is a connection for the job engine, which brings its own SQL. One of the
// members is set.
type Handle struct {
	// SQLite is the embedded database of jobs, of one connection.
	SQLite *sql.DB
	// Postgres is the database that has the records, too.
	Postgres *pgxpool.Pool
}

// OpenHandle opens a handle. SQLite must work at once; PostgreSQL is not asked before
// it is used.
func OpenHandle(ctx context.Context, config *configv1.Storage) (Handle, error) {
	if url := config.GetDatabaseUrl(); url != "" {
		return openPool(ctx, url)
	}
	if err := os.MkdirAll(config.GetDataDir(), 0o700); err != nil {
		return Handle{}, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(config.GetDataDir(), JobsFile)
	writer, err := openWriter(path)
	if err != nil {
		return Handle{}, err
	}
	if err := errors.Join(checkPragmas(ctx, writer), writable(ctx, writer)); err != nil {
		return Handle{}, errors.Join(fmt.Errorf("open %s: %w", path, plain(err)), writer.Close())
	}
	return Handle{SQLite: writer}, nil
}

func openPool(ctx context.Context, url string) (Handle, error) {
	connection, err := postgresConfig(url, writeTimeout)
	if err != nil {
		return Handle{}, err
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return Handle{}, fmt.Errorf("read the database URL: %w", err)
	}
	config.ConnConfig = connection
	config.MaxConns = jobConnections
	config.MinConns, config.MinIdleConns = 0, 0
	config.MaxConnIdleTime = 5 * time.Minute
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return Handle{}, fmt.Errorf("open PostgreSQL: %w", err)
	}
	return Handle{Postgres: pool}, nil
}

// Close closes the handle.
func (h Handle) Close() error {
	if h.Postgres != nil {
		h.Postgres.Close()
	}
	if h.SQLite != nil {
		return h.SQLite.Close()
	}
	return nil
}
