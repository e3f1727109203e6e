package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// recordedBodies are what the benchmarks read and write, as they came over the
// wire: without the white space that some recorders added.
func recordedBodies(b *testing.B) []struct {
	name string
	body string
	make func() proto.Message
} {
	b.Helper()
	reply := func() proto.Message { return new(chatv1.ChatCompletion) }
	chunk := func() proto.Message { return new(chatv1.ChatCompletionChunk) }
	return []struct {
		name string
		body string
		make func() proto.Message
	}{
		{"reply", compact(b, "gomodel/openai/chat_completion.json"), reply},
		{"reply_tools", compact(b, "gomodel/openai/chat_with_tools.json"), reply},
		{"reply_groq", compact(b, "vercel-ai/groq/groq-text.json"), reply},
		{"reply_xai", compact(b, "gomodel/xai/chat_completion.json"), reply},
		{"reply_logprobs", compact(b, "openai-openapi/reply_logprobs.json"), reply},
		{"chunk", payload(b, "gomodel/openai/chat_completion_stream.txt", 2), chunk},
		{"chunk_groq", payload(b, "vercel-ai/groq/groq-text.chunks.txt", 2), chunk},
	}
}

// BenchmarkRecorded reads and writes everything that was recorded and that
// protojson can read too: an operation is the whole of it.
func BenchmarkRecorded(b *testing.B) {
	var all []document
	var read []proto.Message
	size := 0
	unmarshal := protojson.UnmarshalOptions{DiscardUnknown: true}
	for _, doc := range documents(b) {
		doc.text = compacted(b, doc.text)
		if unmarshal.Unmarshal([]byte(doc.text), doc.make()) == nil {
			all, size = append(all, doc), size+len(doc.text)
			m := doc.make()
			decode(b, doc.text, m)
			read = append(read, m)
		}
	}
	run := func(name string, each func(int, document) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for i, doc := range all {
					if err := each(i, doc); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	run("decode/codec", func(_ int, doc document) error { return codec.Decode(doc.text, doc.make(), wire.Limits{}) })
	run("decode/protojson", func(_ int, doc document) error { return unmarshal.Unmarshal([]byte(doc.text), doc.make()) })
	var out []byte
	run("encode/codec", func(i int, doc document) (err error) {
		out, err = codec.Append(out[:0], read[i], doc.mode)
		return err
	})
	marshal := protojson.MarshalOptions{UseProtoNames: true}
	run("encode/protojson", func(i int, _ document) (err error) {
		out, err = marshal.MarshalAppend(out[:0], read[i])
		return err
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range recordedBodies(b) {
		b.Run(c.name+"/codec", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := codec.Decode(c.body, c.make(), wire.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/protojson", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			body := []byte(c.body)
			options := protojson.UnmarshalOptions{DiscardUnknown: true}
			for b.Loop() {
				if err := options.Unmarshal(body, c.make()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range recordedBodies(b) {
		m := c.make()
		if err := codec.Decode(c.body, m, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/codec", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out, _ = codec.Append(out[:0], m, wire.Reply)
			}
		})
		b.Run(c.name+"/protojson", func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			var out []byte
			options := protojson.MarshalOptions{UseProtoNames: true}
			for b.Loop() {
				var err error
				if out, err = options.MarshalAppend(out[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSkip decodes requests whose weight is in `messages` and `tools`: what
// is measured is the skipping pass.
func BenchmarkSkip(b *testing.B) {
	for _, c := range conversations(b) {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				var m chatv1.ChatCompletionParams
				if err := codec.DecodeChatCompletionParams(c.body, &m, wire.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExpand turns the same requests into their typed form, and
// BenchmarkEncodeExpanded writes that form.
func BenchmarkExpand(b *testing.B) {
	for _, c := range conversations(b) {
		var m chatv1.ChatCompletionParams
		if err := codec.DecodeChatCompletionParams(c.body, &m, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				out := codec.ShallowCopyChatCompletionParams(&m)
				if err := codec.ExpandChatCompletionParams(out, wire.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeExpanded(b *testing.B) {
	for _, c := range conversations(b) {
		var m chatv1.ChatCompletionParams
		if err := codec.DecodeChatCompletionParams(c.body, &m, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		if err := codec.ExpandChatCompletionParams(&m, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out = codec.AppendChatCompletionParams(out[:0], &m, wire.Request)
			}
		})
	}
}

type conversation struct{ name, body string }

// conversations are requests made of recorded replies and of a spec's tool.
func conversations(b *testing.B) []conversation {
	b.Helper()
	var prose, code []string
	for _, f := range []string{
		"vercel-ai/groq/groq-text.json", "vercel-ai/groq/groq-reasoning.json",
		"vercel-ai/deepseek/deepseek-text.json", "vercel-ai/mistral/mistral-text.json",
		"gomodel/xai/chat_completion.json", "gomodel/openai/chat_multimodal.json",
	} {
		var m chatv1.ChatCompletion
		if err := codec.DecodeChatCompletion(recorded(b, f), &m, wire.Limits{}); err != nil {
			b.Fatal(err)
		}
		prose = append(prose, m.GetChoices()[0].GetMessage().GetContent())
	}
	for paragraph := range strings.SplitSeq(source(b), "\n\n") {
		code = append(code, paragraph)
	}
	var russian []string
	for range 4 {
		russian = append(russian, strings.Repeat("Поезд отправляется с третьего пути в семь часов утра. ", 20))
	}
	var request struct{ Tools []json.RawMessage }
	if err := json.Unmarshal([]byte(recorded(b, "openai-openapi/request_functions.json")), &request); err != nil {
		b.Fatal(err)
	}
	tool := new(bytes.Buffer)
	if err := json.Compact(tool, request.Tools[0]); err != nil {
		b.Fatal(err)
	}
	indented := new(bytes.Buffer)
	if err := json.Indent(indented, []byte(history(prose, 32<<10)), "", "  "); err != nil {
		b.Fatal(err)
	}
	return []conversation{
		{"prose_1K", history(prose, 1<<10)},
		{"prose_32K", history(prose, 32<<10)},
		{"prose_1M", history(prose, 1<<20)},
		{"code_32K", history(code, 32<<10)},
		{"cyrillic_32K", history(russian, 32<<10)},
		{"short_32K", history([]string{"Yes.", "No, the other one.", "Thank you"}, 32<<10)},
		{"indented_32K", indented.String()},
		{"tools_32K", toolbox(tool.String(), 32<<10)},
	}
}

// history is a request of about this size, whose messages say these texts.
func history(texts []string, size int) string {
	var messages []string
	for n, i := 0, 0; n < size; i++ {
		text, _ := json.Marshal(texts[i%len(texts)])
		role := []string{"user", "assistant"}[i%2]
		messages = append(messages, fmt.Sprintf(`{"role":%q,"content":%s}`, role, text))
		n += len(messages[i])
	}
	return `{"model":"gpt-5.4","messages":[` + strings.Join(messages, ",") + `],"temperature":0.7,"stream":true}`
}

// toolbox is a request of about this size, whose weight is in its tools.
func toolbox(tool string, size int) string {
	tools := strings.Repeat(tool+",", size/len(tool))
	return `{"model":"gpt-5.4","messages":[{"role":"user","content":"Hello"}],"tools":[` + strings.TrimSuffix(tools, ",") + `]}`
}

func compact(tb testing.TB, name string) string {
	tb.Helper()
	return compacted(tb, recorded(tb, name))
}

func compacted(tb testing.TB, text string) string {
	tb.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// payload is the n-th event of a recorded stream.
func payload(tb testing.TB, name string, n int) string {
	tb.Helper()
	return payloads(tb, name)[n]
}

// source is a piece of program text: the decoder's own.
func source(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("decode.go")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
