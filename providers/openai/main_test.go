package openai_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(trusting{m}) }

const key = providertest.DefaultKey

func bounds() *configv1.Upstream {
	return &configv1.Upstream{
		MaxAttempts:           proto.Int32(3),
		MaxBackoff:            durationpb.New(10 * time.Millisecond),
		ConnectTimeout:        durationpb.New(20 * time.Second),
		HeaderTimeout:         durationpb.New(20 * time.Second),
		FirstEventTimeout:     durationpb.New(20 * time.Second),
		IdleTimeout:           durationpb.New(20 * time.Second),
		MaxEventBytes:         proto.Int64(4 << 20),
		RetryBudgetPercent:    proto.Int32(100),
		BreakerFailurePercent: proto.Int32(100),
		BreakerRest:           durationpb.New(time.Second),
	}
}

// abilities are what this adapter has.
type abilities interface {
	providers.Provider
	providers.Lister
	providers.Chatter
}

// provider makes an instance of a type that is at a URL.
func provider(t testing.TB, kind providers.Type, url string, change ...func(*providers.Params)) abilities {
	t.Helper()
	params := providers.Params{
		Config:   &configv1.Provider{Name: "acme", Type: kind.Name, BaseUrl: url},
		APIKey:   key,
		Upstream: bounds(),
		Version:  "1.2.3",
	}
	for _, f := range change {
		f(&params)
	}
	p, err := kind.New(params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p.(abilities)
}

// call is one of the model m1, as the service makes it.
func call(params *chatv1.ChatCompletionParams) *providers.ChatCall {
	if params.Model == "" {
		params.Model = "alias"
	}
	if params.MessagesJson == "" && len(params.Messages) == 0 {
		params.MessagesJson = `[{"role":"user","content":"hi"}]`
	}
	return &providers.ChatCall{
		Params:    params,
		Target:    &planv1.Target{Provider: "acme", ProviderType: "openai", Model: "m1", SameDialect: true},
		Retry:     &planv1.RetryPolicy{MaxAttempts: 3, MaxBackoff: durationpb.New(0)},
		Patch:     true,
		Meter:     true,
		RequestID: "call-1",
		Exchange:  new(providers.Exchange),
	}
}

// collect makes a call for a stream and reads it to its end, which is no error.
func collect(ctx context.Context, p providers.Chatter, c *providers.ChatCall) ([]*chatv1.ChatCompletionChunk, error) {
	s, err := p.StreamChatCompletion(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var all []*chatv1.ChatCompletionChunk
	for {
		chunk, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, chunk)
	}
}

// answering is a provider that gives the same answer to all.
func answering(t *testing.T, mediaType, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestChat is the suite that every adapter passes, over both transports.
func TestChat(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]configv1.HttpVersion{
		"lean":     configv1.HttpVersion_HTTP_VERSION_1,
		"net/http": configv1.HttpVersion_HTTP_VERSION_2,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.RunChatter(t, func(t testing.TB, base, _ string, up *configv1.Upstream) providers.Chatter {
				return provider(t, openai.Type, base, func(p *providers.Params) {
					p.Config.HttpVersion, p.Upstream = version, up
				})
			})
		})
	}
}

// TestCompatible is the same for a provider that leaves [DONE] out.
func TestCompatible(t *testing.T) {
	t.Parallel()
	kind := openai.Compatible(openai.Quirks{Name: "acme", BaseURL: "https://api.acme.example/v1", NoDone: true})
	providertest.RunChatter(t, func(t testing.TB, base, _ string, up *configv1.Upstream) providers.Chatter {
		return provider(t, kind, base, func(p *providers.Params) { p.Upstream = up })
	}, providertest.EndsWithoutDone)
}
