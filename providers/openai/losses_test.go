package openai_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// picky is a provider that shows each kind of row.
var picky = openai.Compatible(openai.Quirks{Name: "picky", Fields: openai.Fields{
	Title: "Picky",
	Only:  map[string]string{"messages": "role content"},
	Rows: append(openai.Without("zeta alpha"),
		openai.Field{Path: "seed", As: "number", Why: "unused"},
		openai.Field{Path: "tools.function.description", Drop: true, Kind: commonv1.LossKind_LOSS_KIND_EMULATED, Why: "It is told in another way."},
		openai.Field{Path: "verbosity", Takes: []string{`"low"`}},
		openai.Field{Path: "metadata.k", Refuse: true, Why: "Not k."},
	),
}})

func TestLosses(t *testing.T) {
	t.Parallel()
	p := provider(t, picky, "http://127.0.0.1:1").(providers.Lossy)
	params := &chatv1.ChatCompletionParams{
		MessagesJson: ` [ {"role":"user","content":"a","x":1}, {"role":"user","x":2,"y":null} ] `,
		ToolsJson:    `[{"function":{"description":"d"}}]`,
		Seed:         proto.Int64(7),
		Verbosity:    proto.String("high"),
		Metadata:     map[string]string{"k": "v"},
		ExtraJson:    `{"zeta":1,"alpha":{"a":[]},"number":8}`,
	}
	before := proto.CloneOf(params)
	var got []string
	for _, l := range p.Losses(params, &planv1.Target{Model: "m1"}) {
		got = append(got, l.GetField()+" "+l.GetKind().String()+" "+l.GetDetail())
	}
	want := strings.Join([]string{
		"alpha LOSS_KIND_DROPPED Picky does not take it.",
		"messages.x LOSS_KIND_DROPPED Picky does not take it.",
		"metadata.k LOSS_KIND_DROPPED Not k.",
		"seed LOSS_KIND_DROPPED Picky knows it as `number`, which is there already.",
		"tools.function.description LOSS_KIND_EMULATED It is told in another way.",
		"verbosity LOSS_KIND_DROPPED Picky does not take it.",
		"zeta LOSS_KIND_DROPPED Picky does not take it.",
	}, "\n")
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if !proto.Equal(before, params) {
		t.Error("the request was changed")
	}
	for name, m := range map[string]proto.Message{
		"embeddings":        &embeddingsv1.EmbeddingParams{Model: "m1"},
		"what says nothing": &chatv1.ChatCompletionParams{MessagesJson: `[]`, ExtraJson: `{"zeta":null,"alpha":{}}`},
	} {
		if losses := p.Losses(m, &planv1.Target{}); losses != nil {
			t.Errorf("%s: %v", name, losses)
		}
	}
}

// Where there are no rules, nothing is looked at.
func TestLossesOfOpenAI(t *testing.T) {
	p := provider(t, openai.Type, "http://127.0.0.1:1").(providers.Lossy)
	params, target := &chatv1.ChatCompletionParams{MessagesJson: "[]", ExtraJson: `{"new":1}`}, &planv1.Target{Model: "m1"}
	if n := testing.AllocsPerRun(100, func() {
		if p.Losses(params, target) != nil {
			t.Fatal("lost")
		}
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}
