package providertest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Markers that choose a script from outside the process, because they pass through
// a gateway: as the model's name, or as `user` of a request for any model.
const (
	faultPrefix  = "fault/"
	replayPrefix = "replay/"
)

// Ending is how a reply ends.
type Ending int

const (
	// EndWhole is an orderly end, after everything.
	EndWhole Ending = iota
	// EndClean ends the HTTP message in order, but too early.
	EndClean
	// EndClose closes the connection inside the HTTP message.
	EndClose
	// EndReset resets the connection.
	EndReset
	// EndHang sends nothing more and leaves the connection open.
	EndHang
)

// Place is where a reply breaks off.
type Place int

const (
	// BeforeHeaders is before the status line.
	BeforeHeaders Place = iota
	// AfterEvents is after N whole events of a stream; 0: after the headers.
	AfterEvents
	// InEvent is in the middle of event N, which counts from 1.
	InEvent
	// AfterBytes is after N bytes of the body.
	AfterBytes
)

// Cut breaks a reply off.
type Cut struct {
	// Ending is how. EndWhole: the reply is not broken off.
	Ending Ending
	// Place is where, with N.
	Place Place
	// N counts events or bytes.
	N int64
}

// Framing is how the events of a stream are spelled. The zero value is OpenAI's
// way.
type Framing struct {
	// LineEnd is "\n", "\r\n" or "\r". Empty: "\n".
	LineEnd string
	// BOM begins the body with a byte order mark.
	BOM bool
	// Comments writes a comment before each event.
	Comments bool
	// NoSpace leaves the space after "data:" out.
	NoSpace bool
	// MultiLine spreads the data of an event over several lines.
	MultiLine bool
	// Names writes an "event: message", an "id:" and a "retry:" line with each event.
	Names bool
	// NoLastBlank leaves the blank line after the last event out.
	NoLastBlank bool
	// Padding is how many spaces stand around the JSON of each event.
	Padding int
}

// Script says how requests are answered. The zero Script is an orderly reply.
type Script struct {
	// Name is what Request.Script says. Empty: the scripts of this package name
	// themselves.
	Name string
	// Times is how many requests it answers. 0: one; negative: all.
	Times int

	// Delay is the wait before the status line.
	Delay time.Duration
	// Early answers before the body is read, and then does not read it.
	Early bool

	// Status is the status. 0: 200, or that of Error.
	Status int
	// Header is set over the reply's own headers. A name with several values makes
	// several lines.
	Header http.Header
	// HeaderFlood is how many bytes of further header lines are sent.
	HeaderFlood int
	// Raw is sent instead of everything that HTTP would be; then the connection is
	// closed. HTTP/1.1 only.
	Raw []byte

	// Error is sent instead of a reply.
	Error *APIError
	// Body is sent instead of a reply, with Status and Header.
	Body []byte
	// NoBody sends nothing instead of a reply.
	NoBody bool
	// GzipBomb is how many bytes the gzipped body of the reply inflates to.
	GzipBomb int64
	// Replay is a file in testdata that is sent instead of a reply, byte for byte.
	Replay string

	// Text is the reply's text. Empty: the usual one.
	Text string
	// Reasoning is the text of what is thought before the reply. Empty: what models that
	// think do at this provider.
	Reasoning string
	// Refusal is the words of a refusal, which then is the reply.
	Refusal string
	// LineBytes makes the text of the first content chunk, or of the whole reply,
	// that large.
	LineBytes int
	// FinishReason is the finish reason. Empty: what fits.
	FinishReason string

	// ErrorAt puts Error, or a server error, in the place of event N of a stream,
	// and ends it there.
	ErrorAt int
	// MalformedAt breaks the JSON of event N of a stream, or of the whole reply.
	MalformedAt int
	// NoDone leaves [DONE] out.
	NoDone bool
	// NoUsage leaves the usage out.
	NoUsage bool
	// NoFinish leaves the finish reasons out, and what comes after them.
	NoFinish bool
	// NoFinishButDone leaves the finish reasons out, and nothing else.
	NoFinishButDone bool
	// Framing is how events are spelled.
	Framing Framing

	// PerChunk is the wait before each event but the first.
	PerChunk time.Duration
	// BytesPerSecond bounds the pace of the body. 0: as fast as it goes.
	BytesPerSecond int
	// OneByte writes and flushes each byte of the body by itself.
	OneByte bool

	// Cut breaks the reply off.
	Cut Cut
	// CloseAfter closes the connection after the reply, and says so.
	CloseAfter bool
	// StaleAfter closes the connection when the next request comes on it, without
	// an answer.
	StaleAfter bool
}

// queue has the scripts that wait for their requests, by endpoint.
type queue struct {
	mu      sync.Mutex
	waiting map[string][]Script
	// served counts how often a marker's script was used, by the marker's text.
	served map[string]int
}

// newQueue returns an empty one.
func newQueue() *queue {
	return &queue{waiting: map[string][]Script{}, served: map[string]int{}}
}

// Enqueue has the next chat completions answered by scripts, in this order.
func (u *Upstream) Enqueue(scripts ...Script) { u.EnqueueAt(EndpointChat, scripts...) }

// EnqueueModels has the next requests for the list of models answered by scripts.
func (u *Upstream) EnqueueModels(scripts ...Script) { u.EnqueueAt(EndpointModels, scripts...) }

// EnqueueAt has the next requests of an endpoint answered by scripts.
func (u *Upstream) EnqueueAt(endpoint string, scripts ...Script) { u.queue.add(endpoint, scripts) }

// ClearScripts forgets the scripts that still wait.
func (u *Upstream) ClearScripts() {
	u.queue.mu.Lock()
	defer u.queue.mu.Unlock()
	clear(u.queue.waiting)
}

// add appends scripts for an endpoint.
func (q *queue) add(endpoint string, scripts []Script) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range scripts {
		if s.Times == 0 {
			s.Times = 1
		}
		s.Header = s.Header.Clone()
		q.waiting[endpoint] = append(q.waiting[endpoint], s)
	}
}

// next takes the script of the next request for an endpoint.
func (q *queue) next(endpoint string) (Script, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.waiting[endpoint]
	if len(w) == 0 {
		return Script{}, false
	}
	s := w[0]
	if s.Times > 0 {
		if w[0].Times--; w[0].Times == 0 {
			q.waiting[endpoint] = slices.Delete(w, 0, 1)
		}
	}
	return s, true
}

// due says whether a marker's script is to be used: Times times, then once not,
// and so on.
func (q *queue) due(marker string, times int) bool {
	if times <= 0 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.served[marker] >= times {
		delete(q.served, marker)
		return false
	}
	q.served[marker]++
	return true
}
