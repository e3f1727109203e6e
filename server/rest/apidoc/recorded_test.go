package apidoc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// What providers answered, as the gateway writes it, fits the schema of the reply.
func TestRecordedReplies(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	files, err := filepath.Glob("testdata/*_*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			for _, text := range bodies(t, file) {
				message := kindOf(file)
				schema := string(message.ProtoReflect().Descriptor().Name())
				if err := codec.Decode(text, message, wire.Limits{}); err != nil {
					t.Fatal(err)
				}
				written, err := codec.Append(nil, message, wire.Reply)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Components.Schemas.validateText(schema, string(written)); err != nil {
					t.Errorf("%s\n%v", written, err)
				}
			}
		})
	}
}

// kindOf is the message of a recording's documents.
func kindOf(file string) proto.Message {
	stream := filepath.Ext(file) == ".txt"
	switch responses := strings.Contains(file, "_responses"); {
	case responses && stream:
		return &responsesv1.StreamEvent{}
	case responses:
		return &responsesv1.Response{}
	case stream:
		return &chatv1.ChatCompletionChunk{}
	default:
		return &chatv1.ChatCompletion{}
	}
}

// bodies are the documents of a recording: one, or one for each event.
func bodies(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(file) == ".json" {
		return []string{string(raw)}
	}
	var list []string
	for line := range strings.Lines(string(raw)) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != "[DONE]" {
			list = append(list, data)
		}
	}
	return list
}

func TestReasonsMeanWhatTheGatewayAnswers(t *testing.T) {
	t.Parallel()
	byName := map[string]string{}
	for _, r := range readDocument(t).Reasons {
		byName[r.Reason] = r.Status + " " + strings.ToLower(strings.ReplaceAll(r.Code, "_", ""))
	}
	for number, name := range commonv1.ErrorReason_name {
		reason := commonv1.ErrorReason(number)
		got, ok := byName[name]
		switch reason {
		case commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED:
			if ok {
				t.Errorf("%s is never sent, but described", name)
			}
		case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED:
			if got != "400 to 499 " {
				t.Errorf("%s is described as %q", name, got)
			}
		default:
			f := failure.New(reason, "")
			code := strings.ToLower(f.GRPCCode().String())
			if code == "canceled" {
				code = "cancelled"
			}
			if want := strings.Join([]string{strconv.Itoa(f.HTTPStatus()), code}, " "); got != want {
				t.Errorf("%s is described as %q, want %q", name, got, want)
			}
		}
	}
}
