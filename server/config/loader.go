package config

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// loader holds what Load knows while it works.
type loader struct {
	source   Source
	env      map[string]string
	path     string
	where    map[string]position // members of the file, "providers[0].base_url"
	from     map[string]string   // members that a variable set, with its name
	expanded map[string]string   // values that came out of ${VAR}, with the reference
	warnings []string
	errs     []error
}

// position is a place in the file.
type position struct{ line, column int }

// fail notes what is wrong with a member.
func (l *loader) fail(member, format string, args ...any) {
	text := member + ": " + fmt.Sprintf(format, args...)
	if variable, ok := l.from[member]; ok {
		text = variable + ": " + fmt.Sprintf(format, args...)
	} else if at, ok := l.where[member]; ok {
		text = l.at(at) + text
	}
	l.errs = append(l.errs, errors.New(l.scrub(text)))
}

// failAt notes what is wrong with a place in the file.
func (l *loader) failAt(at position, format string, args ...any) {
	l.errs = append(l.errs, errors.New(l.scrub(l.at(at)+fmt.Sprintf(format, args...))))
}

func (l *loader) at(at position) string {
	return fmt.Sprintf("%s:%d:%d: ", l.path, at.line, at.column)
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, l.scrub(fmt.Sprintf(format, args...)))
}

// scrub takes the values of references out of a text: they may be secrets.
func (l *loader) scrub(text string) string {
	for value, reference := range l.expanded {
		text = strings.ReplaceAll(text, value, reference)
	}
	return text
}

func (l *loader) err() error { return errors.Join(l.errs...) }

// validate applies the rules of the proto to the whole. The file has passed them
// already; this is for what variables and defaults brought.
func (l *loader) validate(message proto.Message) error {
	err := rules{}.Validate(message)
	var violations *protovalidate.ValidationError
	if !errors.As(err, &violations) {
		return err
	}
	for _, violation := range violations.Violations {
		l.fail(protovalidate.FieldPathString(violation.Proto.GetField()), "%s", violation.Proto.GetMessage())
	}
	return l.err()
}
