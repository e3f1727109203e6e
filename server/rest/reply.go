package rest

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
)

const (
	// keepAlive is how long a stream is silent before a comment is sent, so that
	// proxies and clients keep the connection.
	keepAlive = 15 * time.Second
	// writeIdle is how long a client may take nothing before it is cut off.
	writeIdle = 60 * time.Second
	// together is how many bytes of a stream's events are sent in one piece, where
	// they are there at once.
	together = 16 << 10
	// keptEvents is the largest buffer that a stream keeps for its events.
	keptEvents = 2 * together
)

// reply writes what a client gets: the call's headers before the first byte, a
// compressed body where that pays, and a stream's keep-alives and end.
type reply struct {
	http.ResponseWriter
	call   *call.Call
	wishes wishes
	lease  lease
	gzip   *compressor // nil: the client takes none
	stream bool
	usage  bool // the client asked for a stream's usage
	base64 bool // the client asked for vectors in base64
	// nothing is what grpc-gateway writes of a stream's message.
	nothing *httpbody.HttpBody
	failed  *failure.Error // nil: the reply is none of a failure

	mu       sync.Mutex // keep-alives are written by a timer
	wrote    bool
	ended    bool
	broken   bool      // a stream has told of its failure, and tells no more
	named    bool      // a stream's events have names, and no [DONE] ends them
	sequence int32     // of the last event with a name
	events   []byte    // of a stream, not yet sent
	last     time.Time // of the last write
	deadline time.Time
	timer    *time.Timer
}

func newReply(w http.ResponseWriter, r *http.Request, c *call.Call, gzip *compressor) *reply {
	if !acceptsGzip(r.Header) {
		gzip = nil
	}
	return &reply{ResponseWriter: w, call: c, gzip: gzip, nothing: &httpbody.HttpBody{}}
}

// note takes down how the client wants its reply, as far as its form goes.
func (p *reply) note(request proto.Message) {
	switch params := request.(type) {
	case *chatv1.ChatCompletionParams:
		p.usage = params.GetStreamOptions().GetIncludeUsage()
	case *embeddingsv1.EmbeddingParams:
		p.base64 = params.GetEncodingFormat() == "base64"
	}
}

// WriteHeader sends the status with the call's headers.
func (p *reply) WriteHeader(status int) {
	if p.wrote {
		return
	}
	p.wrote = true
	header := p.Header()
	p.call.EachHeader(func(name, value string) { header.Set(name, value) })
	if p.failed != nil { // after the provider's own headers: its wait may be too long
		writeRetry(header, p.failed)
	}
	header.Set("X-Content-Type-Options", "nosniff")
	if p.stream && status == http.StatusOK {
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Accel-Buffering", "no")
		p.last = time.Now()
		p.timer = time.AfterFunc(keepAlive, p.beat)
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write sends a whole reply, or a stream's next event.
func (p *reply) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream {
		if !p.broken { // then b is nothing, or an error: pieces are there already
			p.events = append(p.events, b...)
		}
		return len(b), nil
	}
	if p.wrote {
		return p.ResponseWriter.Write(b)
	}
	n := len(b)
	if p.gzip != nil {
		b = p.gzip.compress(p.Header(), b)
	}
	p.Header().Set("Content-Length", strconv.Itoa(len(b)))
	p.WriteHeader(http.StatusOK)
	p.extend()
	if _, err := p.ResponseWriter.Write(b); err != nil {
		return 0, err
	}
	return n, nil
}

// breakOff tells of the failure of a stream whose events have names, unless one of
// them has.
func (p *reply) breakOff(failed *failure.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.named || p.broken || failed == nil {
		return
	}
	p.broken = true
	b := append(p.events, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":"...)
	b = strconv.AppendInt(b, int64(p.sequence)+1, 10)
	b = append(b, `,"error":`...)
	b = codec.AppendApiError(b, p.call.APIError(failed), wire.Reply)
	p.events = append(b, "}\n\n"...)
}

// extend gives the client time to take what is written next.
func (p *reply) extend() {
	now := time.Now()
	p.last = now
	if p.deadline.Sub(now) < writeIdle-time.Second {
		p.deadline = now.Add(writeIdle)
		// Recorders and HTTP/2 streams without deadlines have none to set.
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(p.deadline)
	}
}

// FlushError sends what is written. The generated handlers call it for each event;
// events that come at once go out at once.
func (p *reply) FlushError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.call.More && len(p.events) < together {
		return nil
	}
	return p.send()
}

// send writes a stream's events to the network.
func (p *reply) send() error {
	if !p.wrote {
		p.WriteHeader(http.StatusOK)
	}
	if len(p.events) == 0 {
		return nil
	}
	p.extend()
	_, err := p.ResponseWriter.Write(p.events)
	if p.events = p.events[:0]; cap(p.events) > keptEvents {
		p.events = nil // one large event must not be held until the stream ends
	}
	if err != nil {
		return err
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Flush is FlushError for those who do not ask.
func (p *reply) Flush() { _ = p.FlushError() }

// beat keeps a silent stream alive.
func (p *reply) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if silent := time.Since(p.last); silent < keepAlive {
		p.timer.Reset(keepAlive - silent)
		return
	}
	p.events = append(p.events, ": keep-alive\n\n"...)
	if p.send() == nil { // else the handler sees it at its next write
		p.timer.Reset(keepAlive)
	}
}

// finish ends a stream that came to its own end.
func (p *reply) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.call.Outcome.End
	complete := end == commonv1.CallEnd_CALL_END_COMPLETED || end == commonv1.CallEnd_CALL_END_FILTERED
	if !p.stream || p.ended || !p.wrote && len(p.events) == 0 {
		return
	}
	if complete && !p.named {
		p.events = append(p.events, "data: [DONE]\n\n"...)
	}
	p.ended = true
	_ = p.send() // a client that left sees nothing
}

// close stops the keep-alives and lets the call's stream go.
func (p *reply) close() {
	p.mu.Lock()
	p.ended = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.call.Close()
}

// writeError sends a failure as OpenAI's envelope. Nothing was sent before.
func (p *reply) writeError(failed *failure.Error) {
	if failed == nil || p.wrote {
		return
	}
	p.stream = false
	header := p.Header()
	header.Set("Content-Type", "application/json")
	b := appendEnvelope(nil, p.call.APIError(failed))
	header.Set("Content-Length", strconv.Itoa(len(b)))
	p.failed = failed
	p.extend()
	p.WriteHeader(failed.HTTPStatus())
	_, _ = p.ResponseWriter.Write(b)
}

// writeRetry steers the retries of SDKs, which repeat 408, 409, 429 and 5xx unless
// told otherwise.
func writeRetry(header http.Header, failed *failure.Error) {
	if failed.RetryAfter > 0 {
		// Longer waits make some SDKs give up, and freeze others.
		wait := min(failed.RetryAfter, 2*time.Minute)
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		header.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
	if status := failed.HTTPStatus(); !failed.Retryable() && (status == 408 || status == 409 || status == 429 || status >= 500) {
		header.Set("X-Should-Retry", "false")
	}
}
