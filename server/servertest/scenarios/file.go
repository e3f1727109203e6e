// Package scenarios runs golden conversations: files that say what a client sends,
// what a provider is sent and answers, what the client gets, and what the plan and
// the audit record say of it. server/testdata/scenarios/README.md has their format.
package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// File is a scenario as it is written: a comment, then sections, as txtar has them.
type File struct {
	// Path is where it is.
	Path string
	// Name is "<provider instance>/<what it shows>".
	Name string
	// Instance is the provider instance that its folder is named after.
	Instance string
	// Comment says what it shows.
	Comment string
	// Sections are in the order in which things happen.
	Sections []Section
}

// Section is a part of a file.
type Section struct {
	// Round is the round that it belongs to, from 1.
	Round int
	// Name is its name without the round.
	Name string
	// Text is everything up to the next section.
	Text string

	// reply is the place of the reply that a request got, from 0. Of sections that are
	// written alone.
	reply int
}

// kind is a section's name without how it is written: "client.reply.http" and
// "client.events" are both of the kind "client.reply".
func (s Section) kind() string {
	if s.Name == nameEvents {
		return kindReply
	}
	return strings.TrimSuffix(s.Name, filepath.Ext(s.Name))
}

// The kinds of sections, in the order in which they stand.
const (
	kindClient   = "client"
	kindRequest  = "upstream.request"
	kindUpstream = "upstream.reply"
	kindReply    = "client.reply"
	kindPlan     = "plan"
	kindAudit    = "audit"
)

// nameEvents is the section of a stream as the client gets it.
const nameEvents = "client.events"

// spellings are the ways in which each kind can be written.
var spellings = map[string][]string{
	kindClient:   {"client.json", "client.http"},
	kindRequest:  {"upstream.request.json", "upstream.request.http"},
	kindUpstream: {"upstream.reply.json", "upstream.reply.sse", "upstream.reply.http"},
	kindReply:    {"client.reply.json", nameEvents, "client.reply.http"},
	kindPlan:     {"plan.json"},
	kindAudit:    {"audit.json"},
}

var marker = regexp.MustCompile(`(?m)^-- (?:(\d+)\.)?([a-z.]+) --\n`)

// Find reads every scenario below a folder: "<instance>/<name>.txtar".
func Find(folder string) ([]*File, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*.txtar"))
	if err != nil {
		return nil, fmt.Errorf("find scenarios: %w", err)
	}
	var files []*File
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a scenario: %w", err)
		}
		f, err := parse(path, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// parse reads a file.
func parse(path, text string) (*File, error) {
	f := &File{Path: path, Instance: filepath.Base(filepath.Dir(path))}
	f.Name = f.Instance + "/" + strings.TrimSuffix(filepath.Base(path), ".txtar")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	found := marker.FindAllStringSubmatchIndex(text, -1)
	if len(found) == 0 {
		return nil, fmt.Errorf("no section")
	}
	f.Comment = text[:found[0][0]]
	if strings.TrimSpace(f.Comment) == "" {
		return nil, fmt.Errorf("no comment says what it shows")
	}
	round := 1
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		s := Section{Round: 1, Name: text[at[4]:at[5]], Text: text[at[1]:end]}
		if at[2] >= 0 {
			s.Round, _ = strconv.Atoi(text[at[2]:at[3]]) // digits
		}
		if !slices.Contains(spellings[s.kind()], s.Name) {
			return nil, fmt.Errorf("no section is named %q", s.Name)
		}
		if s.Round < round || s.Round > round+1 {
			return nil, fmt.Errorf("round %d comes after round %d", s.Round, round)
		}
		round = s.Round
		f.Sections = append(f.Sections, s)
	}
	return f, nil
}

// bytes is the file as it is written.
func (f *File) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(f.Comment)
	for _, s := range f.Sections {
		name := s.Name
		if s.Round > 1 {
			name = fmt.Sprintf("%d.%s", s.Round, s.Name)
		}
		fmt.Fprintf(&b, "-- %s --\n%s", name, s.Text)
		if !strings.HasSuffix(s.Text, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// set writes what a section must say. n counts the sections of its kind in its round,
// from 0.
func (f *File) set(n int, s Section) {
	order := []string{kindClient, kindRequest, kindUpstream, kindReply, kindPlan, kindAudit}
	rank := slices.Index(order, s.kind())
	after, replies := 0, 0
	for i, other := range f.Sections {
		switch {
		case other.Round > s.Round:
		case other.Round == s.Round && other.kind() == s.kind():
			if n--; n < 0 {
				f.Sections[i] = s
				return
			}
			after = i + 1
		case other.Round == s.Round && s.kind() == kindRequest && other.kind() == kindUpstream:
			if replies++; replies <= s.reply {
				after = i + 1
			}
		case other.Round < s.Round, slices.Index(order, other.kind()) < rank:
			after = i + 1
		}
	}
	f.Sections = slices.Insert(f.Sections, after, s)
}
