package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module   = "github.com/signalbox-ai/signalbox/"
	maxLines = 500
)

// A room may import the rooms of its house that stand in a lower row, and itself.
// Its tests may import their own row as well. A room that stands in no row breaks
// the test: choose its row with care.
var (
	tower = house{dir: ".", rows: [][]string{
		{"gen"},
		{"providers"},
		{"server"},
		{"cmd"},
	}}
	server = house{dir: "server", rows: [][]string{
		{"buffers", "call", "config", "objectid", "storage"},                                            // vocabulary
		{"audit", "auth", "catalog", "certs", "jobs", "objects", "storage/sqldb", "telemetry", "usage"}, // departments
		{"plan"},                              // combinations
		{"service", "rest"},                   // surface
		{"."},                                 // assembly
		{"servertest", "storage/storagetest"}, // for tests
	}}
	upstream = house{dir: "providers", rows: [][]string{
		{"failure"},
		{".", "wire"},
		{"upstream"},
		{"openai"},       // the dialect that compatible providers vary
		{"*"},            // the other adapters
		{"builtin"},      // names them all
		{"providertest"}, // for tests
	}}
)

// forTests are the rooms that no part of the gateway may import: only tests, and
// they themselves.
var forTests = []string{
	"providers/providertest",
	"providers/responses/eventtest",
	"server/servertest",
	"server/storage/storagetest",
}

// narrow are the rooms that may import less of the server than their row allows.
var narrow = map[string][]string{
	"server/rest": {"server/buffers", "server/call"}, // a projection of the services, whatever they do
}

// banned names say nothing of what a folder gives.
var banned = []string{
	"base", "common", "core", "helper", "helpers", "lib", "manager", "managers", "misc", "shared", "support", "types", "util", "utils",
}

// TestTree holds the rules of the tree: imports go down, folders are named for
// what they give, files are short.
func TestTree(t *testing.T) {
	t.Parallel()
	broken, err := breaches(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range broken {
		t.Error(breach)
	}
}

// house is a folder whose rooms, its subfolders, stand in rows, the lowest first.
// The room "." is the folder itself, "*" any room without a row of its own.
type house struct {
	dir  string
	rows [][]string
}

// room returns the room that a folder belongs to, and its row; -1 when it has none.
// ok is false when the folder lies outside of the house.
func (h house) room(folder string) (name string, row int, ok bool) {
	inside, ok := within(h.dir, folder)
	if !ok {
		return "", 0, false
	}
	for name := inside; ; name = path.Dir(name) {
		for row, names := range h.rows {
			if slices.Contains(names, name) {
				return name, row, true
			}
		}
		if path.Dir(name) == "." { // the root is a room of its own, not the rest
			break
		}
	}
	name, _, _ = strings.Cut(inside, "/")
	row = slices.IndexFunc(h.rows, func(names []string) bool { return slices.Contains(names, "*") })
	return name, row, true
}

// within returns the path of folder inside dir, "." for dir itself.
func within(dir, folder string) (string, bool) {
	if dir == "." {
		return folder, true
	}
	if folder == dir {
		return ".", true
	}
	return strings.CutPrefix(folder, dir+"/")
}

// breaches returns a line for each rule that a file or folder of the tree breaks.
// It reads the files itself, so that `go test` knows when its result is stale.
func breaches(tree fs.FS) ([]string, error) {
	var broken []string
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			if slices.Contains(banned, d.Name()) {
				broken = append(broken, fmt.Sprintf("%s: a folder is named for what it gives", name))
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		found, err := breachesOf(tree, name)
		broken = append(broken, found...)
		return err
	})
	return broken, err
}

// skipped says whether a folder holds nothing that follows our rules.
func skipped(folder string) bool {
	base := path.Base(folder)
	hidden := strings.HasPrefix(base, ".") && base != "."
	return hidden || base == "testdata" || base == "node_modules" || base == "gen" && strings.HasPrefix(folder, "server/servertest/sdk/") ||
		slices.Contains([]string{"gen", "proto", "third_party", "providers/wire/codec"}, folder)
}

// breachesOf returns a line for each rule that a Go file breaks.
func breachesOf(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var broken []string
	lines := bytes.Count(source, []byte("\n"))
	if generated := bytes.HasPrefix(source, []byte("// Code generated ")); lines > maxLines && !generated {
		broken = append(broken, fmt.Sprintf("%s: has %d lines, more than %d", name, lines, maxLines))
	}
	for _, h := range []house{tower, server, upstream} {
		if room, row, ok := h.room(path.Dir(name)); ok && row < 0 {
			broken = append(broken, fmt.Sprintf("%s: %s has no row in cmd/signalbox/floors_test.go", name, path.Join(h.dir, room)))
		}
	}
	for _, spec := range file.Imports {
		target, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
		if !ours {
			continue
		}
		if why := refusal(name, target); why != "" {
			broken = append(broken, fmt.Sprintf("%s: imports %s, %s", name, target, why))
		}
	}
	return broken, nil
}

// refusal says why a file may not import a folder; empty when it may.
func refusal(name, target string) string {
	from, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	if why := tower.refusal(from, target, test); why != "" {
		return why
	}
	isForTests := func(folder string) bool {
		return slices.ContainsFunc(forTests, func(room string) bool { return inRoom(room, folder) })
	}
	if isForTests(target) {
		if test || isForTests(from) {
			return ""
		}
		return "which is for tests"
	}
	for _, h := range []house{server, upstream} {
		if why := h.refusal(from, target, test); why != "" {
			return why
		}
	}
	for room, allowed := range narrow {
		if inRoom(room, from) && inRoom("server", target) && !inRoom(room, target) && !slices.Contains(allowed, target) && !test {
			return fmt.Sprintf("of which %s knows nothing", room)
		}
	}
	return ""
}

// refusal says why a folder of the house may not import another; empty when it may,
// or when one lies outside.
func (h house) refusal(from, target string, test bool) string {
	room, row, ok := h.room(from)
	targetRoom, targetRow, targetOK := h.room(target)
	switch {
	case !ok || !targetOK || row < 0 || targetRow < 0 || room == targetRoom:
		return ""
	case targetRow > row:
		return fmt.Sprintf("a floor above %s", path.Join(h.dir, room))
	case targetRow == row && !test:
		return fmt.Sprintf("a neighbour of %s", path.Join(h.dir, room))
	}
	return ""
}

// inRoom says whether a folder is a room or lies in it.
func inRoom(room, folder string) bool {
	_, ok := within(room, folder)
	return ok
}

func TestBreaches(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("//\n", maxLines)
	for _, test := range []struct {
		name   string
		file   string
		source string
		want   string
	}{
		{"a floor may import the floor below", "server/server.go", imports("providers/wire", "gen/signalbox/chat/v1"), ""},
		{"a floor may be skipped", "cmd/signalbox/main.go", imports("gen/signalbox/chat/v1"), ""},
		{"providers do not import the server", "providers/openai/chat.go", imports("server/call"), "providers/openai/chat.go: imports server/call, a floor above providers"},
		{"nor do their tests", "providers/openai/chat_test.go", imports("server/call"), "providers/openai/chat_test.go: imports server/call, a floor above providers"},
		{"code lives on a floor", "internal/x.go", imports(), "internal/x.go: internal has no row in cmd/signalbox/floors_test.go"},

		{"a department imports the vocabulary", "server/audit/spool.go", imports("server/call", "server/storage"), ""},
		{"departments do not import one another", "server/audit/audit.go", imports("server/usage"), "server/audit/audit.go: imports server/usage, a neighbour of server/audit"},
		{"their tests may", "server/audit/audit_test.go", imports("server/storage/sqldb"), ""},
		{"a department does not know the plan's maker", "server/catalog/card.go", imports("server/plan"), "server/catalog/card.go: imports server/plan, a floor above server/catalog"},
		{"the vocabulary imports nothing of the server", "server/call/call.go", imports("server/config"), "server/call/call.go: imports server/config, a neighbour of server/call"},
		{"a room may import its own folders", "server/rest/rest.go", imports("server/rest/apidoc"), ""},
		{"the plan combines departments", "server/plan/plan.go", imports("server/catalog", "server/auth"), ""},
		{"the surfaces do not import each other", "server/rest/rest.go", imports("server/service"), "server/rest/rest.go: imports server/service, a neighbour of server/rest"},
		{"REST knows calls and buffers alone", "server/rest/rest.go", imports("server/call", "server/audit"), "server/rest/rest.go: imports server/audit, of which server/rest knows nothing"},
		{"the assembly imports all", "server/server.go", imports("server/rest", "server/service", "server/storage/sqldb"), ""},
		{"nothing of the server imports the assembly", "server/service/chat.go", imports("server"), "server/service/chat.go: imports server, a floor above server/service"},
		{"a new room needs a row", "server/limits/limits.go", imports(), "server/limits/limits.go: server/limits has no row in cmd/signalbox/floors_test.go"},

		{"an adapter imports what adapters share", "providers/groq/groq.go", imports("providers", "providers/openai", "providers/upstream", "providers/wire"), ""},
		{"adapters do not import one another", "providers/groq/groq.go", imports("providers/xai"), "providers/groq/groq.go: imports providers/xai, a neighbour of providers/groq"},
		{"the client does not know the codec's users", "providers/upstream/client.go", imports("providers/openai"), "providers/upstream/client.go: imports providers/openai, a floor above providers/upstream"},
		{"errors know nothing of providers", "providers/failure/failure.go", imports("providers"), "providers/failure/failure.go: imports providers, a floor above providers/failure"},
		{"one room names all adapters", "providers/builtin/builtin.go", imports("providers/groq", "providers/openai"), ""},

		{"tests may import the fake upstream", "server/service/chat_test.go", imports("providers/providertest", "server/servertest"), ""},
		{"the programs of servertest may", "server/servertest/bench/bench.go", imports("providers/providertest"), ""},
		{"tests do not start what lies above", "providers/openai/chat_test.go", imports("server/servertest"), "providers/openai/chat_test.go: imports server/servertest, a floor above providers"},
		{"the gateway may not", "server/server.go", imports("providers/providertest"), "server/server.go: imports providers/providertest, which is for tests"},
		{"the binary may not", "cmd/signalbox/main.go", imports("server/servertest"), "cmd/signalbox/main.go: imports server/servertest, which is for tests"},

		{"a file has its length", "server/call/long.go", "package call\n" + long, "server/call/long.go: has 501 lines, more than 500"},
		{"a generated file may be long", "server/call/long.go", "// Code generated by x. DO NOT EDIT.\npackage call\n" + long, ""},
		{"a name says what is in the folder", "server/rest/utils/x.go", imports(), "server/rest/utils: a folder is named for what it gives"},
		{"the generated folders are left alone", "gen/signalbox/common/v1/common.pb.go", "package commonv1\n" + long, ""},
		{"hidden folders are left alone", ".tools/x.go", long, ""},
		{"test data is left alone", "server/testdata/x.go", long, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := breaches(fstest.MapFS{test.file: {Data: []byte(test.source)}})
			if err != nil {
				t.Fatal(err)
			}
			if joined := strings.Join(got, "\n"); joined != test.want {
				t.Errorf("got  %s\nwant %s", cmp.Or(joined, "no breach"), cmp.Or(test.want, "no breach"))
			}
		})
	}
}

// imports is the source of a file that imports folders of ours.
func imports(folders ...string) string {
	var b strings.Builder
	b.WriteString("package x\n")
	for _, folder := range folders {
		fmt.Fprintf(&b, "import _ %q\n", module+folder)
	}
	return b.String()
}
