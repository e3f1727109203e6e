package providertest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestScriptsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "explode", "hang=3", "hang-after", "hang-after=x", "delay=5", "header=X", "status=", "hang,"} {
		if _, err := ParseScript(text); !errors.Is(err, errVerb) {
			t.Errorf("%q: %v", text, err)
		}
	}
	up := Start(t)
	resp, body := post(t, up, strings.Replace(plainBody, "gpt-4o-mini", "fault/explode", 1))
	if e := errorOf(t, body); resp.StatusCode != 400 || !strings.Contains(e.Message, "explode") {
		t.Errorf("%d %+v", resp.StatusCode, e)
	}
}

// The README has each word with what it does.
func TestREADMEHasAllWords(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verbs() {
		word := v.name
		if v.takes != "" {
			word += "=" + v.takes
		}
		if line := "| `" + word + "` | " + v.what + " |"; !strings.Contains(string(b), line) {
			t.Errorf("the README lacks %s", line)
		}
	}
}
