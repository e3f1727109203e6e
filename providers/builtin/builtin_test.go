package builtin_test

import (
	"regexp"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/builtin"
)

// A type's name is a variable's prefix and a member of the file: it must be plain,
// and one type's alone.
func TestTypes(t *testing.T) {
	t.Parallel()
	plain := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, kind := range builtin.Types {
		if !plain.MatchString(kind.Name) || seen[kind.Name] {
			t.Errorf("type %q", kind.Name)
		}
		if kind.New == nil {
			t.Errorf("type %q is not complete", kind.Name)
		}
		seen[kind.Name] = true
	}
}
