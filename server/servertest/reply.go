package servertest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Reply is an HTTP reply, read whole.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Do makes a REST request with the master key, unless the header says otherwise.
func (g *Gateway) Do(method, path, body string, header ...string) Reply {
	g.tb.Helper()
	if body != "" {
		header = append([]string{"Content-Type", "application/json"}, header...)
	}
	return g.send(method, path, strings.NewReader(body), header)
}

// Post is Do with a JSON body.
func (g *Gateway) Post(path, body string, header ...string) Reply {
	g.tb.Helper()
	return g.Do(http.MethodPost, path, body, header...)
}

// PostChunked is Post with a body whose length the head does not say.
func (g *Gateway) PostChunked(path, body string, header ...string) Reply {
	g.tb.Helper()
	unknown := struct{ io.Reader }{strings.NewReader(body)}
	return g.send(http.MethodPost, path, unknown, append([]string{"Content-Type", "application/json"}, header...))
}

func (g *Gateway) send(method, path string, body io.Reader, header []string) Reply {
	g.tb.Helper()
	request, err := http.NewRequestWithContext(g.tb.Context(), method, g.REST+path, body)
	if err != nil {
		g.tb.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+MasterKey)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := g.Client.Do(request)
	if err != nil {
		g.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.tb.Fatalf("%s %s: read the reply: %v", method, path, err)
	}
	return Reply{Status: response.StatusCode, Header: response.Header, Body: string(text)}
}

// Failure is the error object of a reply.
type Failure struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// Failure reads the reply's error object, which must have all four members.
func (r Reply) Failure(tb testing.TB) Failure {
	tb.Helper()
	var envelope struct {
		Error map[string]json.RawMessage `json:"error"`
	}
	var typed struct {
		Error Failure `json:"error"`
	}
	if err := json.Unmarshal([]byte(r.Body), &envelope); err != nil {
		tb.Fatalf("no error object in %q: %v", r.Body, err)
	}
	if err := json.Unmarshal([]byte(r.Body), &typed); err != nil {
		tb.Fatalf("no error object in %q: %v", r.Body, err)
	}
	for _, member := range []string{"message", "type", "param", "code"} {
		if _, ok := envelope.Error[member]; !ok {
			tb.Errorf("the error has no %s: %s", member, r.Body)
		}
	}
	return typed.Error
}
