package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivermigrate"
)

// River makes its tables itself, but two processes that do so at once get into each
// other's way.

// races is how often another process may be faster with one of River's migrations.
const races = 20

// migrateSQLite makes the tables. Each migration is a transaction, which fails when
// another process has done it meanwhile: the loser looks again what is left to do.
func migrateSQLite(ctx context.Context, migrator *rivermigrate.Migrator[*sql.Tx]) (err error) {
	for range races {
		if _, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// migrationLock is the number of the lock in PostgreSQL, "sbxjobs" in ASCII.
const migrationLock = 0x7362786a6f6273

// migratePostgres makes the tables while it holds a lock. Not in one transaction: a new
// value of an enum is not known before it is committed.
func migratePostgres(ctx context.Context, pool *pgxpool.Pool, migrator *rivermigrate.Migrator[pgx.Tx]) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("wait for other replicas: %w", err)
	}
	defer func() {
		// A connection that cannot unlock is closed, which unlocks.
		if _, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock)); unlock != nil {
			err = errors.Join(err, conn.Conn().Close(context.WithoutCancel(ctx)))
		}
	}()
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
