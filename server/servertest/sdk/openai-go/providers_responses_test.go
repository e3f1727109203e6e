//go:build sdk

package openaigo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
)

// respond is a request for a response to a text.
func (p provider) respond(text, model string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: p.selector(model), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
}

// answered fails the test when there is no response that is whole.
func answered(t *testing.T, request responses.ResponseNewParams) *responses.Response {
	t.Helper()
	c := client(t)
	response, err := c.Responses.New(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	wholeResponse(t, response)
	return response
}

func wholeResponse(t *testing.T, r *responses.Response) {
	t.Helper()
	if r.Status != "completed" || r.Object != "response" || !strings.HasPrefix(r.ID, "resp_") || r.Usage.TotalTokens != r.Usage.InputTokens+r.Usage.OutputTokens {
		t.Errorf("the response is %s", r.RawJSON())
	}
}

// toolCall is the call of a response. Fails the test when there is not one.
func toolCall(t *testing.T, r *responses.Response) responses.ResponseOutputItemUnion {
	t.Helper()
	for _, item := range r.Output {
		if item.Type == "function_call" {
			return item
		}
	}
	t.Fatalf("no call in %s", r.RawJSON())
	return responses.ResponseOutputItemUnion{}
}

func TestProvidersRespondInTurns(t *testing.T) {
	each(t, responders(), func(t *testing.T, p provider) {
		c := once(t)
		request := p.respond("How is the weather?", p.model)
		for _, name := range order {
			request.Tools = append(request.Tools, responses.ToolParamOfFunction(name, weather, false))
		}
		turn := answered(t, request)
		for _, next := range []string{"Now look at the traffic.", "Done."} {
			call := toolCall(t, turn)
			if call.Arguments.OfString != arguments {
				t.Errorf("a call is %s", call.RawJSON())
			}
			output := responses.ResponseInputItemParamOfFunctionCallOutput(next)
			output.OfFunctionCallOutput.CallID = openai.String(call.CallID)
			request.PreviousResponseID = openai.String(turn.ID)
			request.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{output}}
			before := turn
			turn = answered(t, request)
			if turn.PreviousResponseID != before.ID || turn.Usage.InputTokens <= before.Usage.InputTokens {
				t.Errorf("the next turn is %s", turn.RawJSON())
			}
		}
		if turn.OutputText() != "You said: How is the weather?" {
			t.Errorf("it says %q", turn.OutputText())
		}
		found, err := c.Responses.Get(t.Context(), turn.ID, responses.ResponseGetParams{})
		if err != nil || found.OutputText() != turn.OutputText() {
			t.Errorf("%+v, %v", found, err)
		}
		items, err := c.Responses.InputItems.List(t.Context(), turn.ID, responses.InputItemListParams{})
		switch {
		case p.unlisted:
			gone(t, err)
		case err != nil || len(items.Data) != 1 || items.Data[0].Type != "function_call_output":
			t.Errorf("%+v, %v", items, err)
		}
		if err := c.Responses.Delete(t.Context(), turn.ID); err != nil {
			t.Error(err)
		}
		_, err = c.Responses.Get(t.Context(), turn.ID, responses.ResponseGetParams{})
		gone(t, err)
	})
}

// accumulate reads a stream to its end through the SDK's accumulator.
func accumulate(t *testing.T, stream *ssestream.Stream[responses.ResponseStreamEventUnion]) (*responses.Response, []responses.ResponseStreamEventUnion) {
	t.Helper()
	var all responses.ResponseAccumulator
	var events []responses.ResponseStreamEventUnion
	for stream.Next() {
		var event responses.ResponsesServerEventUnion
		if err := json.Unmarshal([]byte(stream.Current().RawJSON()), &event); err != nil {
			t.Fatal(err)
		}
		if err := all.AddEvent(event); err != nil {
			t.Errorf("the accumulator does not take %s: %v", stream.Current().RawJSON(), err)
		}
		events = append(events, stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	response, err := all.ReconstructedResponse()
	if err != nil {
		t.Fatal(err)
	}
	return response, events
}

// deltas put together what events say.
func deltas(events []responses.ResponseStreamEventUnion) string {
	var text strings.Builder
	for _, event := range events {
		if event.Type == "response.output_text.delta" {
			text.WriteString(event.Delta)
		}
	}
	return text.String()
}

func TestProvidersStreamResponses(t *testing.T) {
	each(t, responders(), func(t *testing.T, p provider) {
		c := client(t)
		model := p.model
		if p.thinker != "" {
			model = p.thinker
		}
		for _, text := range []string{"Hello", "How is the weather?"} {
			request := p.respond(text, model)
			request.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("weather", weather, false)}
			want := answered(t, request)
			got, events := accumulate(t, c.Responses.NewStreaming(t.Context(), request))
			wholeResponse(t, got)
			if got.OutputText() != want.OutputText() || deltas(events) != want.OutputText() || len(got.Output) != len(want.Output) {
				t.Errorf("the events give\n%s, want\n%s", got.RawJSON(), want.RawJSON())
			}
			for i, item := range want.Output {
				if got.Output[i].Type != item.Type || got.Output[i].Arguments.OfString != item.Arguments.OfString {
					t.Errorf("item %d is %s, want %s", i, got.Output[i].RawJSON(), item.RawJSON())
				}
			}
			for i, event := range events {
				if event.SequenceNumber != int64(i) {
					t.Errorf("event %d has the number %d", i, event.SequenceNumber)
				}
			}
		}
	})
}

func TestProvidersRespondInTheBackground(t *testing.T) {
	each(t, responders(), func(t *testing.T, p provider) {
		c := once(t)
		request := p.respond("Hello", p.model)
		request.Background = openai.Bool(true)
		made, err := c.Responses.New(t.Context(), request)
		if p.waits {
			refused(t, err, http.StatusBadRequest)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for made.Status == "queued" || made.Status == "in_progress" {
			<-tick.C
			if made, err = c.Responses.Get(t.Context(), made.ID, responses.ResponseGetParams{}); err != nil {
				t.Fatal(err)
			}
		}
		wholeResponse(t, made)
		if made.OutputText() != answer {
			t.Errorf("it says %q", made.OutputText())
		}
	})
}

func TestProvidersResumeResponses(t *testing.T) {
	each(t, responders(), func(t *testing.T, p provider) {
		if p.waits {
			return // asserted above
		}
		c := once(t)
		request := p.respond("Hello", p.model)
		request.Background = openai.Bool(true)
		stream := c.Responses.NewStreaming(t.Context(), request)
		var events []responses.ResponseStreamEventUnion
		for len(events) < 3 && stream.Next() {
			events = append(events, stream.Current())
		}
		if err := stream.Close(); err != nil || len(events) < 3 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		// The SDK asks for a stream in the body of its GET.
		rest := c.Responses.GetStreaming(t.Context(), events[0].Response.ID, responses.ResponseGetParams{StartingAfter: openai.Int(events[2].SequenceNumber)})
		for rest.Next() {
			events = append(events, rest.Current())
		}
		if err := rest.Err(); err != nil || deltas(events) != answer || events[len(events)-1].Type != "response.completed" {
			t.Errorf("%d events say %q, %v", len(events), deltas(events), err)
		}
		for i, event := range events {
			if event.SequenceNumber != int64(i) {
				t.Errorf("event %d has the number %d", i, event.SequenceNumber)
			}
		}
	})
}
