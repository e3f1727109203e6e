package openai

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// responseKeeper keeps the responses that were made with `store`.
type responseKeeper struct{ o *Provider }

var (
	_ providers.ResponseKeeper = responseKeeper{}
	_ providers.TokenCounter   = counter{}
	_ providers.Compactor      = counter{}
)

const responsesPath = "responses"

// GetResponse implements providers.ResponseKeeper.
func (k responseKeeper) GetResponse(ctx context.Context, c *providers.Call[*responsesv1.GetResponseRequest]) (*responsesv1.Response, error) {
	s, err := object(k.o, c, http.MethodGet, includes(c.Params.GetInclude()), responsesPath, c.Params.GetResponseId())
	if err != nil {
		return nil, err
	}
	m, err := doResponse(ctx, k.o, s)
	return m, missing(err)
}

// ResumeResponse implements providers.ResponseKeeper.
func (k responseKeeper) ResumeResponse(ctx context.Context, c *providers.Call[*responsesv1.ResumeResponseRequest]) (providers.ResponseStream, error) {
	query := includes(c.Params.GetInclude())
	query.Set("stream", "true")
	if c.Params.IncludeObfuscation != nil {
		query.Set("include_obfuscation", strconv.FormatBool(c.Params.GetIncludeObfuscation()))
	}
	if c.Params.StartingAfter != nil && !k.o.quirks.SparseEvents {
		query.Set("starting_after", strconv.FormatInt(int64(c.Params.GetStartingAfter()), 10))
	}
	sent, err := object(k.o, c, http.MethodGet, query, responsesPath, c.Params.GetResponseId())
	if err != nil {
		return nil, err
	}
	stream, err := streamResponse(ctx, k.o, sent)
	if err != nil {
		return nil, missing(err)
	}
	if c.Params.StartingAfter != nil && k.o.quirks.SparseEvents {
		// Its own numbers are not those that the client has seen.
		return &skipping{ResponseStream: stream, after: c.Params.GetStartingAfter()}, nil
	}
	return stream, nil
}

// skipping leaves out what the client has seen.
type skipping struct {
	providers.ResponseStream
	after int32
}

// Recv implements providers.ResponseStream.
func (s *skipping) Recv() (*responsesv1.StreamEvent, error) {
	for {
		event, err := s.ResponseStream.Recv()
		if err != nil || event.GetSequenceNumber() > s.after {
			return event, err
		}
	}
}

// Ready implements providers.ResponseStream. What is ready may be what is left out.
func (s *skipping) Ready() bool { return false }

// DeleteResponse implements providers.ResponseKeeper.
func (k responseKeeper) DeleteResponse(ctx context.Context, c *providers.Call[*responsesv1.DeleteResponseRequest]) error {
	return drop(ctx, k.o, c, responsesPath, c.Params.GetResponseId())
}

// CancelResponse implements providers.ResponseKeeper.
func (k responseKeeper) CancelResponse(ctx context.Context, c *providers.Call[*responsesv1.CancelResponseRequest]) (*responsesv1.Response, error) {
	s, err := object(k.o, c, http.MethodPost, nil, responsesPath, c.Params.GetResponseId(), "cancel")
	if err != nil {
		return nil, err
	}
	m, err := doResponse(ctx, k.o, s)
	return m, missing(err)
}

// ListInputItems implements providers.ResponseKeeper.
func (k responseKeeper) ListInputItems(ctx context.Context, c *providers.Call[*responsesv1.ListInputItemsRequest]) (*responsesv1.ListInputItemsResponse, error) {
	p := c.Params
	s, err := object(k.o, c, http.MethodGet, page(includes(p.GetInclude()), p.After, p.Limit, p.Order), responsesPath, p.GetResponseId(), "input_items")
	if err != nil {
		return nil, err
	}
	m := new(responsesv1.ListInputItemsResponse)
	return m, missing(do(ctx, k.o, s, m, codec.DecodeListInputItemsResponse))
}

// counter does what needs the model, and no answer of it.
type counter struct{ o *Provider }

// CountInputTokens implements providers.TokenCounter.
func (n counter) CountInputTokens(ctx context.Context, c *providers.ResponseCall) (*responsesv1.CountInputTokensResponse, error) {
	s, err := n.request(c, "input_tokens")
	if err != nil {
		return nil, err
	}
	defer s.release()
	m := new(responsesv1.CountInputTokensResponse)
	return m, do(ctx, n.o, s, m, codec.DecodeCountInputTokensResponse)
}

// CompactResponse implements providers.Compactor.
func (n counter) CompactResponse(ctx context.Context, c *providers.ResponseCall) (*responsesv1.Compaction, error) {
	s, err := n.request(c, "compact")
	if err != nil {
		return nil, err
	}
	defer s.release()
	m := new(responsesv1.Compaction)
	return m, do(ctx, n.o, s, m, func(reply string, m *responsesv1.Compaction, limits wire.Limits) error {
		if err := codec.DecodeCompaction(reply, m, limits); err != nil {
			return err
		}
		if m.Usage != nil {
			c.Exchange.UsageJSON = usageOf(reply)
		}
		return nil
	})
}

func (n counter) request(c *providers.ResponseCall, what string) (*sending, error) {
	s, err := object(n.o, c, http.MethodPost, nil, responsesPath, what)
	if err != nil {
		return nil, err
	}
	p := codec.ShallowCopyResponseParams(c.Params)
	model := n.o.site.name(c.Target.GetModel())
	p.Model, p.ExtraJson = &model, without(p.ExtraJson, "model")
	return s, s.encodeBy(n.o.responding.of(c.Target, c.Patch),
		func(b []byte) []byte { return codec.AppendResponseParams(b, p, wire.Request) }, &p.InputJson, &p.ToolsJson)
}

// do makes a call whose reply is a message.
func do[M any](ctx context.Context, o *Provider, s *sending, m M, decode func(string, M, wire.Limits) error) error {
	return o.client.Do(ctx, &s.call, func(reply string) error { return decode(reply, m, wire.Limits{}) })
}

// drop deletes an object.
func drop[P proto.Message](ctx context.Context, o *Provider, c *providers.Call[P], path ...string) error {
	s, err := object(o, c, http.MethodDelete, nil, path...)
	if err != nil {
		return err
	}
	return missing(o.client.Do(ctx, &s.call, func(string) error { return nil }))
}

// missing makes a provider's 404 what it is: the object is not there.
func missing(err error) error {
	failed := failure.As(err)
	if failed == nil || failed.UpstreamStatus != http.StatusNotFound {
		return err
	}
	gone := *failed
	gone.Reason = commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND
	gone.Message = "There is no such object."
	gone.Type, gone.Code, gone.Param, gone.Status = "", "", "", 0
	return &gone
}

// includes is the query that names what else to return.
func includes(include []string) url.Values {
	query := url.Values{}
	if len(include) > 0 {
		query["include[]"] = include
	}
	return query
}

// page adds the place of a page to a query.
func page(query url.Values, after *string, limit *int32, order *string) url.Values {
	if after != nil {
		query.Set("after", *after)
	}
	if limit != nil {
		query.Set("limit", strconv.FormatInt(int64(*limit), 10))
	}
	if order != nil {
		query.Set("order", *order)
	}
	return query
}
