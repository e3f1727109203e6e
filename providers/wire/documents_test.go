package wire_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// document is one recorded JSON document.
type document struct {
	name string
	text string
	kind proto.Message // what it is, unset
	mode wire.Mode
}

// make returns an empty message of the document's kind.
func (d document) make() proto.Message { return d.kind.ProtoReflect().New().Interface() }

// area is what the documents of a folder are.
type area struct{ request, reply, event proto.Message }

// areas are the folders by name. What stands in none of them is chat.
var areas = map[string]area{
	"":              {new(chatv1.ChatCompletionParams), new(chatv1.ChatCompletion), new(chatv1.ChatCompletionChunk)},
	"responses":     {new(responsesv1.ResponseParams), new(responsesv1.Response), new(responsesv1.StreamEvent)},
	"embeddings":    {new(embeddingsv1.EmbeddingParams), new(embeddingsv1.EmbeddingList), nil},
	"conversations": {new(conversationsv1.ConversationParams), new(conversationsv1.Conversation), nil},
}

// exceptions are the documents that are of another kind than their folder says.
var exceptions = map[string]proto.Message{
	"models.json":                       new(modelsv1.ListModelsResponse),
	"responses/compaction.json":         new(responsesv1.Compaction),
	"responses/deleted.json":            new(responsesv1.DeleteResponseResponse),
	"responses/input_items.json":        new(responsesv1.ListInputItemsResponse),
	"responses/input_tokens.json":       new(responsesv1.CountInputTokensResponse),
	"conversations/deleted.json":        new(conversationsv1.DeleteConversationResponse),
	"conversations/item.json":           new(responsesv1.Item),
	"conversations/items_created.json":  new(conversationsv1.ConversationItemList),
	"conversations/items_listed.json":   new(conversationsv1.ConversationItemList),
	"conversations/request_items.json":  new(conversationsv1.ConversationItemsParams),
	"conversations/request_update.json": new(conversationsv1.UpdateConversationParams),
}

// documents returns everything in testdata/recorded.
func documents(tb testing.TB) []document {
	tb.Helper()
	root, err := os.OpenRoot(filepath.Join("testdata", "recorded"))
	if err != nil {
		tb.Fatal(err)
	}
	defer root.Close()
	var out []document
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".md") {
			return err
		}
		out = append(out, read(tb, name)...)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// read returns the documents of one recorded file.
func read(tb testing.TB, name string) []document {
	tb.Helper()
	base, folder := filepath.Base(name), filepath.Base(filepath.Dir(name))
	in, ok := areas[folder]
	if !ok {
		in, folder = areas[""], ""
	}
	exception := exceptions[strings.TrimPrefix(folder+"/"+base, "/")]
	switch {
	case exception != nil && strings.HasPrefix(base, "request_"):
		return []document{{name, recorded(tb, name), exception, wire.Request}}
	case exception != nil:
		return []document{{name, recorded(tb, name), exception, wire.Reply}}
	case strings.Contains(base, "-error.") && strings.HasSuffix(base, ".json"):
		inner, _ := wire.Member(recorded(tb, name), "error")
		return []document{{name, inner, new(commonv1.ApiError), wire.Reply}}
	case strings.HasPrefix(base, "request_"):
		return []document{{name, recorded(tb, name), in.request, wire.Request}}
	case strings.HasSuffix(base, ".json"):
		return []document{{name, recorded(tb, name), in.reply, wire.Reply}}
	default:
		var out []document
		for _, text := range payloads(tb, name) {
			out = append(out, document{name, text, in.event, wire.Reply})
		}
		return out
	}
}

func recorded(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "recorded", filepath.FromSlash(name)))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// payloads returns the documents of a recorded stream: one for each event of an
// SSE stream, or one for each line.
func payloads(tb testing.TB, name string) []string {
	tb.Helper()
	var out []string
	for line := range strings.Lines(recorded(tb, name)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "data:"))
		if strings.HasPrefix(line, "{") {
			out = append(out, line)
		}
	}
	return out
}
