// Package apidoc tells what the gateway's API is: the OpenAPI document, a page that
// shows it, and the compiled protos. All of it is made from the protos by
// protoc-gen-signalbox-openapi and is part of the binary.
package apidoc

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

var (
	//go:embed generated/openapi.json
	document []byte
	//go:embed generated/docs.html
	page []byte
	//go:embed generated/signalbox.binpb
	descriptorSet []byte
	//go:embed page/style.css
	style []byte
	//go:embed page/page.js
	script []byte
	//go:embed page/icon.svg
	icon []byte
)

// policy lets the page load its own style, script and icon, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Routes returns what answers each path. The handlers expect GET and HEAD alone;
// whoever mounts them refuses other methods. They need no credentials.
func Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"/openapi.json":          newFile(document, "application/json"),
		"/docs":                  newFile(page, "text/html; charset=utf-8"),
		"/docs/style.css":        newFile(style, "text/css; charset=utf-8"),
		"/docs/page.js":          newFile(script, "text/javascript; charset=utf-8"),
		"/docs/icon.svg":         newFile(icon, "image/svg+xml"),
		"/proto/signalbox.binpb": newFile(descriptorSet, "application/octet-stream"),
	}
}

// file is one content that never changes while the process lives.
type file struct {
	content     []byte
	contentType string
	tag         string
}

func newFile(content []byte, contentType string) *file {
	sum := sha256.Sum256(content)
	return &file{content: content, contentType: contentType, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// ServeHTTP answers with the content, or with 304 when the client has it. The
// content may change with the gateway's version, so a client asks each time.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Etag", f.tag)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
