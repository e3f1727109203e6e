package objects_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// stock makes one object of each kind for a caller, in one place. Their requests differ
// by mark.
func (w *world) stock(t *testing.T, model, mark string) shelf {
	t.Helper()
	provider, _, _ := strings.Cut(model, "/")
	query := ""
	if model == native {
		query = "?provider=" + provider
	}
	s := shelf{model: model}
	// Streamed: OpenAI streams only such a one again.
	reply := w.ask(http.MethodPost, "/v1/responses", responseBody(model, "Hello "+mark, `"stream":true`))
	response := endOf(t, reply)
	s.response, s.output = response.text("id"), response.list("output")[0].text("id")
	conversation := w.must(t, http.MethodPost, "/v1/conversations"+query, `{"metadata":{"mark":"`+mark+`"},"items":[{"role":"user","content":"First"}]}`)
	s.conversation = conversation.text("id")
	s.item = w.must(t, http.MethodGet, "/v1/conversations/"+s.conversation+"/items", "").list("data")[0].text("id")
	completion := w.must(t, http.MethodPost, "/v1/chat/completions", servertest.ChatBody(model, "Hello "+mark, `"store":true`))
	s.completion = completion.text("id")
	s.message = w.must(t, http.MethodGet, "/v1/chat/completions/"+s.completion+"/messages", "").list("data")[0].text("id")
	return s
}

// discard deletes what stock made.
func (w *world) discard(t *testing.T, s shelf) {
	t.Helper()
	w.must(t, http.MethodDelete, "/v1/responses/"+s.response, "")
	w.must(t, http.MethodDelete, "/v1/conversations/"+s.conversation+"/items/"+s.item, "")
	w.must(t, http.MethodDelete, "/v1/conversations/"+s.conversation, "")
	w.must(t, http.MethodDelete, "/v1/chat/completions/"+s.completion, "")
}

// forged is an id that nobody made: another character in its middle.
func forged(id string) string {
	at := len(id) / 2
	with := "A"
	if id[at] == 'A' {
		with = "B"
	}
	return id[:at] + with + id[at+1:]
}

// answers are how both doors answer a request, without what differs by the call.
func (w *world) answers(t *testing.T, r route, own shelf, id string) (rest, rpc string) {
	t.Helper()
	reply := w.ask(r.method, r.path(own, id), r.body(own, id))
	rest = fmt.Sprintf("%d %s", reply.Status, reply.Body)
	return rest, w.invoke(t, r, r.grpc(own, id))
}

// invoke calls an RPC, and describes how it fails.
func (w *world) invoke(t *testing.T, r route, request proto.Message) string {
	t.Helper()
	conn := w.Dial(secretOf(w.key))
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(r.rpc, "/", ".")))
	if err != nil {
		t.Fatal(err)
	}
	method, _ := descriptor.(protoreflect.MethodDescriptor)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		t.Fatal(err)
	}
	reply := kind.New().Interface()
	if r.stream {
		var stream grpc.ClientStream
		if stream, err = conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/"+r.rpc); err != nil {
			t.Fatal(err)
		}
		if err = stream.SendMsg(request); err == nil {
			err = stream.CloseSend()
		}
		if err == nil {
			err = stream.RecvMsg(reply)
		}
	} else {
		err = conn.Invoke(t.Context(), "/"+r.rpc, request, reply)
	}
	if err == nil {
		return "answered " + prototext.Format(reply)
	}
	failed := status.Convert(err)
	text := fmt.Sprintf("%s %q", failed.Code(), failed.Message())
	for _, detail := range failed.Details() {
		switch d := detail.(type) {
		case *commonv1.ApiError:
			d.Info = nil
			text += fmt.Sprintf(" %s %q %q %q %q %d %t", d.GetReason(), d.GetParam(), d.GetCode(), d.GetType(), d.GetUpstreamBody(), d.GetHttpStatus(), d.GetRetryable())
		case *errdetails.ErrorInfo:
			delete(d.Metadata, "request_id")
			text += fmt.Sprintf(" %s %v", d.GetReason(), d.GetMetadata())
		}
	}
	return text
}

// rawIDs are the ids by which a provider has what stock made there, of each kind.
func rawIDs(up *providertest.Upstream) shelf {
	s := shelf{completion: "chatcmpl-unknown", response: "resp_unknown", conversation: "conv_unknown", item: "msg_unknown", output: "msg_unknown"}
	for _, request := range up.Requests() {
		parts := strings.Split(strings.TrimPrefix(request.Path, "/v1/"), "/")
		switch {
		case request.Method != http.MethodGet || len(parts) < 2:
		case parts[0] == "conversations":
			s.conversation = parts[1]
		case parts[0] == "chat" && len(parts) > 2:
			s.completion = parts[2]
		}
	}
	s.message = s.completion + "-0"
	return s
}

// What is not one's own is not there, however it is named, wherever it is, and at both
// doors: one answer, and no provider hears of it.
func TestWhatIsNotOnesOwnIsNotThere(t *testing.T) { //nolint:tparallel // they count what the providers are asked
	t.Parallel()
	w := start(t, "")
	for _, model := range []string{native, emulated} {
		a, b, team, gone := w.as("a").stock(t, model, "a"), w.as("b").stock(t, model, "b"), w.as("team").stock(t, model, "team"), w.as("a").stock(t, model, "gone")
		master := w.as("master").stock(t, model, "master")
		w.as("a").discard(t, gone)
		raw := rawIDs(w.ups["openai"])
		for _, r := range routes() {
			if r.local && model == native || r.native && model == emulated {
				continue
			}
			t.Run(model+" "+r.rpc[strings.LastIndexByte(r.rpc, '/')+1:]+" "+r.field, func(t *testing.T) {
				w := w.in(t)
				subject := r.subject(a)
				cases := []struct {
					name, key string
					own       shelf
					id        string
					asked     bool // the provider may be asked: it is the caller's own id
				}{
					{"forged", "a", a, forged(subject), false},
					{"another kind", "a", a, r.other(a), false},
					{"foreign", "b", b, subject, false},
					{"foreign, from above", "team", team, subject, false},
					{"foreign, from the top", "master", master, subject, false},
					{"raw", "b", b, r.subject(raw), false},
					{"unknown", "b", b, strings.TrimSuffix(subject[:9], "x") + "unknown", false},
					{"deleted", "a", a, r.subject(gone), true},
				}
				wantREST, wantGRPC := "", ""
				for _, c := range cases {
					if c.asked && model == native && (r.code == "invalid_cursor" || r.field == "item_reference") {
						continue // the provider says of the first that the list is not there, and keeps the second
					}
					before := w.asked()
					rest, rpc := w.as(c.key).answers(t, r, c.own, c.id)
					if after := w.asked(); after != before && !c.asked {
						t.Errorf("%s: a provider was asked %d times", c.name, after-before)
					}
					if wantREST == "" {
						wantREST, wantGRPC = rest, rpc
						code := "404 "
						if r.code == "invalid_cursor" {
							code = "400 "
						}
						if !strings.HasPrefix(rest, code) || strings.HasPrefix(rpc, "answered") {
							t.Errorf("%s: REST %s, gRPC %s", c.name, rest, rpc)
						}
					}
					if rest != wantREST {
						t.Errorf("%s: REST %s, want %s", c.name, rest, wantREST)
					}
					if rpc != wantGRPC {
						t.Errorf("%s: gRPC %s, want %s", c.name, rpc, wantGRPC)
					}
				}
			})
		}
		// All is where it was.
		for key, s := range map[string]shelf{"a": a, "b": b, "team": team, "master": master} {
			w.as(key).must(t, http.MethodGet, "/v1/responses/"+s.response, "")
			w.as(key).must(t, http.MethodGet, "/v1/conversations/"+s.conversation+"/items/"+s.item, "")
			w.as(key).must(t, http.MethodGet, "/v1/chat/completions/"+s.completion, "")
		}
	}
	for _, key := range []string{"a", "b", "team", "master"} {
		list := w.as(key).must(t, http.MethodGet, "/v1/chat/completions", "").list("data")
		marks := []string{}
		for _, completion := range list {
			marks = append(marks, saidBy(completion))
		}
		if len(list) != 2 || slices.ContainsFunc(marks, func(s string) bool { return !strings.HasSuffix(s, " "+key) }) {
			t.Errorf("%s sees the completions %q", key, marks)
		}
	}
}

// saidBy is the text of a completion.
func saidBy(completion object) string {
	for _, choice := range completion.list("choices") {
		if message, ok := choice["message"].(map[string]any); ok {
			return object(message).text("content")
		}
	}
	return ""
}
