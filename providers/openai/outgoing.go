package openai

import (
	"bytes"
	"net/http"
	"net/url"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// sending is a request of any kind as it is sent.
type sending struct {
	call   upstream.Call
	buffer *[]byte
}

// outgoing begins what is sent of a call: a POST, unless it is changed.
func outgoing[P proto.Message](o *Provider, c *providers.Call[P], place upstream.Endpoint) *sending {
	s := &sending{}
	s.call.Method, s.call.Endpoint, s.call.Header = http.MethodPost, place, o.headerOf(c.RequestID)
	s.call.Model, s.call.Retry, s.call.Exchange = c.Target.GetModel(), c.Retry, c.Exchange
	return s
}

// headerOf is the header of a call with a request id.
func (o *Provider) headerOf(requestID string) http.Header {
	if !isRequestID(requestID) {
		return o.header
	}
	header := make(http.Header, len(o.header)+1)
	for name, values := range o.header {
		header[name] = values
	}
	header["X-Client-Request-Id"] = []string{requestID}
	return header
}

// lease takes a buffer.
func (s *sending) lease() { s.buffer = buffers.Get().(*[]byte) } //nolint:forcetypeassert // nothing else is in there

// mark stands in the encoded request where a verbatim text belongs. JSON has no such
// byte.
const mark = "\x00"

// encode writes the body. Large texts that go through unchanged are not copied: they
// are sent between the pieces around them. They are given in the order in which they
// are written.
func (s *sending) encode(write func([]byte) []byte, verbatim ...*string) {
	s.lease()
	var texts []string
	for _, text := range verbatim {
		if len(*text) >= spliceFrom {
			texts = append(texts, *text)
			*text = mark
		}
	}
	b := write((*s.buffer)[:0])
	*s.buffer = b
	for _, text := range texts {
		at := bytes.IndexByte(b, mark[0])
		// The bytes of a string are only read.
		s.call.Body = append(s.call.Body, b[:at], unsafe.Slice(unsafe.StringData(text), len(text))) //nolint:gosec // see above
		b = b[at+1:]
	}
	s.call.Body = append(s.call.Body, b)
}

// encodeBy writes the body by rules; without rules it is encode. The error is a
// *failure.Error: the provider cannot be asked that.
func (s *sending) encodeBy(rules []*rules, write func([]byte) []byte, verbatim ...*string) error {
	if rules == nil {
		s.encode(write, verbatim...)
		return nil
	}
	s.lease()
	*s.buffer = write((*s.buffer)[:0])
	// The bytes are written by nobody until the buffer is given back.
	out := rewrite(unsafe.String(unsafe.SliceData(*s.buffer), len(*s.buffer)), rules) //nolint:gosec // see above
	if out.refused != nil {
		s.release()
		return out.refused
	}
	s.call.Body = append(s.call.Body, unsafe.Slice(unsafe.StringData(out.text), len(out.text))) //nolint:gosec // it is only read
	return nil
}

// release gives the buffer back, once nothing is sent any more.
func (s *sending) release() {
	if s.buffer != nil && cap(*s.buffer) <= keepBuffer {
		buffers.Put(s.buffer)
	}
	s.buffer = nil
}

// object is a call that concerns a stored object: no body, unless it is encoded.
func object[P proto.Message](o *Provider, c *providers.Call[P], method string, query url.Values, path ...string) (*sending, error) {
	place, err := o.resource(path...)
	if err != nil {
		return nil, err
	}
	s := outgoing(o, c, place.WithQuery(query))
	s.call.Method = method
	return s, nil
}
