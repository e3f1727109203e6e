package providertest

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// RunProfile is what the adapter of a provider passes against that provider as a
// profile plays it: what it sends is taken, what it returns is as OpenAI's, and the
// provider's own errors become the failures that they mean.
func RunProfile(t *testing.T, profile string, factory ChatterFactory) {
	s := &profileSuite{profile: profile, factory: factory}
	t.Run("words", s.testWords)
	t.Run("tools", s.testTools)
	t.Run("thoughts", s.testThoughts)
	t.Run("failures", s.testFailures)
	t.Run("models", s.testModels)
}

// profileSuite is what all its tests share.
type profileSuite struct {
	profile string
	factory ChatterFactory
}

// rig starts an upstream and an adapter for it.
func (s *profileSuite) rig(t testing.TB, opts ...Option) *rig {
	t.Helper()
	up := Start(t, append(opts, Playing(s.profile))...)
	return &rig{t: t, up: up, chatter: s.factory(t, up.URL(), up.Key(), bounds(longWait))}
}

// plain is a model that says at once what it has to say.
func (u *Upstream) plain() string { return u.models.ids[0] }

// ask is a call for a model, with messages as JSON. A stream is asked for its usage.
func (s *profileSuite) ask(model, messages string, stream bool) *providers.ChatCall {
	c := aimed(&chatv1.ChatCompletionParams{Model: "alias-of-the-client", MessagesJson: messages}, model)
	c.Target.ProviderType = s.profile
	if stream {
		c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
	}
	return c
}

// testWords has plain text come whole, with its usage.
func (s *profileSuite) testWords(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stream bool) {
		r := s.rig(t)
		c := s.ask(r.up.plain(), `[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello."}]}]`, stream)
		got := r.run(t.Context(), c, stream)
		if got.err != nil {
			t.Fatal(got.err)
		}
		if got.text() != "You said: Hello." || got.finish() != "stop" {
			t.Errorf("%q, %s", got.text(), got.finish())
		}
		s.checkUsage(t, got, c.Exchange)
		checkChunks(t, got.chunks)
	})
}

// checkUsage judges that usage came, and that its parts are the whole.
func (s *profileSuite) checkUsage(t *testing.T, got result, x *providers.Exchange) {
	t.Helper()
	use := got.reply.GetUsage()
	for _, chunk := range got.chunks {
		if chunk.GetUsage() != nil {
			use = chunk.GetUsage()
		}
	}
	if use.GetTotalTokens() == 0 || use.GetTotalTokens() != use.GetPromptTokens()+use.GetCompletionTokens() || !strings.Contains(x.UsageJSON, `"total_tokens"`) {
		t.Errorf("the usage is %v, %q", use, x.UsageJSON)
	}
}

// checkChunks judges what clients rely on in all chunks.
func checkChunks(t *testing.T, chunks []*chatv1.ChatCompletionChunk) {
	t.Helper()
	roles, ends := 0, 0
	for i, chunk := range chunks {
		if chunk.GetId() == "" || chunk.GetId() != chunks[0].GetId() || chunk.GetModel() != chunks[0].GetModel() {
			t.Errorf("the chunk %d is of another stream: %v", i, chunk)
		}
		for _, c := range chunk.GetChoices() {
			if c.GetDelta().GetRole() != "" {
				roles++
			}
			if c.GetFinishReason() != "" {
				ends++
			}
		}
	}
	if len(chunks) > 0 && (roles != 1 || ends != 1) {
		t.Errorf("%d roles and %d finish reasons", roles, ends)
	}
}

// toolMessages are a question whose answer is a tool's.
const toolMessages = `{"role":"user","content":"Call get_weather."}`

// testTools has tools called, and their answers taken.
func (s *profileSuite) testTools(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stream bool) {
		r := s.rig(t)
		c := s.ask(r.up.plain(), "["+toolMessages+"]", stream)
		c.Params.ToolsJson = weatherTool
		got := r.run(t.Context(), c, stream)
		if got.err != nil {
			t.Fatal(got.err)
		}
		checkChunks(t, got.chunks)
		id, name, arguments, typ := called(got)
		if id == "" || name != "get_weather" || arguments != `{"z":"text","a":1}` || typ != "function" || got.finish() != "tool_calls" {
			t.Errorf("the call is %s: %s %s(%s), %s", id, typ, name, arguments, got.finish())
		}
		again := s.ask(r.up.plain(), "["+toolMessages+`,{"role":"assistant","content":null,"tool_calls":[{"id":"`+id+`","type":"function","function":{"name":"get_weather","arguments":`+
			string(quoted(arguments))+`}}]},{"role":"tool","tool_call_id":"`+id+`","content":"Rain."}]`, stream)
		again.Params.ToolsJson = weatherTool
		if got := r.run(t.Context(), again, stream); got.err != nil || got.finish() != "stop" {
			t.Errorf("the tool's answer: %q, %v", got.text(), got.err)
		}
	})
}

// called puts a call together: each of its parts must come once.
func called(got result) (id, name, arguments, typ string) {
	add := func(calls []*chatv1.ToolCall) {
		for _, c := range calls {
			id, name, arguments, typ = id+c.GetId(), name+c.GetFunction().GetName(), arguments+c.GetFunction().GetArguments(), typ+c.GetType()
		}
	}
	for _, c := range got.reply.GetChoices() {
		add(c.GetMessage().GetToolCalls())
	}
	for _, chunk := range got.chunks {
		for _, c := range chunk.GetChoices() {
			add(c.GetDelta().GetToolCalls())
		}
	}
	return id, name, arguments, typ
}

// testThoughts has models that think say their words whole, their thoughts apart,
// and count both.
func (s *profileSuite) testThoughts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stream bool) {
		r := s.rig(t)
		i := slices.IndexFunc(r.up.models.ids, r.up.profile.thinks)
		if i < 0 { // at OpenAI and Azure nobody sees what is thought
			return
		}
		c := s.ask(r.up.models.ids[i], `[{"role":"user","content":"Hello."}]`, stream)
		got := r.run(t.Context(), c, stream)
		if got.err != nil || got.text() != "You said: Hello." {
			t.Fatalf("%q, %v", got.text(), got.err)
		}
		s.checkUsage(t, got, c.Exchange)
		checkChunks(t, got.chunks)
	})
}

// testFailures has the provider's own errors give their failures.
func (s *profileSuite) testFailures(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stream bool) {
		for _, c := range []fault{
			{script: "status=401,times=-1", reasons: because(refusedKey)},
			{script: "status=429,times=-1", reasons: because(rateLimited)},
			{script: "status=500,times=-1", reasons: because(failed)},
			{script: "status=503,times=-1", reasons: because(overloaded)},
			{script: "status=400,message=No.,times=-1", reasons: because(rejected)},
			{script: "error-at=3", by: streamOnly, reasons: because(failed, overloaded, truncated)},
		} {
			if !stream && c.by == streamOnly {
				continue
			}
			r := s.rig(t)
			r.up.EnqueueText(t, c.script)
			s.checkReason(t, r, r.up.plain(), stream, c)
		}
		s.checkReason(t, s.rig(t), "nobody", stream, fault{script: "a model that is not there", reasons: because(modelNotFound)})
	})
}

// checkReason judges the failure of a call for a model.
func (s *profileSuite) checkReason(t *testing.T, r *rig, model string, stream bool, want fault) {
	t.Helper()
	got := r.run(t.Context(), s.ask(model, `[{"role":"user","content":"Hello."}]`, stream), stream)
	e := failure.As(got.err)
	if e == nil || !slices.Contains(want.reasons, e.Reason) || e.Message == "" {
		t.Errorf("%s: %v, want %v", want.script, got.err, want.reasons)
	} else if strings.Contains(got.err.Error(), r.up.Key()) {
		t.Errorf("%s: the failure shows the key: %v", want.script, got.err)
	}
}

// testModels has the list of models come, where the adapter asks for it.
func (s *profileSuite) testModels(t *testing.T) {
	t.Parallel()
	r := s.rig(t)
	lister, ok := r.chatter.(providers.Lister)
	if !ok {
		return
	}
	models, err := lister.ListModels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range models {
		ids = append(ids, m.GetId())
	}
	if r.up.profile.catalogue {
		return // what is listed is not what can be called
	}
	if !slices.Equal(ids, r.up.models.ids) {
		t.Errorf("the models are %q, want %q", ids, r.up.models.ids)
	}
}
