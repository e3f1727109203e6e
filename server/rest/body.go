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

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// body is a request body that the front has read and decoded. It travels through
// the generated handler as the request's Body, up to the decoder, which takes the
// message out again.
type body struct{ message proto.Message }

// Read says that there is nothing more to read.
func (b *body) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing: the server closes the real body.
func (b *body) Close() error { return nil }

// wantsStream says whether a body asks for the streaming RPC.
func wantsStream(message proto.Message) bool {
	m, ok := message.(interface{ GetStream() bool })
	return ok && m.GetStream()
}

// wantsUsage says whether a body asks for a stream's usage.
func wantsUsage(message proto.Message) bool {
	params, ok := message.(*chatv1.ChatCompletionParams)
	return ok && params.GetStreamOptions().GetIncludeUsage()
}

// readBody reads the whole body, which must end before anything is sent upstream:
// net/http sees a leaving client only then.
func (h *Handler) readBody(w *reply, r *http.Request, route *route) (*body, error) {
	if route.body == nil {
		return &body{}, h.drain(w, r)
	}
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
	deadline := http.NewResponseController(w)
	// Only bodies without a connection's deadlines have none to set.
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime(r.ContentLength)))
	defer func() { _ = deadline.SetReadDeadline(time.Time{}) }()
	reader := http.MaxBytesReader(w, r.Body, limit)
	var buffer []byte
	var err error
	if r.ContentLength >= 0 {
		buffer, err = h.buffers.readExactly(reader, int(r.ContentLength), &w.lease)
	} else {
		buffer, err = io.ReadAll(reader)
	}
	if err != nil {
		var exceeded *http.MaxBytesError
		if errors.As(err, &exceeded) {
			return "", tooLarge(limit)
		}
		return "", failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The request body broke off.", err)
	}
	return unsafe.String(unsafe.SliceData(buffer), len(buffer)), nil //nolint:gosec // nobody writes to the buffer during the lease
}

// bodyTime is how long a body may take to come: a slow client has its time, one that
// dribbles does not keep its call open.
func bodyTime(length int64) time.Duration {
	const (
		patience  = 30 * time.Second
		perSecond = 32 << 10
		unknown   = 10 * time.Minute
	)
	if length < 0 {
		return unknown
	}
	return patience + time.Duration(length/perSecond)*time.Second
}

// readExactly reads n bytes and then the end. What a claimed length alone makes us
// allocate is bounded: the buffer grows as the bytes really come.
func (b *buffers) readExactly(r io.Reader, n int, lease *lease) ([]byte, error) {
	lease.take(b, min(n, firstBuffer))
	filled := 0
	for filled < n {
		if filled == len(lease.bytes) {
			lease.grow(b, min(n, 4*filled))
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

// drain reads the body of a request that should have none.
func (h *Handler) drain(w http.ResponseWriter, r *http.Request) error {
	const allowed = 4 << 10
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, allowed)); err != nil {
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "This route takes no body.", err)
	}
	return nil
}

func tooLarge(limit int64) error {
	return failure.New(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, fmt.Sprintf("The request body is larger than %d bytes.", limit))
}
