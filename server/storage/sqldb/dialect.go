package sqldb

import (
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is all that the two databases do not say alike.
type dialect struct {
	// name is also the folder of the migrations.
	name  string
	goose goose.Dialect
	// mark begins a numbered placeholder.
	mark string
	// like compares without regard to case.
	like string
	// rejects says whether a statement failed because of its data.
	rejects func(error) bool
}

func sqliteDialect() dialect {
	return dialect{name: "sqlite", goose: goose.DialectSQLite3, mark: "?", like: "LIKE", rejects: sqliteRejects}
}

func postgresDialect() dialect {
	return dialect{name: "postgres", goose: goose.DialectPostgres, mark: "$", like: "ILIKE", rejects: postgresRejects}
}

// placeholder is the n-th argument of a statement, from 1.
func (d dialect) placeholder(n int) string { return d.mark + strconv.Itoa(n) }

// next is the n-th argument of a statement that takes each once, in order. SQLite then
// needs no numbers, and is spared a search for each: a third of what an insert costs.
func (d dialect) next(n int) string {
	if d.goose == goose.DialectSQLite3 {
		return d.mark
	}
	return d.placeholder(n)
}

func sqliteRejects(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return true
	default:
		return false
	}
}

// postgresRejects knows the classes 22 (data exception), 23 (integrity) and 54
// (program limit).
func postgresRejects(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return false
	}
	switch e.Code[:2] {
	case "22", "23", "54":
		return true
	default:
		return false
	}
}
