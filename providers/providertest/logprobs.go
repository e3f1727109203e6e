package providertest

import (
	"encoding/base64"
	"encoding/json"
)

// logprobsOf is the `logprobs` of a choice or a chunk with these tokens: left out
// by models that reason, null unless asked for.
func logprobsOf(a *ask, refusal bool, pieces []string) json.RawMessage {
	if reasons(a.model) {
		return nil
	}
	if !a.root.get("logprobs").is() {
		return json.RawMessage(null)
	}
	top, _ := a.root.get("top_logprobs").integer()
	list := make([]tokenLogprob, len(pieces))
	for i, p := range pieces {
		list[i] = logprob(p, int(top), i)
	}
	l := logprobs{Content: list}
	if refusal {
		l = logprobs{Refusal: list}
	}
	b, _ := marshal(l) // no value of it can fail
	return b
}

// logprob is the likelihood of one token, and of those that it was chosen over.
func logprob(token string, top, i int) tokenLogprob {
	l := tokenLogprob{Token: token, Logprob: -0.0012038043 - float64(i%7)/100, Bytes: bytesOf(token), TopLogprobs: []tokenLogprob{}}
	for k := range top {
		other := token
		if k > 0 {
			other = string(rune('a' + k - 1))
		}
		l.TopLogprobs = append(l.TopLogprobs, tokenLogprob{Token: other, Logprob: l.Logprob - float64(k)*2.25, Bytes: bytesOf(other)})
	}
	return l
}

// bytesOf returns a text's bytes as numbers.
func bytesOf(s string) []int {
	out := make([]int, len(s))
	for i := range len(s) {
		out[i] = int(s[i])
	}
	return out
}

// wantsAudio says whether the reply is spoken.
func wantsAudio(a *ask) bool {
	for _, m := range a.root.get("modalities").items() {
		if m.str() == "audio" {
			return true
		}
	}
	return false
}

// spokenAudio is a text as sound: its bytes stand for the samples.
func spokenAudio(a *ask, text string) *audio {
	return &audio{
		ID: "audio_" + a.id[:24], Data: base64.StdEncoding.EncodeToString([]byte(text)),
		ExpiresAt: modelsCreated + 3600, Transcript: text,
	}
}
