package openai

import (
	"slices"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// Fields is what a provider takes of a request of one kind, and what becomes of the
// rest. Requests are written by it, Losses reads it, and so do the docs, so that
// none of them can say what another does not do.
type Fields struct {
	// Title is the provider's name, for people.
	Title string
	// Only are the objects in which the provider refuses what it does not know: by
	// path, the members that it takes beside those of Rows. "" is the request itself.
	Only map[string]string
	// Rows are the members that are not simply sent.
	Rows []Field
}

// Field is what becomes of one member of a request. The zero value, with a path: it is
// sent as it is. The rest applies in the order in which it stands here. A value that
// says nothing (null, an empty text, list or object) is never a loss.
type Field struct {
	// Path is where the member is, "messages.name": members of lists have no place.
	Path string
	// Since is the first version of the API that knows it, "2024-12-01": older ones are
	// sent it by its name in As, else not at all. Empty: all do.
	Since string
	// Prefix limits the rest to texts with this beginning.
	Prefix string
	// Same are the values that ask for what the provider does anyway, as JSON: they are
	// left out, and nothing is lost.
	Same []string
	// Moot says that it tells the provider nothing that the rest does not: it is left
	// out, and nothing is lost.
	Moot bool
	// Drop says that it is not sent.
	Drop bool
	// Unless keeps Drop from messages of which any has a member of this name.
	Unless string
	// Refuse says that the whole call is refused for it: without it, it would be
	// another call.
	Refuse bool
	// Values are the values that are sent in another way.
	Values []Value
	// Takes are the only values that the provider takes, as JSON. Empty: all.
	Takes []string
	// As is the name that it is sent by. One that is there by that name already stands
	// above it.
	As string
	// Spell changes texts that the provider would refuse into such that mean the same
	// to it.
	Spell func(string) string
	// Kind is what Drop comes to. Unspecified: DROPPED.
	Kind commonv1.LossKind
	// Why says why something is lost or changed, in one sentence. Empty: the provider
	// does not take it.
	Why string
}

// Value is a value that is sent in another way; both are JSON.
type Value struct {
	// From is the client's.
	From string
	// To is the provider's.
	To string
	// As is the member that it is sent as. Empty: the same.
	As string
	// Near says that it is not the same, but the nearest that the provider has.
	Near bool
}

// defaults are the values, as JSON, that ask for what happens anyway.
var defaults = map[string][]string{
	"n":                   {"1"},
	"logprobs":            {"false"},
	"store":               {"false"},
	"parallel_tool_calls": {"true"},
	"tool_choice":         {`"auto"`},
	"modalities":          {`["text"]`},
	"service_tier":        {`"auto"`, `"default"`},
	"verbosity":           {`"medium"`},
	"frequency_penalty":   {"0", "0.0"},
	"presence_penalty":    {"0", "0.0"},
	"temperature":         {"1", "1.0"},
	"top_p":               {"1", "1.0"},
	"include_obfuscation": {"false"},
	"detail":              {`"auto"`},
	"strict":              {"false"},
	"deferred":            {"false"},
}

// Without are the rows of members that are not sent: their paths, with spaces between
// them.
func Without(paths string) []Field {
	var rows []Field
	for path := range strings.FieldsSeq(paths) {
		rows = append(rows, Field{Path: path, Drop: true, Same: defaults[path[strings.LastIndexByte(path, '.')+1:]]})
	}
	return rows
}

// node is an object of a request, or a member: what becomes of it and of its members.
type node struct {
	path    string
	field   *Field
	members map[string]*node
	only    bool // other members are refused
}

// rules are Fields, ready to be applied.
type rules struct {
	title string
	root  *node
	drops map[string]bool // the top members that are never sent
}

// compile makes them ready for a version of the API. Empty: the newest. Nil: requests go
// through as they are.
func (f Fields) compile(version string) *rules {
	r := &rules{title: f.Title, root: &node{}, drops: map[string]bool{}}
	for path, names := range f.Only {
		n := r.at(path)
		n.only = true
		for name := range strings.FieldsSeq(names) {
			r.at(strings.TrimPrefix(path+"."+name, "."))
		}
	}
	for _, field := range f.Rows {
		if field.Since != "" {
			if !older(version, field.Since) {
				continue
			}
			if field.As == "" {
				field.Drop, field.Why = true, "This version of "+f.Title+"'s API does not know it."
			}
		}
		r.at(field.Path).field = &field
		if field.Drop && !strings.Contains(field.Path, ".") {
			r.drops[field.Path] = true
		}
	}
	for _, field := range f.Rows {
		r.yield(field.Path, field.As)
		for _, v := range field.Values {
			r.yield(field.Path, v.As)
		}
	}
	if r.root.members == nil {
		return nil
	}
	return r
}

// yield has a null give way to a member that is sent by its name.
func (r *rules) yield(path, name string) {
	if name == "" {
		return
	}
	n := r.at(strings.TrimPrefix(path[:strings.LastIndexByte(path, '.')+1]+name, "."))
	field := Field{Path: n.path}
	if n.field != nil {
		field = *n.field
	}
	field.Same = append(slices.Clone(field.Same), null)
	n.field = &field
}

// at returns the node of a path, made where it is missing.
func (r *rules) at(path string) *node {
	n := r.root
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			break
		}
		next := n.members[name]
		if next == nil {
			next = &node{path: strings.TrimPrefix(n.path+"."+name, ".")}
			if n.members == nil {
				n.members = map[string]*node{}
			}
			n.members[name] = next
		}
		n = next
	}
	return n
}

// older says whether a version is before a day. One that is no day is the newest.
func older(version, day string) bool {
	return len(version) >= len(day) && version[0] >= '0' && version[0] <= '9' && version[:len(day)] < day
}
