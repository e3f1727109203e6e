package main

import (
	"fmt"
	"strings"
)

// decoder writes the exported decoder of a message.
func (f *file) decoder(m *message) {
	name, mode, start := m.GoIdent.GoName, "wire.Reply", "wire.Start"
	if m.request {
		mode = "wire.Request"
	}
	if m.transparent {
		start = "wire.StartArray"
	}
	f.p("")
	f.p("// Decode%s fills an empty message from a JSON document. The error is a", name)
	f.p("// *wire.Error.")
	f.p("func Decode%s(src string, m *%s, lim wire.Limits) error {", name, f.ident(m.GoIdent))
	f.p("d := %s(src, lim, %s)", start, mode)
	if m.transparent {
		f.p("if !bare%s(d, m) {\nd.Mismatch()\n}", name)
	} else {
		f.p("read%s(d, m)", name)
	}
	f.p("return d.Finish()\n}")
}

// reader writes the function that reads one object.
func (f *file) reader(m *message) {
	switch {
	case m.union != nil:
		f.unionReader(m)
	case m.transparent:
		f.bareReader(m)
	case m.tag:
		f.armReader(m)
	default:
		f.objectReader(m)
	}
}

func (f *file) objectReader(m *message) {
	f.p("")
	f.p("func read%s(d *wire.Decoder, m *%s) {", m.GoIdent.GoName, f.ident(m.GoIdent))
	if len(m.members) > 0 {
		f.p("var seen uint64")
	}
	f.p("o := d.Open()")
	f.p("for d.Next(&o) {")
	if len(m.members) > 0 {
		f.choice(m, scope{object: "&o", seen: "&seen", leave: "continue"})
		if m.extra {
			f.p("d.Keep(&o)")
		} else {
			f.p("d.Mismatch()")
		}
	} else if f.unknown(m, scope{object: "&o", leave: "continue"}); m.extra {
		f.p("d.Keep(&o)")
	}
	f.p("}")
	if m.extra {
		f.p("d.Close(&o, &m.ExtraJson)\n}")
	} else {
		f.p("d.End(&o)\n}")
	}
}

// scope is how code that reads a member names what is around it.
type scope struct {
	object string // the object that is read
	seen   string // the bits of the members that were read
	leave  string // how it ends
}

// choice writes the code that chooses the field by the member's name. What it does
// not leave is kept or refused by the code behind it.
func (f *file) choice(m *message, in scope) {
	f.p("switch %s.Key {", strings.TrimPrefix(in.object, "&"))
	for _, mem := range m.members {
		f.p("case %q:", mem.key)
		f.p("if !d.Once(%s, 1<<%d)%s {\n%s\n}", in.seen, mem.bit, strings.Join(f.kinds(m, mem), ""), in.leave)
	}
	f.p("default:")
	f.unknown(m, in)
	f.p("}")
}

// unknown writes what happens to a member that has no field.
func (f *file) unknown(m *message, in scope) {
	if m.extra {
		f.p("if !d.Fresh(%s) {\n%s\n}", in.object, in.leave)
	} else if len(m.members) > 0 {
		f.p("d.Unknown()\n%s", in.leave)
	} else {
		f.p("d.Unknown()")
	}
}

// kinds returns the attempts to read a member, one for each kind that it takes.
func (f *file) kinds(m *message, mem *member) []string {
	if mem.object {
		return []string{fmt.Sprintf(" || d.Constant(%q)", m.object)}
	}
	var out []string
	twin := mem.twin()
	for _, fd := range mem.fields {
		if !fd.raw() && !fd.deferred() && (twin == nil || !fd.list()) {
			out = append(out, " || "+f.read(m, fd))
		}
	}
	if twin != nil {
		out = append(out, fmt.Sprintf(" || d.Deferred(&m.%s)", twin.GoName))
	}
	text := mem.text()
	switch null := mem.emitNull(); {
	case null != nil && len(null.shape.GetEmitTypes()) > 0:
		out = append(out, fmt.Sprintf(" || (%s) && d.Null()", limit(m, null)))
	case null != nil || mem.nullUnset() || (!m.extra && m.union == nil && text == nil):
		out = append(out, " || d.Null()")
	}
	if text != nil {
		out = append(out, fmt.Sprintf(" || d.Raw(&m.%s)", text.GoName))
	}
	return out
}

// read returns the attempt to read a field.
func (f *file) read(m *message, fd *field) string {
	dst := "&m." + fd.GoName
	switch {
	case fd.arm() != nil:
		return fmt.Sprintf("read%s(d, m)", fd.GoIdent.GoName)
	case fd.Desc.IsMap():
		return fmt.Sprintf("wire.Map(d, %s, %s, (*wire.Decoder).%s)", dst, empty(m, fd), scalars[fd.element().Desc.Kind()])
	case fd.list():
		return f.list(fd, dst, empty(m, fd))
	case fd.transparent():
		return fmt.Sprintf("read%s(d, %s)", fd.Message.GoIdent.GoName, dst)
	case fd.wellKnown() != "":
		return fmt.Sprintf("d.%s(%s)", fd.wellKnown(), dst)
	case fd.object():
		return fmt.Sprintf("wire.Into(d, %s, read%s)", dst, fd.Message.GoIdent.GoName)
	case fd.Enum != nil:
		return fmt.Sprintf("read%s(d, %s)", fd.Enum.GoIdent.GoName, dst)
	case fd.presence():
		return fmt.Sprintf("d.Opt%s(%s)", scalars[fd.Desc.Kind()], dst)
	default:
		return fmt.Sprintf("d.%s(%s)", scalars[fd.Desc.Kind()], dst)
	}
}

// list returns the attempt to read an array. empty is the condition under which
// the field may stay unset for an empty one.
func (f *file) list(fd *field, dst, empty string) string {
	switch {
	case fd.floats():
		return fmt.Sprintf("d.Floats(%s, %s)", dst, empty)
	case fd.transparent():
		return fmt.Sprintf("wire.Values(d, %s, %s, read%s)", dst, empty, fd.Message.GoIdent.GoName)
	case fd.object():
		return fmt.Sprintf("wire.Messages(d, %s, %s, read%s)", dst, empty, fd.Message.GoIdent.GoName)
	case fd.Enum != nil:
		return fmt.Sprintf("wire.Values(d, %s, %s, read%s)", dst, empty, fd.Enum.GoIdent.GoName)
	default:
		return fmt.Sprintf("wire.Values(d, %s, %s, (*wire.Decoder).%s)", dst, empty, scalars[fd.Desc.Kind()])
	}
}

// empty returns whether an unset field stands for an empty list.
func empty(m *message, fd *field) string {
	if !m.extra {
		return "true"
	}
	if !fd.shape.GetEmitEmpty() {
		return "false"
	}
	var conds []string
	if !fd.shape.GetEmitInRequests() {
		conds = append(conds, "d.Replies()")
	}
	if len(fd.shape.GetEmitTypes()) > 0 {
		conds = append(conds, "("+limit(m, fd)+")")
	}
	if len(conds) == 0 {
		return "true"
	}
	return strings.Join(conds, " && ")
}

// limit is the condition that the field's emit_types set.
func limit(m *message, fd *field) string {
	var conds []string
	for _, typ := range fd.shape.GetEmitTypes() {
		conds = append(conds, fmt.Sprintf("%s == %q", m.typeOf(), typ))
	}
	return strings.Join(conds, " || ")
}

// bits writes the function from a member's name to its bit.
func (f *file) bits(m *message) {
	f.p("")
	f.p("func bits%s(key string) uint64 {", m.GoIdent.GoName)
	if len(m.members) > 0 {
		f.p("switch key {")
		for _, mem := range m.members {
			f.p("case %q:\nreturn 1 << %d", mem.key, mem.bit)
		}
		f.p("}")
	}
	f.p("return 0\n}")
}

// sets writes the function that tells which members have a field that is set.
func (f *file) sets(m *message) {
	f.p("")
	f.p("func set%s(m *%s) uint64 {", m.GoIdent.GoName, f.ident(m.GoIdent))
	f.p("var bits uint64")
	for _, mem := range m.members {
		var conds []string
		for _, fd := range mem.fields {
			conds = append(conds, set(fd))
		}
		if len(conds) > 0 {
			f.p("if %s {\nbits |= 1 << %d\n}", strings.Join(conds, " || "), mem.bit)
		}
	}
	f.p("return bits\n}")
}

// arms writes the readers of the arms of oneofs.
func (f *file) arms(m *message) {
	for _, mem := range m.members {
		for _, fd := range mem.fields {
			if fd.arm() == nil {
				continue
			}
			f.p("")
			f.p("func read%s(d *wire.Decoder, m *%s) bool {", fd.GoIdent.GoName, f.ident(m.GoIdent))
			f.p("if m.%s != nil {\nreturn false\n}", fd.arm().GoName)
			f.p("v := new(%s)", f.ident(fd.GoIdent))
			f.p("if !wire.Into(d, &v.%s, read%s) {\nreturn false\n}", fd.GoName, fd.Message.GoIdent.GoName)
			f.p("m.%s = v\nreturn true\n}", fd.arm().GoName)
		}
	}
}

// nullUnset says whether a null leaves the member unset although none is written
// for it.
func (m *member) nullUnset() bool {
	return m.find(func(f *field) bool { return f.shape.GetNullUnset() }) != nil
}
