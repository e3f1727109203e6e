package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// objectReader answers what changes nothing, from the readers' connections.
type objectReader struct{ db *DB }

// maxPageBytes is from where on a page takes no more bodies.
const maxPageBytes = 32 << 20

// read gives a reading a deadline. The error of a row that is not there is missing.
func (r *objectReader) read(ctx context.Context, doing string, missing error, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err := r.db.prepare(ctx)
	if err == nil {
		err = do(ctx)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return r.db.fail(doing, err)
}

func (r *objectReader) row(ctx context.Context, statement string, args ...any) *sql.Row {
	return r.db.reader.QueryRowContext(ctx, r.db.dialect.number(statement), args...)
}

// page reads rows until there are limit, or their bodies are too large together. scan
// reads one and returns the size of its body. more says that a row was left.
func (r *objectReader) page(ctx context.Context, limit int, statement string, args []any, scan func(*sql.Rows) (int, error)) (more bool, err error) {
	rows, err := r.db.reader.QueryContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close() // Err below has what went wrong
	for n, size := 0, 0; rows.Next(); n++ {
		if n == limit || size >= maxPageBytes {
			return true, nil
		}
		read, err := scan(rows)
		if err != nil {
			return false, err
		}
		size += read
	}
	return false, rows.Err()
}

// pageLimit is how many rows a page has.
func pageLimit(limit int) int { return max(1, min(limit, storage.MaxPage)) }

// Get implements storage.Objects.
func (r *objectReader) Get(ctx context.Context, owner string, key storage.ObjectKey) (*storage.Object, error) {
	if !storable(owner) || !storable(key.ID) {
		return nil, storage.ErrNotFound
	}
	var object *storage.Object
	err := r.read(ctx, "get an object", storage.ErrNotFound, func(ctx context.Context) (err error) {
		object, err = scanObject(key.Kind, r.row(ctx, "SELECT "+objectColumns+" FROM objects WHERE owner = ? AND kind = ? AND id = ? AND expire_time > ?",
			owner, int(key.Kind), key.ID, time.Now().UnixNano()))
		return err
	})
	return object, err
}

const objectColumns = "id, version, create_time, expire_time, model, metadata, body"

// scanObject reads objectColumns.
func scanObject(kind storage.ObjectKind, row interface{ Scan(...any) error }) (*storage.Object, error) {
	var (
		object          = &storage.Object{Key: storage.ObjectKey{Kind: kind}}
		created, expire int64
		lines           string
		err             error
	)
	if err := row.Scan(&object.Key.ID, &object.Version, &created, &expire, &object.Model, &lines, &object.Body); err != nil {
		return nil, err
	}
	object.CreateTime = time.Unix(0, created)
	if expire != never {
		object.ExpireTime = time.Unix(0, expire)
	}
	if object.Metadata, err = metadataOf(lines); err != nil {
		return nil, fmt.Errorf("read the metadata of an object: %w", err)
	}
	return object, nil
}

// List implements storage.Objects.
func (r *objectReader) List(ctx context.Context, owner string, query storage.ObjectQuery) (storage.ObjectPage, error) {
	var page storage.ObjectPage
	if !storable(owner) {
		return page, missingCursor(query.After)
	}
	err := r.read(ctx, "list objects", storage.ErrCursor, func(ctx context.Context) (err error) {
		c := conditions{dialect: r.db.dialect}
		c.add("owner = " + c.arg(owner))
		c.add("kind = " + c.arg(int(query.Kind)))
		if query.After != "" {
			if err := r.after(ctx, &c, owner, query); err != nil {
				return err
			}
		}
		c.add("expire_time > " + c.arg(time.Now().UnixNano()))
		c.equal("model", query.Model)
		for _, key := range slices.Sorted(maps.Keys(query.Metadata)) {
			c.add(r.db.dialect.instr + "(metadata, " + c.arg(linesOf(map[string]string{key: query.Metadata[key]})) + ") > 0")
		}
		way := direction(query.Descending)
		statement := "SELECT " + objectColumns + " FROM objects" + c.where() + " ORDER BY create_time" + way + ", seq" + way + " LIMIT " + c.arg(pageLimit(query.Limit)+1)
		page.More, err = r.page(ctx, pageLimit(query.Limit), statement, c.args, func(rows *sql.Rows) (int, error) {
			object, err := scanObject(query.Kind, rows)
			if err != nil {
				return 0, err
			}
			page.Objects = append(page.Objects, object)
			return len(object.Body), nil
		})
		return err
	})
	if err != nil {
		return storage.ObjectPage{}, err
	}
	return page, nil
}

// after adds where a page begins.
func (r *objectReader) after(ctx context.Context, c *conditions, owner string, query storage.ObjectQuery) error {
	if !storable(query.After) {
		return storage.ErrCursor
	}
	var created, seq int64
	if err := r.row(ctx, "SELECT create_time, seq FROM objects WHERE owner = ? AND kind = ? AND id = ? AND expire_time > ?",
		owner, int(query.Kind), query.After, time.Now().UnixNano()).Scan(&created, &seq); err != nil {
		return err
	}
	c.add("(create_time, seq)" + beyond(query.Descending) + "(" + c.arg(created) + ", " + c.arg(seq) + ")")
	return nil
}

func missingCursor(after string) error {
	if after != "" {
		return storage.ErrCursor
	}
	return nil
}

func direction(descending bool) string {
	if descending {
		return " DESC"
	}
	return ""
}

// beyond compares with the end of the page before.
func beyond(descending bool) string {
	if descending {
		return " < "
	}
	return " > "
}
