package main

import (
	"fmt"
	"strings"
)

// decoder writes the exported decoder of a message.
func (f *file) decoder(m *message) {
	name, mode := m.GoIdent.GoName, "wire.Reply"
	if m.request {
		mode = "wire.Request"
	}
	f.p("")
	f.p("// Decode%s fills an empty message from a JSON document. The error is a", name)
	f.p("// *wire.Error.")
	f.p("func Decode%s(src string, m *%s, lim wire.Limits) error {", name, f.ident(m.GoIdent))
	f.p("d := wire.Start(src, lim, %s)", mode)
	f.p("read%s(d, m)", name)
	f.p("return d.Finish()\n}")
}

// reader writes the function that reads one object.
func (f *file) reader(m *message) {
	f.p("")
	f.p("func read%s(d *wire.Decoder, m *%s) {", m.GoIdent.GoName, f.ident(m.GoIdent))
	if len(m.members) > 0 {
		f.p("var seen uint64")
	}
	f.p("o := d.Open()")
	f.p("for d.Next(&o) {")
	if len(m.members) > 0 {
		f.p("switch o.Key {")
		for _, mem := range m.members {
			f.p("case %q:", mem.key)
			f.p("if !d.Once(&seen, 1<<%d)%s {\ncontinue\n}", mem.bit, strings.Join(f.kinds(m, mem), ""))
		}
		f.p("default:")
		f.unknown(m)
		f.p("}")
		if m.extra {
			f.p("d.Keep(&o)")
		} else {
			f.p("d.Mismatch()")
		}
	} else if f.unknown(m); m.extra {
		f.p("d.Keep(&o)")
	}
	f.p("}")
	if m.extra {
		f.p("d.Close(&o, &m.ExtraJson)\n}")
	} else {
		f.p("d.End(&o)\n}")
	}
}

// unknown writes what happens to a member that has no field.
func (f *file) unknown(m *message) {
	if m.extra {
		f.p("if !d.Fresh(&o) {\ncontinue\n}")
	} else if len(m.members) > 0 {
		f.p("d.Unknown()\ncontinue")
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
		if twin == nil && !fd.raw() {
			out = append(out, " || "+f.read(m, fd))
		}
	}
	if twin != nil {
		out = append(out, fmt.Sprintf(" || d.Deferred(&m.%s)", twin.GoName))
	}
	text := mem.text()
	if mem.emitNull() || mem.nullUnset() || (!m.extra && text == nil) {
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
	case fd.list() && fd.object():
		return fmt.Sprintf("wire.Messages(d, %s, %s, read%s)", dst, empty(m, fd), fd.Message.GoIdent.GoName)
	case fd.list() && fd.Enum != nil:
		return fmt.Sprintf("wire.Values(d, %s, %s, read%s)", dst, empty(m, fd), fd.Enum.GoIdent.GoName)
	case fd.list():
		return fmt.Sprintf("wire.Values(d, %s, %s, (*wire.Decoder).%s)", dst, empty(m, fd), scalars[fd.Desc.Kind()])
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

// empty returns whether an unset field stands for an empty list.
func empty(m *message, fd *field) string {
	switch {
	case !m.extra:
		return "true"
	case fd.shape.GetEmitEmpty():
		return "d.Replies()"
	default:
		return "false"
	}
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
