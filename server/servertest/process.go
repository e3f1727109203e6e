package servertest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Build builds the gateway's program as users do, and returns its path.
func Build(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "signalbox")
	out, err := exec.CommandContext(tb.Context(), "go", "build", "-o", path, "github.com/signalbox-ai/signalbox/cmd/signalbox").CombinedOutput()
	if err != nil {
		tb.Fatalf("build the gateway: %v\n%s", err, out)
	}
	return path
}

// Process is a gateway that runs as a program of its own, so that it can be sent
// signals.
type Process struct {
	// REST and GRPC are the addresses that it listens at.
	REST, GRPC string

	tb     testing.TB
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
	err    error
}

// Launch starts a program that Build built, configured as Start would. It serves, and
// is ready unless the options say otherwise, when Launch returns. It dies with the
// test.
func Launch(tb testing.TB, program string, options ...Option) *Process {
	tb.Helper()
	set := newSettings(tb, options)
	dir := tb.TempDir() // no .env, and no file that it is not told
	if set.file != "" {
		set.environ["SIGNALBOX_CONFIG"] = filepath.Join(dir, "signalbox.yaml")
		if err := os.WriteFile(set.environ["SIGNALBOX_CONFIG"], []byte(set.file), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	set.environ["SIGNALBOX_LOG_FORMAT"] = "json"
	p := &Process{tb: tb, output: &output{served: make(chan serving, 1)}, exited: make(chan struct{})}
	p.cmd = exec.Command(program, "serve") // no context: signals end it
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p.output, p.output
	for name, value := range set.environ {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start the gateway: %v", err)
	}
	go func() {
		defer close(p.exited)
		p.err = p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may be gone
		<-p.exited
	})
	p.await(!set.unready)
	return p
}

// await waits until the process says where it serves, and answers that it is ready.
func (p *Process) await(ready bool) {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.tb.Context(), patience)
	defer cancel()
	select {
	case at := <-p.output.served:
		p.REST, p.GRPC = at.REST, at.GRPC
	case <-p.exited:
		p.tb.Fatalf("the gateway ended: %v\n%s", p.err, p.Log())
	case <-ctx.Done():
		p.tb.Fatalf("the gateway does not serve:\n%s", p.Log())
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ready && !p.answers(ctx) {
		select {
		case <-tick.C:
		case <-p.exited:
			p.tb.Fatalf("the gateway ended: %v\n%s", p.err, p.Log())
		case <-ctx.Done():
			p.tb.Fatalf("the gateway is not ready:\n%s", p.Log())
		}
	}
}

func (p *Process) answers(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.REST+"/health/ready", http.NoBody)
	if err != nil {
		p.tb.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(request)
	if err != nil {
		return false
	}
	defer reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// Connect returns the process as a gateway that clients see.
func (p *Process) Connect(tb testing.TB) *Gateway {
	tb.Helper()
	g := &Gateway{tb: tb}
	g.connect(p.REST, p.GRPC)
	tb.Cleanup(g.Client.CloseIdleConnections)
	return g
}

// Signal sends a signal.
func (p *Process) Signal(signal os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.tb.Fatalf("signal the gateway: %v\n%s", err, p.Log())
	}
}

// Wait waits for the end of the process. The error is nil for the exit code 0.
func (p *Process) Wait() error {
	p.tb.Helper()
	<-p.exited
	return p.err
}

// Log is what the process has written so far.
func (p *Process) Log() string {
	p.output.mu.Lock()
	defer p.output.mu.Unlock()
	return p.output.text.String()
}

// serving is the line of the log that says where calls are taken.
type serving struct {
	Message string `json:"msg"`
	REST    string `json:"rest"`
	GRPC    string `json:"grpc"`
}

// output takes what the process writes, and finds the line.
type output struct {
	served chan serving

	mu    sync.Mutex
	text  bytes.Buffer
	found bool
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	for line := range strings.Lines(o.text.String()) {
		if o.found {
			break
		}
		var s serving
		if json.Unmarshal([]byte(line), &s) == nil && s.Message == "serving" {
			o.found = true
			o.served <- s
		}
	}
	return len(p), nil
}
