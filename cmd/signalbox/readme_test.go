package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// guides are the pages that lead through the code. They name files; a name that
// leads nowhere is worse than none.
var guides = []string{"README.md", "providers/README.md", "server/README.md"}

// TestGuides holds that every file that a guide names is there.
func TestGuides(t *testing.T) {
	t.Parallel()
	tree := os.DirFS("../..")
	for _, guide := range guides {
		text, err := fs.ReadFile(tree, guide)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, gone := range deadNames(tree, guide, string(text)) {
			t.Errorf("%s names %s, which is not there", guide, gone)
		}
	}
}

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	linked = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	// fileName is a path that may have wildcards: `providers/<type>/{chat,stream}.go`.
	fileName    = regexp.MustCompile(`^[\w.*<>{},/-]+$`)
	placeholder = regexp.MustCompile(`<[^>]*>`)
	braces      = regexp.MustCompile(`\{([^}]*)\}`)
	// symbol is what Go code adds to a package: `server/call.Call`.
	symbol = regexp.MustCompile(`\.[A-Z][\w.]*$`)
)

// deadNames returns the names of files and folders in a page that lead nowhere.
func deadNames(tree fs.FS, page, text string) []string {
	folder := path.Dir(page)
	var dead []string
	check := func(name string, named bool) {
		if named && !exists(tree, folder, name) && !slices.Contains(dead, name) {
			dead = append(dead, name)
		}
	}
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 { // a block of code
			for word := range strings.FieldsSeq(part) {
				word = strings.TrimRight(word, ",;:)")
				check(word, fileName.MatchString(word) && inTop(tree, word) && strings.Contains(word, "/"))
			}
			continue
		}
		for _, match := range quoted.FindAllStringSubmatch(part, -1) {
			check(match[1], namesFile(tree, folder, match[1]))
		}
		for _, match := range linked.FindAllStringSubmatch(part, -1) {
			check(match[1], !strings.Contains(match[1], ":"))
		}
	}
	return dead
}

// namesFile says whether a quoted text means a file or folder of the repository, and
// not a path of the API, a model or a command.
func namesFile(tree fs.FS, folder, text string) bool {
	text = strings.TrimPrefix(text, "./")
	if !fileName.MatchString(text) || strings.HasPrefix(text, "/") || ignored(tree, text) {
		return false
	}
	if strings.HasSuffix(text, ".go") || strings.HasSuffix(text, "/") {
		return true
	}
	first, _, deep := strings.Cut(text, "/")
	return deep && (inTop(tree, text) || isThere(tree, path.Join(folder, first)))
}

// inTop says whether a path begins with a folder at the top of the repository.
func inTop(tree fs.FS, name string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "./"), "/")
	info, err := fs.Stat(tree, first)
	return err == nil && info.IsDir() && first != "." && !ignored(tree, name)
}

// ignored says whether a path is of what running and building leave behind.
func ignored(tree fs.FS, name string) bool {
	list, err := fs.ReadFile(tree, ".gitignore")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	first, _, _ := strings.Cut(name, "/")
	for line := range strings.FieldsSeq(string(list)) {
		if strings.Trim(line, "/") == first {
			return true
		}
	}
	return false
}

// exists says whether a name leads somewhere: from the page's folder, from the top,
// or, for a bare file name, anywhere below the page's folder.
func exists(tree fs.FS, folder, name string) bool {
	for _, name := range spellings(name) {
		found := isThere(tree, path.Join(folder, name)) || isThere(tree, path.Clean(name))
		if !found && !strings.Contains(name, "/") {
			found = isBelow(tree, folder, name)
		}
		if !found {
			return false
		}
	}
	return true
}

// spellings are the paths that a name with braces stands for.
func spellings(name string) []string {
	name = placeholder.ReplaceAllString(strings.TrimPrefix(name, "./"), "*")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "/"), "/...")
	if !strings.HasSuffix(name, ".go") {
		name = symbol.ReplaceAllString(name, "")
	}
	match := braces.FindStringSubmatchIndex(name)
	if match == nil {
		return []string{name}
	}
	var all []string
	for choice := range strings.SplitSeq(name[match[2]:match[3]], ",") {
		all = append(all, spellings(name[:match[0]]+choice+name[match[1]:])...)
	}
	return all
}

func isThere(tree fs.FS, pattern string) bool {
	found, err := fs.Glob(tree, pattern)
	return err == nil && len(found) > 0
}

func isBelow(tree fs.FS, folder, base string) bool {
	errFound := errors.New("found")
	err := fs.WalkDir(tree, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(name) {
			return fs.SkipDir
		}
		if matched, _ := path.Match(base, d.Name()); matched {
			return errFound
		}
		return nil
	})
	return errors.Is(err, errFound)
}

func TestDeadNames(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		".gitignore":               {Data: []byte("/data/\nnode_modules/\n")},
		"docs/performance.md":      {},
		"providers/openai/chat.go": {},
		"server/README.md":         {},
		"server/call/call.go":      {},
		"server/chain.go":          {},
		"server/rest/sse.go":       {},
	}
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"from the top", "`server/chain.go` `server/gone.go`", []string{"server/gone.go"}},
		{"from the page's folder", "`rest/sse.go` `rest/gone.go` `call` `rest/gone`", []string{"rest/gone.go", "rest/gone"}},
		{"a folder", "`server/rest/` `gone/`", []string{"gone/"}},
		{"a bare name stands anywhere below", "`chain.go`, `sse.go`, `chat.go`", []string{"chat.go"}},
		{"wildcards", "`providers/<type>/chat.go` `providers/<type>/gone.go` `server/*/call.go`", []string{"providers/<type>/gone.go"}},
		{"braces", "`server/{chain,gone}.go` `server/{call,rest}/`", []string{"server/{chain,gone}.go"}},
		{"packages and symbols", "`./server/...` `server/call.Call` `server/gone.Call`", []string{"server/gone.Call"}},
		{"a path of the API", "`/v1/chat/completions` `POST /v1/models/{id}`", nil},
		{"a model, an address, a command", "`openai/gpt-4o` `http://server/x` `go test ./gone/...`", nil},
		{"what running leaves behind", "`data/` `data/signalbox.db`", nil},
		{"a link", "[a](../docs/performance.md#table) [b](gone.md) [c](https://example.com/gone.md)", []string{"gone.md"}},
		{"a block of code", "```\nserver/chain.go  the steps\nserver/old.go    gone\ncurl http://x/server/y\nprovider/model\n```\n", []string{"server/old.go"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := deadNames(tree, "server/README.md", test.text)
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
