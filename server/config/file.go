package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// defaultPath is the file that is read if it is there.
const defaultPath = "signalbox.yaml"

// readFile reads the file, if there is one, by the rules of the proto.
func (l *loader) readFile() *configv1.Config {
	message := &configv1.Config{}
	text, err := l.openFile()
	if err != nil {
		l.errs = append(l.errs, err)
		return message
	}
	if l.path == "" {
		return message
	}
	if err := oneDocument(text); err != nil {
		l.errs = append(l.errs, fmt.Errorf("%s%w", l.path, err))
		return message
	}
	text = lengthen(text)
	read := protoyaml.UnmarshalOptions{Path: l.path, CustomUnmarshaler: &walker{loader: l}}
	if err := read.Unmarshal(text, message); err != nil {
		l.failFile(err)
		return message
	}
	// The rules are for what could be read at all, else one slip gives two errors.
	// The second walk finds what the first one found.
	noted := l.errs
	read.Validator = rules{}
	err = read.Unmarshal(text, &configv1.Config{})
	l.errs = noted
	l.failFile(err)
	return message
}

// openFile returns the text of the file that flags, variables or its default
// place name, and notes its path.
func (l *loader) openFile() ([]byte, error) {
	path := l.source.Path
	if path == "" {
		path = l.env["SIGNALBOX_CONFIG"]
	}
	asked := path != ""
	if !asked {
		path = defaultPath
	}
	text, err := os.ReadFile(path)
	if !asked && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.path = path
	return text, nil
}

// lengthen adds an empty line for each line that YAML ends otherwise than with a
// line feed: protoyaml looks lines up by YAML's numbers in a list of its own, which
// knows no other end, and panics beyond it.
func lengthen(text []byte) []byte {
	more := 0
	for _, end := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
		more += bytes.Count(text, []byte(end))
	}
	return append(bytes.Clone(text), bytes.Repeat([]byte("\n"), more)...)
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// oneDocument refuses what is no YAML, and a second document, which would be
// ignored in silence.
func oneDocument(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var node yaml.Node
	err := decoder.Decode(&node)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			return fmt.Errorf(":%d:%d: a second document; the file must have one", node.Line, node.Column)
		}
	}
	parts := syntaxError.FindStringSubmatch(err.Error())
	if parts == nil || parts[1] == "" {
		return fmt.Errorf(": %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return fmt.Errorf(":%s: %s", parts[1], parts[2])
}

var nodeError = regexp.MustCompile(`^(\d+):(\d+) (.*)`)

// failFile notes what protoyaml found. Of each error only the first line is kept:
// the others quote the file, which may hold secrets.
func (l *loader) failFile(err error) {
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, one := range all {
		first, _, _ := strings.Cut(one.Error(), "\n")
		parts := nodeError.FindStringSubmatch(strings.TrimPrefix(first, l.path+":"))
		if parts == nil {
			l.errs = append(l.errs, errors.New(l.scrub(first)))
			continue
		}
		line, _ := strconv.Atoi(parts[1])
		column, _ := strconv.Atoi(parts[2])
		l.failAt(position{line, column}, "%s", strings.TrimSuffix(parts[3], " ()")) // a remedy names no rule
	}
}
