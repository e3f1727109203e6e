package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// parent returns the number of an object, or sql.ErrNoRows.
func (r *objectReader) parent(ctx context.Context, owner string, key storage.ObjectKey) (seq int64, err error) {
	if !storable(owner) || !storable(key.ID) {
		return 0, sql.ErrNoRows
	}
	err = r.row(ctx, "SELECT seq FROM objects WHERE owner = ? AND kind = ? AND id = ? AND expire_time > ?",
		owner, int(key.Kind), key.ID, time.Now().UnixNano()).Scan(&seq)
	return seq, err
}

// ListItems implements storage.ObjectItems.
func (r *objectReader) ListItems(ctx context.Context, owner string, parent storage.ObjectKey, query storage.ItemQuery) (storage.ItemPage, error) {
	var page storage.ItemPage
	err := r.read(ctx, "list items", storage.ErrNotFound, func(ctx context.Context) error {
		seq, err := r.parent(ctx, owner, parent)
		if err != nil {
			return err
		}
		c := conditions{dialect: r.db.dialect}
		c.add("object = " + c.arg(seq))
		c.add("kind = " + c.arg(childItem))
		if query.After != "" {
			place, err := r.place(ctx, seq, query.After)
			if err != nil {
				return err
			}
			c.add("place" + beyond(query.Descending) + c.arg(place))
		}
		statement := "SELECT id, body FROM object_children" + c.where() + " ORDER BY place" + direction(query.Descending) + " LIMIT " + c.arg(pageLimit(query.Limit)+1)
		page.More, err = r.page(ctx, pageLimit(query.Limit), statement, c.args, func(rows *sql.Rows) (int, error) {
			var item storage.Item
			err := rows.Scan(&item.ID, &item.Body)
			page.Items = append(page.Items, item)
			return len(item.Body), err
		})
		return err
	})
	if err != nil {
		return storage.ItemPage{}, err
	}
	return page, nil
}

// place is where an item stands, or storage.ErrCursor.
func (r *objectReader) place(ctx context.Context, parent int64, id string) (place int64, err error) {
	if !storable(id) {
		return 0, storage.ErrCursor
	}
	err = r.row(ctx, "SELECT place FROM object_children WHERE object = ? AND id = ?", parent, id).Scan(&place)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, storage.ErrCursor
	}
	return place, err
}

// GetItem implements storage.ObjectItems.
func (r *objectReader) GetItem(ctx context.Context, owner string, parent storage.ObjectKey, id string) (*storage.Item, error) {
	if !storable(id) {
		return nil, storage.ErrNotFound
	}
	item := &storage.Item{ID: id}
	err := r.read(ctx, "get an item", storage.ErrNotFound, func(ctx context.Context) error {
		seq, err := r.parent(ctx, owner, parent)
		if err != nil {
			return err
		}
		return r.row(ctx, "SELECT body FROM object_children WHERE object = ? AND id = ?", seq, id).Scan(&item.Body)
	})
	if err != nil {
		return nil, err
	}
	return item, nil
}

// ListEvents implements storage.ObjectEvents.
func (r *objectReader) ListEvents(ctx context.Context, owner string, parent storage.ObjectKey, from int64, limit int) ([]storage.Event, error) {
	var events []storage.Event
	err := r.read(ctx, "list events", storage.ErrNotFound, func(ctx context.Context) error {
		seq, err := r.parent(ctx, owner, parent)
		if err != nil {
			return err
		}
		statement := r.db.dialect.number("SELECT place, body FROM object_children WHERE object = ? AND kind = ? AND place >= ? ORDER BY place LIMIT ?")
		_, err = r.page(ctx, pageLimit(limit), statement, []any{seq, childEvent, from, pageLimit(limit)}, func(rows *sql.Rows) (int, error) {
			var event storage.Event
			err := rows.Scan(&event.Number, &event.Body)
			events = append(events, event)
			return len(event.Body), err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}
