package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/buffers"
)

// body is a request body that the front has read and decoded. It travels through
// the generated handler as the request's Body, up to the decoder, which takes the
// message out again.
type body struct {
	message proto.Message
	stream  bool // of a route that takes no body: it asks for the streaming RPC all the same
}

// Read says that there is nothing more to read.
func (b *body) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing: the server closes the real body.
func (b *body) Close() error { return nil }

// wantsStream says whether a body asks for the streaming RPC.
func wantsStream(message proto.Message) bool {
	m, ok := message.(interface{ GetStream() bool })
	return ok && m.GetStream()
}

// readBody reads the whole body of a route that takes one, which must end before anything is sent upstream:
// net/http sees a leaving client only then.
func (h *Handler) readBody(w *reply, r *http.Request, route *route) (*body, error) {
	if err := checkContent(r.Header); err != nil {
		return nil, err
	}
	text, err := h.readAll(w, r)
	if err != nil {
		return nil, err
	}
	message := route.body.New().Interface()
	if err := codec.Decode(text, message, h.deps.Limits); err != nil {
		return nil, err
	}
	return &body{message: message}, nil
}

// checkContent takes JSON as it is: no other type, no encoding.
func checkContent(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "Request bodies are not taken compressed.")
	}
	contentType := header.Get("Content-Type")
	if contentType == "application/json" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json.")
	}
	return nil
}

// readAll reads the body up to the limit. The text shares the leased buffer: it is good
// until the lease ends with the call.
func (h *Handler) readAll(w *reply, r *http.Request) (string, error) {
	limit := h.deps.Limits.MaxBytes
	if r.ContentLength > limit {
		return "", tooLarge(limit)
	}
	var buffer []byte
	err := h.reading(w, r, limit, func(reader io.Reader) (err error) {
		if r.ContentLength >= 0 {
			first, release := h.claim(int(r.ContentLength))
			defer release()
			buffer, err = readExactly(h.deps.Buffers, reader, int(r.ContentLength), first, &w.lease)
		} else {
			buffer, err = readToEnd(h.deps.Buffers, reader, &w.lease)
		}
		return err
	})
	var exceeded *http.MaxBytesError
	switch {
	case errors.As(err, &exceeded):
		return "", tooLarge(limit)
	case err != nil:
		return "", err
	}
	return unsafe.String(unsafe.SliceData(buffer), len(buffer)), nil //nolint:gosec // nobody writes to the buffer during the lease
}

// drain reads the body of a request that should have none. OpenAI's SDK for Go asks for
// the events of a stored response by one.
func (h *Handler) drain(w *reply, r *http.Request) (*body, error) {
	const allowed = 4 << 10
	if r.Body == http.NoBody {
		return &body{}, nil
	}
	var text []byte
	err := h.reading(w, r, allowed, func(reader io.Reader) (err error) {
		text, err = io.ReadAll(reader)
		return err
	})
	var exceeded *http.MaxBytesError
	if errors.As(err, &exceeded) {
		return nil, failure.Wrap(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "This route takes no body.", err)
	}
	if err != nil {
		return nil, err
	}
	b := &body{}
	for member := range wire.Members(string(text)) {
		b.stream = b.stream || member.Key == "stream" && member.Value == "true"
	}
	return b, nil
}

// reading reads a body to its end, as long as it keeps coming. An error that is not the
// limit's means that it broke off.
func (h *Handler) reading(w http.ResponseWriter, r *http.Request, limit int64, read func(io.Reader) error) error {
	control := http.NewResponseController(w)
	err := read(&paced{
		from: http.MaxBytesReader(w, r.Body, limit), patience: h.deps.BodyTime, left: pace, // guard has given the first
		extend: func(d time.Duration) { _ = control.SetReadDeadline(time.Now().Add(d)) }, // recorders have none to set
	})
	var exceeded *http.MaxBytesError
	switch {
	case err == nil:
		// From here on silence is no fault: net/http waits for the client's leaving.
		_ = control.SetReadDeadline(time.Time{})
		return nil
	case errors.As(err, &exceeded):
		return err
	default: // the deadline stays: net/http may read on
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The request body broke off.", err)
	}
}

// pace is how many bytes of a body must come before its client gets time for more: one
// that is slow has its time, one that dribbles does not keep its call open.
const pace = 256 << 10

// paced is a body that must keep coming.
type paced struct {
	from     io.Reader
	patience time.Duration // for the next bytes of pace
	extend   func(time.Duration)
	left     int
}

// Read implements io.Reader.
func (p *paced) Read(b []byte) (int, error) {
	if p.left <= 0 {
		p.left = pace
		p.extend(p.patience)
	}
	n, err := p.from.Read(b)
	p.left -= n
	return n, err //nolint:wrapcheck // readers are asked for io.EOF
}

// claim says how large the first buffer for a body of n bytes may be, of which none has
// come. Many claims at a time get little each: lengths cost a client nothing.
func (h *Handler) claim(n int) (first int, release func()) {
	first = min(n, firstBuffer)
	if h.claimed.Add(int64(first)) > maxClaimed {
		h.claimed.Add(-int64(first))
		return min(n, smallestLease), func() {}
	}
	return first, func() { h.claimed.Add(-int64(first)) }
}

// readExactly reads n bytes and then the end. What a claimed length alone makes us
// allocate is bounded: the first buffer grows as the bytes really come.
func readExactly(pool *buffers.Pool, r io.Reader, n, first int, lease *lease) ([]byte, error) {
	lease.take(pool, first)
	filled := 0
	for filled < n {
		if filled == len(lease.bytes) {
			lease.grow(pool, min(n, 4*filled))
		}
		read, err := io.ReadFull(r, lease.bytes[filled:])
		filled += read
		if err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
	var end [1]byte
	if _, err := r.Read(end[:]); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read body's end: %w", err)
	}
	return lease.bytes, nil
}

// readToEnd reads what comes, for a body that does not tell its length.
func readToEnd(pool *buffers.Pool, r io.Reader, lease *lease) ([]byte, error) {
	lease.take(pool, smallestLease)
	for filled := 0; ; {
		if filled == len(lease.bytes) {
			lease.grow(pool, min(4*filled, filled+max(filled/2, 4*firstBuffer)))
		}
		read, err := r.Read(lease.bytes[filled:])
		filled += read
		switch {
		case errors.Is(err, io.EOF):
			return lease.bytes[:filled], nil
		case err != nil:
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
}

func tooLarge(limit int64) error {
	return failure.New(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, fmt.Sprintf("The request body is larger than %d bytes.", limit))
}
