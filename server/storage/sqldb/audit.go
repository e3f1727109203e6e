package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// List implements storage.AuditLog.
func (d *DB) List(ctx context.Context, query storage.AuditQuery) (storage.AuditPage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	page, err := d.list(ctx, query)
	return page, d.fail("list audit records", err)
}

func (d *DB) list(ctx context.Context, query storage.AuditQuery) (storage.AuditPage, error) {
	if err := d.prepare(ctx); err != nil {
		return storage.AuditPage{}, err
	}
	var page storage.AuditPage
	count, args := countStatement(d.dialect, query)
	if err := d.reader.QueryRowContext(ctx, count, args...).Scan(&page.Total); err != nil {
		return storage.AuditPage{}, fmt.Errorf("count: %w", err)
	}
	if page.Total == 0 {
		return page, nil
	}
	list, args := listStatement(d.dialect, query)
	rows, err := d.reader.QueryContext(ctx, list, args...)
	if err != nil {
		return storage.AuditPage{}, err
	}
	defer rows.Close() // Err below has what went wrong
	for rows.Next() {
		entry, err := scanEntry(rows)
		if err != nil {
			return storage.AuditPage{}, err
		}
		page.Entries = append(page.Entries, entry)
	}
	if err := rows.Err(); err != nil {
		return storage.AuditPage{}, err
	}
	// One more than asked for was read, to know whether there are more.
	if len(page.Entries) > query.Limit {
		page.Entries = page.Entries[:query.Limit]
		last := page.Entries[query.Limit-1]
		page.Next = &storage.Cursor{Start: last.GetStartTime().AsTime(), ID: last.GetId()}
	}
	return page, nil
}

// scanEntry reads a row of listStatement.
func scanEntry(rows *sql.Rows) (*auditv1.AuditEntry, error) {
	var (
		state int
		blob  sql.RawBytes
	)
	if err := rows.Scan(&state, &blob); err != nil {
		return nil, err
	}
	return entryOf(state, blob)
}

func entryOf(state int, blob []byte) (*auditv1.AuditEntry, error) {
	entry := &auditv1.AuditEntry{}
	if err := proto.Unmarshal(blob, entry); err != nil {
		return nil, fmt.Errorf("read an entry: %w", err)
	}
	// The entry of a begin record is not written anew when its end does not come.
	entry.Interrupted = state == stateInterrupted
	return entry, nil
}

// Get implements storage.AuditLog.
func (d *DB) Get(ctx context.Context, id string) (*storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	record, err := d.get(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, storage.ErrNotFound
	}
	return record, d.fail("get an audit record", err)
}

func (d *DB) get(ctx context.Context, id string) (*storage.Record, error) {
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	var (
		state               int
		entry, plan, bodies []byte
	)
	row := d.reader.QueryRowContext(ctx, "SELECT state, entry, plan, bodies FROM audit_records WHERE id = "+
		d.dialect.placeholder(1), text(id))
	if err := row.Scan(&state, &entry, &plan, &bodies); err != nil {
		return nil, err
	}
	record := &storage.Record{Begin: state != stateEnded}
	var err error
	if record.Entry, err = entryOf(state, entry); err != nil {
		return nil, err
	}
	if plan != nil {
		record.Plan = &planv1.ExecutionPlan{}
		if err := proto.Unmarshal(plan, record.Plan); err != nil {
			return nil, fmt.Errorf("read a plan: %w", err)
		}
	}
	if bodies != nil {
		record.Bodies = &auditv1.AuditBodies{}
		if err := proto.Unmarshal(bodies, record.Bodies); err != nil {
			return nil, fmt.Errorf("read bodies: %w", err)
		}
	}
	return record, nil
}

// Interrupt implements storage.AuditLog.
func (d *DB) Interrupt(ctx context.Context, open storage.Open) (int, error) {
	c := conditions{dialect: d.dialect}
	c.add("state = 0")
	if open.Writer != "" {
		c.add("writer = " + c.arg(open.Writer))
	}
	if !open.Before.IsZero() {
		c.add("start_time < " + c.arg(open.Before.UnixNano()))
	}
	return d.exec(ctx, "mark interrupted audit records", "UPDATE audit_records SET state = 2"+c.where(), c.args)
}

// DeleteBefore implements storage.AuditLog.
func (d *DB) DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error) {
	c := conditions{dialect: d.dialect}
	c.add("start_time < " + c.arg(before.UnixNano()))
	oldest := "SELECT id FROM audit_records" + c.where() + " ORDER BY start_time, id LIMIT " + c.arg(limit)
	return d.exec(ctx, "delete old audit records", "DELETE FROM audit_records WHERE id IN ("+oldest+")", c.args)
}

// exec runs one statement that changes rows, and says how many.
func (d *DB) exec(ctx context.Context, doing, statement string, args []any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := d.prepare(ctx); err != nil {
		return 0, d.fail(doing, err)
	}
	result, err := d.writer.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, d.fail(doing, err)
	}
	n, err := result.RowsAffected()
	return int(n), d.fail(doing, err)
}
