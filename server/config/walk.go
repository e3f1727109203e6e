package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// walker goes through the file's tree before protoyaml reads it. It notes where
// members stand, expands references, and takes out what it refuses and protoyaml
// would take in silence: a member twice, another spelling of its name, null for a
// text.
type walker struct{ loader *loader }

// Unmarshal prepares the whole tree when it is given the root, and leaves the
// reading to protoyaml.
func (w *walker) Unmarshal(node *yaml.Node, message proto.Message) (bool, error) {
	if _, root := message.(*configv1.Config); root {
		w.message(node, message.ProtoReflect().Descriptor(), "")
	}
	return false, nil
}

func (w *walker) message(node *yaml.Node, descriptor protoreflect.MessageDescriptor, path string) {
	if node.Kind != yaml.MappingNode {
		w.scalar(node)
		return
	}
	seen := map[string]bool{}
	kept := node.Content[:0]
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := descriptor.Fields().ByTextName(key.Value)
		switch {
		case field == nil:
			w.loader.failAt(place(key), "unknown member %q; there are %s", key.Value, names(descriptor))
			continue
		case seen[key.Value]:
			w.loader.failAt(place(key), "member %q stands here twice", key.Value)
			continue
		}
		seen[key.Value] = true
		if value.ShortTag() == "!!null" {
			continue
		}
		member := strings.TrimPrefix(path+"."+key.Value, ".")
		w.loader.where[member] = place(value)
		before := len(w.loader.errs)
		w.field(value, field, member)
		nested := value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode
		if nested || len(w.loader.errs) == before {
			kept = append(kept, key, value)
		}
	}
	node.Content = kept
}

// entries goes through a map, whose keys are free.
func (w *walker) entries(node *yaml.Node, values protoreflect.FieldDescriptor, path string) {
	if node.Kind != yaml.MappingNode {
		w.scalar(node)
		return
	}
	seen := map[string]bool{}
	kept := node.Content[:0]
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case seen[key.Value]:
			w.loader.failAt(place(key), "%q stands here twice", key.Value)
			continue
		case value.ShortTag() == "!!null":
			w.loader.failAt(place(value), "an empty item")
			continue
		}
		seen[key.Value] = true
		member := fmt.Sprintf("%s[%q]", path, key.Value)
		w.loader.where[member] = place(value)
		w.item(value, values, member)
		kept = append(kept, key, value)
	}
	node.Content = kept
}

func (w *walker) field(node *yaml.Node, field protoreflect.FieldDescriptor, path string) {
	if field.IsMap() {
		w.entries(node, field.MapValue(), path)
		return
	}
	if !field.IsList() {
		w.item(node, field, path)
		return
	}
	if node.Kind != yaml.SequenceNode {
		w.scalar(node)
		return
	}
	kept := node.Content[:0]
	for i, item := range node.Content {
		if item.ShortTag() == "!!null" {
			w.loader.failAt(place(item), "an empty item")
			continue
		}
		member := fmt.Sprintf("%s[%d]", path, i)
		w.loader.where[member] = place(item)
		before := len(w.loader.errs)
		w.item(item, field, member)
		if field.Enum() == nil || len(w.loader.errs) == before {
			kept = append(kept, item)
		}
	}
	node.Content = kept
}

func (w *walker) item(node *yaml.Node, field protoreflect.FieldDescriptor, path string) {
	if field.Message() != nil {
		w.message(node, field.Message(), path)
		return
	}
	w.scalar(node)
	if field.Enum() != nil && node.Kind == yaml.ScalarNode {
		w.enum(node, field.Enum())
	}
}

// enum refuses what is no name of a value. protoyaml does, but offers some of the
// names only, and among them the one for nothing.
func (w *walker) enum(node *yaml.Node, descriptor protoreflect.EnumDescriptor) {
	values := descriptor.Values()
	if value := values.ByName(protoreflect.Name(node.Value)); value != nil {
		return
	}
	if _, err := strconv.ParseInt(node.Value, 0, 32); err == nil {
		return // a number, which protoyaml and the rules judge
	}
	list := make([]string, 0, values.Len())
	for i := range values.Len() {
		if values.Get(i).Number() != 0 {
			list = append(list, string(values.Get(i).Name()))
		}
	}
	w.loader.failAt(place(node), "there is no %q; there are %s", node.Value, strings.Join(list, ", "))
}

// reference is ${NAME}, ${NAME:-default} or, for a dollar sign before a brace, $${.
var reference = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)?(:-[^}]*)?\}?`)

// scalar expands the references of a value.
func (w *walker) scalar(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		w.loader.failAt(place(node), "aliases are not supported")
		return
	}
	if node.Kind != yaml.ScalarNode || !strings.Contains(node.Value, "${") {
		return
	}
	node.Value = reference.ReplaceAllStringFunc(node.Value, func(text string) string {
		return w.expand(node, text)
	})
	if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		node.Tag = "" // what was a text may now be a number or a truth value
	}
}

// expand returns what a reference stands for.
func (w *walker) expand(node *yaml.Node, text string) string {
	if strings.HasPrefix(text, "$$") {
		return text[1:]
	}
	parts := reference.FindStringSubmatch(text)
	name, fallback := parts[1], parts[2]
	if name == "" || !strings.HasSuffix(text, "}") {
		w.loader.failAt(place(node), "a reference is ${NAME} or ${NAME:-default}; write $${ for a plain ${")
		return ""
	}
	value := w.loader.env[name]
	if value == "" {
		if fallback == "" {
			w.loader.failAt(place(node), "${%s}: the variable is not set; ${%s:-} allows that", name, name)
			return ""
		}
		return strings.TrimPrefix(fallback, ":-")
	}
	if len(value) >= 4 { // shorter ones would turn up in any text
		w.loader.expanded[value] = "${" + name + "}"
	}
	return value
}

func place(node *yaml.Node) position { return position{node.Line, node.Column} }

// names lists the members of a message.
func names(descriptor protoreflect.MessageDescriptor) string {
	fields := descriptor.Fields()
	list := make([]string, 0, fields.Len())
	for i := range fields.Len() {
		list = append(list, fields.Get(i).TextName())
	}
	return strings.Join(list, ", ")
}

// fieldOf returns the field at a path without list places, or nil.
func fieldOf(descriptor protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	var field protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		if descriptor == nil {
			return nil
		}
		if field = descriptor.Fields().ByName(protoreflect.Name(name)); field == nil {
			return nil
		}
		descriptor = field.Message()
	}
	return field
}
