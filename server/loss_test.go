package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// forgetful is a provider that cannot carry seeds, and biases not as they are.
type forgetful struct {
	providers.Provider
	providers.Chatter
}

// Losses implements providers.Lossy.
func (forgetful) Losses(request proto.Message, _ *planv1.Target) []*commonv1.Loss {
	params, _ := request.(*chatv1.ChatCompletionParams)
	var lost []*commonv1.Loss
	if len(params.GetLogitBias()) > 0 {
		lost = append(lost, &commonv1.Loss{Field: "logit_bias", Kind: commonv1.LossKind_LOSS_KIND_APPROXIMATED, Detail: `Biases are "rounded", à peu près.`})
	}
	if params.Seed != nil {
		lost = append(lost, &commonv1.Loss{Field: "seed", Kind: commonv1.LossKind_LOSS_KIND_DROPPED})
	}
	return lost
}

// forgetfulType makes them.
func forgetfulType() providers.Type {
	typ := openai.Type
	typ.Name = "forgetful"
	typ.New = func(p providers.Params) (providers.Provider, error) {
		inner, err := openai.Type.New(p)
		if err != nil {
			return nil, err
		}
		chatter, _ := inner.(providers.Chatter)
		return forgetful{inner, chatter}, nil
	}
	return typ
}

// lossy is a gateway whose first provider forgets; its second one does not.
func lossy(t *testing.T) pair {
	t.Helper()
	p := pair{first: providertest.Start(t), second: providertest.Start(t)}
	p.gw = servertest.Start(t, servertest.Types(openai.Type, forgetfulType()), servertest.File(fmt.Sprintf(`
providers:
  - {name: first, type: forgetful, base_url: %q, api_key: %s, discover: false, models: [gpt-4o-mini]}
  - {name: second, type: openai, base_url: %q, api_key: %s, discover: false, models: [gpt-4o]}
routes:
  - {name: fast, targets: [{model: first/gpt-4o-mini}, {model: second/gpt-4o}]}
  - {name: sole, targets: [{model: first/gpt-4o-mini}]}
`, p.first.URL(), p.first.Key(), p.second.URL(), p.second.Key())))
	return p
}

// What a provider cannot carry is told in headers and facts, and refused before anybody
// is asked where it must not be: alike at both doors, whole and in pieces.
func TestLosses(t *testing.T) {
	t.Parallel()
	const both = `logit_bias;kind=approximated;why="Biases are 'rounded', ' peu pr's.", seed;kind=dropped`
	yes, no := new(true), new(false)
	for _, tt := range []struct {
		name, model string
		strict      *bool
		fault       string // of the first
		want, loss  string
	}{
		{name: "a loss is told", model: "fast", want: "answered by first: first 200", loss: both},
		{name: "a loss is told, strict denied", model: "first/gpt-4o-mini", strict: no, want: "answered by first: first 200", loss: both},
		{name: "who answers instead loses nothing", model: "fast", fault: "status=503", want: "answered by second: first 503 UPSTREAM_OVERLOADED, second 200"},
		{name: "who loses is left out", model: "fast", strict: yes, want: "answered by second: second 200"},
		{name: "nobody is left", model: "sole", strict: yes, want: "refused with LOSSY_TRANSLATION: "},
	} {
		for _, way := range entrances {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, stream %t", tt.name, way.name, stream), func(t *testing.T) {
					t.Parallel()
					p := lossy(t)
					if tt.fault != "" {
						p.first.EnqueueText(t, tt.fault)
					}
					a := ask{id: "call", model: tt.model, stream: stream, strict: tt.strict, change: func(params *chatv1.ChatCompletionParams) {
						params.Seed, params.LogitBias = proto.Int64(1), map[string]float64{"5": 1}
					}}
					got := way.make(t.Context(), t, p.gw, a)
					record := p.gw.Record("call")
					if row := outcome(got, record.GetEntry()); row != tt.want || got.header.Get("X-Signalbox-Loss") != tt.loss {
						t.Errorf("got  %s, %s\nwant %s, %s", row, got.header.Get("X-Signalbox-Loss"), tt.want, tt.loss)
					}
					told := strings.Count(tt.loss, "kind=")
					if got.info != nil && len(got.info.GetLosses()) != told {
						t.Errorf("told were %v", got.info.GetLosses())
					}
					if strict := tt.strict != nil && *tt.strict; record.GetPlan().GetStrict() != strict {
						t.Errorf("the plan: %v", record.GetPlan())
					}
					if got.failed != nil && (got.failed.GetParam() != "logit_bias" || got.status != http.StatusBadRequest || p.first.Calls()+p.second.Calls() != 0) {
						t.Errorf("refused with %v", got.failed)
					}
				})
			}
		}
	}
}

// At gRPC the option is a field: metadata of REST's name changes nothing.
func TestStrictIsNoMetadata(t *testing.T) {
	t.Parallel()
	p := lossy(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-signalbox-strict", "true", "x-request-timeout", "never")
	request := &chatv1.CreateChatCompletionRequest{Params: ask{model: "sole", change: func(params *chatv1.ChatCompletionParams) { params.Seed = proto.Int64(1) }}.params()}
	var header metadata.MD
	reply, err := chatv1.NewChatServiceClient(p.gw.GRPC).CreateChatCompletion(ctx, request, grpc.Header(&header))
	if err != nil || !slices.Equal(header["x-signalbox-loss"], []string{"seed;kind=dropped"}) || len(reply.GetInfo().GetLosses()) != 1 {
		t.Errorf("got %v, %v, %v", reply, header, err)
	}
}

// A request that is explained is as strict as one that is made.
func TestStrictExplained(t *testing.T) {
	t.Parallel()
	p := lossy(t)
	body := `{"chat_completion":{"model":"fast","messages":[],"seed":1}}`
	for header, want := range map[string]string{"true": "second", "false": "first"} {
		reply := p.gw.Post("/v1/plan:explain", body, "X-Signalbox-Strict", header)
		if !strings.Contains(reply.Body, `"target":{"provider":"`+want+`"`) {
			t.Errorf("%s: got %s", header, reply.Body)
		}
	}
}
