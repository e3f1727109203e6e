package upstream

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// FuzzErrorBody reads whatever a provider may say of an error: what is told is
// bounded, well formed, and has a reason.
func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"error":{"message":"m","type":"t","param":null,"code":"c","x":1}}`,
		`{"error":"text","code":"c"}`,
		`[{"error":{"code":429,"message":"m","status":"S","details":[{"retryDelay":"34.5s","reason":"R"}]}}]`,
		`{"object":"error","message":"m","code":400}`,
		`{"detail":[{"msg":"m"}]}`,
		`{"object":"error","message":{"detail":[{"msg":"m"}]}}`,
		`{"error":{"innererror":{"code":"x"},"code":"` + strings.Repeat("9", 50) + `"}}`,
		"<html>",
		"upstream connect error",
		"\xef\xbb\xbf{}",
	} {
		f.Add([]byte(seed), 400)
	}
	f.Fuzz(func(t *testing.T, text []byte, status int) {
		b := parseErrorBody(text)
		b.status = status
		if _, known := commonv1.ErrorReason_name[int32(b.reason("m1"))]; !known {
			t.Errorf("no reason")
		}
		if b.extra != "" && (len(b.extra) > maxExtra || !json.Valid([]byte(b.extra)) || b.extra[0] != '{') {
			t.Errorf("further members %q", b.extra)
		}
		if b.wait < 0 || !utf8.ValidString(b.message) {
			t.Errorf("wait %v, message %q", b.wait, b.message)
		}
		inside, is := parseInside(text)
		if is && (inside.status < 400 || inside.status > 599) {
			t.Errorf("inside a stream: status %d", inside.status)
		}
		if !is && inside.status != 0 {
			t.Errorf("an error that is none: %+v", inside)
		}
	})
}

func TestMentionsOfErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{}`: false, `{"error":null}`: false, `{"a":1,"error" :` + "\n" + `null,"b":{"error": null}}`: false, `{"delta":"\"error\""}`: false,
		`{"error":{}}`: true, `{"error":null,"x":{"error":"e"}}`: true, `{"type":"error"}`: true, `{"error":`: true, `"error"`: true,
	} {
		if got := mentionsError([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
