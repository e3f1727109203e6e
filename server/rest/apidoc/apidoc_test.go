package apidoc

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range Routes() {
		mux.Handle("GET "+path, handler)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// answer is a reply with its body read.
type answer struct {
	status int
	header http.Header
	length int64 // as announced
	body   string
}

func ask(t *testing.T, server *httptest.Server, method, path, etag string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	reply, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{reply.StatusCode, reply.Header, reply.ContentLength, string(body)}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	types := map[string]string{
		"/openapi.json":          "application/json",
		"/docs":                  "text/html; charset=utf-8",
		"/docs/style.css":        "text/css; charset=utf-8",
		"/docs/page.js":          "text/javascript; charset=utf-8",
		"/docs/icon.svg":         "image/svg+xml",
		"/proto/signalbox.binpb": "application/octet-stream",
	}
	if got, want := slices.Sorted(maps.Keys(Routes())), slices.Sorted(maps.Keys(types)); !slices.Equal(got, want) {
		t.Fatalf("routes are %v, want %v", got, want)
	}
	server := serve(t)
	for path, contentType := range types {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got := ask(t, server, http.MethodGet, path, "")
			if got.status != http.StatusOK || got.body == "" || got.header.Get("Content-Type") != contentType {
				t.Errorf("GET: %d, %d bytes of %s", got.status, len(got.body), got.header.Get("Content-Type"))
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": policy,
			} {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s is %q", name, value)
				}
			}
			if head := ask(t, server, http.MethodHead, path, ""); head.status != http.StatusOK || head.body != "" || head.length != int64(len(got.body)) {
				t.Errorf("HEAD: %d, length %d", head.status, head.length)
			}
			if again := ask(t, server, http.MethodGet, path, got.header.Get("Etag")); again.status != http.StatusNotModified || again.body != "" {
				t.Errorf("GET of what the client has: %d", again.status)
			}
			if other := ask(t, server, http.MethodGet, path, `"other"`); other.status != http.StatusOK {
				t.Errorf("GET of what has changed: %d", other.status)
			}
		})
	}
}

var (
	loaded   = regexp.MustCompile(`<(?:link|script|img|iframe|source)\b[^>]*(?:href|src)="([^"]*)"`)
	linked   = regexp.MustCompile(`<a\b[^>]*href="([^"]*)"`)
	anchored = regexp.MustCompile(`\bid="([^"]*)"`)
	inline   = regexp.MustCompile(`<style|<script>|\sstyle="|\son[a-z]+="|javascript:`)
)

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	routes := Routes()
	found := loaded.FindAllStringSubmatch(string(page), -1)
	if len(found) == 0 {
		t.Error("it has no style")
	}
	for _, m := range found {
		if _, ok := routes["/"+m[1]]; !ok {
			t.Errorf("it loads %s", m[1])
		}
	}
	if m := inline.Find(page); m != nil {
		t.Errorf("its policy forbids %s", m)
	}
	for name, text := range map[string][]byte{"style": style, "script": script} {
		if m := regexp.MustCompile(`@import|url\(|\bfetch\(|import\(`).Find(text); m != nil {
			t.Errorf("its %s has %s", name, m)
		}
	}
}

func TestThePageShowsEveryOperation(t *testing.T) {
	t.Parallel()
	anchors := map[string]bool{}
	for _, m := range anchored.FindAllStringSubmatch(string(page), -1) {
		if anchors[m[1]] {
			t.Errorf("two places are named %s", m[1])
		}
		anchors[m[1]] = true
	}
	for path, item := range readDocument(t).Paths {
		for verb, op := range item {
			if !anchors[op.ID] {
				t.Errorf("%s %s is not on the page", verb, path)
			}
		}
	}
	for _, m := range linked.FindAllStringSubmatch(string(page), -1) {
		target, within := strings.CutPrefix(m[1], "#")
		_, ours := Routes()["/"+m[1]]
		if within && !anchors[target] || !within && !ours {
			t.Errorf("the link %s leads nowhere", m[1])
		}
	}
}
