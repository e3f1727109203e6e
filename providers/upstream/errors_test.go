package upstream_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// TestErrorsOfProviders shows what each spelling of an error means.
func TestErrorsOfProviders(t *testing.T) {
	t.Parallel()
	const (
		rejected = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED
		refused  = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
		quota    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
		limited  = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
		busy     = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED
		broken   = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
		missing  = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
		tooLong  = commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
		filtered = commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED
	)
	for name, test := range map[string]struct {
		status string
		body   string
		want   failure.Error
		http   int
	}{
		"OpenAI": {"400 Bad Request", "{\n  \"error\": {\n \"message\": \"no\", \"type\": \"invalid_request_error\", \"param\": \"messages[0]\", \"code\": \"unknown_parameter\"}}",
			failure.Error{Reason: rejected, Message: "no", Type: "invalid_request_error", Param: "messages[0]", Code: "unknown_parameter"}, 400},
		"OpenAI, nulls": {"422 Unprocessable", `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}`,
			failure.Error{Reason: rejected, Message: "no", Type: "invalid_request_error"}, 422},
		"OpenAI, key": {"401 Unauthorized", `{"error":{"message":"Incorrect API key provided: sk-ab***89","type":"invalid_request_error","code":"invalid_api_key"}}`,
			failure.Error{Reason: refused, Message: "The provider does not accept the gateway's credentials."}, 502},
		"OpenAI, region": {"403 Forbidden", `{"error":{"message":"no","type":"request_forbidden","code":"unsupported_country_region_territory"}}`,
			failure.Error{Reason: refused, Message: "The provider does not accept the gateway's credentials."}, 502},
		"OpenAI, model": {"404 Not Found", `{"error":{"message":"The model m1 does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}`,
			failure.Error{Reason: missing, Message: "The model m1 does not exist", Type: "invalid_request_error", Code: "model_not_found"}, 404},
		"OpenAI, context": {"400 Bad Request", `{"error":{"message":"long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`,
			failure.Error{Reason: tooLong, Message: "long", Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded"}, 400},
		"OpenAI, filter": {"400 Bad Request", `{"error":{"message":"bad words","type":"invalid_request_error","code":"content_policy_violation"}}`,
			failure.Error{Reason: filtered, Message: "bad words", Type: "invalid_request_error", Code: "content_policy_violation"}, 400},
		"OpenAI, rate": {"429 Too Many Requests", `{"error":{"message":"slowly","type":"tokens","code":"rate_limit_exceeded"}}`,
			failure.Error{Reason: limited, Message: "slowly", Type: "tokens", Code: "rate_limit_exceeded"}, 429},
		"OpenAI, funds": {"429 Too Many Requests", `{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}`,
			failure.Error{Reason: quota, Message: "pay", Type: "insufficient_quota", Code: "insufficient_quota"}, 429},
		"OpenAI, overload": {"500 Internal Server Error", `{"error":{"message":"busy","type":"server_error","code":"server_is_overloaded"}}`,
			failure.Error{Reason: busy, Message: "busy", Type: "server_error", Code: "server_is_overloaded"}, 503},
		"Anthropic": {"529 Overloaded", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}`,
			failure.Error{Reason: busy, Message: "Overloaded", Type: "overloaded_error"}, 503},
		"Anthropic, context": {"400 Bad Request", `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}`,
			failure.Error{Reason: tooLong, Message: "prompt is too long: 9 tokens > 8 maximum", Type: "invalid_request_error"}, 400},
		"Gemini": {"429 Too Many Requests", `[{"error":{"code":429,"message":"slowly","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}]`,
			failure.Error{Reason: limited, Message: "slowly", Type: "RESOURCE_EXHAUSTED", Code: "429", RetryAfter: 34500 * time.Millisecond,
				ExtraJSON: `{"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"34.5s"}],"status":"RESOURCE_EXHAUSTED"}`}, 429},
		"Gemini, key": {"400 Bad Request", `{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`,
			failure.Error{Reason: refused, Message: "The provider does not accept the gateway's credentials."}, 502},
		"Azure, filter": {"400 Bad Request", `{"error":{"code":"content_filter","message":"filtered","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`,
			failure.Error{Reason: filtered, Message: "filtered", Code: "content_filter", ExtraJSON: `{"innererror":{"code":"ResponsibleAIPolicyViolation"}}`}, 400},
		"OpenRouter, moderation": {"403 Forbidden", `{"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}}`,
			failure.Error{Reason: filtered, Message: "flagged", Code: "403", ExtraJSON: `{"metadata":{"reasons":["violence"],"flagged_input":"x"}}`}, 400},
		"xAI, filter": {"403 Forbidden", `{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t, API key ID: k, Model: m, Failed check: SAFETY_CHECK_TYPE_BIO"}`,
			failure.Error{Reason: filtered, Message: "Content violates usage guidelines."}, 400},
		"xAI, key": {"403 Forbidden", `{"code":"The caller does not have permission to execute the specified operation","error":"Team t may not use m."}`,
			failure.Error{Reason: refused, Message: "The provider does not accept the gateway's credentials."}, 502},
		"Azure, deployment": {"404 Not Found", `{"error":{"code":"DeploymentNotFound","message":"gone"}}`,
			failure.Error{Reason: missing, Message: "gone", Code: "DeploymentNotFound"}, 404},
		"Mistral, model": {"400 Bad Request", `{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}`,
			failure.Error{Reason: missing, Message: "Invalid model: x", Code: "1500", Type: "invalid_model"}, 404},
		"Mistral, form": {"422 Unprocessable Entity", `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","n"],"msg":"Extra inputs"}]},` +
			`"type":"invalid_request_error","param":null,"code":null}`,
			failure.Error{Reason: rejected, Message: "Extra inputs", Type: "invalid_request_error"}, 422},
		"Azure gateway": {"401 Unauthorized", `{"statusCode":401,"message":"Access denied"}`,
			failure.Error{Reason: refused, Message: "The provider does not accept the gateway's credentials."}, 502},
		"OpenRouter": {"402 Payment Required", `{"error":{"code":402,"message":"credits","metadata":{"provider_name":"x"}}}`,
			failure.Error{Reason: quota, Message: "credits", Code: "402", ExtraJSON: `{"metadata":{"provider_name":"x"}}`}, 429},
		"Groq": {"400 Bad Request", `{"error":{"message":"tool","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<f>"}}`,
			failure.Error{Reason: rejected, Message: "tool", Type: "invalid_request_error", Code: "tool_use_failed", ExtraJSON: `{"failed_generation":"<f>"}`}, 400},
		"Groq, capacity": {"498 Capacity", `{"error":{"message":"full","type":"capacity"}}`,
			failure.Error{Reason: busy, Message: "full", Type: "capacity"}, 503},
		"xAI": {"400 Bad Request", `{"code":"invalid-argument","error":"no such thing"}`,
			failure.Error{Reason: rejected, Message: "no such thing", Code: "invalid-argument"}, 400},
		"Ollama": {"404 Not Found", `{"error":{"message":"model \"m1\" not found, try pulling it first","type":"api_error","param":null,"code":null}}`,
			failure.Error{Reason: missing, Message: `model "m1" not found, try pulling it first`, Type: "api_error"}, 404},
		"Ollama, native": {"404 Not Found", `{"error":"model 'm1' not found"}`,
			failure.Error{Reason: missing, Message: "model 'm1' not found"}, 404},
		"vLLM": {"400 Bad Request", `{"error":{"message":"This model's maximum context length is 8 tokens","type":"BadRequestError","param":null,"code":400}}`,
			failure.Error{Reason: tooLong, Message: "This model's maximum context length is 8 tokens", Type: "BadRequestError", Code: "400"}, 400},
		"vLLM, older": {"404 Not Found", `{"object":"error","message":"The model does not exist.","type":"NotFoundError","param":null,"code":404}`,
			failure.Error{Reason: missing, Message: "The model does not exist.", Type: "NotFoundError", Code: "404"}, 404},
		"FastAPI": {"422 Unprocessable", `{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}`,
			failure.Error{Reason: rejected, Message: "field required", ExtraJSON: `{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}`}, 422},
		"FastAPI, sentence": {"404 Not Found", `{"detail":"Not Found"}`,
			failure.Error{Reason: rejected, Message: "Not Found", ExtraJSON: `{"detail":"Not Found"}`}, 404},
		"proxy's page": {"502 Bad Gateway", "<html><title>502</title></html>",
			failure.Error{Reason: broken, Message: "The provider answered with status 502."}, 502},
		"plain text": {"503 Service Unavailable", "upstream connect error\n",
			failure.Error{Reason: busy, Message: "upstream connect error"}, 503},
		"nothing": {"500 Internal Server Error", "",
			failure.Error{Reason: broken, Message: "The provider answered with status 500."}, 502},
		"nonsense": {"500 Internal Server Error", `{"error":{"message":{"a":1},"type":[],"code":{},"param":7}}`,
			failure.Error{Reason: broken, Message: "The provider answered with status 500."}, 502},
		"path": {"404 Not Found", "404 page not found",
			failure.Error{Reason: rejected, Message: "404 page not found"}, 404},
		"too large": {"413 Too Large", "", failure.Error{Reason: rejected, Message: "The provider answered with status 413."}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, step{answer: reply(test.status, test.body, "X-Request-Id: req-7")})
			c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds()))
			o := unary(t, c, func(call *upstream.Call) { call.Model = "m1" })
			e := want(t, o, test.want.Reason)
			got := failure.Error{Reason: e.Reason, Message: e.Message, Type: e.Type, Code: e.Code, Param: e.Param, ExtraJSON: e.ExtraJSON, RetryAfter: e.RetryAfter}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if e.HTTPStatus() != test.http {
				t.Errorf("status %d, want %d", e.HTTPStatus(), test.http)
			}
			if itoa(e.UpstreamStatus) != test.status[:3] || e.UpstreamRequestID != "req-7" {
				t.Errorf("the provider's status %d, request id %q", e.UpstreamStatus, e.UpstreamRequestID)
			}
			body := test.body
			if test.want.Reason == refused {
				body = "" // it may show part of the key
			}
			if e.UpstreamBody != body {
				t.Errorf("the provider's answer is %q", e.UpstreamBody)
			}
		})
	}
}

// TestErrorsInsideStreams shows what an error means that came with 200.
func TestErrorsInsideStreams(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]commonv1.ErrorReason{
		`{"error":{"message":"m","type":"server_error"}}`:                                           commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		`{"error":{"message":"m","type":"overloaded_error"}}`:                                       commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED,
		`{"error":{"message":"m","code":"rate_limit_exceeded"}}`:                                    commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED,
		`{"error":{"message":"m","code":"insufficient_quota"}}`:                                     commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
		`{"error":{"message":"m","code":502}}`:                                                      commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		`{"error":{"message":"m","code":503,"metadata":{}},"choices":[{"finish_reason":"error"}]}`:  commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED,
		`{"error":{"message":"m","type":"invalid_request_error","param":"p"}}`:                      commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED,
		`{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}`: commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED,
		`{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}`:                               commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED,
		`{"error":"m"}`: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		`{"type":"error","error":{"type":"api_error","message":"m"}}`: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		`{"object":"error","message":"m","code":400}`:                 commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED,
		`{"type":"error","message":"m","code":null,"param":null}`:     commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
	} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			p := play(t, step{answer: events(one, "data: "+event+"\n\n") + lastChunk})
			o := stream(t, newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds())))
			e := (&o).fault()
			if e == nil || e.Reason != want || e.Message != "m" || e.UpstreamStatus != 200 || o.text != `{"n":1}` {
				t.Errorf("got %+v behind %q, want %v", e, o.text, want)
			}
		})
	}
	for _, event := range []string{
		`{"error":null,"choices":[]}`,
		`{"error":"","choices":[]}`,
		`{"choices":[{"finish_reason":"error"}]}`,
		`{"choices":[{"delta":{"content":"{\"error\":{\"message\":\"m\"}}"}}]}`,
		`{"choices":[{"error":{"message":"m"}}]}`,
		`["error"]`,
		`{"error"`,
	} {
		p := play(t, step{answer: events("data: "+event+"\n\n", done) + lastChunk})
		o := stream(t, newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds())))
		if o.err != nil || o.text != event {
			t.Errorf("%s: got %q, %v; want it delivered", event, o.text, o.err)
		}
	}
}

// The key is seen by the provider alone, whatever it does with it.
func TestTheKeyStaysHidden(t *testing.T) {
	t.Parallel()
	shown := func(o outcome) string {
		x := o.call.Exchange
		text, err := json.Marshal(map[string]any{"exchange": x.Attempts, "header": x.Header, "id": x.UpstreamRequestID})
		if err != nil {
			t.Fatal(err)
		}
		if e := o.fault(); e != nil {
			all, err := json.Marshal([]any{e.Message, e.Param, e.Code, e.Type, e.UpstreamBody, e.ExtraJSON, e.UpstreamRequestID, e.Error()})
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, all...)
		}
		return string(text)
	}
	padding := strings.Repeat("x", 1000)
	for name, answer := range map[string]string{
		"message":          reply("400 Bad", `{"error":{"message":"key `+secret+`"}}`),
		"type and code":    reply("400 Bad", `{"error":{"message":"m","type":"`+secret+`","code":"`+secret+`","param":"`+secret+`"}}`),
		"further members":  reply("400 Bad", `{"error":{"message":"m","key":"`+secret+`"}}`),
		"plain text":       reply("500 Bad", "Bearer "+secret),
		"across the limit": reply("500 Bad", "<"+padding+secret),
		"headers":          reply("500 Bad", "", "X-Request-Id: "+secret, "x-ratelimit-limit-tokens: "+secret),
		"good headers":     reply("200 OK", "{}", "X-Request-Id: "+secret, "x-ratelimit-limit-tokens: "+secret),
		"key refused":      reply("401 No", `{"error":{"message":"`+secret[:8]+`***","code":"`+secret+`"}}`),
		"status line":      "HTTP/1.1 " + secret + "\r\n\r\n",
		"header line":      "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, step{answer, stay})
				o := unary(t, newClient(t, params(p.url, v, bounds())))
				if text := shown(o); strings.Contains(text, secret) || strings.Contains(text, secret[:8]) && name != "across the limit" {
					t.Errorf("the key is shown: %s", text)
				}
			})
		})
	}
}

func TestShownAnswersAreBounded(t *testing.T) {
	t.Parallel()
	p := play(t, step{answer: reply("500 Bad", `{"error":{"message":"`+strings.Repeat("ü", 5000)+`"}}`)})
	o := unary(t, newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds())))
	e := want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED)
	if len(e.UpstreamBody) > 1<<10 || len(e.Message) > 512 || strings.ContainsRune(e.Message+e.UpstreamBody, '\uFFFD') {
		t.Errorf("message of %d, answer of %d bytes", len(e.Message), len(e.UpstreamBody))
	}
}
