package audit

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// allEnded says that no call is without its end.
func allEnded(entries []*auditv1.AuditEntry) bool {
	for _, entry := range entries {
		if entry.GetEnd() == commonv1.CallEnd_CALL_END_UNSPECIFIED {
			return false
		}
	}
	return true
}

func TestABeginRecordIsOnDiskBeforeTheHandlerRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCall(chatRPC)
	r.serve(c, &chatv1.CreateChatCompletionRequest{}, func() error {
		begins, ends := onDisk(t, r.dir)
		if len(begins) != 1 || len(ends) != 0 {
			t.Fatalf("%d begin and %d end records when the handler runs, want 1 and 0", len(begins), len(ends))
		}
		entry := begins[0].GetEntry()
		if entry.GetId() != c.ID || entry.GetPlanDigest() != c.Plan.GetDigest() || entry.GetResolvedModel() != "gpt-4o-mini" || entry.GetKeyId() != "master" {
			t.Errorf("the begin record is %v", entry)
		}
		if entry.GetEnd() != 0 || entry.GetStatusCode() != 0 || entry.GetDuration() != nil {
			t.Errorf("a begin record knows an end: %v", entry)
		}
		if !proto.Equal(begins[0].GetPlan(), c.Plan) {
			t.Errorf("the plan beside it is %v", begins[0].GetPlan())
		}
		return nil
	})
	if _, ends := onDisk(t, r.dir); len(ends) != 1 {
		t.Errorf("%d end records when the call is over, want 1", len(ends))
	}
}

func TestCallsThatReachNoProviderHaveAnEndRecordAlone(t *testing.T) {
	t.Parallel()
	refusal := failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, "The key is unknown.")
	for _, test := range []struct {
		name string
		call func(r *rig) *failure.Error
		want func(*auditv1.AuditEntry) bool
	}{
		{"a local call", func(r *rig) *failure.Error { return r.try(newCall(listRPC), nil, nil) },
			func(e *auditv1.AuditEntry) bool {
				return e.GetStatusCode() == 200 && e.GetOperation() == policyv1.Operation_OPERATION_MODELS
			}},
		{"a refused call", func(r *rig) *failure.Error {
			c := newCall(chatRPC)
			c.Plan, c.Principal = nil, nil
			_ = r.chain.Open(t.Context(), c)
			return r.chain.Done(t.Context(), c, refusal)
		}, func(e *auditv1.AuditEntry) bool {
			return e.GetStatusCode() == 401 && e.GetReason() == refusal.Reason && e.GetErrorMessage() == refusal.Message && e.GetErrorType() == "invalid_request_error" && e.GetKeyId() == ""
		}},
		{"a call that reached no RPC", func(r *rig) *failure.Error {
			c := call.New(auditv1.Entrance_ENTRANCE_REST, "")
			c.HTTPMethod, c.Path = "GET", "/nothing"
			_ = r.chain.Open(t.Context(), c)
			return r.chain.Done(t.Context(), c, failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "There is no such route."))
		}, func(e *auditv1.AuditEntry) bool {
			return e.GetStatusCode() == 404 && e.GetRpc() == "" && e.GetPath() == "/nothing"
		}},
		{"a call whose plan could not be completed", func(r *rig) *failure.Error {
			c := newCall(chatRPC)
			c.Plan = &planv1.ExecutionPlan{
				Digest: "d", Requested: &planv1.RequestedSelector{Model: "no-such", Provider: "openai"},
				Incomplete: commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND,
			}
			_ = r.chain.Open(t.Context(), c)
			return r.chain.Done(t.Context(), c, failure.New(commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "No provider has this model."))
		}, func(e *auditv1.AuditEntry) bool {
			return e.GetRequestedModel() == "no-such" && e.GetRequestedProvider() == "openai" && e.GetPlanDigest() == "d" && e.GetResolvedModel() == ""
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_ = test.call(r)
			begins, ends := onDisk(t, r.dir)
			if len(begins) != 0 || len(ends) != 1 {
				t.Fatalf("%d begin and %d end records, want 0 and 1", len(begins), len(ends))
			}
			if !test.want(ends[0].GetEntry()) {
				t.Errorf("the record is %v", ends[0].GetEntry())
			}
		})
	}
}

// An entry has everything that the call knows. The fields that stay empty are named
// here, so that a new field cannot be forgotten.
func TestAnEntryIsComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCall(chatRPC)
	c.RequestID = "client-1"
	c.Plan.Target.Alias = "small"
	c.Plan.Requested.Provider = "openai"
	c.Plan.Features = append(c.Plan.Features, policyv1.Feature_FEATURE_STREAMING)
	after := func(d time.Duration) time.Time { return c.Start.Add(d) }
	c.Outcome.Planned, c.Outcome.FirstToken = after(1), after(4*time.Second)
	c.Outcome.Exchange = providers.Exchange{
		Connected: after(3),
		UsageJSON: `{"prompt_tokens":9}`,
		Attempts: []providers.Attempt{
			{Provider: "openai", Model: "gpt-4o-mini", Start: after(5), Duration: 6, HTTPStatus: 429, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, UpstreamRequestID: "u1", Credential: "key-1"},
			{Provider: "openai", Model: "gpt-4o-mini", Start: after(7), Duration: 8, HTTPStatus: 500},
		},
	}
	c.Outcome.Paid = []*usagev1.TokenUsage{nil, c.Outcome.Usage}
	failed := r.try(c, &chatv1.CreateChatCompletionRequest{}, func() error {
		c.Outcome.Admitted = after(2)
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "The provider failed.")
	})
	_, ends := onDisk(t, r.dir)
	got := ends[0].GetEntry()
	if got.GetDuration().AsDuration() <= 0 {
		t.Errorf("duration is %v", got.GetDuration())
	}
	got.Duration = nil
	want := &auditv1.AuditEntry{
		Id: c.ID, RequestId: "client-1", StartTime: timestamppb.New(c.Start), End: commonv1.CallEnd_CALL_END_FAILED,
		Entrance: auditv1.Entrance_ENTRANCE_REST, Method: "POST", Path: chatPath, StatusCode: 502,
		Reason: failed.Reason, ErrorMessage: "The provider failed.", ErrorType: "server_error",
		Operation: policyv1.Operation_OPERATION_CHAT, Mode: planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED, Stream: true,
		RequestedModel: "openai/gpt-4o-mini", RequestedProvider: "openai", Alias: "small", Provider: "openai", ProviderType: "openai",
		ResolvedModel: "gpt-4o-mini", PlanDigest: c.Plan.GetDigest(), KeyId: "master", Owner: "/",
		Client: &auditv1.ClientInfo{Address: "10.0.0.1", UserAgent: "test/1"},
		Attempts: []*auditv1.Attempt{
			{Provider: "openai", Model: "gpt-4o-mini", Start: durationpb.New(5), Duration: durationpb.New(6), HttpStatus: 429, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, UpstreamRequestId: "u1", Credential: "key-1"},
			{Provider: "openai", Model: "gpt-4o-mini", Start: durationpb.New(7), Duration: durationpb.New(8), HttpStatus: 500, Usage: &usagev1.TokenUsage{Input: new(int32(9)), Output: new(int32(12))}},
		},
		Timings:   &auditv1.Timings{Planned: durationpb.New(1), Admitted: durationpb.New(2), Connected: durationpb.New(3), FirstToken: durationpb.New(4 * time.Second)},
		Usage:     &usagev1.TokenUsage{Input: new(int32(9)), Output: new(int32(12))},
		UsageJson: `{"prompt_tokens":9}`,
		Rpc:       chatRPC,
	}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	fields := want.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		name := fields.Get(i).Name()
		if !want.ProtoReflect().Has(fields.Get(i)) && name != "duration" && name != "interrupted" {
			t.Errorf("the test knows nothing of the field %s", name)
		}
	}
}

func TestStatusIsWhatRESTAnswers(t *testing.T) {
	t.Parallel()
	truncated := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "cut")
	for _, test := range []struct {
		name     string
		stream   bool
		messages int
		err      *failure.Error
		want     int32
		end      commonv1.CallEnd
	}{
		{"ok", false, 0, nil, 200, commonv1.CallEnd_CALL_END_COMPLETED},
		{"failed", false, 0, truncated, 502, commonv1.CallEnd_CALL_END_TRUNCATED},
		{"a stream that failed before it began", true, 0, truncated, 502, commonv1.CallEnd_CALL_END_TRUNCATED},
		{"a stream that was cut", true, 3, truncated, 200, commonv1.CallEnd_CALL_END_TRUNCATED},
		{"the client left", false, 0, failure.New(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "left"), 499, commonv1.CallEnd_CALL_END_CANCELLED},
	} {
		r := newRig(t)
		c := newCall(chatRPC)
		if test.stream {
			c.Plan.Features = append(c.Plan.Features, policyv1.Feature_FEATURE_STREAMING)
		}
		r.serve(c, &chatv1.CreateChatCompletionRequest{}, func() error {
			c.Outcome.Messages = test.messages
			if test.err == nil {
				return nil
			}
			return test.err
		})
		_, ends := onDisk(t, r.dir)
		if got := ends[0].GetEntry(); got.GetStatusCode() != test.want || got.GetEnd() != test.end {
			t.Errorf("%s: status %d, end %v, want %d, %v", test.name, got.GetStatusCode(), got.GetEnd(), test.want, test.end)
		}
	}
}

func TestAPanicIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(newCall(chatRPC), &chatv1.CreateChatCompletionRequest{}, func() error { panic(errors.New("oh")) }) //nolint:forbidigo // the point
	_, ends := onDisk(t, r.dir)
	if len(ends) != 1 || ends[0].GetEntry().GetReason() != commonv1.ErrorReason_ERROR_REASON_INTERNAL {
		t.Errorf("the records are %v", ends)
	}
}
