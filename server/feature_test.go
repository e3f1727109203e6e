package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// without takes a feature out of every plan, as the last step before the handler.
func without(feature policyv1.Feature) call.Step {
	return call.Step{Name: "without", Request: func(_ context.Context, c *call.Call, _ proto.Message) error {
		if c.Plan == nil {
			return nil
		}
		// Plans are immutable: this is another one.
		c.Plan = proto.CloneOf(c.Plan)
		c.Plan.Features = slices.DeleteFunc(c.Plan.GetFeatures(), func(f policyv1.Feature) bool { return f == feature })
		return nil
	}}
}

// undeclared takes a feature out of what the RPC declares, before the plan is made.
func undeclared(feature policyv1.Feature) call.Step {
	return call.Step{Name: "undeclared", Open: func(_ context.Context, c *call.Call) error {
		if c.Policy == nil {
			return nil
		}
		c.Policy = proto.CloneOf(c.Policy)
		c.Policy.Features = slices.DeleteFunc(c.Policy.GetFeatures(), func(f policyv1.Feature) bool { return f == feature })
		return nil
	}}
}

// trace is what a call left behind.
type trace struct {
	seen   seen
	body   string // what the provider was sent
	record *auditv1.GetAuditEntryResponse
}

// leave makes a call that uses every feature.
func leave(t *testing.T, stream bool, steps ...call.Step) trace {
	t.Helper()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.Steps(steps...), servertest.File("routes: [{name: fast, targets: [{model: gpt-5-mini}]}]\n"))
	a := ask{id: "feature", stream: stream, change: func(params *chatv1.ChatCompletionParams) {
		params.MaxTokens = proto.Int32(100) // what older clients send
		params.Model = "fast"               // gpt-5-mini
		params.ToolsJson = `[{"type":"function","function":{"name":"f"}}]`
	}}
	left := trace{seen: overGRPC(t.Context(), t, gw, a), record: gw.Record(a.id)}
	if sent := up.Chats(); len(sent) > 0 {
		left.body = string(sent[0].Body)
	}
	return left
}

func (l trace) sends(member string) bool { return strings.Contains(l.body, `"`+member+`":`) }

func (l trace) metered() bool {
	entry := l.record.GetEntry()
	return entry.GetUsage() != nil && entry.GetUsageJson() != "" && l.seen.info.GetUsage() != nil
}

func (l trace) unmetered() bool {
	entry := l.record.GetEntry()
	return entry.GetUsage() == nil && entry.GetUsageJson() == "" && l.seen.info.GetUsage() == nil
}

// What the plan does not list is not done: each feature is the switch of what it
// names.
func TestFeaturesOfThePlanAreSwitches(t *testing.T) {
	t.Parallel()
	type check struct {
		what         string
		stream       bool
		take         func(policyv1.Feature) call.Step
		with, absent func(trace) bool
	}
	rows := map[policyv1.Feature][]check{
		policyv1.Feature_FEATURE_SEMANTICS: {{
			what: "reads what is asked of the model", take: undeclared,
			with: func(l trace) bool {
				return slices.Contains(l.record.GetPlan().GetCapabilities(), modelsv1.Capability_CAPABILITY_TOOLS)
			},
			absent: func(l trace) bool { return len(l.record.GetPlan().GetCapabilities()) == 0 && l.seen.whole },
		}},
		policyv1.Feature_FEATURE_ALIASES: {{
			what: "resolves routes", take: undeclared,
			with: func(l trace) bool { return l.seen.whole && l.record.GetEntry().GetAlias() == "fast" },
			absent: func(l trace) bool {
				return l.body == "" && l.record.GetEntry().GetReason() == commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
			},
		}},
		policyv1.Feature_FEATURE_PATCHING: {
			{
				what: "renames max_tokens", take: without,
				with: func(l trace) bool { return l.sends("max_completion_tokens") && !l.sends("max_tokens") },
				// The provider refuses it: that is what the rule is for.
				absent: func(l trace) bool { return l.sends("max_tokens") && !l.sends("max_completion_tokens") && !l.seen.whole },
			},
			{
				what: "asks streams for their usage", stream: true, take: without,
				with:   func(l trace) bool { return l.sends("include_usage") && l.metered() },
				absent: func(l trace) bool { return l.body != "" && !l.sends("include_usage") },
			},
		},
		policyv1.Feature_FEATURE_USAGE: {
			{what: "meters", take: without, with: trace.metered, absent: func(l trace) bool { return l.seen.whole && l.unmetered() }},
			{
				what: "meters streams", stream: true, take: without, with: trace.metered,
				absent: func(l trace) bool { return l.seen.whole && l.unmetered() && !l.sends("include_usage") },
			},
		},
		policyv1.Feature_FEATURE_STREAMING: {{
			what: "streams", stream: true, take: without,
			with: func(l trace) bool { return l.sends("stream") && l.seen.whole && l.record.GetEntry().GetStream() },
			absent: func(l trace) bool {
				return l.body == "" && l.seen.chunks == 0 && l.record.GetEntry().GetReason() == commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
			},
		}},
	}
	for number, name := range policyv1.Feature_name {
		feature := policyv1.Feature(number)
		if feature == policyv1.Feature_FEATURE_STORAGE {
			continue // of other calls: see TestStorageIsASwitch
		}
		checks, ok := rows[feature]
		if feature != policyv1.Feature_FEATURE_UNSPECIFIED && !ok {
			t.Errorf("%s has no row here", name)
		}
		for _, c := range checks {
			t.Run(name+" "+c.what, func(t *testing.T) {
				t.Parallel()
				if left := leave(t, c.stream); !c.with(left) || !slices.Contains(left.record.GetPlan().GetFeatures(), feature) {
					t.Errorf("with it: sent %s, %+v, record %v", left.body, left.seen, left.record)
				}
				if left := leave(t, c.stream, c.take(feature)); !c.absent(left) {
					t.Errorf("without it: sent %s, %+v, record %v", left.body, left.seen, left.record)
				}
			})
		}
	}
}

// The plan of a call is the same however the call comes in, however one asks for it,
// and wherever it is told.
func TestOnePlan(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	for _, stream := range []bool{false, true} {
		digests := map[string]string{}
		for _, way := range entrances {
			id := fmt.Sprintf("%s-%t", way.name, stream)
			got := way.make(t.Context(), t, gw, ask{id: id, stream: stream})
			digests[way.name] = got.header.Get("X-Signalbox-Plan")
			record := gw.Record(id)
			digests[way.name+", record"] = record.GetEntry().GetPlanDigest()
			digests[way.name+", recorded plan"] = record.GetPlan().GetDigest()
			if got.info != nil {
				digests[way.name+", info"] = got.info.GetPlanDigest()
			}
		}
		a := ask{stream: stream}
		explained, err := planv1.NewPlanServiceClient(gw.GRPC).Explain(t.Context(), &planv1.ExplainRequest{
			Call: &planv1.ExplainRequest_ChatCompletion{ChatCompletion: a.params()}, Stream: stream,
		})
		if err != nil {
			t.Fatal(err)
		}
		digests["Explain"] = explained.GetPlan().GetDigest()
		calls := len(up.Chats())
		for name, body := range map[string]string{
			"REST explain":                          fmt.Sprintf(`{"chat_completion":%s}`, a.body()),
			"REST explain, the RPC named":           fmt.Sprintf(`{"chat_completion":%s,"stream":%t}`, ask{}.body(), stream),
			"REST explain, without any messages":    fmt.Sprintf(`{"chat_completion":{"model":%q,"messages":[]},"stream":%t}`, model, stream),
			"REST explain, for a key by its own id": fmt.Sprintf(`{"chat_completion":%s,"key_id":"master"}`, a.body()),
		} {
			var plan struct {
				Digest string `json:"digest"`
			}
			reply := gw.Post("/v1/plan:explain", body)
			if err := json.Unmarshal([]byte(reply.Body), &plan); err != nil || reply.Status != 200 {
				t.Fatalf("%s: %d %s", name, reply.Status, reply.Body)
			}
			digests[name] = plan.Digest
		}
		if len(up.Chats()) != calls {
			t.Error("an explanation called the provider")
		}
		want := digests["REST"]
		for where, digest := range digests {
			if digest != want || digest == "" {
				t.Errorf("stream %t: %s has %q, REST %q", stream, where, digest, want)
			}
		}
	}
}
