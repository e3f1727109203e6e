package service

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// AuditReader is what Audit needs of storage.AuditLog.
type AuditReader interface {
	List(context.Context, storage.AuditQuery) (storage.AuditPage, error)
	Get(ctx context.Context, id string) (*storage.Record, error)
}

// AuditDeps is what Audit needs. All members are required.
type AuditDeps struct {
	// Store has the records.
	Store AuditReader
}

// Audit is AuditService.
type Audit struct {
	auditv1.UnimplementedAuditServiceServer

	store AuditReader
}

// NewAudit returns AuditService.
func NewAudit(deps AuditDeps) *Audit { return &Audit{store: deps.Store} }

// Pages of the audit log.
const (
	auditLimit    = 25
	maxAuditLimit = 100
)

// ListAuditEntries lists records, newest first.
func (a *Audit) ListAuditEntries(ctx context.Context, req *auditv1.ListAuditEntriesRequest) (*auditv1.ListAuditEntriesResponse, error) {
	query, err := auditQuery(req, time.Now())
	if err != nil {
		return nil, err
	}
	page, err := a.store.List(ctx, query)
	if err != nil {
		return nil, storeError(ctx, err)
	}
	response := &auditv1.ListAuditEntriesResponse{
		Entries: page.Entries,
		Total:   page.Total,
		Limit:   int32(query.Limit), //nolint:gosec // at most maxAuditLimit
		Offset:  query.Offset,
	}
	if page.Next != nil {
		response.NextPageToken = pageToken(page.Next, listTag(req))
	}
	return response, nil
}

// GetAuditEntry returns a record with its plan and bodies.
func (a *Audit) GetAuditEntry(ctx context.Context, req *auditv1.GetAuditEntryRequest) (*auditv1.GetAuditEntryResponse, error) {
	record, err := a.store.Get(ctx, req.GetEntryId())
	if errors.Is(err, storage.ErrNotFound) {
		return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND, "There is no audit record with this id.")
	}
	if err != nil {
		return nil, storeError(ctx, err)
	}
	return &auditv1.GetAuditEntryResponse{Entry: record.Entry, Plan: record.Plan, Bodies: record.Bodies}, nil
}

// storeError is a store that did not answer, unless it was the caller who left.
func storeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, "The audit records cannot be read now.", err)
}

// auditQuery is a request in the words of the store.
func auditQuery(req *auditv1.ListAuditEntriesRequest, now time.Time) (storage.AuditQuery, error) {
	start, end, err := period(req, now.UTC())
	if err != nil {
		return storage.AuditQuery{}, err
	}
	filter := req.GetFilter()
	if filter != nil && filter.StatusCode != nil && (filter.GetStatusCode() < 100 || filter.GetStatusCode() > 599) {
		return storage.AuditQuery{}, invalidField("status_code", "`status_code` is an HTTP status, 100 to 599.")
	}
	query := storage.AuditQuery{
		Start: start, End: end,
		RequestID: filter.GetRequestId(), Model: filter.GetModel(), Provider: filter.GetProvider(),
		Method: filter.GetMethod(), Path: filter.GetPath(), StatusCode: filter.GetStatusCode(),
		ErrorType: filter.GetErrorType(), Reason: filter.GetReason(), KeyID: filter.GetKeyId(),
		Owner: filter.GetOwner(), Search: filter.GetSearch(),
		Limit: auditLimit, Offset: req.GetOffset(),
	}
	if filter != nil {
		query.Stream = filter.Stream
	}
	if limit := req.GetLimit(); limit > 0 {
		query.Limit = int(min(limit, maxAuditLimit))
	}
	if req.GetPageToken() == "" {
		return query, nil
	}
	if req.GetOffset() != 0 {
		return storage.AuditQuery{}, invalidField("offset", "`offset` and `page_token` cannot be used together.")
	}
	query.After, err = parsePageToken(req.GetPageToken(), listTag(req))
	return query, err
}

func invalidField(param, message string) error {
	invalid := failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, message)
	invalid.Param = param
	return invalid
}

const (
	day = 24 * time.Hour
	// auditDays is how far back a list goes unless told otherwise.
	auditDays = 30
	// maxDays is more than a gateway has lived, and far from what a time can hold.
	maxDays = 36_500
)

// period is when the calls of a list began. Dates win over days, and days over the
// filter's times.
func period(req *auditv1.ListAuditEntriesRequest, now time.Time) (start, end time.Time, err error) {
	today := now.Truncate(day)
	switch {
	case req.GetStartDate() != "" || req.GetEndDate() != "":
		return dates(req, today)
	case req.GetDays() > 0:
		days := min(int(req.GetDays()), maxDays)
		return today.AddDate(0, 0, 1-days), time.Time{}, nil
	default:
		return times(req.GetFilter(), now)
	}
}

// dates are whole days, the last one included. Without a first day there are thirty,
// without a last day it is today.
func dates(req *auditv1.ListAuditEntriesRequest, today time.Time) (start, end time.Time, err error) {
	last := today
	if req.GetEndDate() != "" {
		if last, err = date("end_date", req.GetEndDate()); err != nil {
			return start, end, err
		}
	}
	first := last.AddDate(0, 0, 1-auditDays)
	if req.GetStartDate() != "" {
		if first, err = date("start_date", req.GetStartDate()); err != nil {
			return start, end, err
		}
	}
	if first.After(last) {
		return start, end, invalidField("start_date", "`start_date` is after `end_date`.")
	}
	return first, last.AddDate(0, 0, 1), nil
}

func date(param, text string) (time.Time, error) {
	parsed, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, invalidField(param, fmt.Sprintf("Invalid %s format, expected YYYY-MM-DD.", param))
	}
	return parsed, nil
}

// times are the filter's own.
func times(filter *auditv1.AuditFilter, now time.Time) (start, end time.Time, err error) {
	if end, err = timeOf("end_time", filter.GetEndTime()); err != nil {
		return start, end, err
	}
	if start, err = timeOf("start_time", filter.GetStartTime()); err != nil {
		return start, end, err
	}
	if start.IsZero() {
		until := end
		if until.IsZero() {
			until = now
		}
		start = until.Add(-auditDays * day)
	}
	if !end.IsZero() && start.After(end) {
		return start, end, invalidField("start_time", "`start_time` is after `end_time`.")
	}
	return start, end, nil
}

// timeOf is the time of a timestamp; zero, where it is unset. Its range is that of
// nanoseconds in 64 bits.
func timeOf(param string, stamp *timestamppb.Timestamp) (time.Time, error) {
	if stamp == nil {
		return time.Time{}, nil
	}
	at := stamp.AsTime()
	if stamp.CheckValid() != nil || at.Year() < 1700 || at.Year() > 2200 {
		return time.Time{}, invalidField(param, fmt.Sprintf("`%s` is not a time between the years 1700 and 2200.", param))
	}
	return at, nil
}

// A page token is a version, the tag of its list, and the place in it. It is not
// secret and not signed: whoever makes one up may as well ask for another page.
const (
	tokenVersion = 1
	tokenHeader  = 1 + 8 + 8
)

// listTag tells lists apart: a place in one is none in another.
func listTag(req *auditv1.ListAuditEntriesRequest) uint64 {
	list := proto.CloneOf(req)
	list.Limit, list.Offset, list.PageToken = 0, 0, ""
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(list)
	if err != nil {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write(text)
	return hash.Sum64()
}

func pageToken(place *storage.Cursor, tag uint64) string {
	b := []byte{tokenVersion}
	b = binary.BigEndian.AppendUint64(b, tag)
	b = binary.BigEndian.AppendUint64(b, uint64(place.Start.UnixNano()))
	return base64.RawURLEncoding.EncodeToString(append(b, place.ID...))
}

func parsePageToken(token string, tag uint64) (*storage.Cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) <= tokenHeader || b[0] != tokenVersion || binary.BigEndian.Uint64(b[1:]) != tag {
		invalid := failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_CURSOR, "The page token is not one of this list.")
		invalid.Param = "page_token"
		return nil, invalid
	}
	return &storage.Cursor{
		Start: time.Unix(0, int64(binary.BigEndian.Uint64(b[9:]))).UTC(), //nolint:gosec // its bits
		ID:    string(b[tokenHeader:]),
	}, nil
}
