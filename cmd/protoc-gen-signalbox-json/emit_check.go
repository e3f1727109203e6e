package main

import "fmt"

// checker writes the functions that check the JSON text in a message's fields.
func (f *file) checker(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("// Check%s tells whether the JSON text in the fields of a message may stand in", name)
	f.p("// a document. The error is a *wire.Error; its path has the names of fields.")
	f.p("func Check%s(m *%s, lim wire.Limits) error {", name, typ)
	f.p("return check%s(wire.NewChecker(lim), m, 1).AsError()\n}", name)
	f.p("")
	f.p("func check%s(c wire.Checker, m *%s, depth int) *wire.Error {", name, typ)
	f.p("if m == nil {\nreturn nil\n}")
	if m.union != nil {
		f.unionChecks(m)
		return
	}
	for _, mem := range m.members {
		for _, fd := range mem.fields {
			f.checkField(fd)
		}
	}
	if m.extra {
		f.checkExtra(m)
	}
	f.p("return nil\n}")
}

func (f *file) checkField(fd *field) {
	const fail = "; fault != nil {\nreturn fault"
	field := string(fd.Desc.Name())
	value := "m." + fd.GoName
	switch {
	case fd.raw():
		f.p("if fault := c.Raw(%q, %s, depth)"+fail+"\n}", field, value)
	case fd.deferred():
		f.p("if fault := c.Deferred(%q, %s, depth)"+fail+"\n}", field, value)
	case fd.checkedMessage(f.model) && fd.list():
		f.p("for i, v := range %s {", value)
		f.p("if fault := check%s(c, v, depth+2)"+fail+".AtIndex(%q, i)\n}\n}", fd.Message.GoIdent.GoName, field)
	case fd.checkedMessage(f.model):
		f.p("if fault := check%s(c, m.Get%s(), depth+1)"+fail+".At(%q)\n}", fd.Message.GoIdent.GoName, fd.GoName, field)
	case !fd.double():
	case fd.list():
		f.p("for i, v := range %s {", value)
		number := "v"
		if fd.floats() {
			number = "float64(v)"
		}
		f.p("if fault := c.Finite(\"\", %s)"+fail+".AtIndex(%q, i)\n}\n}", number, field)
	case fd.Desc.IsMap():
		f.p("for k, v := range %s {", value)
		f.p("if fault := c.Finite(k, v)"+fail+".At(%q)\n}\n}", field)
	default:
		f.p("if fault := c.Finite(%q, m.Get%s())"+fail+"\n}", field, fd.GoName)
	}
}

func (f *file) checkExtra(m *message) {
	name := m.GoIdent.GoName
	f.p("if m.ExtraJson != \"\" {")
	f.p("if fault := c.Extra(m.ExtraJson, depth, set%s(m), bits%s); fault != nil {", name, name)
	f.p("return fault\n}\n}")
}

// parsed are the typed forms of a deferred member.
func (m *member) parsed() []*field {
	var out []*field
	for _, f := range m.fields {
		if f.list() {
			out = append(out, f)
		}
	}
	return out
}

// twinned says what keeps a message from having deferred members.
func (m *message) twinned() error {
	for _, mem := range m.twins() {
		if len(mem.parsed()) == 0 || !m.extra {
			return fmt.Errorf("%s: a deferred field needs a list with the same key, and extra_json", mem.key)
		}
	}
	return nil
}
