package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
)

// shapeless are the packages whose messages are never JSON of ours.
var shapeless = []protoreflect.FullName{
	"signalbox.config.v1",
	"signalbox.objects.v1",
	"signalbox.policy.v1",
	"signalbox.wire.v1",
}

// model is what the generator knows of all files.
type model struct {
	files    []*source
	messages map[protoreflect.FullName]*message
	enums    map[protoreflect.FullName]*protogen.Enum
	aliases  map[protogen.GoImportPath]string
}

// source is one proto file that has messages.
type source struct {
	name     string
	messages []*message
}

// message is a message as a JSON object.
type message struct {
	*protogen.Message
	members []*member
	// object is the fixed value of the member `object`. Empty: there is none.
	object string
	// extra says whether it keeps what no field can hold.
	extra bool
	// tagged says whether an empty `type` is written as the key of the payload.
	tagged bool
	// request says whether only requests reach it.
	request bool
	// checked says whether it has JSON text or numbers to check, however deep.
	checked bool
	// transparent says whether it is the bare value of its only field.
	transparent bool
	// union is what a message has that its `type` tells apart. Nil: it is none.
	union *union
	// tag says whether it is an arm of a union, whose type is then a parameter.
	tag bool
}

// member is a member of a JSON object, with the fields that take its kinds.
type member struct {
	key    string
	bit    int
	object bool // the member `object`, which has no field
	fields []*field
}

// field is a field as one kind of a member.
type field struct {
	*protogen.Field
	shape *wirev1.FieldShape
	// single makes a list stand for one of its elements.
	single bool
}

const (
	extraField = "extra_json"
	otherField = "other_json"
)

func newModel(plugin *protogen.Plugin) (*model, error) {
	m := &model{
		messages: make(map[protoreflect.FullName]*message),
		enums:    make(map[protoreflect.FullName]*protogen.Enum),
		aliases:  make(map[protogen.GoImportPath]string),
	}
	for _, f := range plugin.Files {
		m.aliases[f.GoImportPath] = string(f.GoPackageName)
		if !f.Generate || slices.Contains(shapeless, f.Desc.Package()) {
			continue
		}
		src := &source{name: fileName(f.Desc.Path())}
		if err := m.add(src, f.Messages); err != nil {
			return nil, err
		}
		if len(src.messages) > 0 {
			m.files = append(m.files, src)
		}
	}
	if err := m.unique(); err != nil {
		return nil, err
	}
	if err := m.link(); err != nil {
		return nil, err
	}
	m.markRequests(plugin)
	m.markChecked()
	return m, nil
}

func (m *model) add(src *source, messages []*protogen.Message) error {
	for _, pm := range messages {
		if pm.Desc.IsMapEntry() {
			continue
		}
		msg, err := m.message(pm)
		if err != nil {
			return fmt.Errorf("%s: %w", pm.Desc.FullName(), err)
		}
		m.messages[pm.Desc.FullName()] = msg
		src.messages = append(src.messages, msg)
		if err := m.add(src, pm.Messages); err != nil {
			return err
		}
	}
	return nil
}

// message reads the shape of one message.
func (m *model) message(pm *protogen.Message) (*message, error) {
	shape, _ := proto.GetExtension(pm.Desc.Options(), wirev1.E_Message).(*wirev1.MessageShape)
	msg := &message{Message: pm, object: shape.GetObject(), transparent: shape.GetTransparent()}
	if shape.GetUnion() {
		msg.union = new(union)
	}
	for _, pf := range pm.Fields {
		f := &field{Field: pf}
		f.shape, _ = proto.GetExtension(pf.Desc.Options(), wirev1.E_Field).(*wirev1.FieldShape)
		switch {
		case pf.Desc.Name() == extraField:
			if pf.Desc.Number() != 15 || pf.Desc.Kind() != protoreflect.StringKind || pf.Desc.HasPresence() {
				return nil, fmt.Errorf("extra_json must be `string extra_json = 15`")
			}
			msg.extra = true
		case f.shape.GetDerived():
		default:
			if err := f.supported(); err != nil {
				return nil, fmt.Errorf("%s: %w", pf.Desc.Name(), err)
			}
			m.learn(pf)
			switch {
			case msg.union != nil && msg.union.place(f):
			case len(f.shape.GetTags()) > 0 || f.shape.GetUntyped() != "":
				return nil, fmt.Errorf("%s: tags and untyped are for the arms of a union", pf.Desc.Name())
			default:
				msg.place(f)
			}
		}
	}
	msg.placeObject()
	if err := msg.distinct(); err != nil {
		return nil, err
	}
	msg.tagged = msg.nested()
	for i, mem := range msg.members {
		mem.bit = i
	}
	if err := msg.twinned(); err != nil {
		return nil, err
	}
	if err := msg.shaped(); err != nil {
		return nil, err
	}
	if len(msg.members) > 64 {
		return nil, fmt.Errorf("more than 64 members")
	}
	return msg, nil
}

// place adds a field to the member of its key.
func (m *message) place(f *field) {
	key := f.key()
	for _, mem := range m.members {
		if mem.key == key {
			mem.fields = append(mem.fields, f)
			return
		}
	}
	m.members = append(m.members, &member{key: key, fields: []*field{f}})
}

// placeObject puts the member `object` where OpenAI has it: behind `id`, else
// first.
func (m *message) placeObject() {
	if m.object == "" {
		return
	}
	at := 0
	if len(m.members) > 0 && m.members[0].key == "id" {
		at = 1
	}
	m.members = slices.Insert(m.members, at, &member{key: "object", object: true})
}

// distinct makes sure that the fields of a member can be told apart: by the JSON
// kind of a value when it is read, and by being set when it is written.
func (m *message) distinct() error {
	keys := make(map[string]bool)
	for _, mem := range m.members {
		kinds := make(map[string]bool)
		for _, f := range mem.fields {
			if kinds[f.kind()] || len(mem.fields) > 1 && mem.always() != nil {
				return fmt.Errorf("%s: its fields cannot be told apart", mem.key)
			}
			kinds[f.kind()] = true
		}
		if keys[mem.key] {
			return fmt.Errorf("%s: its fields cannot be told apart", mem.key)
		}
		keys[mem.key] = true
	}
	return nil
}

// nested says whether the message is of the kind that nests its payload under
// the name of its `type`: the type is its first field, and at least one other
// field is a message or a list of them. With emit_types it is not: there the type
// says which members stand side by side.
func (m *message) nested() bool {
	if len(m.members) == 0 || m.members[0].object || !m.members[0].isType() || m.limited() != "" {
		return false
	}
	return slices.ContainsFunc(m.members[1:], func(mem *member) bool {
		return slices.ContainsFunc(mem.fields, func(f *field) bool { return f.Message != nil && !f.Desc.IsMap() })
	})
}

// learn notes the enum of a field.
func (m *model) learn(pf *protogen.Field) {
	if pf.Enum != nil {
		m.enums[pf.Enum.Desc.FullName()] = pf.Enum
	}
}

// unique makes sure that functions can be named by messages alone.
func (m *model) unique() error {
	seen := make(map[string]protoreflect.FullName)
	for name, msg := range m.messages {
		if other, twice := seen[msg.GoIdent.GoName]; twice {
			return fmt.Errorf("%s and %s have the same name", name, other)
		}
		seen[msg.GoIdent.GoName] = name
	}
	return nil
}

// sorted returns the values of a map in the order of their names.
func sorted[K ~string, V any](m map[K]V) []V {
	var out []V
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// enumValue is the JSON name of an enum's value: without the enum's prefix, in
// lower case.
func enumValue(e *protogen.Enum, v *protogen.EnumValue) string {
	prefix := strings.TrimSuffix(string(e.Values[0].Desc.Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(v.Desc.Name()), prefix))
}
