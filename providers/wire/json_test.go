package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// value is the oracle: what encoding/json reads, with numbers as they are
// spelled.
func value(tb testing.TB, text string) any {
	tb.Helper()
	v, err := parse(text)
	if err != nil {
		tb.Fatalf("%v: %.300s", err, text)
	}
	return v
}

func parse(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("trailing data")
	}
	return v, nil
}

// compare returns how got differs from want, one line each: members that got has
// and want has not as "+choices[].logprobs=null", everything else with the place
// and both values. Numbers are equal when their values are, however spelled.
func compare(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		var out []string
		for k, v := range want {
			if w, ok := got[k]; ok {
				out = append(out, compare(path+"."+k, v, w)...)
			} else {
				out = append(out, "-"+path+"."+k+"="+text(v))
			}
		}
		for k, v := range got {
			if _, ok := want[k]; !ok {
				out = append(out, "+"+strings.TrimPrefix(path+"."+k, ".")+"="+text(v))
			}
		}
		return out
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		var out []string
		for i := range want {
			out = append(out, compare(path+"[]", want[i], got[i])...)
		}
		return out
	case json.Number:
		if got, ok := got.(json.Number); ok && sameNumber(string(want), string(got)) {
			return nil
		}
	default:
		if want == got {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: %s became %s", path, text(want), text(got))}
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok1 && ok2 && x.Cmp(y) == 0
}

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
