package service

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// ResponsesDeps is what responses need. All members are required.
type ResponsesDeps struct {
	// Responders are the provider instances, by name: with responses of their own, or
	// with chat completions that stand in for them.
	Responders map[string]providers.Responder
	// ResponseKeepers are those that keep responses.
	ResponseKeepers map[string]providers.ResponseKeeper
	// TokenCounters and Compactors are those that count, and compact.
	TokenCounters map[string]providers.TokenCounter
	Compactors    map[string]providers.Compactor
	// Objects keeps what no provider keeps.
	Objects *objects.Keeper
	// Background makes responses while nobody waits.
	Background *Background
	// Meter tells the usage of the last upstream call apart into classes. Nil: it is not
	// known.
	Meter func(*providers.Exchange) *usagev1.TokenUsage
	// Limits bound JSON texts.
	Limits wire.Limits
}

// Responses is the ResponsesService.
type Responses struct {
	responsesv1.UnimplementedResponsesServiceServer
	deps ResponsesDeps
}

// NewResponses returns the ResponsesService.
func NewResponses(deps ResponsesDeps) *Responses { return &Responses{deps: deps} }

// CreateResponse answers whole.
func (s *Responses) CreateResponse(ctx context.Context, req *responsesv1.CreateResponseRequest) (*responsesv1.CreateResponseResponse, error) {
	c := call.From(ctx)
	turn, err := s.turn(ctx, c, req.GetParams(), false)
	if err != nil {
		return nil, err
	}
	if turn.later() {
		response, err := s.deps.Background.Begin(ctx, turn.input, &responsesv1.StreamResponseRequest{Params: req.GetParams(), Options: req.GetOptions()})
		if err != nil {
			return nil, err
		}
		turn.naming().Response(response)
		turn.echo(response)
		return &responsesv1.CreateResponseResponse{Response: response, Info: ended(c)}, nil
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	response, err := answer(ctx, w, s.deps.Responders, fit(turn, providers.Responder.CreateResponse), noOutput)
	if err != nil {
		return nil, err
	}
	c.Outcome.FirstToken = time.Now()
	if err := turn.keep(ctx, response); err != nil {
		return nil, err
	}
	turn.show(response)
	noteStatus(c, response)
	return &responsesv1.CreateResponseResponse{Response: response, Info: ended(c)}, nil
}

// StreamResponse answers event by event, then with the facts.
func (s *Responses) StreamResponse(req *responsesv1.StreamResponseRequest, out grpc.ServerStreamingServer[responsesv1.StreamResponseResponse]) error {
	ctx := out.Context()
	c := call.From(ctx)
	turn, err := s.turn(ctx, c, req.GetParams(), true)
	if err != nil {
		return err
	}
	sink := &responseSink{call: c, out: out}
	if turn.later() {
		return s.follow(ctx, turn, req, sink)
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	upstream, err := begin(ctx, w, s.deps.Responders, fit(turn, providers.Responder.StreamResponse), showsOutput)
	if err != nil {
		return err
	}
	err = relayEvents(ctx, turn, upstream, sink.send)
	// Closing first: the last attempt's facts are whole only then.
	if closed := upstream.Close(); err == nil {
		err = closed
	}
	w.count()
	return sink.end(ctx, err)
}

// follow makes a response in the background and shows its events as they come.
func (s *Responses) follow(ctx context.Context, turn *turn, req *responsesv1.StreamResponseRequest, sink *responseSink) error {
	response, err := s.deps.Background.Begin(ctx, turn.input, req)
	if err != nil {
		return err
	}
	err = s.deps.Background.Follow(ctx, turn.owner, response.GetId(), -1, func(event *responsesv1.StreamEvent, more bool) error {
		responses.Hide(responses.Items(event), req.GetParams().GetInclude())
		turn.naming().Event(event)
		turn.echo(event.GetLifecycle().GetResponse())
		return sink.send(event, more)
	})
	return sink.end(ctx, err)
}

// relayEvents sends events on until the provider's end. A stream that breaks off after
// its beginning ends with the events that say so.
func relayEvents(ctx context.Context, turn *turn, upstream providers.ResponseStream, send func(*responsesv1.StreamEvent, bool) error) error {
	shown := responses.NewAccumulator(maxShown)
	for {
		event, err := upstream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = turn.event(ctx, event)
		}
		if err != nil {
			for _, last := range shown.Failed(call.Why(ctx, err)) {
				if send(last, true) != nil {
					break // it has left
				}
			}
			return err
		}
		shown.Add(event)
		if err := send(event, upstream.Ready()); err != nil {
			return err
		}
	}
}

// maxShown is how large the beginning of a response may be that a failure still shows.
const maxShown = 1 << 20

// responseSink is where a client receives events.
type responseSink struct {
	call  *call.Call
	out   grpc.ServerStreamingServer[responsesv1.StreamResponseResponse]
	shown bool
}

func (k *responseSink) send(event *responsesv1.StreamEvent, more bool) error {
	message := &responsesv1.StreamResponseResponse{Event: event}
	if !k.shown {
		k.call.Outcome.FirstToken = time.Now()
		message.Info = k.call.Info()
	}
	noteStatus(k.call, event.GetLifecycle().GetResponse())
	k.call.More = more
	if err := k.out.Send(message); err != nil {
		return err
	}
	k.shown = true
	return nil
}

// end sends the facts; a client that never saw them was cut off on its way.
func (k *responseSink) end(ctx context.Context, err error) error {
	finish(ctx, k.call, err)
	if k.shown {
		if sent := k.out.Send(&responsesv1.StreamResponseResponse{Info: k.call.Info()}); err == nil {
			err = sent
		}
	}
	return err
}

// finish says how a stream ended.
func finish(ctx context.Context, c *call.Call, err error) {
	switch {
	case err != nil:
		c.Outcome.End = endOf(call.Why(ctx, err))
	case c.Outcome.End == commonv1.CallEnd_CALL_END_UNSPECIFIED:
		c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
	}
	c.More = false
}

// ended are the facts of a call that was answered.
func ended(c *call.Call) *commonv1.CallInfo {
	if c.Outcome.End == commonv1.CallEnd_CALL_END_UNSPECIFIED {
		c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
	}
	return c.Info()
}

// noteStatus notes what the response itself says of its end.
func noteStatus(c *call.Call, response *responsesv1.Response) {
	switch {
	case response.GetStatus() == "failed":
		c.Outcome.End = commonv1.CallEnd_CALL_END_FAILED
	case response.GetIncompleteDetails().GetReason() == "content_filter":
		c.Outcome.End = commonv1.CallEnd_CALL_END_FILTERED
	}
}

// noOutput says that a response says nothing.
func noOutput(response *responsesv1.Response) bool {
	return response.GetStatus() == "failed" || len(response.GetOutput()) == 0 && response.GetStatus() == "completed"
}

// showsOutput says that an event carries content, rather than a beginning.
func showsOutput(event *responsesv1.StreamEvent) bool {
	switch event.GetEvent().(type) {
	case *responsesv1.StreamEvent_Delta, *responsesv1.StreamEvent_Done, *responsesv1.StreamEvent_ToolProgress, *responsesv1.StreamEvent_PartialImage:
		return true
	case *responsesv1.StreamEvent_Lifecycle:
		return !noOutput(event.GetLifecycle().GetResponse()) && event.GetLifecycle().GetResponse().GetStatus() != "in_progress"
	default:
		return false
	}
}

// turn is a response in the making: what it goes on from, and what becomes of it.
type turn struct {
	service *Responses
	call    *call.Call
	params  *responsesv1.ResponseParams
	input   *objects.Input
	owner   string
	names   *objects.Naming
	kept    bool
}

// turn begins one. The error is a *failure.Error: what it goes on from does not exist,
// or the request contradicts itself.
func (s *Responses) turn(ctx context.Context, c *call.Call, params *responsesv1.ResponseParams, stream bool) (*turn, error) {
	switch {
	case params.Stream != nil && params.GetStream() != stream:
		return nil, wrong("stream", "`stream` contradicts the RPC; leave it unset.")
	case stream && !c.Has(policyv1.Feature_FEATURE_STREAMING):
		return nil, &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION, Message: "The plan of this call has no stream.", Param: "stream"}
	case params.GetBackground() && params.Store != nil && !params.GetStore():
		return nil, wrong("background", "`background` needs `store`.")
	}
	owner := ownerOf(c)
	in, err := s.deps.Objects.Input(ctx, params, owner, mayUseRaw(c))
	if err != nil {
		return nil, err
	}
	return &turn{service: s, call: c, params: params, input: in, owner: owner}, nil
}

func wrong(param, message string) *failure.Error {
	return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: message, Param: param}
}

// ownerOf is who owns what a call makes.
func ownerOf(c *call.Call) string { return c.Principal.Owner }

// mayUseRaw says whether the caller may name objects by the providers' own ids.
func mayUseRaw(c *call.Call) bool { return c.Principal.Holds(policyv1.Scope_SCOPE_RAW_IDS) }

// later says that the gateway itself makes the response in the background.
func (t *turn) later() bool {
	return t.params.GetBackground() && t.service.keeps(t.call.Plan.GetTarget())
}

// keeps says that the gateway, and not the target, keeps responses.
func (s *Responses) keeps(target *planv1.Target) bool {
	return target.GetEmulated() || s.deps.ResponseKeepers[target.GetProvider()] == nil
}

// fitted is a call as it goes to its target.
func (t *turn) fitted(ctx context.Context, c *providers.ResponseCall) (*providers.ResponseCall, error) {
	params, err := t.input.For(ctx, c.Target, t.service.deps.Limits)
	if err != nil {
		return nil, err
	}
	fitted := *c
	fitted.Params = params
	return &fitted, nil
}

// local says that the response is the gateway's own.
func (t *turn) local() bool { return t.service.keeps(t.call.Target()) }

// naming gives the ids of the target that answers.
func (t *turn) naming() *objects.Naming {
	if t.names == nil {
		instance := t.call.Target().GetProvider()
		if t.local() {
			instance = ""
		}
		t.names = t.service.deps.Objects.Naming(instance, t.owner)
	}
	return t.names
}

// keep keeps a response that has ended, where that is the gateway's to do.
func (t *turn) keep(ctx context.Context, response *responsesv1.Response) error {
	if t.kept || response == nil {
		return nil
	}
	t.kept = true
	stored := false
	if t.local() {
		stored = t.call.Has(policyv1.Feature_FEATURE_STORAGE)
		response.Store = new(stored)
		if stored {
			if err := t.store(ctx, response); err != nil {
				return err
			}
			stored = response.GetStore()
		}
	}
	if response.GetStatus() != "completed" && response.GetStatus() != "incomplete" {
		return nil
	}
	err := t.input.AddTurn(ctx, response.GetId(), response.GetOutput(), stored)
	if err != nil && stored { // all or nothing
		_ = t.service.deps.Objects.DeleteResponse(context.WithoutCancel(ctx), t.owner, response.GetId()) // it expires
	}
	return err
}

// keepPatience is how long a reply waits for the store, unless its caller asked in so
// many words for it to be kept.
const keepPatience = time.Second

// store keeps a response. One that is kept by default alone is shown without, and says
// so, where the store fails.
func (t *turn) store(ctx context.Context, response *responsesv1.Response) error {
	if t.params.Store != nil {
		return t.service.deps.Objects.KeepResponse(ctx, t.input, response)
	}
	bounded, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	if err := t.service.deps.Objects.KeepResponse(bounded, t.input, response); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		response.Store = new(false)
	}
	return nil
}

// show makes a response the client's to see.
func (t *turn) show(response *responsesv1.Response) {
	if t.local() {
		responses.Hide(response.GetOutput(), t.params.GetInclude())
	}
	t.naming().Response(response)
	t.echo(response)
}

// echo says what the response goes on from as the client said it.
func (t *turn) echo(response *responsesv1.Response) {
	if response == nil {
		return
	}
	response.PreviousResponseId = t.params.PreviousResponseId
	conversation := t.params.GetConversation()
	if conversation == "" {
		conversation = t.params.GetConversationRef().GetId()
	}
	if conversation != "" {
		response.Conversation = &responsesv1.ConversationRef{Id: conversation}
	}
}

// event keeps what ends with an event, and makes the event the client's to see.
func (t *turn) event(ctx context.Context, event *responsesv1.StreamEvent) error {
	response := event.GetLifecycle().GetResponse()
	switch event.GetType() {
	case "response.completed", "response.incomplete", "response.failed":
		if err := t.keep(ctx, response); err != nil {
			return err
		}
	}
	if t.local() {
		responses.Hide(responses.Items(event), t.params.GetInclude())
	}
	t.naming().Event(event)
	t.echo(response)
	return nil
}
