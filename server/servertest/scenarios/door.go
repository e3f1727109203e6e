package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

// answer is what the client got.
type answer struct {
	message
	// grpc says that it came by gRPC and is spelled as REST would.
	grpc bool
}

// door is a way into the gateway.
type door struct {
	// name stands in request ids and in the names of tests.
	name string
	// ask makes a call.
	ask func(ctx context.Context, gw *servertest.Gateway, id string, ask message) (answer, error)
	// reordered says that the members of what the provider is sent may stand in
	// another order than the client's.
	reordered bool
}

// The doors' names.
const (
	doorREST  = "rest"
	doorGRPC  = "grpc"
	doorTyped = "grpc-typed"
)

// doors are all of them: REST, gRPC with the heavy members as the text that they are,
// and gRPC with all members typed.
func doors() []door {
	return []door{
		{name: doorREST, ask: askREST},
		{name: doorGRPC, ask: func(ctx context.Context, gw *servertest.Gateway, id string, ask message) (answer, error) {
			return askGRPC(ctx, gw, id, ask, false)
		}},
		{name: doorTyped, reordered: true, ask: func(ctx context.Context, gw *servertest.Gateway, id string, ask message) (answer, error) {
			return askGRPC(ctx, gw, id, ask, true)
		}},
	}
}

// askREST makes a call as an SDK would.
func askREST(ctx context.Context, gw *servertest.Gateway, id string, ask message) (answer, error) {
	method, target, _ := strings.Cut(ask.start, " ")
	request, err := http.NewRequestWithContext(ctx, method, gw.REST+target, strings.NewReader(ask.body))
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	if ask.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("X-Request-Id", id)
	for name, values := range ask.header {
		request.Header[name] = values
	}
	response, err := gw.Client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("call: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the reply: %w", err)
	}
	return answer{message: message{start: statusLine(response.StatusCode), header: told(response.Header), body: string(body)}}, nil
}

// told are the headers of a reply that a scenario shows: those that say something
// which its body and its plan do not.
func told(header http.Header) http.Header {
	shown := http.Header{}
	for name, values := range header {
		for _, prefix := range []string{"Content-Type", "Retry-After", "X-Should-Retry", "X-Ratelimit-", "X-Signalbox-Loss", "Openai-"} {
			if strings.HasPrefix(name, prefix) {
				shown[name] = values
			}
		}
	}
	return shown
}
