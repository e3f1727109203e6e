package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// pragmas are what a connection to SQLite must have. The driver passes a pragma
// that it does not know in silence, so they are read back.
var pragmas = []struct{ name, set, want string }{
	{"busy_timeout", "5000", "5000"},
	{"journal_mode", "WAL", "wal"},
	{"synchronous", "FULL", "2"},
	{"temp_store", "MEMORY", "2"},
}

// readers is how many queries SQLite answers at the same time.
const readers = 2

func openSQLite(ctx context.Context, path string, log *slog.Logger) (_ *DB, err error) {
	d := newDB(sqliteDialect(), log)
	if d.writer, err = openWriter(path); err != nil {
		return nil, err
	}
	if d.reader, err = sql.Open("sqlite", sqliteDSN(path, "mode=ro&_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.writer.Close())
	}
	d.reader.SetMaxOpenConns(readers)
	if err := d.startSQLite(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, plain(err)), d.reader.Close(), d.writer.Close())
	}
	return d, nil
}

// openWriter makes the file of a database, if it is not there, and the connection that
// writes it. One connection: SQLite has one writer at a time, and waiting for it in Go
// is cheaper than in SQLite.
func openWriter(path string) (*sql.DB, error) {
	// The file is made here and not by SQLite, so that nobody else may read it.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	writer, err := sql.Open("sqlite", sqliteDSN(path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	return writer, nil
}

func (d *DB) startSQLite(ctx context.Context) error {
	if err := checkPragmas(ctx, d.writer); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	// A file that cannot be written opens all the same; writing its own number
	// again finds out.
	return writable(ctx, d.writer)
}

func sqliteDSN(path, options string) string {
	var b strings.Builder
	b.WriteString("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options)
	for _, p := range pragmas {
		fmt.Fprintf(&b, "&_pragma=%s(%s)", p.name, p.set)
	}
	return b.String()
}

func checkPragmas(ctx context.Context, db *sql.DB) error {
	for _, p := range pragmas {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			return fmt.Errorf("read the pragma %s: %w", p.name, err)
		}
		if got != p.want {
			return fmt.Errorf("the pragma %s is %q and not %q", p.name, got, p.want)
		}
	}
	return nil
}

func writable(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "PRAGMA user_version = 0")
	return errors.Join(err, tx.Rollback())
}

// plain says what is wrong with a database file in words for whoever starts the
// gateway.
func plain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is not an SQLite database: %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the database is damaged; restore it from a backup, or move it away to start an empty one: %w", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the database cannot be written; the gateway needs to write it and its folder: %w", err)
	default:
		return err
	}
}
