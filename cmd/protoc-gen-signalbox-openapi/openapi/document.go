// Package openapi holds an OpenAPI 3.1 document: as much of the specification as
// Signalbox's own needs, in types that write themselves in one fixed order.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Document is a whole description.
type Document struct {
	// Title, Version and Description say what is described.
	Title       string
	Version     string
	Description string
	// License is the SPDX name of the licence.
	License string
	// Server is the URL that paths are relative to.
	Server string
	// Tags group the operations, in the order of the page.
	Tags []Tag
	// Operations are sorted by what makes a good page; those of one path become
	// one member of `paths`.
	Operations []*Operation
	// Schemas, Failures and Headers are the components. Schemas are in order.
	Schemas  []Property
	Failures []Failure
	Headers  []Header
	// Reasons are all reasons that a call can fail for.
	Reasons []Reason
}

// Tag is a group of operations.
type Tag struct {
	Name        string
	Description string
}

// Operation is what one method of one path does.
type Operation struct {
	// Method is in lower case.
	Method string
	Path   string
	ID     string
	// Summary is one line, Description all of it, in Markdown.
	Summary     string
	Description string
	Tag         string
	Deprecated  bool
	Parameters  []*Parameter
	// Body is nil when the operation has none.
	Body *Body
	// Replies are those that are no failures.
	Replies []*Reply
	// Failures are statuses, by the names of the document's failures.
	Failures []string
	// Public says that no credentials are needed.
	Public bool
	// Scope is what the caller's key must hold. Empty for public operations.
	Scope string
	// RPC and StreamRPC are the gRPC names of the same work. Empty: none.
	RPC       string
	StreamRPC string
}

// Parameter is a part of the path or of the query.
type Parameter struct {
	Name string
	// In is "path", "query" or "header".
	In          string
	Description string
	Required    bool
	Deprecated  bool
	// Deep says that each entry of a map is a parameter, "name[key]".
	Deep   bool
	Schema *Schema
	// Example is shown in documentation. Empty: none.
	Example string
}

// Body is what an operation takes, as JSON.
type Body struct {
	Schema *Schema
	// Example is the JSON text of a small one that works.
	Example string
}

// Reply is an answer by status.
type Reply struct {
	// Status is a code, "200".
	Status      string
	Description string
	// Headers are names of the document's headers.
	Headers []string
	Content []Content
}

// Content is one media type of a reply.
type Content struct {
	MediaType string
	// Schema is that of the whole; of text/event-stream, that of the data of one
	// event.
	Schema *Schema
	// Example is JSON text: one that fits the schema. Empty: none.
	Example string
	// Transcript is how an example looks on the wire, for streams. Empty: none.
	Transcript string
}

// Failure is a reply that all operations share, by status.
type Failure struct {
	// Name is the component's name.
	Name        string
	Status      string
	Description string
	// Reasons are the reasons that have this status.
	Reasons []string
	// Headers are names of the document's headers.
	Headers []string
	Schema  *Schema
}

// Header is a reply header that operations share.
type Header struct {
	// Component is its name among the components, Name the header's own.
	Component   string
	Name        string
	Description string
	Schema      *Schema
}

// Reason is why a call can fail.
type Reason struct {
	// Name is the value of ErrorReason.
	Name string
	// Status is the HTTP status, or a range, "400 to 499".
	Status string
	// Code is the gRPC code. Empty: that which belongs to the status.
	Code        string
	Description string
}

// Schema returns the component of this name.
func (d *Document) Schema(name string) *Schema {
	for _, p := range d.Schemas {
		if p.Name == name {
			return p.Schema
		}
	}
	return nil
}

// JSON returns the document as indented JSON, the same bytes for equal documents.
func (d *Document) JSON() ([]byte, error) {
	raw, err := d.root().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indent the document: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
