// Package demo is a provider that needs no account: its one model echoes what it
// is told, and says so. It is there for the first call on a bare machine, and for
// trying out a client's streams, tools and structured output. Equal requests get
// equal replies.
package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

const (
	typeName = "demo"
	// echoModel answers at once; slowModel takes a moment for every token, so that
	// people can watch a stream.
	echoModel = "demo-echo"
	slowModel = "demo-echo-slow"
	pace      = 50 * time.Millisecond
	// fingerprint marks every reply, those that have no room for words too.
	fingerprint = "fp_signalbox_demonstration"
	ownedBy     = "signalbox-demonstration"
)

// Type is the demonstration as a type of providers.
var Type = providers.Type{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    typeName,
	BaseURL: "",
	Keyless: true,
	Dialect: providers.DialectOwn,
	New:     open,
}

// Provider is an instance of the demonstration.
type Provider struct{ name string }

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Lister   = (*Provider)(nil)
	_ providers.Chatter  = (*Provider)(nil)
)

func open(params providers.Params) (providers.Provider, error) {
	return &Provider{name: params.Config.GetName()}, nil
}

// Name is the instance's name.
func (p *Provider) Name() string { return p.name }

// Type is "demo".
func (p *Provider) Type() string { return typeName }

// Close does nothing: there are no connections.
func (p *Provider) Close() error { return nil }

// ListModels returns the demonstration's models.
func (p *Provider) ListModels(context.Context) ([]*modelsv1.Model, error) {
	return []*modelsv1.Model{{Id: echoModel, OwnedBy: ownedBy}, {Id: slowModel, OwnedBy: ownedBy}}, nil
}

// ChatCompletion returns the echo.
func (p *Provider) ChatCompletion(ctx context.Context, call *providers.ChatCall) (*chatv1.ChatCompletion, error) {
	turn, err := p.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	for range turn.reply.tokens {
		if err := turn.wait(ctx); err != nil {
			turn.attempt().HTTPStatus = 0
			turn.interrupted(err)
			return nil, err
		}
	}
	turn.tellUsage()
	turn.end()
	completion := &chatv1.ChatCompletion{
		Id:                turn.id,
		Created:           turn.created,
		Model:             turn.model,
		SystemFingerprint: new(fingerprint),
		Usage:             turn.usage,
	}
	for i := range turn.choices {
		completion.Choices = append(completion.Choices, &chatv1.Choice{
			Index:   int32(i),
			Message: turn.reply.message(), FinishReason: new(turn.reply.finish),
		})
	}
	return completion, nil
}

// turn is one call while it is answered.
type turn struct {
	id      string
	created int64
	model   string
	slow    bool
	choices int
	reply   *reply
	usage   *chatv1.CompletionUsage

	exchange *providers.Exchange
	began    time.Time
}

// begin reads the request, thinks of the reply, and notes the one attempt.
func (p *Provider) begin(ctx context.Context, call *providers.ChatCall) (*turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &turn{model: call.Target.GetModel(), exchange: call.Exchange, began: time.Now()}
	t.slow = t.model == slowModel
	t.created = t.began.Unix()
	t.exchange.Connected = t.began
	t.exchange.Attempts = append(t.exchange.Attempts, providers.Attempt{Provider: p.name, Model: t.model, Start: t.began})

	request, failed := read(call.Params)
	if failed != nil {
		t.attempt().HTTPStatus, t.attempt().Reason = failed.HTTPStatus(), failed.Reason
		t.end()
		return nil, failed
	}
	t.choices = request.choices
	t.reply = request.answer()
	t.id = idOf(call)
	t.usage = request.usage(t.reply)
	t.exchange.UpstreamRequestID = t.id
	t.attempt().UpstreamRequestID = t.id
	t.attempt().HTTPStatus = 200
	return t, nil
}

func (t *turn) attempt() *providers.Attempt { return &t.exchange.Attempts[len(t.exchange.Attempts)-1] }

// tellUsage notes what a reply that came to its end used.
func (t *turn) tellUsage() {
	t.exchange.UsageJSON = string(codec.AppendCompletionUsage(nil, t.usage, wire.Reply))
}

// end notes how long the attempt took.
func (t *turn) end() { t.attempt().Duration = time.Since(t.began) }

// interrupted notes that the caller did not wait for the end.
func (t *turn) interrupted(err error) {
	t.attempt().Reason = commonv1.ErrorReason_ERROR_REASON_CANCELLED
	if errors.Is(err, context.DeadlineExceeded) {
		t.attempt().Reason = commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED
	}
	t.end()
}

// wait takes the time of one token.
func (t *turn) wait(ctx context.Context) error {
	if !t.slow {
		return ctx.Err()
	}
	timer := time.NewTimer(pace)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// idOf names the completion after its call.
func idOf(call *providers.ChatCall) string {
	sum := sha256.Sum256([]byte(call.RequestID))
	return "chatcmpl-demonstration-" + hex.EncodeToString(sum[:8])
}
