package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// mask replaces what the gateway makes up and what is never twice the same: ids, as
// "<resp-1>", and the present time, as "<now>". Ids of one conversation keep their
// names over its rounds.
type mask struct {
	given []string          // what client and provider sent; it is never replaced
	names map[string]string // placeholders by id
	count map[string]int    // of each prefix
}

func newMask() *mask { return &mask{names: map[string]string{}, count: map[string]int{}} }

var (
	madeUpID = regexp.MustCompile(`"([a-z]{2,10})[-_][A-Za-z0-9_-]{12,}"`)
	timeOf   = regexp.MustCompile(`"(created|created_at|completed_at|expires_at)":(\d{10})(\.0)?\b`)
)

// now is how far a time may be from the present.
const now = time.Hour

// know takes down what was not made up.
func (m *mask) know(text string) { m.given = append(m.given, text) }

// knows says whether a text was sent by client or provider.
func (m *mask) knows(text string) bool {
	for _, given := range m.given {
		if strings.Contains(given, text) {
			return true
		}
	}
	return false
}

// apply puts the placeholders in.
func (m *mask) apply(text string) string {
	text = madeUpID.ReplaceAllStringFunc(text, func(quoted string) string {
		id := strings.Trim(quoted, `"`)
		if m.names[id] == "" {
			prefix := madeUpID.FindStringSubmatch(quoted)[1]
			if m.knows(id) || strings.ToLower(id) == id && !strings.ContainsAny(id, "0123456789") { // or a word
				return quoted
			}
			m.count[prefix]++
			m.names[id] = fmt.Sprintf("<%s-%d>", prefix, m.count[prefix])
		}
		return `"` + m.names[id] + `"`
	})
	return timeOf.ReplaceAllStringFunc(text, func(member string) string {
		parts := timeOf.FindStringSubmatch(member)
		seconds, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > now || m.knows(parts[2]) {
			return member
		}
		return fmt.Sprintf(`"%s":"<now>"`, parts[1])
	})
}

// lift puts the ids in for their placeholders.
func (m *mask) lift(text string) string {
	for id, name := range m.names {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}
