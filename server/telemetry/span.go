package telemetry

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"google.golang.org/genproto/googleapis/rpc/code"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// Attributes by OpenTelemetry's conventions of version 1.41, the last with
// generative AI among them. A test compares the names.
const (
	errorType          = attribute.Key("error.type")
	serverAddress      = attribute.Key("server.address")
	serverPort         = attribute.Key("server.port")
	httpMethod         = attribute.Key("http.request.method")
	httpStatus         = attribute.Key("http.response.status_code")
	httpResend         = attribute.Key("http.request.resend_count")
	rpcSystem          = attribute.Key("rpc.system.name")
	rpcMethod          = attribute.Key("rpc.method")
	rpcStatus          = attribute.Key("rpc.response.status_code")
	genAIOperation     = attribute.Key("gen_ai.operation.name")
	genAIProvider      = attribute.Key("gen_ai.provider.name")
	genAIRequestModel  = attribute.Key("gen_ai.request.model")
	genAIStream        = attribute.Key("gen_ai.request.stream")
	genAIResponseModel = attribute.Key("gen_ai.response.model")
	genAIFirstChunk    = attribute.Key("gen_ai.response.time_to_first_chunk")
	genAIInput         = attribute.Key("gen_ai.usage.input_tokens")
	genAIOutput        = attribute.Key("gen_ai.usage.output_tokens")
	genAICacheRead     = attribute.Key("gen_ai.usage.cache_read.input_tokens")
	genAICacheWrite    = attribute.Key("gen_ai.usage.cache_creation.input_tokens")
	genAIReasoning     = attribute.Key("gen_ai.usage.reasoning.output_tokens")
)

// Attributes of our own, for what the conventions have no name.
const (
	ourCallID     = attribute.Key("signalbox.call_id")
	ourRequestID  = attribute.Key("signalbox.request_id")
	ourPrincipal  = attribute.Key("signalbox.principal")
	ourPlan       = attribute.Key("signalbox.plan_digest")
	ourProvider   = attribute.Key("signalbox.provider")
	ourEnd        = attribute.Key("signalbox.end")
	ourUpstreamID = attribute.Key("signalbox.upstream_request_id")
)

const (
	statusError = codes.Error
	noReason    = commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
)

// operationName is what a call does, in the conventions' words. Empty: nothing that
// they know.
func operationName(c *call.Call) string {
	if c.Policy.GetOperation() == policyv1.Operation_OPERATION_CHAT {
		return "chat"
	}
	return ""
}

// spanName has few values, as span names must: the model is the plan's, not the
// client's.
func spanName(c *call.Call) string {
	operation, model := operationName(c), c.Target().GetModel()
	switch {
	case operation != "" && model != "":
		return operation + " " + label(model)
	case operation != "":
		return operation
	case c.RPC != "":
		return c.RPC
	default:
		return "unknown route"
	}
}

// callAttributes describes a call: who, what, how it ended. No content, and nothing
// that the client typed but the request id and the model that it asked for.
func callAttributes(c *call.Call, failed *failure.Error) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 24)
	attrs = append(attrs, ourCallID.String(c.ID), ourRequestID.String(c.RequestID), ourEnd.String(endName(c)))
	if c.RPC != "" {
		attrs = append(attrs, rpcMethod.String(c.RPC))
	}
	if c.Entrance == auditv1.Entrance_ENTRANCE_GRPC {
		attrs = append(attrs, rpcSystem.String("grpc"), rpcStatus.String(grpcStatus(failed)))
	} else {
		attrs = append(attrs, httpMethod.String(knownMethod(c.HTTPMethod)), httpStatus.Int(statusOf(failed)))
	}
	if c.Principal != nil {
		attrs = append(attrs, ourPrincipal.String(c.Principal.Name))
	}
	if digest := c.Plan.GetDigest(); digest != "" {
		attrs = append(attrs, ourPlan.String(digest))
	}
	if failed != nil {
		attrs = append(attrs, errorType.String(reasonName(failed.Reason)))
	}
	if operationName(c) == "" {
		return attrs
	}
	return genAIAttributes(attrs, c)
}

// genAIAttributes describes a call of a model.
func genAIAttributes(attrs []attribute.KeyValue, c *call.Call) []attribute.KeyValue {
	attrs = append(attrs, genAIOperation.String(operationName(c)))
	if model := c.Plan.GetRequested().GetModel(); model != "" {
		attrs = append(attrs, genAIRequestModel.String(label(model)))
	}
	if target := c.Target(); target != nil {
		attrs = append(attrs, genAIProvider.String(target.GetProviderType()), ourProvider.String(target.GetProvider()),
			genAIResponseModel.String(label(target.GetModel())))
	}
	if c.Has(policyv1.Feature_FEATURE_STREAMING) {
		attrs = append(attrs, genAIStream.Bool(true))
		if first := c.Outcome.FirstToken; !first.IsZero() {
			attrs = append(attrs, genAIFirstChunk.Float64(first.Sub(c.Start).Seconds()))
		}
	}
	return usageAttributes(attrs, c.Outcome.Usage)
}

// usageAttributes has tokens as the conventions count them: what was cached is part
// of the input, what was reasoned part of the output. Unknown is left out.
func usageAttributes(attrs []attribute.KeyValue, u *usagev1.TokenUsage) []attribute.KeyValue {
	if u == nil {
		return attrs
	}
	written := cacheWrites(u)
	if u.Input != nil {
		attrs = append(attrs, genAIInput.Int64(sum(u.GetInput(), u.GetCacheRead(), written, u.GetInputAudio(), u.GetInputImage())))
	}
	if u.Output != nil {
		attrs = append(attrs, genAIOutput.Int64(sum(u.GetOutput(), u.GetReasoning(), u.GetOutputAudio(), u.GetOutputImage(), u.GetRejectedPrediction())))
	}
	if u.CacheRead != nil {
		attrs = append(attrs, genAICacheRead.Int64(int64(u.GetCacheRead())))
	}
	if written > 0 {
		attrs = append(attrs, genAICacheWrite.Int64(int64(written)))
	}
	if u.Reasoning != nil {
		attrs = append(attrs, genAIReasoning.Int64(int64(u.GetReasoning())))
	}
	return attrs
}

func sum(parts ...int32) (total int64) {
	for _, part := range parts {
		total += int64(part)
	}
	return total
}

// attemptAttributes describes an upstream call. Usage stands at the call alone, so
// that who adds spans up counts it once.
func attemptAttributes(c *call.Call, i int) []attribute.KeyValue {
	attempt := &c.Outcome.Exchange.Attempts[i]
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs, genAIOperation.String(operationName(c)), genAIProvider.String(c.TypeOf(attempt.Provider)),
		ourProvider.String(attempt.Provider), genAIRequestModel.String(label(attempt.Model)))
	if attempt.HTTPStatus != 0 {
		attrs = append(attrs, httpStatus.Int(attempt.HTTPStatus))
	}
	if i > 0 {
		attrs = append(attrs, httpResend.Int(i))
	}
	if attempt.UpstreamRequestID != "" {
		attrs = append(attrs, ourUpstreamID.String(label(attempt.UpstreamRequestID)))
	}
	if attempt.Reason != noReason {
		attrs = append(attrs, errorType.String(reasonName(attempt.Reason)))
	}
	return attrs
}

// grpcStatus is a gRPC code as the conventions write it, "NOT_FOUND".
func grpcStatus(failed *failure.Error) string {
	if failed == nil {
		return code.Code_OK.String()
	}
	return code.Code(failed.GRPCCode()).String() //nolint:gosec // codes are below 17
}

// knownMethod is an HTTP method, which a client may make up.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "_OTHER"
	}
}
