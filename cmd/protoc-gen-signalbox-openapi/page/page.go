// Package page shows an OpenAPI document as one page of HTML. The page needs no
// script to be read, and nothing from elsewhere.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

//go:embed page.html
var source string

// view is what the template shows.
type view struct {
	Title   string
	Version string
	About   template.HTML
	Groups  []group
	Reasons []reason
}

type group struct {
	Name       string
	Anchor     string
	About      template.HTML
	Operations []operation
}

type operation struct {
	ID         string
	Method     string
	Path       template.HTML
	Summary    string
	Text       template.HTML
	Deprecated bool
	Public     bool
	Scope      string
	RPC        template.HTML
	StreamRPC  template.HTML
	InPath     []row
	InQuery    []row
	InHeader   []row
	Body       *value
	Replies    []reply
	Failures   []failure
	Samples    []sample
}

type reply struct {
	Status  string
	Text    template.HTML
	Headers []header
	Content []content
}

type header struct {
	Name string
	Text template.HTML
}

type content struct {
	MediaType string
	Anchor    string
	Value     *value
}

type failure struct {
	Status string
	Text   template.HTML
}

type reason struct {
	Name   string
	Status string
	Code   string
	Text   template.HTML
}

// Render returns the page.
func Render(doc *openapi.Document) ([]byte, error) {
	parsed, err := template.New("page").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, newView(doc)); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}

func newView(doc *openapi.Document) view {
	v := view{Title: doc.Title, Version: doc.Version, About: markdown(doc.Description)}
	d := newDrawer(doc)
	for _, tag := range doc.Tags {
		g := group{Name: tag.Name, Anchor: "tag-" + strings.ToLower(tag.Name), About: markdown(tag.Description)}
		for _, op := range doc.Operations {
			if op.Tag == tag.Name {
				g.Operations = append(g.Operations, d.operation(op))
			}
		}
		v.Groups = append(v.Groups, g)
	}
	for _, r := range doc.Reasons {
		v.Reasons = append(v.Reasons, reason{Name: r.Name, Status: r.Status, Code: r.Code, Text: markdown(r.Description)})
	}
	return v
}

func (d *drawer) operation(op *openapi.Operation) operation {
	_, more, _ := strings.Cut(op.Description, op.Summary)
	out := operation{
		ID:         op.ID,
		Method:     strings.ToUpper(op.Method),
		Path:       pathHTML(op.Path),
		Summary:    op.Summary,
		Text:       markdown(strings.TrimLeft(more, ". \n")),
		Deprecated: op.Deprecated,
		Public:     op.Public,
		Scope:      op.Scope,
		RPC:        pathHTML(op.RPC),
		StreamRPC:  pathHTML(op.StreamRPC),
		Samples:    samples(op),
	}
	d.always = "required"
	for _, p := range op.Parameters {
		r := d.row(p.Name, p.Schema, p.Required, nil)
		r.Text = markdown(p.Description)
		r.Deprecated = p.Deprecated
		switch p.In {
		case "path":
			out.InPath = append(out.InPath, r)
		case "header":
			out.InHeader = append(out.InHeader, r)
		default:
			out.InQuery = append(out.InQuery, r)
		}
	}
	if op.Body != nil {
		out.Body = d.value(op.Body.Schema, nil)
	}
	d.always = "always"
	for _, r := range op.Replies {
		out.Replies = append(out.Replies, d.reply(op, r))
	}
	for _, name := range op.Failures {
		for _, f := range d.doc.Failures {
			if f.Name == name {
				out.Failures = append(out.Failures, failure{Status: f.Status, Text: markdown(f.Description)})
			}
		}
	}
	return out
}

func (d *drawer) reply(op *openapi.Operation, r *openapi.Reply) reply {
	out := reply{Status: r.Status, Text: markdown(r.Description)}
	for _, name := range r.Headers {
		for _, h := range d.doc.Headers {
			if h.Component == name {
				out.Headers = append(out.Headers, header{Name: h.Name, Text: markdown(h.Description)})
			}
		}
	}
	for i, c := range r.Content {
		out.Content = append(out.Content, content{
			MediaType: c.MediaType,
			Anchor:    replyAnchor(op, r, i),
			Value:     d.value(c.Schema, nil),
		})
	}
	return out
}
