package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

const key = "bench-key"

// The forms of a reply.
const (
	unary = "unary"
	// streamed comes as fast as it can be taken: what stands between may take many
	// chunks at once.
	streamed = "stream"
	// paced comes as models write: each chunk alone.
	paced = "paced"
	// packed are vectors in base64, numbers are vectors as decimals.
	packed  = "base64"
	numbers = "floats"
)

// bench is one case: a request, the form of its reply, and how many call at once.
type bench struct {
	work        work
	size        string
	bytes       int
	form        string
	connections int
}

// name names the case on the command line and in the report.
func (b bench) name() string { return fmt.Sprintf("%s %s c=%d", b.size, b.form, b.connections) }

func (b bench) streams() bool { return b.form == streamed || b.form == paced }

// upstream is which of the upstreams answers.
func (b bench) upstream() string {
	switch {
	case b.form == paced:
		return upstreamPaced
	case b.form == unary && b.size == responseSize:
		return upstreamAmple
	default:
		return upstreamFast
	}
}

// model is what the case asks for on a way; it decides who answers.
func (b bench) model(w way) string { return modelOf(b.upstream(), w.translated) }

// work is what is asked for at an endpoint.
type work interface {
	// path is where REST has it.
	path() string
	// body is the request as JSON.
	body(b bench, w way) []byte
	// check says why a reply to body is not whole; nil: it is.
	check(b bench, reply []byte, chunks int) error
	// ways are the ways through the gateway.
	ways(b bench) []way
	// rpc is the same call as body's, for gRPC.
	rpc(b bench, w way, chunks int) rpc
}

// cases are the cases that the settings ask for: each at many connections, for the
// cost, and at one, for the latency.
func cases(s *settings) []bench {
	var all []bench
	for _, connections := range slices.Compact([]int{s.connections, 1}) {
		for _, b := range slices.Concat(chatCases(), responseCases(), embeddingCases()) {
			b.connections = connections
			long, chat := b.bytes > 300, b.size != responseSize && b.size != embeddingSize
			switch {
			case b.form == paced && connections == 1:
			case s.quick && chat && long && (b.form != unary || connections == 1):
			case s.quick && !chat && connections == 1:
			case s.only.MatchString(b.name()):
				all = append(all, b)
			}
		}
	}
	return all
}

// encode is v as JSON. What is encoded here always can be.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}
