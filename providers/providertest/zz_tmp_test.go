package providertest_test

import (
	"testing"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

func TestTmpSDK(t *testing.T) {
	up := providertest.Start(t, func(p *providertest.Params){ p.AllowHeaders = []string{"*"} })
	c := openai.NewClient(option.WithBaseURL(up.URL()), option.WithAPIKey(up.Key()))
	r, err := c.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
	if err != nil { t.Fatal(err) }
	t.Log(r.Choices[0].Message.Content, r.Usage.TotalTokens)
	s := c.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{Model: "gpt-4o", StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}, N: openai.Int(2), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
	acc := openai.ChatCompletionAccumulator{}
	for s.Next() { if !acc.AddChunk(s.Current()) { t.Error("bad chunk") } }
	if s.Err() != nil { t.Fatal(s.Err()) }
	t.Log(acc.Choices[0].Message.Content, acc.Choices[1].Message.Content, acc.Usage.TotalTokens)
	_, err = c.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: "nope", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
	t.Log(err)
	p := c.Models.ListAutoPaging(t.Context()); n := 0
	for p.Next() { n++ }
	t.Log(n, p.Err())
}
