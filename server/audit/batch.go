package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// shipFile ships a segment from the position up to size.
func (l *Log) shipFile(ctx context.Context, path string, size int64, writer string) error {
	data, err := l.read(path, size)
	if err != nil {
		return err
	}
	var (
		frames []frame
		bytes  int
		open   = len(data)
	)
	for len(data) > 0 {
		found, rest, skipped, ok := nextFrame(data)
		if skipped > 0 {
			l.params.Metrics.Count(Torn, 1)
			l.params.Log.WarnContext(ctx, "bytes of the audit spool are no record", "file", path, "bytes", skipped)
		}
		if !ok {
			break
		}
		frames = append(frames, found)
		bytes += len(found.payload)
		data = rest
		if len(frames) >= batchRecords || bytes >= batchBytes {
			if err := l.ship(ctx, l.records(ctx, frames, writer), writer); err != nil {
				return err
			}
			l.position += int64(open - len(data))
			frames, bytes, open = frames[:0], 0, len(data)
		}
	}
	if err := l.ship(ctx, l.records(ctx, frames, writer), writer); err != nil {
		return err
	}
	l.position = size
	return nil
}

// read reads a segment from the position up to size.
func (l *Log) read(path string, size int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	defer file.Close() // it was only read
	length := int(size - l.position)
	if cap(l.buffer) < length {
		l.buffer = make([]byte, length)
	}
	data := l.buffer[:length]
	if _, err := file.ReadAt(data, l.position); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	return data, nil
}

// release gives a buffer back that only a backlog needs.
func (l *Log) release() {
	const usual = 1 << 20
	if cap(l.buffer) > usual {
		l.buffer = nil
	}
}

// records decodes frames. A begin record whose end is among them is left out: the
// end has all of it.
func (l *Log) records(ctx context.Context, frames []frame, writer string) []*storage.Record {
	ended := make(map[string]struct{}, len(frames))
	records := make([]*storage.Record, 0, len(frames))
	for _, f := range slices.Backward(frames) {
		id := recordID(f.payload)
		if f.kind == kindEnd {
			ended[string(id)] = struct{}{}
		} else if _, ok := ended[string(id)]; ok {
			continue
		}
		if record := l.decode(ctx, f, writer); record != nil {
			records = append(records, record)
		}
	}
	slices.Reverse(records)
	return records
}

// recordID is the id in a payload: the first field of its first field. Nil, where it
// stands elsewhere.
func recordID(payload []byte) []byte {
	for range 2 {
		number, kind, n := protowire.ConsumeTag(payload)
		if n < 0 || number != 1 || kind != protowire.BytesType {
			return nil
		}
		inner, m := protowire.ConsumeBytes(payload[n:])
		if m < 0 {
			return nil
		}
		payload = inner
	}
	return payload
}

// decode reads a record. One that cannot be read is counted and left out: its frame
// was whole, so it will not get better.
func (l *Log) decode(ctx context.Context, found frame, writer string) *storage.Record {
	payload := &auditv1.GetAuditEntryResponse{}
	if err := proto.Unmarshal(found.payload, payload); err != nil {
		l.params.Metrics.Count(Rejected, 1)
		l.params.Log.ErrorContext(ctx, "a record of the audit spool cannot be read", "error", err)
		return nil
	}
	record := &storage.Record{
		Entry:  payload.GetEntry(),
		Plan:   payload.GetPlan(),
		Bodies: payload.GetBodies(),
		Begin:  found.kind == kindBegin,
		Writer: "",
	}
	if record.Begin {
		record.Writer = writer
	}
	return record
}
