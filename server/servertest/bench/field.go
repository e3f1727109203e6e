package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// field is what is measured: upstreams, and what stands before them.
type field struct {
	settings *settings
	dir      string
	// routes are the ways to the upstreams.
	routes  map[string]*route
	gateway *process
	// addresses are where the gateway listens.
	restAddress, grpcAddress, pprofAddress string
	// sent is how many calls the gateway has answered.
	sent int64
	// start is how long the gateway took from its start until it was ready.
	start time.Duration
	// binary is the size of the gateway's program, in bytes.
	binary int64
}

// The upstreams.
const (
	upstreamFast = "fast"
	// upstreamPaced waits before each chunk.
	upstreamPaced = "paced"
	// upstreamAmple says more: a response of 3 KB.
	upstreamAmple = "ample"
)

// modelOf is the model that an upstream answers for: by chat completions, responses and
// embeddings, or translated.
func modelOf(upstream string, translated bool) string {
	if translated {
		return "bench-" + upstream + "-translated"
	}
	return "bench-" + upstream
}

// route is an upstream and the reverse proxy before it.
type route struct {
	upstream, proxy               *process
	upstreamAddress, proxyAddress string
}

// openField builds and starts everything.
func openField(ctx context.Context, s *settings) (_ *field, err error) {
	f := &field{settings: s, routes: map[string]*route{upstreamFast: {}, upstreamPaced: {}, upstreamAmple: {}}}
	if s.logs == "" {
		f.dir, err = os.MkdirTemp("", "signalbox-bench-")
	} else {
		f.dir, err = filepath.Abs(s.logs)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	addresses := []*string{&f.restAddress, &f.grpcAddress, &f.pprofAddress}
	for _, r := range f.routes {
		addresses = append(addresses, &r.upstreamAddress, &r.proxyAddress)
	}
	if err = freeAddresses(ctx, addresses...); err != nil {
		return nil, err
	}
	if err := f.build(ctx); err != nil {
		return nil, err
	}
	for upstream, r := range f.routes {
		if err := f.startRoute(ctx, upstream, r); err != nil {
			return nil, err
		}
	}
	return f, f.startGateway(ctx)
}

// close ends the processes, those in front first.
func (f *field) close() {
	all := []*process{f.gateway}
	for _, r := range f.routes {
		all = append(all, r.proxy, r.upstream)
	}
	for _, p := range all {
		if p != nil {
			p.stop()
		}
	}
	if f.settings.logs == "" {
		_ = os.RemoveAll(f.dir) // what stays behind, the system's temporary folder forgets
	}
}

// pprofSource gives the gateway a pprof listener. It is compiled in by an overlay,
// only for -profile: the gateway itself has none.
//
//go:embed pprof.go.txt
var pprofSource []byte

// build compiles the programs from the tree.
func (f *field) build(ctx context.Context) error {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	root, err := goCommand(ctx, "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	if _, err := goCommand(ctx, "build", "-o", filepath.Join(f.dir, "fakeopenai"), filepath.Join(root, "providers/providertest/fakeopenai")); err != nil {
		return err
	}
	gateway := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(f.dir, "signalbox")}
	if f.settings.profiles != "" {
		source, overlay := filepath.Join(f.dir, "pprof.go"), filepath.Join(f.dir, "overlay.json")
		replace := map[string]map[string]string{"Replace": {filepath.Join(root, "cmd/signalbox/pprof.go"): source}}
		if err := errors.Join(os.WriteFile(source, pprofSource, 0o600), os.WriteFile(overlay, encode(replace), 0o600)); err != nil {
			return err
		}
		gateway = []string{"build", "-overlay", overlay, "-o", filepath.Join(f.dir, "signalbox")}
	}
	if _, err := goCommand(ctx, append(gateway, filepath.Join(root, "cmd/signalbox"))...); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(f.dir, "signalbox"))
	if err == nil {
		f.binary = info.Size()
	}
	return err
}

// goCommand runs the go command and returns the line that it prints.
func goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}

// ampleBytes is how much more text makes a response of 3 KB of one of 1.9 KB.
const ampleBytes = 1100

func (f *field) startRoute(ctx context.Context, upstream string, r *route) (err error) {
	s := f.settings
	self, err := os.Executable()
	if err != nil {
		return err
	}
	flags := []string{"-addr", r.upstreamAddress, "-key", key, "-fast",
		fmt.Sprint("-chunks=", s.chunks), fmt.Sprint("-chunk-bytes=", s.chunkBytes), fmt.Sprint("-reply-bytes=", s.replyBytes)}
	switch upstream {
	case upstreamPaced:
		flags = append(flags, fmt.Sprint("-delay=", s.pace))
	case upstreamAmple:
		flags = append(flags, fmt.Sprint("-reply-bytes=", s.replyBytes+ampleBytes))
	}
	r.upstream, err = start(f.dir, upstream+"-upstream", nil, filepath.Join(f.dir, "fakeopenai"), flags...)
	if err != nil {
		return err
	}
	r.proxy, err = start(f.dir, upstream+"-proxy", nil, self, proxyCommand, r.proxyAddress, "http://"+r.upstreamAddress)
	if err != nil {
		return err
	}
	return errors.Join(
		r.upstream.await(ctx, func() error { return listens(ctx, r.upstreamAddress) }),
		r.proxy.await(ctx, func() error { return listens(ctx, r.proxyAddress) }),
	)
}

// startGateway starts the gateway as users run it: with a key, plan and audit on.
func (f *field) startGateway(ctx context.Context) (err error) {
	began := time.Now()
	environ := []string{
		"SIGNALBOX_DATA_DIR=" + filepath.Join(f.dir, "data"),
		"SIGNALBOX_GRPC_ADDR=" + f.grpcAddress,
		"SIGNALBOX_HTTP_ADDR=" + f.restAddress,
		"SIGNALBOX_MASTER_KEY=" + key,
		"BENCH_PPROF=" + f.pprofAddress,
	}
	for upstream, r := range f.routes {
		for prefix, translated := range map[string]bool{"OPENAI_": false, "OPENAI_COMPATIBLE_": true} {
			instance := prefix + strings.ToUpper(upstream)
			environ = append(environ, instance+"_API_KEY="+key, instance+"_BASE_URL=http://"+r.upstreamAddress+"/v1", instance+"_MODELS="+modelOf(upstream, translated))
		}
	}
	f.gateway, err = start(f.dir, "signalbox", environ, filepath.Join(f.dir, "signalbox"), "serve")
	if err != nil {
		return err
	}
	err = f.gateway.await(ctx, func() error {
		_, err := get(ctx, "http://"+f.restAddress+"/health/ready")
		return err
	})
	f.start = time.Since(began)
	return err
}

func listens(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// get is what an address answers; an error unless the status is 200.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %.200s", url, response.Status, body)
	}
	return body, err
}

// audited waits until each call that the gateway answered has its audit record in the
// store, and says how long that took: what is measured is a gateway that keeps books.
func (f *field) audited(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := f.gateway.await(ctx, func() error {
		text, err := get(ctx, "http://"+f.restAddress+"/metrics")
		if err != nil {
			return err
		}
		recorded, shipped := counter(text, "signalbox_audit_records_total"), counter(text, "signalbox_audit_shipped_total")
		if shed := counter(text, "signalbox_audit_shed_total"); shed > 0 || recorded < 2*f.sent || shipped < f.sent {
			return fmt.Errorf("of %d calls, %d begins and ends are recorded, %d are in the store, %d are lost", f.sent, recorded, shipped, shed)
		}
		return nil
	})
	return time.Since(began), err
}

// counter reads the sum of a metric in Prometheus' text format.
func counter(text []byte, name string) int64 {
	var sum float64
	for line := range strings.Lines(string(text)) {
		if series, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && (series == name || strings.HasPrefix(series, name+"{")) {
			number, _ := strconv.ParseFloat(value, 64)
			sum += number
		}
	}
	return int64(sum)
}
