package storage

import (
	"context"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
)

// AuditLog keeps the records of calls. Safe for concurrent use. Every method is
// bounded in time by the implementation, whatever the context says.
type AuditLog interface {
	// Append writes records, all or none. It is idempotent: a record that is there
	// already is left alone. An end record replaces the begin record of its call,
	// and a begin record that arrives after its end changes nothing.
	Append(context.Context, []*Record) error
	// List returns one page of entries, newest first.
	List(context.Context, AuditQuery) (AuditPage, error)
	// Get returns a record with everything that was kept of it, or ErrNotFound.
	Get(ctx context.Context, id string) (*Record, error)
	// Interrupt marks begin records whose end will not come, and says how many.
	Interrupt(context.Context, Open) (int, error)
	// DeleteBefore deletes up to limit records of calls that began before a time,
	// oldest first, and says how many.
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
	// Close gives the store back.
	Close() error
}

// Record is what is kept of one call, at its beginning or at its end.
type Record struct {
	// Entry has the facts. Required; Get and List return it without loss.
	Entry *auditv1.AuditEntry
	// Plan is the plan. Nil: the call had none.
	Plan *planv1.ExecutionPlan
	// Bodies are what was sent and received. Nil: not kept.
	Bodies *auditv1.AuditBodies
	// Begin says that this is a begin record: the call had not ended.
	Begin bool
	// Writer names the process that wrote a begin record; see Open. Empty in end
	// records, and in records read back.
	Writer string
}

// Open says which begin records are meant. Zero members do not restrict.
type Open struct {
	// Writer is the process that wrote them.
	Writer string
	// Before is the time that their calls began before.
	Before time.Time
}

// AuditQuery says which entries are meant. Zero members do not restrict.
type AuditQuery struct {
	// Start and End bound when the call began: [Start, End).
	Start, End time.Time
	// RequestID is the request id.
	RequestID string
	// Model is the requested or the resolved model.
	Model string
	// Provider is the provider instance.
	Provider string
	// Method is the HTTP method.
	Method string
	// Path is how the path begins.
	Path string
	// StatusCode is the HTTP status. 0: any.
	StatusCode int32
	// ErrorType is OpenAI's class of the error.
	ErrorType string
	// Reason is why the call failed.
	Reason commonv1.ErrorReason
	// Stream is whether the reply was a stream. Nil: either.
	Stream *bool
	// KeyID is the key's public id.
	KeyID string
	// Owner is an owner path; those below it are meant too.
	Owner string
	// Search is a part of request id, model, provider, method, path or error
	// class, in any case.
	Search string

	// Limit is how many entries a page has. At least 1.
	Limit int
	// Offset is how many to skip.
	Offset int64
	// After is where the page before ended. Nil: the first page.
	After *Cursor
}

// Cursor is a place in a list that is ordered by start time and id.
type Cursor struct {
	// Start is the start time of the last entry that was seen.
	Start time.Time
	// ID is its id.
	ID string
}

// CountLimit is how far AuditPage.Total counts.
const CountLimit = 10_000

// AuditPage is a page of entries.
type AuditPage struct {
	// Entries are the entries, newest first.
	Entries []*auditv1.AuditEntry
	// Next is where the next page begins. Nil: this was the last one.
	Next *Cursor
	// Total is how many entries match, counted up to CountLimit. It does not
	// depend on the page.
	Total int64
}
