package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// Kinds of children.
const (
	childItem  = 1
	childEvent = 2
)

// child is a row of object_children, without its parent.
type child struct {
	kind  int
	place int64
	id    any // nil: an event has none
	body  []byte
}

// itemRows are the rows of items from a place on, and what they count.
func (o *Objects) itemRows(from int64, items []storage.Item) (rows []child, size int64, err error) {
	rows = make([]child, 0, len(items))
	for i, item := range items {
		if err := o.fits(item.Body); err != nil {
			return nil, 0, err
		}
		if !storable(item.ID) {
			return nil, 0, fmt.Errorf("an item's id cannot be kept: %w", storage.ErrRejected)
		}
		rows = append(rows, child{kind: childItem, place: from + int64(i), id: item.ID, body: item.Body})
		size += storage.RowBytes + int64(len(item.Body))
	}
	return rows, size, nil
}

// maxRows is how many children one statement inserts.
const maxRows = 64

// insertChildren inserts rows. The error is storage.ErrConflict where an id or a place
// is taken.
func (o *Objects) insertChildren(ctx context.Context, tx *sql.Tx, parent int64, rows []child) error {
	const columns = 5
	for len(rows) > 0 {
		n := min(len(rows), maxRows)
		args := make([]any, 0, n*columns)
		for _, row := range rows[:n] {
			args = append(args, parent, row.kind, row.place, row.id, bytesOf(row.body))
		}
		inserted, err := o.exec(ctx, tx, "INSERT INTO object_children (object, kind, place, id, body) VALUES (?, ?, ?, ?, ?)"+
			strings.Repeat(", (?, ?, ?, ?, ?)", n-1)+" ON CONFLICT DO NOTHING", args...)
		if err != nil {
			return err
		}
		if inserted < int64(n) {
			return storage.ErrConflict
		}
		rows = rows[n:]
	}
	return nil
}

// grow counts what a parent and its owner have more, or less, and where the parent's
// next item stands.
func (o *Objects) grow(ctx context.Context, tx *sql.Tx, owner string, parent locked, size, items int64) error {
	if _, err := o.exec(ctx, tx, "UPDATE objects SET child_size = child_size + ?, next_place = next_place + ? WHERE seq = ?", size, items, parent.seq); err != nil {
		return err
	}
	return o.charge(ctx, tx, owner, size)
}

// AppendItems implements storage.ObjectItems.
func (o *Objects) AppendItems(ctx context.Context, owner string, parent storage.ObjectKey, items []storage.Item) error {
	rows, size, err := o.itemRows(0, items)
	if err != nil {
		return err
	}
	return o.change(ctx, "append items", owner, parent, func(ctx context.Context, tx *sql.Tx, row locked) error {
		for i := range rows {
			rows[i].place = row.nextPlace + int64(i)
		}
		if err := o.insertChildren(ctx, tx, row.seq, rows); err != nil {
			return err
		}
		return o.grow(ctx, tx, owner, row, size, int64(len(rows)))
	})
}

// AppendEvents implements storage.ObjectEvents.
func (o *Objects) AppendEvents(ctx context.Context, owner string, parent storage.ObjectKey, events []storage.Event) error {
	rows, size := make([]child, 0, len(events)), int64(0)
	for _, event := range events {
		if err := o.fits(event.Body); err != nil {
			return err
		}
		rows = append(rows, child{kind: childEvent, place: event.Number, body: event.Body})
		size += storage.RowBytes + int64(len(event.Body))
	}
	return o.change(ctx, "append events", owner, parent, func(ctx context.Context, tx *sql.Tx, row locked) error {
		if err := o.insertChildren(ctx, tx, row.seq, rows); err != nil {
			return err
		}
		return o.grow(ctx, tx, owner, row, size, 0)
	})
}

// DeleteItem implements storage.ObjectItems.
func (o *Objects) DeleteItem(ctx context.Context, owner string, parent storage.ObjectKey, id string) error {
	if !storable(id) {
		return storage.ErrNotFound
	}
	return o.change(ctx, "delete an item", owner, parent, func(ctx context.Context, tx *sql.Tx, row locked) error {
		n, err := o.deleteChildren(ctx, tx, owner, row, "kind = ? AND id = ?", childItem, id)
		if err == nil && n == 0 {
			return storage.ErrNotFound
		}
		return err
	})
}

// DeleteEvents implements storage.ObjectEvents.
func (o *Objects) DeleteEvents(ctx context.Context, owner string, parent storage.ObjectKey, from int64) error {
	return o.change(ctx, "delete events", owner, parent, func(ctx context.Context, tx *sql.Tx, row locked) error {
		_, err := o.deleteChildren(ctx, tx, owner, row, "kind = ? AND place >= ?", childEvent, from)
		return err
	})
}

// deleteChildren deletes those of a parent's children that a condition means, and says
// how many.
func (o *Objects) deleteChildren(ctx context.Context, tx *sql.Tx, owner string, parent locked, condition string, args ...any) (int64, error) {
	args = append([]any{parent.seq}, args...)
	condition = " FROM object_children WHERE object = ? AND " + condition
	var n, size int64
	if err := tx.QueryRowContext(ctx, o.db.dialect.number("SELECT count(*), COALESCE(SUM(length(body)), 0)"+condition), args...).Scan(&n, &size); err != nil || n == 0 {
		return 0, err
	}
	if _, err := o.exec(ctx, tx, "DELETE"+condition, args...); err != nil {
		return 0, err
	}
	return n, o.grow(ctx, tx, owner, parent, -size-n*storage.RowBytes, 0)
}
