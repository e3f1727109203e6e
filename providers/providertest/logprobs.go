package providertest

import "encoding/base64"

// logprobsOf is the `logprobs` of a choice or a chunk with these tokens: null unless
// asked for. Models that reason have none at all.
func logprobsOf(a *ask, refusal bool, pieces []string) *node {
	if !a.root.get("logprobs").is() || reasons(a.model) {
		return nil
	}
	top, _ := a.root.get("top_logprobs").integer()
	said := list()
	for i, p := range pieces {
		said.elems = append(said.elems, logprob(p, int(top), i))
	}
	if refusal {
		return obj("content", nil, "refusal", said)
	}
	return obj("content", said, "refusal", nil)
}

// logprob is the likelihood of one token, and of those that it was chosen over.
func logprob(token string, top, i int) *node {
	likely := -0.0012038043 - float64(i%7)/100
	others := list()
	for k := range top {
		other := token
		if k > 0 {
			other = string(rune('a' + k - 1))
		}
		others.elems = append(others.elems, obj("token", other, "logprob", likely-float64(k)*2.25, "bytes", bytesOf(other)))
	}
	return obj("token", token, "logprob", likely, "bytes", bytesOf(token), "top_logprobs", others)
}

// bytesOf returns a text's bytes as numbers.
func bytesOf(s string) *node {
	out := list()
	for i := range len(s) {
		out.elems = append(out.elems, valueOf(int(s[i])))
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
func spokenAudio(a *ask, text string) *node {
	return obj(
		"id", "audio_"+a.id[:24], "data", base64.StdEncoding.EncodeToString([]byte(text)),
		"expires_at", modelsCreated+3600, "transcript", text,
	)
}
