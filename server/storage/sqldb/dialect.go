package sqldb

import (
	"errors"
	"strconv"
	"strings"

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
	// instr is the function that finds a text in another, 0 where it is not.
	instr string
	// lock ends a SELECT whose rows are changed next; lockFree leaves out those that
	// others change. SQLite has one writer, which locks all.
	lock, lockFree string
	// rejects says whether a statement failed because of its data.
	rejects func(error) bool
}

func sqliteDialect() dialect {
	return dialect{name: "sqlite", goose: goose.DialectSQLite3, mark: "?", like: "LIKE", instr: "instr", rejects: sqliteRejects}
}

func postgresDialect() dialect {
	return dialect{
		name: "postgres", goose: goose.DialectPostgres, mark: "$", like: "ILIKE", instr: "strpos",
		lock: " FOR UPDATE", lockFree: " FOR UPDATE SKIP LOCKED", rejects: postgresRejects,
	}
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

// number writes a statement whose arguments are all "?", in order, each taken once, as
// the database reads it.
func (d dialect) number(statement string) string {
	if d.goose == goose.DialectSQLite3 {
		return statement
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(d.placeholder(n))
		statement = after
	}
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
