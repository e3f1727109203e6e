package sqldb

import (
	"context"
	"database/sql"

	"github.com/signalbox-ai/signalbox/server/storage"
)

var _ storage.Secrets = (*DB)(nil)

// Secret implements storage.Secrets.
func (d *DB) Secret(ctx context.Context, name string, fresh []byte) (value []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = d.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, d.dialect.number("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"), name, fresh); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, d.dialect.number("SELECT value FROM secrets WHERE name = ?"), name).Scan(&value)
	})
	return value, d.fail("keep a secret", err)
}
