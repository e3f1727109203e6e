package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/server/storage"
)

// States of a row.
const (
	stateBegun = iota
	stateEnded
	stateInterrupted
)

// maxText is how much of a text the filters see. The entry has all of it.
const maxText = 512

// columns are the columns of audit_records, in the order of row's members.
const columns = "id, start_time, state, writer, request_id, requested_model, resolved_model, provider, method, " +
	"path, status_code, error_type, reason, stream, key_id, owner, entry, plan, bodies"

const columnCount = 19

// onConflict makes an insert idempotent: only an end may replace what is there,
// and only what is no end.
const onConflict = ` ON CONFLICT (id) DO UPDATE SET
	state = excluded.state, writer = excluded.writer, request_id = excluded.request_id,
	requested_model = excluded.requested_model, resolved_model = excluded.resolved_model,
	provider = excluded.provider, method = excluded.method, path = excluded.path,
	status_code = excluded.status_code, error_type = excluded.error_type, reason = excluded.reason,
	stream = excluded.stream, key_id = excluded.key_id, owner = excluded.owner,
	entry = excluded.entry, plan = excluded.plan, bodies = excluded.bodies
	WHERE excluded.state = 1 AND audit_records.state <> 1`

// batches are the numbers of rows that are inserted by one statement. One
// statement of many rows costs a fifth less than many of one row.
var batches = []int{32, 8, 1}

// row is a record on its way into the table: its columns.
type row []any

// Append implements storage.AuditLog.
func (d *DB) Append(ctx context.Context, records []*storage.Record) error {
	if len(records) == 0 {
		return nil
	}
	rows, err := rowsOf(records)
	if err != nil {
		return fmt.Errorf("append audit records: %w: %w", storage.ErrRejected, err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return d.fail("append audit records", d.insert(ctx, rows))
}

func (d *DB) insert(ctx context.Context, rows []row) error {
	return d.transact(ctx, func(tx *sql.Tx) error {
		args := make([]any, 0, batches[0]*columnCount)
		for i, size := range batches {
			for ; len(rows) >= size; rows = rows[size:] {
				args = args[:0]
				for _, row := range rows[:size] {
					args = append(args, row...)
				}
				insert := tx.StmtContext(ctx, d.inserts[i]) //nolint:sqlclosecheck // ends with the transaction
				if _, err := insert.ExecContext(ctx, args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// rowsOf makes rows, one for each call, in the order of ids: two replicas that write
// the same rows then cannot wait for each other, and one statement meets no row
// twice.
func rowsOf(records []*storage.Record) ([]row, error) {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b *storage.Record) int {
		// Of two records of a call the end comes first, and is kept.
		return cmp.Or(cmp.Compare(a.Entry.GetId(), b.Entry.GetId()), cmp.Compare(order(a), order(b)))
	})
	sorted = slices.CompactFunc(sorted, func(a, b *storage.Record) bool { return a.Entry.GetId() == b.Entry.GetId() })
	rows := make([]row, 0, len(sorted))
	for _, record := range sorted {
		row, err := rowOf(record)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func order(record *storage.Record) int {
	if record.Begin {
		return 1
	}
	return 0
}

func rowOf(record *storage.Record) (row, error) {
	e := record.Entry
	if e.GetId() == "" {
		return nil, errors.New("the record has no id")
	}
	state := stateEnded
	if record.Begin {
		state = stateBegun
	}
	entry, err := proto.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("entry of %s: %w", e.GetId(), err)
	}
	var plan, bodies any
	if record.Plan != nil {
		if plan, err = proto.Marshal(record.Plan); err != nil {
			return nil, fmt.Errorf("plan of %s: %w", e.GetId(), err)
		}
	}
	if record.Bodies != nil {
		if bodies, err = proto.Marshal(record.Bodies); err != nil {
			return nil, fmt.Errorf("bodies of %s: %w", e.GetId(), err)
		}
	}
	return row{
		e.GetId(), e.GetStartTime().AsTime().UnixNano(), state, record.Writer, text(e.GetRequestId()),
		text(e.GetRequestedModel()), text(e.GetResolvedModel()), text(e.GetProvider()), text(e.GetMethod()),
		text(e.GetPath()), e.GetStatusCode(), text(e.GetErrorType()), int32(e.GetReason()), e.GetStream(),
		text(e.GetKeyId()), text(e.GetOwner()), entry, plan, bodies,
	}, nil
}

// text makes a text that both databases take and find again: PostgreSQL refuses
// zero bytes and bad UTF-8, and the key of an index has a largest size.
func text(s string) string {
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// prepareInserts prepares one statement for each of batches. It is done before any
// transaction, which may hold the only connection.
func (d *DB) prepareInserts(ctx context.Context) error {
	for len(d.inserts) < len(batches) {
		//nolint:sqlclosecheck // ends with the database
		insert, err := d.writer.PrepareContext(ctx, d.dialect.insert(batches[len(d.inserts)]))
		if err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
		d.inserts = append(d.inserts, insert)
	}
	return nil
}

// insert is the statement that inserts so many rows.
func (d dialect) insert(size int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO audit_records (" + columns + ") VALUES ")
	for n := range size * columnCount {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%columnCount == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(d.next(n + 1))
	}
	b.WriteString(")" + onConflict)
	return b.String()
}
