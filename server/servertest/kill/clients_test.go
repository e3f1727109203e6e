package kill_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// model is one that the test upstream has.
const model = "gpt-4o-mini"

// clients speak to one process.
type clients struct {
	url  string
	http *http.Client
	conn *grpc.ClientConn
}

func newClients(t *testing.T, process *servertest.Process) *clients {
	t.Helper()
	conn, err := grpc.NewClient(process.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return &clients{
		url: "http://" + process.REST + "/v1/chat/completions", conn: conn,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}},
	}
}

func (c *clients) close() {
	_ = c.conn.Close() // the other side is gone
	c.http.CloseIdleConnections()
}

// kind is one way to call. A nil error says that the client has the whole reply, and
// knows it.
type kind struct {
	name string
	call func(c *clients, ctx context.Context, id, script string) error
	// pace is how the provider is slowed down.
	pace string
}

var kinds = []kind{
	{"REST", (*clients).restUnary, "delay=%dms"},
	{"REST stream", (*clients).restStream, "per-chunk=%dms"},
	{"gRPC", (*clients).grpcUnary, "delay=%dms"},
	{"gRPC stream", (*clients).grpcStream, "per-chunk=%dms"},
}

// errAnswered says that the gateway lived and answered something else than the
// completion.
var errAnswered = errors.New("the gateway refused the call")

func (c *clients) post(ctx context.Context, id, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", id)
	reply, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %d %s", errAnswered, reply.StatusCode, text)
	}
	return string(text), err
}

func user(script string) string { return fmt.Sprintf(`"user":%q`, "fault/"+script) }

func (c *clients) restUnary(ctx context.Context, id, script string) error {
	_, err := c.post(ctx, id, servertest.ChatBody(model, "Hello", user(script)))
	return err
}

func (c *clients) restStream(ctx context.Context, id, script string) error {
	text, err := c.post(ctx, id, servertest.ChatBody(model, "Hello", `"stream":true`, user(script)))
	switch {
	case errors.Is(err, errAnswered):
		return err
	case strings.HasSuffix(text, "data: [DONE]\n\n"):
		return nil // whatever became of the connection after it
	case strings.Contains(text, `{"error"`):
		return fmt.Errorf("%w: %s", errAnswered, text)
	case err == nil:
		return fmt.Errorf("%w: an end without [DONE]: %s", errAnswered, text)
	}
	return err
}

func (c *clients) outgoing(ctx context.Context, id, script string) (context.Context, *chatv1.ChatCompletionParams) {
	marker := "fault/" + script
	params := &chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"Hello"}]`}
	params.User = &marker
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+servertest.MasterKey, "x-request-id", id), params
}

// answered marks the errors that the gateway itself has sent: they have details.
func answered(err error) error {
	if len(status.Convert(err).Details()) > 0 {
		return fmt.Errorf("%w: %w", errAnswered, err)
	}
	return err
}

func (c *clients) grpcUnary(ctx context.Context, id, script string) error {
	ctx, params := c.outgoing(ctx, id, script)
	_, err := chatv1.NewChatServiceClient(c.conn).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
	return answered(err)
}

func (c *clients) grpcStream(ctx context.Context, id, script string) error {
	ctx, params := c.outgoing(ctx, id, script)
	stream, err := chatv1.NewChatServiceClient(c.conn).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return answered(err)
}

// book is what the clients saw.
type book struct {
	mu        sync.Mutex
	completed map[string]string // the kind of call, by request id
	broken    map[string]string
	refused   map[string]error
}

func (b *book) note(id, kind string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.completed == nil {
		b.completed, b.broken, b.refused = map[string]string{}, map[string]string{}, map[string]error{}
	}
	switch {
	case err == nil:
		b.completed[id] = kind
	case errors.Is(err, errAnswered):
		b.refused[id] = err
	default:
		b.broken[id] = kind
	}
}

// worker makes one call after the other.
type worker struct {
	name   string
	field  *field
	random *rand.Rand
}

// callLimit bounds a call, so that none hangs for ever.
const callLimit = 30 * time.Second

func (w *worker) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		now := w.field.current.Load()
		id := fmt.Sprintf("%s-%d", w.name, n)
		kind := kinds[w.random.IntN(len(kinds))]
		script := fmt.Sprintf(kind.pace, 1+w.random.IntN(30))
		if w.random.IntN(10) == 0 { // some need a second attempt
			script = "status=500,times=1,id=" + id
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
		err := kind.call(now.clients, bounded, id, script)
		cancel()
		w.field.book.note(id, kind.name, err)
		if err == nil {
			continue
		}
		select { // the gateway is dead
		case <-now.next:
		case <-ctx.Done():
		}
	}
}
