package providertest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clientTLS trusts an upstream.
func clientTLS(up *Upstream) *tls.Config {
	return &tls.Config{RootCAs: up.CAs(), MinVersion: tls.VersionTLS12}
}

func TestRecordsWhatCame(t *testing.T) {
	t.Parallel()
	up := Start(t)
	req := request(t, up, streamBody)
	req.Header.Set("X-Client-Request-Id", "req-1")
	_, body := do(t, req)
	all, err := up.AwaitEnded(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	r := all[0]
	if string(r.Body) != streamBody || r.Credential != up.Key() || r.ClientRequestID != "req-1" || r.Model != "gpt-4o-mini" ||
		!r.Stream || !r.Received || !r.Completed || r.Status != 200 || r.Events != strings.Count(body, "\n\n") ||
		r.Bytes != int64(len(body)) || !r.Aborted.IsZero() || r.Ended.Before(r.Arrived) || r.Method != "POST" || r.Path != "/v1/chat/completions" {
		t.Errorf("%+v", r)
	}
	if up.Calls() != 1 || len(up.Chats()) != 1 {
		t.Errorf("%d calls, %d chats", up.Calls(), len(up.Chats()))
	}
}

// A client that leaves is seen at once, wherever the reply stands.
func TestSeesClientsLeave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script, body string
		events       int
		tls          bool
	}{
		{"hang", plainBody, 0, false},
		{"hang", streamBody, 0, false},
		{"hang-after=2", streamBody, 2, false},
		{"delay=1h", plainBody, 0, false},
		{"per-chunk=1h", streamBody, 1, false},
		{"pace=1", plainBody, 0, false},
		{"hang", plainBody, 0, true},
		{"hang-after=2", streamBody, 2, true},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			up := Start(t, func(p *Params) { p.TLS = c.tls })
			up.EnqueueText(t, c.script)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			transport := &http.Transport{ForceAttemptHTTP2: true}
			if c.tls {
				transport.TLSClientConfig = clientTLS(up)
			}
			defer transport.CloseIdleConnections()
			ended := make(chan error, 1)
			go func() {
				resp, err := (&http.Client{Transport: transport}).Do(request(t, up, c.body).WithContext(ctx))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				ended <- err
			}()
			wait := up.AwaitRequests
			if c.events > 0 {
				wait = up.AwaitEvents
			}
			if _, err := wait(t.Context(), max(1, c.events)); err != nil {
				t.Fatal(err)
			}
			left := time.Now()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the client got %v", err)
			}
			r := <-up.Aborted()
			if took := r.Aborted.Sub(left); took > time.Second {
				t.Errorf("seen after %v", took)
			}
			if _, err := up.AwaitEnded(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if r := up.Requests()[0]; r.Completed || r.Aborted.IsZero() {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Breaking off is not mistaken for a client that leaves.
func TestOwnBreaksAreNoAborts(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "reset-after=1", "drop-after=1", "truncate-after=1", "stale")
	for range 4 {
		watch(t, up, streamBody)
	}
	all, err := up.AwaitEnded(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if !r.Aborted.IsZero() || !r.Completed {
			t.Errorf("%+v", r)
		}
	}
}

func TestAwaitGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(t).AwaitRequests(ctx, 1); !errors.Is(err, errNoEvent) {
		t.Errorf("%v", err)
	}
}

func TestKeepsTheNewest(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.KeepRequests = 2 })
	for range 3 {
		post(t, up, plainBody)
	}
	if all := up.Requests(); len(all) != 2 || all[1].N != 3 || up.Calls() != 3 {
		t.Errorf("%d kept of %d", len(all), up.Calls())
	}
}

// The log has each arrival before its reply, and each end.
func TestLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	up := Start(t, func(p *Params) { p.LogPath = path })
	up.EnqueueText(t, "hang", "status=503")
	c := dial(t, up)
	c.write("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Client-Request-Id: first\r\nAuthorization: Bearer " +
		up.Key() + "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	if _, err := up.AwaitRequests(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if lines := readLog(t, path); len(lines) != 1 || lines[0].Event != "arrived" || lines[0].ClientRequestID != "first" {
		t.Errorf("before the reply: %+v", lines)
	}
	post(t, up, streamBody)
	if _, err := up.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := up.Close(); err != nil {
		t.Fatal(err)
	}
	lines := readLog(t, path)
	ends := map[int]Entry{}
	for _, l := range lines {
		if l.Event == "ended" {
			ends[l.N] = l
		}
	}
	if len(lines) != 4 || len(ends) != 2 || ends[1].Status != 0 || ends[2].Status != 503 || !ends[2].Completed || ends[2].Model != "gpt-4o-mini" {
		t.Errorf("%+v", lines)
	}
}

// readLog reads all lines.
func readLog(t *testing.T, path string) []Entry {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []Entry
	for s := bufio.NewScanner(f); s.Scan(); {
		var e Entry
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
