// Package stack tells the SDK suites in Go what stack.sh has started for them, and
// what the provider saw of their calls.
package stack

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// Patience bounds every wait; reaching it is a failure, never a result.
const Patience = 20 * time.Second

// Pixel is a PNG of one pixel as a data URL.
const Pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// Events of the provider's log.
const (
	Arrived = "arrived"
	Ended   = "ended"
)

// Stack is what runs.
type Stack struct {
	// Key is the gateway's master key.
	Key string
	// GRPC is the address of its gRPC listener.
	GRPC string

	log string
}

// Find returns what stack.sh has started.
func Find(tb testing.TB) Stack {
	tb.Helper()
	variable := func(name string) string {
		value := os.Getenv(name) //nolint:forbidigo // this is how stack.sh tells it
		if value == "" {
			tb.Fatalf("%s is not set: run this by run.sh, beside the tests", name)
		}
		return value
	}
	return Stack{Key: variable("OPENAI_API_KEY"), GRPC: variable("SIGNALBOX_GRPC"), log: variable("UPSTREAM_LOG")}
}

// NewID returns a request id that no other call has.
func NewID() string { return "go-" + rand.Text() }

// Fault returns a marker that has the provider answer by a script, apart from the
// scripts of other tests.
func Fault(script string) string { return "fault/" + script + ",id=" + rand.Text() }

// Entries returns what the provider has seen of a request so far.
func (s Stack) Entries(tb testing.TB, requestID, event string) []providertest.Entry {
	tb.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	var found []providertest.Entry
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // it is being written
		}
		if entry := read(tb, line); entry.ClientRequestID == requestID && entry.Event == event {
			found = append(found, entry)
		}
	}
	return found
}

// Await waits until the provider has seen an event of a request.
func (s Stack) Await(tb testing.TB, requestID, event string) providertest.Entry {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	tail := exec.CommandContext(ctx, "tail", "-n", "+1", "-f", s.log)
	lines, err := tail.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		tb.Fatal(err)
	}
	defer func() {
		cancel()
		_ = tail.Wait() // it was killed
	}()
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		if entry := read(tb, scanner.Text()); entry.ClientRequestID == requestID && entry.Event == event {
			return entry
		}
	}
	tb.Fatalf("the provider never saw %s of %s", event, requestID)
	return providertest.Entry{}
}

// AwaitAborted waits until the provider has seen the client of a request leave, and
// nobody come in its place.
func (s Stack) AwaitAborted(tb testing.TB, requestID string) {
	tb.Helper()
	if end := s.Await(tb, requestID, Ended); !end.Aborted {
		tb.Errorf("the call was not aborted at the provider: %+v", end)
	}
	if n := len(s.Entries(tb, requestID, Arrived)); n != 1 {
		tb.Errorf("the provider was called %d times", n)
	}
}

func read(tb testing.TB, line string) providertest.Entry {
	tb.Helper()
	var entry providertest.Entry
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		tb.Fatalf("read %q: %v", line, err)
	}
	return entry
}
