package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// limitedKey may use one model alone.
const limitedKey = "sk-limited-to-one-model"

// limitedConfig has limitedKey.
func limitedConfig() string {
	return fmt.Sprintf("auth:\n  keys:\n    - {name: limited, sha256: %x, allowed_models: [%s]}\n", sha256.Sum256([]byte(limitedKey)), model)
}

// readings are the models that a body could be understood to name: by parsers that
// take the first or the last of two, that do not look at case, that know escapes or
// do not.
func readings(t *rapid.T, body []byte) []string {
	var found []string
	var loose struct {
		Model any `json:"model"`
	}
	if err := json.Unmarshal(body, &loose); err != nil { // the last one, in any case
		t.Fatalf("%v: %s", err, body)
	}
	found = append(found, fmt.Sprint(loose.Model))
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if text, _ := name.(string); strings.EqualFold(text, "model") {
			found = append(found, fmt.Sprint(value))
		}
	}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one value: %s", body)
	}
	return found
}

// modelNames are spellings of the name "model", of JSON and of people.
var modelNames = []string{
	"model", "model", "model", "Model", "MODEL", "modeL", `\u006dodel`, `mode\u006c`, `\u006d\u006f\u0064\u0065\u006c`, `\u004dodel`, `mo\u0064el`,
	" model", "model ", `model\u0000`, `\u006Dodel`, "models", "m\u03bfdel",
}

// values that a model could have.
var modelValues = []string{
	`"gpt-4o-mini"`, `"gpt-4o-mini"`, `"gpt-4o"`, `"gpt-4o-m\u0069ni"`, `"gpt-4\u006f"`, `"openai/gpt-4o"`, `"openai/gpt-4o-mini"`, `null`, `7`, `["gpt-4o"]`, `{"model":"gpt-4o"}`, `"GPT-4o"`, `" gpt-4o"`, `""`,
}

// The model that a key was allowed is the model that is asked for upstream, whatever
// a body looks like and whoever reads it there.
func TestModelAllowedIsModelAsked(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t, func(p *providertest.Params) { p.AcceptUnknown = true })
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(limitedConfig()+"upstream:\n  max_attempts: 1\n  breaker_failure_percent: 100\n"))
	client := chatv1.NewChatServiceClient(gw.Dial(limitedKey))
	member := rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
			return rapid.SampledFrom([]string{`"user":"x"`, `"x":{"model":"gpt-4o"}`, `"metadata":{"model":"gpt-4o"}`, `"stream":false`, `"n":1`}).Draw(t, "member")
		}
		space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
		return `"` + rapid.SampledFrom(modelNames).Draw(t, "name") + `"` + space + ":" + space + rapid.SampledFrom(modelValues).Draw(t, "value")
	})
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfN(member, 0, 3).Draw(t, "members")
		before := up.Calls()
		if rapid.Bool().Draw(t, "grpc") {
			extra := ""
			if len(members) > 0 {
				extra = "{" + strings.Join(members, ",") + "}"
			}
			// What comes of it is of no matter here: only what went upstream.
			_, _ = client.CreateChatCompletion(t.Context(), &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{
				Model: model, MessagesJson: `[{"role":"user","content":"x"}]`, ExtraJson: extra,
			}})
		} else {
			at := rapid.IntRange(0, len(members)).Draw(t, "at")
			members = append(members[:at:at], append([]string{`"messages":[{"role":"user","content":"x","model":"gpt-4o"}]`}, members[at:]...)...)
			gw.Post(chatPath, "{"+strings.Join(members, ",")+"}", "Authorization", "Bearer "+limitedKey)
		}
		if up.Calls() == before {
			return
		}
		passed++
		all := up.Chats()
		sent := all[len(all)-1].Body
		for _, reading := range readings(t, sent) {
			if reading != model {
				t.Fatalf("%q is asked for: %s", reading, sent)
			}
		}
	})
	t.Logf("%d calls went upstream", passed)
	if passed == 0 {
		t.Error("no call went upstream")
	}
	_ = up.TakeViolations() // a member twice is one, and was looked for above
}
