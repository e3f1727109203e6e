package scenarios

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// chatPath is where a request goes whose section does not say so.
const chatPath = "/v1/chat/completions"

// round is one call of the client's and what comes of it.
type round struct {
	number int
	// ask is what the client sends.
	ask message
	// replies are what the provider answers. The last one answers all further requests.
	replies []message
	// want are the sections that are expected.
	want []Section
}

// rounds are those of a file.
func (f *File) rounds() ([]*round, error) {
	var all []*round
	for _, s := range f.Sections {
		if len(all) < s.Round {
			if s.kind() != kindClient {
				return nil, fmt.Errorf("round %d begins with %s", s.Round, s.Name)
			}
			all = append(all, &round{number: s.Round})
		}
		if err := all[s.Round-1].add(s); err != nil {
			return nil, fmt.Errorf("%s of round %d: %w", s.Name, s.Round, err)
		}
	}
	return all, nil
}

// add reads a section of a round.
func (r *round) add(s Section) (err error) {
	switch s.kind() {
	case kindClient:
		if r.ask.start != "" {
			return errors.New("the round has a request already")
		}
		r.ask, err = clientRequest(s)
	case kindUpstream:
		var reply message
		reply, err = upstreamReply(s)
		r.replies = append(r.replies, reply)
	default:
		r.want = append(r.want, s)
	}
	return err
}

// clientRequest is what the client sends by a section.
func clientRequest(s Section) (message, error) {
	if s.Name == "client.json" {
		return message{start: "POST " + chatPath, header: http.Header{}, body: strings.TrimSuffix(s.Text, "\n")}, nil
	}
	m, err := readMessage(s.Text)
	m.body = strings.TrimSuffix(m.body, "\n")
	if err == nil && len(strings.Fields(m.start)) != 2 {
		err = fmt.Errorf("%q is no method and path", m.start)
	}
	return m, err
}

// expected is the nth section of a kind. Empty: there is none.
func (r *round) expected(kind string, n int) (Section, bool) {
	for _, s := range r.want {
		if s.kind() != kind {
			continue
		}
		if n == 0 {
			return s, true
		}
		n--
	}
	return Section{}, false
}
