package upstream

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
)

const (
	maxHeaderBytes = 64 << 10
	maxIdle        = 512
	idleTimeout    = 90 * time.Second
)

// transport sends one request and returns once the head of the reply is there. Both
// kinds behave alike; the tests run the same table over them. The error is the
// context's, a *dialError, http1.ErrExpired, or one that malformed and hungUp tell
// apart.
type transport interface {
	roundTrip(context.Context, *request) (*reply, error)
	close()
}

// request is one attempt, as transports see it.
type request struct {
	method   string
	endpoint Endpoint
	header   http.Header
	body     [][]byte
	patience *patience
	// connected is called when there is a connection, by the caller's goroutine.
	connected func()
}

// reply is the head of a reply. The header has only what keepHeader chose.
type reply struct {
	status int
	header http.Header
	body   body
}

// body is what follows the head. It must be read to its end or closed.
type body interface {
	io.ReadCloser
	// Length is what the head says, or -1.
	Length() int64
	// Await makes a shortened patience count from now on.
	Await() error
}

// patience is how long an attempt may wait without progress. Transports ask it; the
// goroutine of the call moves it on.
type patience struct {
	base  time.Time
	limit atomic.Int64 // nanoseconds
	since atomic.Int64 // nanoseconds after base: the last progress; resting
}

// resting is patience.since while nobody waits.
const resting = -1

func (p *patience) start(limit time.Duration) {
	p.base = time.Now()
	p.limit.Store(int64(limit))
}

// progress says that what was waited for came.
func (p *patience) progress() { p.since.Store(int64(time.Since(p.base))) }

// begin waits for something else from now on.
func (p *patience) begin(limit time.Duration) {
	p.limit.Store(int64(limit))
	p.progress()
}

// rest says that nothing is waited for: the caller does something else, for as long
// as he likes.
func (p *patience) rest() { p.since.Store(resting) }

// Left implements http1.Patience.
func (p *patience) Left() time.Duration {
	since, limit := p.since.Load(), p.limit.Load()
	if since == resting {
		return time.Duration(limit)
	}
	return time.Duration(since + limit - int64(time.Since(p.base)))
}

// leanTransport is the synchronous HTTP/1.1 client.
type leanTransport struct {
	client *http1.Client
	host   string
}

func newLeanTransport(d *dialer, b base) *leanTransport {
	dial := d.plain
	if b.secure() {
		dial = d.secure
	}
	return &leanTransport{host: b.url.Host, client: http1.New(http1.Params{
		Dial:           dial,
		Keep:           keepHeader,
		MaxHeaderBytes: maxHeaderBytes,
		MaxIdle:        maxIdle,
		IdleTimeout:    idleTimeout,
	})}
}

func (t *leanTransport) close() { t.client.Close() }

func (t *leanTransport) roundTrip(ctx context.Context, r *request) (*reply, error) {
	res, err := t.client.Do(ctx, &http1.Request{
		Method:    r.method,
		Target:    r.endpoint.target,
		Host:      t.host,
		Header:    r.header,
		Body:      r.body,
		Patience:  r.patience,
		Connected: r.connected,
	})
	if err != nil {
		return nil, err
	}
	return &reply{status: res.Status, header: res.Header, body: res.Body}, nil
}
