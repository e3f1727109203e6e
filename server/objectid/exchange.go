package objectid

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Exchanged is a JSON text whose ids are those of upstreams.
type Exchanged struct {
	// JSON is the text. It is the text that was given where there was nothing to
	// exchange.
	JSON string
	// Instances are the instances that have the objects, each once, in the order in
	// which they come. Empty: there was nothing to exchange. A caller checks that
	// all are the one that the text goes to; "" is the gateway's own store.
	Instances []string
}

// TokenError says which id in a text could not be opened. It is ErrNotFound.
type TokenError struct {
	// Token is the id.
	Token string
}

// Error names the id.
func (e *TokenError) Error() string { return fmt.Sprintf("%s: %v", e.Token, ErrNotFound) }

// Unwrap returns ErrNotFound.
func (*TokenError) Unwrap() error { return ErrNotFound }

// maxToken is the longest id.
const maxToken = MaxPrefix + len(version) + (maxPayload*8+5)/6

// Exchange puts the upstream's id in the place of each of our ids in a JSON text and
// leaves all other bytes as they are. The text is valid JSON. An id is a whole string:
// one inside of a longer text, or inside of JSON that is itself a string (the
// arguments of a function call), is what a caller or a model says about an id, and
// stays. The error is a *TokenError for the first id that this owner may not open.
func (s *Sealer) Exchange(text, owner string) (Exchanged, error) {
	var (
		out   strings.Builder
		done  int // what is written
		found Exchanged
	)
	for from := 0; ; {
		at := strings.Index(text[from:], mark)
		if at < 0 {
			break
		}
		at += from
		from = at + len(mark)
		begin, end := token(text, at)
		if end == 0 {
			continue
		}
		ref, err := s.open(text[begin:at], text[at:end], owner)
		if err != nil {
			return Exchanged{}, &TokenError{Token: text[begin:end]}
		}
		quoted, err := json.Marshal(ref.UpstreamID)
		if err != nil {
			return Exchanged{}, fmt.Errorf("quote the id of %s: %w", text[begin:end], err)
		}
		if done == 0 {
			out.Grow(len(text))
		}
		out.WriteString(text[done : begin-1])
		out.Write(quoted)
		from, done = end, end+1
		if !slices.Contains(found.Instances, ref.Instance) {
			found.Instances = append(found.Instances, ref.Instance)
		}
	}
	if done == 0 {
		return Exchanged{JSON: text}, nil
	}
	out.WriteString(text[done:])
	found.JSON = out.String()
	return found, nil
}

// token returns the bounds of the string whose content is an id with its mark at a
// place. end is 0 where there is none. It looks no further than an id is long.
func token(text string, at int) (begin, end int) {
	if !marked(text, at) {
		return 0, 0
	}
	begin = at
	for begin > 0 && at-begin <= MaxPrefix && idByte(text[begin-1]) {
		begin--
	}
	// A quote after a backslash is a character of a longer string.
	if begin == 0 || text[begin-1] != '"' || begin > 1 && text[begin-2] == '\\' {
		return 0, 0
	}
	end = at
	for end < len(text) && end-begin <= maxToken && idByte(text[end]) {
		end++
	}
	if end == len(text) || text[end] != '"' {
		return 0, 0
	}
	return begin, end
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
