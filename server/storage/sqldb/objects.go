package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// Objects keeps objects in the database that it is made of.
type Objects struct {
	*objectReader

	db     *DB
	limits storage.ObjectLimits
}

var (
	_ storage.Objects         = (*Objects)(nil)
	_ storage.ObjectItems     = (*Objects)(nil)
	_ storage.ObjectEvents    = (*Objects)(nil)
	_ storage.ObjectRetention = (*Objects)(nil)
)

// Objects returns the objects of the database, which stays the one to close.
func (d *DB) Objects(limits storage.ObjectLimits) *Objects {
	return &Objects{objectReader: &objectReader{db: d}, db: d, limits: limits}
}

// never is the expiry of what does not expire.
const never = math.MaxInt64

// locked is the row of an object that a transaction changes.
type locked struct {
	seq, version, size, childSize, nextPlace int64
}

// change runs a transaction that begins with the row of an object, which nobody else
// changes until it ends. The error is storage.ErrNotFound where there is no such
// object.
//
// Each transaction takes the row of the object first and that of the owner last, so
// that none waits for one that waits for it.
func (o *Objects) change(ctx context.Context, doing, owner string, key storage.ObjectKey, do func(context.Context, *sql.Tx, locked) error) error {
	if !storable(owner) || !storable(key.ID) {
		return storage.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return o.db.fail(doing, o.db.transact(ctx, func(tx *sql.Tx) error {
		row, err := o.take(ctx, tx, owner, key)
		if err != nil {
			return err
		}
		return do(ctx, tx, row)
	}))
}

func (o *Objects) take(ctx context.Context, tx *sql.Tx, owner string, key storage.ObjectKey) (row locked, err error) {
	err = tx.QueryRowContext(ctx, o.db.dialect.number("SELECT seq, version, size, child_size, next_place FROM objects"+
		" WHERE owner = ? AND kind = ? AND id = ? AND expire_time > ?")+o.db.dialect.lock, owner, int(key.Kind), key.ID, time.Now().UnixNano()).
		Scan(&row.seq, &row.version, &row.size, &row.childSize, &row.nextPlace)
	if errors.Is(err, sql.ErrNoRows) {
		return locked{}, storage.ErrNotFound
	}
	return row, err
}

// exec runs a statement of a transaction, and says how many rows it changed.
func (o *Objects) exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, o.db.dialect.number(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// charge counts what an owner has more, or less. It is the last statement of a
// transaction: owners are shared.
func (o *Objects) charge(ctx context.Context, tx *sql.Tx, owner string, size int64) error {
	if size <= 0 {
		_, err := o.exec(ctx, tx, "UPDATE object_owners SET size = size + ? WHERE owner = ?", size, owner)
		return err
	}
	most := cmp.Or(o.limits.OwnerBytes, math.MaxInt64)
	if size > most {
		return storage.ErrOwnerFull
	}
	n, err := o.exec(ctx, tx, "INSERT INTO object_owners (owner, size) VALUES (?, ?)"+
		" ON CONFLICT (owner) DO UPDATE SET size = object_owners.size + excluded.size WHERE object_owners.size <= ?", owner, size, most-size)
	if err == nil && n == 0 {
		return storage.ErrOwnerFull
	}
	return err
}

// fits refuses a body that is too large.
func (o *Objects) fits(body []byte) error {
	if o.limits.ObjectBytes > 0 && int64(len(body)) > o.limits.ObjectBytes {
		return storage.ErrTooLarge
	}
	return nil
}

// Put implements storage.Objects.
func (o *Objects) Put(ctx context.Context, owner string, object *storage.Object, items ...storage.Item) (created bool, err error) {
	const doing = "put an object"
	rows, size, err := o.itemRows(0, items)
	if err != nil {
		return false, err
	}
	if err := o.fits(object.Body); err != nil {
		return false, err
	}
	if !storable(owner) || !storable(object.Key.ID) {
		return false, fmt.Errorf("%s: an owner or an id that cannot be kept: %w", doing, storage.ErrRejected)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = o.db.transact(ctx, func(tx *sql.Tx) error {
		seq, err := o.insertObject(ctx, tx, owner, object, size, int64(len(items)))
		if err != nil || seq == 0 {
			return err
		}
		if err := o.insertChildren(ctx, tx, seq, rows); err != nil {
			return err
		}
		created = true
		return o.charge(ctx, tx, owner, sizeOf(object)+size)
	})
	return created && err == nil, o.db.fail(doing, err)
}

// insertObject inserts the row of an object. seq is 0 where there is one already.
func (o *Objects) insertObject(ctx context.Context, tx *sql.Tx, owner string, object *storage.Object, childSize, nextPlace int64) (seq int64, err error) {
	key := object.Key
	for range 2 {
		err = tx.QueryRowContext(ctx, o.db.dialect.number("INSERT INTO objects"+
			" (owner, kind, id, version, create_time, expire_time, model, size, child_size, next_place, metadata, body)"+
			" VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, kind, id) DO NOTHING RETURNING seq"),
			owner, int(key.Kind), key.ID, object.CreateTime.UnixNano(), nanosOf(object.ExpireTime), text(object.Model),
			sizeOf(object), childSize, nextPlace, linesOf(object.Metadata), bytesOf(object.Body)).Scan(&seq)
		if !errors.Is(err, sql.ErrNoRows) {
			return seq, err
		}
		// One that has expired makes room.
		n, err := o.expire(ctx, tx, "owner = ? AND kind = ? AND id = ? AND expire_time <= ?", owner, int(key.Kind), key.ID, time.Now().UnixNano())
		if err != nil || n == 0 {
			return 0, err
		}
	}
	return 0, nil
}

// Update implements storage.Objects.
func (o *Objects) Update(ctx context.Context, owner string, object *storage.Object) error {
	if err := o.fits(object.Body); err != nil {
		return err
	}
	err := o.change(ctx, "update an object", owner, object.Key, func(ctx context.Context, tx *sql.Tx, row locked) error {
		if row.version != object.Version {
			return storage.ErrConflict
		}
		size := sizeOf(object)
		if _, err := o.exec(ctx, tx, "UPDATE objects SET version = version + 1, expire_time = ?, model = ?, size = ?, metadata = ?, body = ? WHERE seq = ?",
			nanosOf(object.ExpireTime), text(object.Model), size, linesOf(object.Metadata), bytesOf(object.Body), row.seq); err != nil {
			return err
		}
		return o.charge(ctx, tx, owner, size-row.size)
	})
	if err == nil {
		object.Version++
	}
	return err
}

// Touch implements storage.Objects.
func (o *Objects) Touch(ctx context.Context, owner string, key storage.ObjectKey, expire time.Time) error {
	return o.change(ctx, "set when an object expires", owner, key, func(ctx context.Context, tx *sql.Tx, row locked) error {
		_, err := o.exec(ctx, tx, "UPDATE objects SET expire_time = ? WHERE seq = ?", nanosOf(expire), row.seq)
		return err
	})
}

// Delete implements storage.Objects.
func (o *Objects) Delete(ctx context.Context, owner string, key storage.ObjectKey) error {
	return o.change(ctx, "delete an object", owner, key, func(ctx context.Context, tx *sql.Tx, row locked) error {
		if err := o.remove(ctx, tx, row.seq); err != nil {
			return err
		}
		return o.charge(ctx, tx, owner, -row.size-row.childSize)
	})
}

// remove deletes objects with their children.
func (o *Objects) remove(ctx context.Context, tx *sql.Tx, seqs ...any) error {
	among := " IN (?" + strings.Repeat(", ?", len(seqs)-1) + ")"
	if _, err := o.exec(ctx, tx, "DELETE FROM object_children WHERE object"+among, seqs...); err != nil {
		return err
	}
	_, err := o.exec(ctx, tx, "DELETE FROM objects WHERE seq"+among, seqs...)
	return err
}

// maxExpired is how many objects are deleted by one transaction.
const maxExpired = 1000

// Expire implements storage.ObjectRetention.
func (o *Objects) Expire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = o.db.transact(ctx, func(tx *sql.Tx) error {
		n, err = o.expire(ctx, tx, "expire_time < ? ORDER BY expire_time LIMIT ?", before.UnixNano(), min(limit, maxExpired))
		return err
	})
	if err != nil {
		return 0, o.db.fail("delete expired objects", err)
	}
	return n, nil
}

// expire deletes the objects that a condition means and nobody else changes.
func (o *Objects) expire(ctx context.Context, tx *sql.Tx, condition string, args ...any) (int, error) {
	rows, err := tx.QueryContext(ctx, o.db.dialect.number("SELECT seq, owner, size + child_size FROM objects WHERE "+condition)+o.db.dialect.lockFree, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close() // Err below has what went wrong
	var seqs []any
	freed := map[string]int64{}
	for rows.Next() {
		var (
			seq, size int64
			owner     string
		)
		if err := rows.Scan(&seq, &owner, &size); err != nil {
			return 0, err
		}
		seqs = append(seqs, seq)
		freed[owner] += size
	}
	if err := rows.Err(); err != nil || len(seqs) == 0 {
		return 0, err
	}
	if err := o.remove(ctx, tx, seqs...); err != nil {
		return 0, err
	}
	// In order, so that two replicas cannot wait for each other.
	for _, owner := range slices.Sorted(maps.Keys(freed)) {
		if err := o.charge(ctx, tx, owner, -freed[owner]); err != nil {
			return 0, err
		}
	}
	return len(seqs), nil
}

// maxName is the longest owner or id, in bytes: the key of an index has a largest size.
const maxName = 512

// storable says whether both databases can keep an owner or an id as it is. What they
// cannot keep is not there either.
func storable(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && strings.IndexByte(name, 0) < 0
}

// sizeOf is what an object counts without its items and events.
func sizeOf(object *storage.Object) int64 {
	size := storage.RowBytes + len(object.Body)
	for key, value := range object.Metadata {
		size += len(key) + len(value)
	}
	return int64(size)
}

func nanosOf(expire time.Time) int64 {
	if expire.IsZero() {
		return never
	}
	return expire.UnixNano()
}

// bytesOf is a body that is not NULL.
func bytesOf(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}
