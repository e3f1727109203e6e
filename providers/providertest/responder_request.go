package providertest

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// plainItems are sent byte for byte, whatever else changes.
const plainItems = `[{"role":"user","content":[{"text":"é \u00e9 ","type":"input_text"}]}]`

// testRequest judges what the provider is sent.
func (s *responderSuite) testRequest(t *testing.T) {
	t.Parallel()
	const plain = `{"model":"gpt-4o-mini","input":` + plainItems
	for _, c := range []struct {
		name   string
		change func(*providers.ResponseCall)
		stream bool
		want   string
	}{
		{"unary", func(*providers.ResponseCall) {}, false, plain + `}`},
		{"stream", func(*providers.ResponseCall) {}, true, plain + `,"stream":true}`},
		{"a switch that contradicts", func(c *providers.ResponseCall) { c.Params.Stream = proto.Bool(true) }, false, plain + `}`},
		{"unknown members", func(c *providers.ResponseCall) { c.Params.ExtraJson = `{"top_k":4,"plugins":{"b":1.0,"a":null}}` }, false, plain + `,"top_k":4,"plugins":{"b":1.0,"a":null}}`},
		{"settings", func(c *providers.ResponseCall) {
			c.Params.Instructions, c.Params.Store, c.Params.MaxOutputTokens = proto.String("Be brief."), proto.Bool(false), proto.Int32(99)
			c.Params.Temperature, c.Params.Metadata = proto.Float64(0.7), map[string]string{"a": "b"}
			c.Params.Text = &responsesv1.TextConfig{Format: &responsesv1.TextFormat{Type: "json_schema", Name: proto.String("n"), SchemaJson: `{"type":"object","b":1.0}`}}
		}, false, plain + `,"instructions":"Be brief.","store":false,"max_output_tokens":99,"temperature":0.7,"metadata":{"a":"b"},` +
			`"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","b":1.0}}}}`},
		{"tools", func(c *providers.ResponseCall) {
			c.Params.ToolsJson = weatherFlatTools
			c.Params.ToolChoiceObject = &responsesv1.ResponseToolChoice{Type: "function", Name: proto.String("get_weather")}
		}, false, plain + `,"tools":` + weatherFlatTools + `,"tool_choice":{"type":"function","name":"get_weather"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up := Start(t, func(p *Params) { p.AcceptUnknown = true })
			call := responseCall(&responsesv1.ResponseParams{InputJson: plainItems}, "gpt-4o-mini")
			c.change(call)
			before := proto.Clone(call.Params)
			if got := s.run(t.Context(), t, siteOf(up, longWait), call, c.stream); got.err != nil {
				t.Fatal(got.err)
			}
			if !proto.Equal(before, call.Params) {
				t.Errorf("the adapter changed the request to %v", call.Params)
			}
			body := string(up.Requests()[0].Body)
			if !equalJSON(t, body, c.want) || !strings.Contains(body, plainItems) {
				t.Errorf("sent %s, want %s", body, c.want)
			}
		})
	}
}

// testRecordings has recorded traffic of several providers arrive whole.
func (s *responderSuite) testRecordings(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for _, name := range RecordingsOf(EndpointResponses) {
		body, stream, err := Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "-error.") {
			continue
		}
		up.EnqueueAt(EndpointResponses, Script{Replay: name})
		got := s.run(t.Context(), t, siteOf(up, longWait), greet(), stream)
		if got.err != nil {
			t.Errorf("%s: %v", name, got.err)
			continue
		}
		if !stream {
			whole, _, _ := parse(body) // it arrived, so it is well formed
			checkRecorded(t, name, whole, got.whole)
			continue
		}
		var want []string
		var last *node
		for _, data := range dataLines(string(body)) {
			e, _, _ := parse([]byte(data))
			want = append(want, e.get("type").str())
			if last = e; slices.Contains(terminal, e.get("type").str()) { // some files have several streams
				break
			}
		}
		if types := typesOf(got.events); !slices.Equal(types, want) {
			t.Errorf("%s: the events are %q, want %q", name, types, want)
		}
		checkRecorded(t, name, last.get("response"), got.final())
	}
}

// terminal are the events that end a response.
var terminal = []string{"response.completed", "response.incomplete", "response.failed"}

// checkRecorded compares a response with its recording.
func checkRecorded(t *testing.T, name string, want *node, got *responsesv1.Response) {
	t.Helper()
	if got.GetId() != want.get("id").str() || got.GetStatus() != want.get("status").str() || got.GetModel() != want.get("model").str() {
		t.Errorf("%s: the response is %s, %s, of %s", name, got.GetId(), got.GetStatus(), got.GetModel())
	}
	output := want.get("output").items()
	if len(got.GetOutput()) != len(output) {
		t.Fatalf("%s: %d items, want %d", name, len(got.GetOutput()), len(output))
	}
	for i, item := range output {
		if got := got.GetOutput()[i]; got.GetType() != item.get("type").str() {
			t.Errorf("%s: the item %d is %v", name, i, got)
		}
	}
	if total, ok := want.get("usage").get("total_tokens").integer(); ok && int64(got.GetUsage().GetTotalTokens()) != total {
		t.Errorf("%s: the usage is %v", name, got.GetUsage())
	}
}

// testFramings has streams that are spelled otherwise say the same.
func (s *responderSuite) testFramings(t *testing.T) {
	t.Parallel()
	up := Start(t)
	want := s.run(t.Context(), t, siteOf(up, longWait), greet(), true)
	if want.err != nil {
		t.Fatal(want.err)
	}
	for _, script := range []string{"crlf", "cr", "bom", "comments", "no-space", "multi-line", "names", "no-last-blank", "padding=3", "one-byte"} {
		up.EnqueueTextAt(t, EndpointResponses, script)
		got := s.run(t.Context(), t, siteOf(up, longWait), greet(), true)
		if got.err != nil || !slices.Equal(typesOf(got.events), typesOf(want.events)) || got.text() != want.text() {
			t.Errorf("%s: %q, %v", script, typesOf(got.events), got.err)
		}
	}
}

// testCuts cuts a recorded stream in many places, each in three ways: never is what
// came taken for the whole.
func (s *responderSuite) testCuts(t *testing.T) {
	t.Parallel()
	const name = "gomodel/openai/responses/responses_stream.txt"
	const step = 67
	body, _, err := Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndex(string(body), "}") // behind it all is said
	for _, ending := range []Ending{EndClean, EndClose, EndReset} {
		t.Run([]string{EndClean: "clean", EndClose: "closed", EndReset: "reset"}[ending], func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			for n := 1; n < end; n += step {
				up.EnqueueAt(EndpointResponses, Script{Replay: name, Cut: Cut{Ending: ending, Place: AfterBytes, N: int64(n)}})
				c := greet()
				c.Retry.MaxAttempts = 1
				got := s.run(t.Context(), t, siteOf(up, longWait), c, true)
				whole := strings.Count(string(body[:n]), "\n\n")
				if len(got.events) > whole+1 || len(got.events) < whole && ending != EndReset {
					t.Errorf("cut after %d bytes: %d of %d events", n, len(got.events), whole)
				}
				reasons := because(truncated)
				if whole == 0 { // nothing came that says more
					reasons = because(truncated, invalidReply, unreachable)
				}
				if e := failure.As(got.err); e == nil || !slices.Contains(reasons, e.Reason) {
					t.Errorf("cut after %d bytes: %v, want %v", n, got.err, reasons)
				}
			}
		})
	}
}
