package main

import "strings"

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
		twin, typed := mem.twin(), mem.parsed()
		f.p("%s, fault := wire.Expand(%q, m.%s, m.%s, &extra, lim, read%s)",
			local(typed), mem.key, twin.GoName, typed.GoName, typed.Message.GoIdent.GoName)
		f.p("if fault != nil {\nreturn fault\n}")
	}
	for _, mem := range m.twins() {
		f.p("m.%s, m.%s = %s, \"\"", mem.parsed().GoName, mem.twin().GoName, local(mem.parsed()))
	}
	f.p("m.ExtraJson = extra\nreturn nil\n}")
}

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
