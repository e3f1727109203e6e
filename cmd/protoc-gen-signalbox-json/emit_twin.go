package main

import (
	"fmt"
	"strings"
)

// expander writes the function that turns the twins of a message into their
// typed form.
func (f *file) expander(m *message) {
	name := m.GoIdent.GoName
	f.p("")
	f.p("// Expand%s reads the deferred members of a message into their typed form,", name)
	f.p("// and clears their text: from then on the typed form is what is written. After an")
	f.p("// error, a *wire.Error, the message is as it was.")
	f.p("func Expand%s(m *%s, lim wire.Limits) error {", name, f.ident(m.GoIdent))
	f.p("extra := m.ExtraJson")
	for _, mem := range m.twins() {
		f.expand(mem)
	}
	for _, mem := range m.twins() {
		for _, fd := range mem.parsed() {
			f.p("m.%s = %s", fd.GoName, local(fd))
		}
		f.p("m.%s = \"\"", mem.twin().GoName)
	}
	f.p("m.ExtraJson = extra\nreturn nil\n}")
}

// expand writes the code that reads one twin into local variables.
func (f *file) expand(mem *member) {
	var sets, attempts []string
	brackets := ""
	for _, fd := range mem.fields {
		if !fd.raw() && !fd.deferred() {
			sets = append(sets, set(fd))
		}
	}
	for _, fd := range mem.parsed() {
		f.p("%s := m.%s", local(fd), fd.GoName)
		attempts = append(attempts, fmt.Sprintf("func(d *wire.Decoder) bool { return %s }", f.list(fd, "&"+local(fd), "true")))
		brackets += opening[(&field{Field: fd.Field, single: true}).kind()]
	}
	f.p("if fault := wire.Expand(%q, m.%s, %s, &extra, lim, %q,\n%s,\n); fault != nil {\nreturn fault\n}",
		mem.key, mem.twin().GoName, strings.Join(sets, " || "), brackets, strings.Join(attempts, ",\n"))
}

// opening is the first character of a kind, as wire.Expand takes it.
var opening = map[string]string{"object": "{", "array": "[", "string": `"`, "number": "0", "boolean": "tf"}

// copier writes the shallow copy of a message.
func (f *file) copier(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("// ShallowCopy%s returns a message with the same fields. What they point", name)
	f.p("// to is shared, so that neither may be changed below its own fields.")
	f.p("func ShallowCopy%s(m *%s) *%s {", name, typ, typ)
	f.p("c := &%s{", typ)
	for _, pf := range m.Fields {
		switch {
		case pf.Oneof == nil || pf.Oneof.Desc.IsSynthetic():
			f.p("%s: m.%s,", pf.GoName, pf.GoName)
		case pf.Oneof.Fields[0] == pf:
			f.p("%s: m.%s,", pf.Oneof.GoName, pf.Oneof.GoName)
		}
	}
	f.p("}")
	f.p("if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {")
	f.p("c.ProtoReflect().SetUnknown(unknown)\n}")
	f.p("return c\n}")
}

// local is the name of a variable for a field.
func local(f *field) string { return strings.ToLower(f.GoName[:1]) + f.GoName[1:] }
