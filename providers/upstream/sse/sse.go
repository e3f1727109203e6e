// Package sse reads server-sent events by the grammar of the HTML standard: LF, CR
// and CRLF, a byte order mark, comments, data of several lines, any split of the
// bytes over reads, events of any length up to a limit.
//
// It differs from the standard in one point: data that the end of the stream cuts
// off from its blank line is still delivered, marked as unterminated.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLarge says that an event, or a line between events, is longer than the
// limit.
var ErrTooLarge = errors.New("sse: event too large")

const (
	// firstBuffer holds what most streams ever need.
	firstBuffer = 4 << 10
	// fastBuffer is what a stream gets whose source gives more at once, so that its
	// events are read, and sent on, in fewer pieces.
	fastBuffer = 16 << 10
	// keepBuffer is the largest buffer that is kept once its event is done.
	keepBuffer = 64 << 10
	// maxEmptyReads is how often a source may return neither bytes nor an error.
	maxEmptyReads = 100
)

// Event is one event. Its slices are valid until the next call of Next.
type Event struct {
	// Name is the event's type. Empty: the stream gave none.
	Name []byte
	// Data is its data; several lines are joined with LF.
	Data []byte
	// Unterminated says that the stream ended before the event's blank line.
	Unterminated bool
}

// Reader reads events from a stream of bytes. Not safe for concurrent use.
type Reader struct {
	src io.Reader
	max int
	err error // of src; delivered once the buffer has no further event

	buf   []byte
	start int  // of the event that is being read; bytes before it are spent
	pos   int  // of the line to come
	fast  bool // the last read filled the buffer
	scan  int  // up to here that line has been searched for its end
	end   int  // of the bytes in buf

	from, to int // the line in hand, without its end; until the next read

	begun  bool // the byte order mark has been looked for
	skipLF bool // the last line ended with CR, so that an LF belongs to it

	name   span
	data   span   // the data while it is one line
	joined []byte // the data from its second line on
	lines  int    // of data
}

// span is a piece of buf, counted from Reader.start: it survives moves.
type span struct{ from, to int }

// NewReader returns a reader of src whose events have at most limit bytes, names
// of fields and ends of lines included.
func NewReader(src io.Reader, limit int) *Reader {
	return &Reader{src: src, max: limit}
}

// Next returns the next event; io.EOF at the clean end of the stream; ErrTooLarge;
// or the error of the source.
func (r *Reader) Next() (Event, error) {
	r.reset()
	for {
		if err := r.line(); err != nil {
			return r.last(err)
		}
		if r.from < r.to {
			r.field()
			continue
		}
		if r.lines > 0 {
			return r.event(), nil
		}
		r.reset()
	}
}

// Ready says that Next will not wait: an event whose data is not blank is here as a
// whole. Comments and events without data do not count.
func (r *Reader) Ready() bool {
	rest := r.buf[r.pos:r.end]
	if r.skipLF && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	data := false
	for {
		at := bytes.IndexByte(rest, '\n')
		line := rest[:max(at, 0)]
		if at < 0 {
			line = rest
		}
		if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
			at, line = cr, line[:cr]
		}
		switch {
		case at < 0:
			return false
		case len(line) == 0 && data:
			return true
		}
		value, is := bytes.CutPrefix(line, []byte("data:"))
		data = data || is && len(bytes.TrimLeft(value, " \t")) > 0
		if at+1 < len(rest) && rest[at] == '\r' && rest[at+1] == '\n' {
			at++
		}
		rest = rest[at+1:]
	}
}

// last ends the stream: what is left is an event only if the end was a clean one.
func (r *Reader) last(err error) (Event, error) {
	if err != io.EOF { //nolint:errorlint // a wrapped EOF is not the stream's end
		return Event{}, err
	}
	r.from, r.to = r.pos, r.end
	r.pos, r.scan = r.end, r.end
	if r.from < r.to {
		r.field()
	}
	if r.lines == 0 {
		return Event{}, io.EOF
	}
	event := r.event()
	event.Unterminated = true
	return event, nil
}

// reset begins an event at the line to come.
func (r *Reader) reset() {
	r.start = r.pos
	r.name, r.data, r.lines = span{}, span{}, 0
	if cap(r.joined) > keepBuffer {
		r.joined = nil
	}
	r.joined = r.joined[:0]
}

func (r *Reader) event() Event {
	event := Event{Name: r.at(r.name), Data: r.at(r.data)}
	if r.lines > 1 {
		event.Data = r.joined
	}
	return event
}

func (r *Reader) at(s span) []byte {
	return r.buf[r.start+s.from : r.start+s.to : r.start+s.to]
}

// field takes the line in hand, which is not blank.
func (r *Reader) field() {
	line := r.buf[r.from:r.to]
	name, at := line, r.to
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, at = line[:colon], r.from+colon+1
		if at < r.to && r.buf[at] == ' ' {
			at++
		}
	}
	switch string(name) {
	case "data":
		r.addData(at)
	case "event":
		r.name = span{at - r.start, r.to - r.start}
	default:
		if r.lines == 0 && r.name == (span{}) {
			r.start = r.pos // comments before an event do not count for its size
		}
	}
}

// addData takes the line in hand as one of data, whose text begins at at.
func (r *Reader) addData(at int) {
	switch r.lines {
	case 0:
		r.data = span{at - r.start, r.to - r.start}
	case 1:
		r.joined = append(r.joined, r.at(r.data)...)
		fallthrough
	default:
		r.joined = append(append(r.joined, '\n'), r.buf[at:r.to]...)
	}
	r.lines++
}

// line moves to the next line and leaves its place in from and to.
func (r *Reader) line() error {
	for {
		whole := r.cut()
		if whole && r.pos-r.start <= r.max {
			return nil
		}
		if whole || r.end-r.start > r.max {
			r.err, r.end, r.scan = ErrTooLarge, r.pos, r.pos
		}
		if r.err != nil {
			return r.err
		}
		r.fill()
	}
}

// cut takes a whole line out of the buffer, if there is one.
func (r *Reader) cut() bool {
	if !r.skipMark() {
		return false
	}
	if r.skipLF && r.pos < r.end {
		r.skipLF = false
		if r.buf[r.pos] == '\n' {
			r.skip(1)
		}
	}
	rest := r.buf[r.scan:r.end]
	at := bytes.IndexByte(rest, '\n')
	if at >= 0 {
		rest = rest[:at]
	}
	if cr := bytes.IndexByte(rest, '\r'); cr >= 0 {
		at = cr
	}
	if at < 0 {
		r.scan = r.end
		return false
	}
	r.from, r.to = r.pos, r.scan+at
	r.skipLF = r.buf[r.to] == '\r'
	r.pos, r.scan = r.to+1, r.to+1
	return true
}

// skip passes n bytes over that belong to no line. They count for no event that
// has not begun.
func (r *Reader) skip(n int) {
	if r.start == r.pos {
		r.start += n
	}
	r.pos += n
	r.scan = max(r.scan, r.pos)
}

// skipMark drops a byte order mark at the stream's start; false: more bytes must
// come to decide.
func (r *Reader) skipMark() bool {
	if r.begun {
		return true
	}
	const mark = "\xef\xbb\xbf"
	got := r.buf[r.pos:r.end]
	if len(got) < len(mark) && r.err == nil && string(got) == mark[:len(got)] {
		return false
	}
	r.begun = true
	if bytes.HasPrefix(got, []byte(mark)) {
		r.skip(len(mark))
	}
	return true
}

// fill reads more bytes behind those of the event in hand.
func (r *Reader) fill() {
	r.makeRoom()
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		r.fast = r.end == len(r.buf)
		r.err = err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// makeRoom moves the event to the front of the buffer, of a larger one when it
// fills it, of a small one when a large event is done.
func (r *Reader) makeRoom() {
	held := r.end - r.start
	switch {
	case r.buf == nil, len(r.buf) > keepBuffer && held < firstBuffer/2:
		r.move(make([]byte, firstBuffer))
	case r.fast && len(r.buf) < fastBuffer:
		r.move(make([]byte, fastBuffer))
	case held == len(r.buf):
		r.move(make([]byte, min(2*held, r.max+firstBuffer)))
	case r.end == len(r.buf) || held == 0:
		r.move(r.buf)
	}
}

func (r *Reader) move(to []byte) {
	copy(to, r.buf[r.start:r.end])
	r.buf = to
	r.pos -= r.start
	r.scan -= r.start
	r.end -= r.start
	r.start = 0
}
