package usage_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/server/usage"
)

func TestClassesAreDisjoint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, reported, want string }{
		{"totals alone", `prompt_tokens: 9 completion_tokens: 3 total_tokens: 12`, `input: 9 output: 3`},
		{
			"details that say nothing was cached",
			`prompt_tokens: 9 completion_tokens: 3 prompt_tokens_details { cached_tokens: 0 audio_tokens: 0 } completion_tokens_details { reasoning_tokens: 0 }`,
			`input: 9 cache_read: 0 input_audio: 0 output: 3 reasoning: 0`,
		},
		{
			"everything",
			`prompt_tokens: 100 completion_tokens: 50
			 prompt_tokens_details { cached_tokens: 40 audio_tokens: 10 image_tokens: 5 cache_write_tokens: 20 }
			 completion_tokens_details { reasoning_tokens: 30 audio_tokens: 4 rejected_prediction_tokens: 6 accepted_prediction_tokens: 2 }`,
			`input: 25 cache_read: 40 cache_writes { tokens: 20 } input_audio: 10 input_image: 5 output: 10 reasoning: 30 output_audio: 4 rejected_prediction: 6`,
		},
		{
			"parts that exceed their total",
			`prompt_tokens: 5 completion_tokens: 1 prompt_tokens_details { cached_tokens: 9 }`,
			`input: 0 cache_read: 9 output: 1`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reported, want := &chatv1.CompletionUsage{}, &usagev1.TokenUsage{}
			if err := prototext.Unmarshal([]byte(tt.reported), reported); err != nil {
				t.Fatal(err)
			}
			if err := prototext.Unmarshal([]byte(tt.want), want); err != nil {
				t.Fatal(err)
			}
			if got := usage.OfCompletion(reported); !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestWhatNobodyReportedStaysUnknown(t *testing.T) {
	t.Parallel()
	if got := usage.OfCompletion(nil); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}
