package wire_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// TestAppendString says that strings are written as encoding/json writes them
// without HTML escaping, except that no character beyond ASCII is escaped.
func TestAppendString(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := range rune(0x300) {
		all.WriteRune(c)
	}
	for _, s := range []string{
		"", "a", "clean, and longer than eight bytes", "<script>&'", "\"", "\\", "\b\f\n\r\t\x00\x1f\x7f", "é€😀\u2028\u2029",
		"1234567\"", "12345678\"", "123456789\n", strings.Repeat("x", 100) + "\n" + strings.Repeat("y", 100), all.String(),
		"\xff", "a\xffb\xfe\xfdc", "\xed\xa0\x80", "\xc0\xaf", "ok\n\xe2\x82", strings.Repeat("z", 20) + "\xf0\x9f\x98",
	} {
		if got, want := string(wire.AppendString(nil, s)), marshal(t, s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		var back string
		if err := json.Unmarshal(wire.AppendString(nil, s), &back); err != nil || back != strings.ToValidUTF8(back, "") {
			t.Errorf("%q: %q, %v", s, back, err)
		}
	}
}

func marshal(tb testing.TB, s string) string {
	tb.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		tb.Fatal(err)
	}
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd").Replace(out)
}

// TestEscapesAreRead says that every escape means what it means to encoding/json.
func TestEscapesAreRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`\"\\\/\b\f\n\r\t`, `\u0041`, `\u00e9\u20AC`, `\ud83d\ude00`, `a\u0000b`, `12345678\n12345678\u0041`,
		`\n`, `\n\n\n\n\n\n\n\n\n`, `é\né`, `\ud800\udc00x\udbff\udfff`, strings.Repeat(`x\t`, 50), strings.Repeat(`\u0416`, 20) + "tail of it",
	} {
		var want string
		if err := json.Unmarshal([]byte(`"`+raw+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := params(t, `{"model":"`+raw+`"}`).GetModel(); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// TestOurOwnMessages says how messages without a model at OpenAI look: enums by
// name, times as text, numbers as numbers.
func TestOurOwnMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m    proto.Message
		want string
	}{
		{
			&planv1.ExecutionPlan{
				Operation: policyv1.Operation_OPERATION_CHAT, Mode: planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED,
				Capabilities: []modelsv1.Capability{modelsv1.Capability_CAPABILITY_CHAT, modelsv1.Capability_CAPABILITY_JSON_SCHEMA, 99},
				Retry:        &planv1.RetryPolicy{MaxAttempts: 2, MaxBackoff: durationpb.New(1500 * time.Millisecond)},
			},
			`{"digest":"","request_id":"","method":"","operation":"chat","mode":"translated","capabilities":["chat","json_schema",99],` +
				`"retry":{"max_attempts":2,"max_backoff":"1.500s","hold_tokens":0},"config_digest":"","incomplete":"unspecified","strict":false}`,
		},
		{
			&usagev1.TokenUsage{Input: proto.Int32(0), CacheWrites: []*usagev1.CacheWrite{{Tokens: 1, Ttl: durationpb.New(-time.Nanosecond)}}},
			`{"input":0,"cache_writes":[{"tokens":1,"ttl":"-0.000000001s"}]}`,
		},
		{
			&auditv1.AuditFilter{StartTime: timestamppb.New(time.Date(2026, 11, 24, 1, 2, 3, 40_000_000, time.UTC)), Stream: proto.Bool(false)},
			`{"start_time":"2026-11-24T01:02:03.040Z","request_id":"","model":"","provider":"","path":"","reason":"unspecified","stream":false,` +
				`"key_id":"","owner":"","method":"","error_type":"","search":""}`,
		},
		{
			&auditv1.ListAuditEntriesResponse{Total: 1 << 40},
			`{"entries":[],"next_page_token":"","total":1099511627776,"limit":0,"offset":0}`,
		},
		{
			&auditv1.AuditBodies{RequestHeaders: []string{"a: b"}, RequestJson: `{"a": 1.0}`},
			`{"request_headers":["a: b"],"request":{"a": 1.0},"truncated":false}`,
		},
		{&modelsv1.ListModelsResponse{}, `{"object":"list","data":[]}`},
		{
			&modelsv1.Model{Id: "m", OwnedBy: "o", Stale: true, Capabilities: []modelsv1.Capability{1}, ExtraJson: `{"pricing":{"in":1}}`},
			`{"id":"m","object":"model","created":0,"owned_by":"o","pricing":{"in":1}}`,
		},
		{
			&commonv1.ApiError{Message: "m", Type: "t", Code: proto.String("c"), Reason: 1, HttpStatus: 400, RetryAfter: durationpb.New(1)},
			`{"message":"m","type":"t","param":null,"code":"c"}`,
		},
	} {
		got := encode(t, c.m, wire.Reply)
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		again := c.m.ProtoReflect().New().Interface()
		decode(t, got, again)
		if twice := encode(t, again, wire.Reply); twice != got {
			t.Errorf("read back: %s", twice)
		}
	}
}

// TestTimes says which texts are times, and which are not.
func TestTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ member, text, want string }{ // want: "" means refused
		{"start_time", `"2026-11-24T01:02:03Z"`, `"2026-11-24T01:02:03Z"`},
		{"start_time", `"2026-11-24T01:02:03.5+02:00"`, `"2026-11-23T23:02:03.500Z"`},
		{"start_time", `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`},
		{"start_time", `"9999-12-31T23:59:59.999999999Z"`, `"9999-12-31T23:59:59.999999999Z"`},
		{"start_time", `"2026-11-24"`, ""},
		{"start_time", `"2026-02-30T00:00:00Z"`, ""},
		{"start_time", `1764000000`, ""},
		{"duration", `"0s"`, `"0s"`},
		{"duration", `"1.5s"`, `"1.500s"`},
		{"duration", `"-0.000001s"`, `"-0.000001s"`},
		{"duration", `"315576000000s"`, `"315576000000s"`},
		{"duration", `"315576000001s"`, ""},
		{"duration", `"1"`, ""},
		{"duration", `"s"`, ""},
		{"duration", `"1.s"`, ""},
		{"duration", `"1e3s"`, ""},
		{"duration", `"0.0000000001s"`, ""},
		{"duration", `"1h"`, ""},
	} {
		m := new(auditv1.AuditEntry)
		err := codec.DecodeAuditEntry(`{"`+c.member+`":`+c.text+`}`, m, wire.Limits{})
		if c.want == "" {
			if fault(err).Kind != wire.WrongKind || fault(err).Path != c.member {
				t.Errorf("%s: %v", c.text, err)
			}
			continue
		}
		if got := encode(t, m, wire.Reply); !strings.Contains(got, `"`+c.member+`":`+c.want) {
			t.Errorf("%s: got %s", c.text, got)
		}
	}
	beyond := &auditv1.AuditEntry{StartTime: &timestamppb.Timestamp{Seconds: 1 << 60}, Duration: &durationpb.Duration{Seconds: 1, Nanos: -1}}
	if got := encode(t, beyond, wire.Reply); !strings.Contains(got, `"start_time":null,"duration":null`) {
		t.Errorf("times that cannot be written: %s", got)
	}
}

// TestExtraText says how members are read from and added to an extra_json.
func TestExtraText(t *testing.T) {
	t.Parallel()
	extra := ""
	for _, member := range []string{"b", "a", `"`} {
		extra = wire.AddMember(extra, member, `[1, 2]`)
	}
	if want := `{"b":[1, 2],"a":[1, 2],"\"":[1, 2]}`; extra != want {
		t.Errorf("got %s, want %s", extra, want)
	}
	if got := wire.AddMember(` { } `, "a", "1"); got != `{"a":1}` {
		t.Errorf("added to nothing: %s", got)
	}
	for member, want := range map[string]string{"a": "[1, 2]", `"`: "[1, 2]", "c": ""} {
		if got, ok := wire.Member(extra, member); got != want || ok != (want != "") {
			t.Errorf("%s: got %s, %v", member, got, ok)
		}
	}
}

// TestWhatHasNoForm says that messages of other packages have no JSON form, and
// that nil is an empty message.
func TestWhatHasNoForm(t *testing.T) {
	t.Parallel()
	if _, err := codec.Append(nil, new(wirev1.FieldShape), wire.Reply); err == nil {
		t.Error("an option of ours was written")
	}
	if err := codec.Decode("{}", new(timestamppb.Timestamp), wire.Limits{}); err == nil {
		t.Error("a timestamp was read")
	}
	if got, want := encode(t, (*chatv1.ToolName)(nil), wire.Reply), `{"name":""}`; got != want {
		t.Errorf("nil: got %s", got)
	}
	out := codec.AppendChatMessage(nil, &chatv1.ChatMessage{Role: "r", ToolCalls: []*chatv1.ToolCall{nil}}, wire.Request)
	if string(out) != `{"role":"r","tool_calls":[{}]}` {
		t.Errorf("a nil element: got %s", out)
	}
}

// TestErrorIsASentence says how faults read.
func TestErrorIsASentence(t *testing.T) {
	t.Parallel()
	for kind := wire.NotJSON; kind <= wire.WrongType; kind++ {
		err := &wire.Error{Kind: kind, Path: "a[1].b", Offset: 7}
		if got, want := err.Error(), "a[1].b: "+kind.String()+" (byte 7)"; got != want || strings.HasPrefix(kind.String(), "kind") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := (wire.WrongType + 1).String(); got != "kind 14" {
		t.Errorf("got %s", got)
	}
}
