package sqldb

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// NewerSchemaError says that the database belongs to a newer version of the
// gateway.
type NewerSchemaError struct {
	// Found is the version of the database, Known the newest that this program
	// knows.
	Found, Known int64
}

// Error is one line for whoever starts the gateway.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema version %d, and this version of signalbox knows %d at most", e.Found, e.Known)
}

// migrate brings the schema up to date. Two processes may do so at once:
// PostgreSQL has a lock for it; in SQLite the loser finds the work done when it
// looks again.
func (d *DB) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	err := d.migrateOnce(ctx)
	if err != nil && d.dialect.goose == goose.DialectSQLite3 && ctx.Err() == nil && !isPermanent(err) {
		err = d.migrateOnce(ctx)
	}
	if err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

func (d *DB) migrateOnce(ctx context.Context) error {
	folder, err := fs.Sub(migrations, "migrations/"+d.dialect.name)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.dialect.goose == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 50))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(d.dialect.goose, d.writer, folder, options...)
	if err != nil {
		return err
	}
	found, known, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if found > known {
		return &NewerSchemaError{Found: found, Known: known}
	}
	if found == known {
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}
