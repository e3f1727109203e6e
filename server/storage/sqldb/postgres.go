package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Connections to PostgreSQL at most, for each process.
const (
	postgresWriters = 2
	postgresReaders = 4
)

func openPostgres(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	writer, err := postgresConfig(url, writeTimeout)
	if err != nil {
		return nil, err
	}
	reader, err := postgresConfig(url, readTimeout)
	if err != nil {
		return nil, err
	}
	reader.RuntimeParams["default_transaction_read_only"] = "on"
	d := newDB(postgresDialect(), log)
	d.writer, d.reader = stdlib.OpenDB(*writer), stdlib.OpenDB(*reader)
	d.writer.SetMaxOpenConns(postgresWriters)
	d.reader.SetMaxOpenConns(postgresReaders)
	d.writer.SetConnMaxIdleTime(5 * time.Minute)
	d.reader.SetConnMaxIdleTime(5 * time.Minute)

	probe, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err = d.prepare(probe)
	switch {
	case err == nil:
		return d, nil
	case isPermanent(err) || ctx.Err() != nil:
		return nil, errors.Join(fmt.Errorf("open PostgreSQL: %w", err), d.reader.Close(), d.writer.Close())
	default:
		log.WarnContext(ctx, "PostgreSQL is not there yet; records wait in the spool", "error", err)
		return d, nil
	}
}

// postgresConfig bounds a connection in time on both sides: the context on ours,
// settings of the session on the server's.
func postgresConfig(url string, timeout time.Duration) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	milliseconds := strconv.FormatInt(timeout.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    "signalbox",
		"statement_timeout":                   milliseconds,
		"lock_timeout":                        milliseconds,
		"idle_in_transaction_session_timeout": milliseconds,
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// isPermanent says that an error at the start will not pass by itself.
func isPermanent(err error) bool {
	var newer *NewerSchemaError
	if errors.As(err, &newer) {
		return true
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return false
	}
	switch e.Code[:2] {
	case "28", // invalid authorization
		"3D", // no such database
		"42": // insufficient privilege, and what a foreign schema leads to
		return true
	default:
		return false
	}
}
