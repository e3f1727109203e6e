package main

import (
	"fmt"
	"strings"
)

// unionReader writes the functions that read a union: the type is found first, then
// the members go to the union and to the arm as they come.
func (f *file) unionReader(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.chooser(m)
	f.ownReader(m)
	f.p("")
	f.p("func read%s(d *wire.Decoder, m *%s) {", name, typ)
	f.p("var seen, inner uint64")
	f.p("arm, tag := choose%s(d)", name)
	f.p("switch arm {")
	for _, a := range m.union.arms {
		f.p("case %d:", a.Desc.Number())
		f.p("v := wire.New[struct {\narm %s\npayload %s\n}](d)", f.ident(a.GoIdent), f.ident(a.Message.GoIdent))
		f.p("v.arm.%s = &v.payload\nm.%s = &v.arm", a.GoName, m.union.oneof.GoName)
		f.p("o := d.Open()")
		f.p("for d.Next(&o) {\nif !own%s(d, &o, m, &seen) {", name)
		f.p("member%s(d, &o, &v.payload, &inner, tag)\n}\n}", a.Message.GoIdent.GoName)
		f.p("d.Close(&o, &v.payload.ExtraJson)")
	}
	f.p("default:")
	f.p("o := d.Open()")
	f.p("for d.Next(&o) {\nif !own%s(d, &o, m, &seen) && d.Fresh(&o) {\nd.Pass()\n}\n}", name)
	other := m.union.other
	f.p("m.%s = &%s{%s: d.Text(&o)}", m.union.oneof.GoName, f.ident(other.GoIdent), other.GoName)
	f.p("}\n}")
}

// chooser writes the functions that choose the arm.
func (f *file) chooser(m *message) {
	name := m.GoIdent.GoName
	f.p("")
	f.p("// arm%s is the number of the arm that a type chooses, or 0.", name)
	f.p("func arm%s(tag string) int {\nswitch tag {", name)
	for _, a := range m.union.arms {
		var tags []string
		for _, tag := range a.tags() {
			tags = append(tags, fmt.Sprintf("%q", tag))
		}
		f.p("case %s:\nreturn %d", strings.Join(tags, ", "), a.Desc.Number())
	}
	f.p("}\nreturn 0\n}")
	f.p("")
	f.p("func choose%s(d *wire.Decoder) (arm int, tag string) {", name)
	if untyped := m.union.untyped(); len(untyped) > 0 {
		f.p("tag, typed := d.Tag()")
		f.p("switch {\ncase typed:")
		for _, a := range untyped {
			f.p("case d.Has(%q):\nreturn %d, %q", a.untyped(), a.Desc.Number(), a.tags()[0])
		}
		f.p("}")
	} else {
		f.p("tag, _ = d.Tag()")
	}
	f.p("return arm%s(tag), tag\n}", name)
}

// ownReader writes the function that reads a member that is the union's own. What
// its field cannot hold is kept for the arm.
func (f *file) ownReader(m *message) {
	f.p("")
	f.p("func own%s(d *wire.Decoder, o *wire.Object, m *%s, seen *uint64) bool {", m.GoIdent.GoName, f.ident(m.GoIdent))
	f.p("switch o.Key {")
	for _, mem := range m.members {
		f.p("case %q:", mem.key)
		f.p("if !d.Once(seen, 1<<%d)%s {\nreturn true\n}", mem.bit, strings.Join(f.kinds(m, mem), ""))
	}
	f.p("default:\nreturn false\n}")
	f.p("d.Keep(o)\nreturn true\n}")
}

// armReader writes the functions that read a message that is an arm: the members of
// it, and it alone.
func (f *file) armReader(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("func read%s(d *wire.Decoder, m *%s) {", name, typ)
	f.p("var seen uint64")
	f.p("o := d.Open()")
	f.p("for d.Next(&o) {\nmember%s(d, &o, m, &seen, \"\")\n}", name)
	f.p("d.Close(&o, &m.ExtraJson)\n}")
	f.p("")
	f.p("func member%s(d *wire.Decoder, o *wire.Object, m *%s, seen *uint64, tag string) {", name, typ)
	f.choice(m, scope{object: "o", seen: "seen", leave: "return"})
	f.p("d.Keep(o)\n}")
}

// armAppender writes the function that writes the members of an arm, behind those of
// its union. extra is its extra_json without what those stand above.
func (f *file) armAppender(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("func rest%s(b []byte, n int, m *%s, extra string, mode wire.Mode, tag string) []byte {", name, typ)
	f.p("if m == nil {\nm = new(%s)\n}", typ)
	f.object(m, "extra")
}

// unionAppender writes the body of a union's encoder, and the function that writes
// the union's own members.
func (f *file) unionAppender(m *message) {
	name := m.GoIdent.GoName
	f.p("n, tag, extra := len(b), m.GetType(), \"\"")
	f.p("switch v := m.Get%s().(type) {", m.union.oneof.GoName)
	for _, a := range m.union.arms {
		f.p("case *%s:", f.ident(a.GoIdent))
		cond := `tag == ""`
		if a.untyped() != "" {
			cond += " && mode.Replies()"
		}
		f.p("if %s {\ntag = %q\n}", cond, a.tags()[0])
		f.p("extra = v.%s.GetExtraJson()", a.GoName)
		f.p("b = head%s(b, m, tag, &extra)", name)
		f.p("return rest%s(b, n, v.%s, extra, mode, tag)", a.Message.GoIdent.GoName, a.GoName)
	}
	f.p("case *%s:", f.ident(m.union.other.GoIdent))
	f.p("if v.%s != \"\" {\nreturn append(b, v.%s...)\n}\n}", m.union.other.GoName, m.union.other.GoName)
	f.p("return wire.Close(head%s(b, m, tag, &extra), n, \"\")\n}", name)
	f.head(m)
	f.bits(m)
	f.sets(m)
}

func (f *file) head(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("// head%s writes the union's own members, and takes from extra what they stand", name)
	f.p("// above. An empty tag is not written.")
	f.p("func head%s(b []byte, m *%s, tag string, extra *string) []byte {", name, typ)
	f.p("if m == nil {\nm = new(%s)\n}", typ)
	f.p("held := wire.Held(*extra, bits%s)", name)
	f.p("if tag != \"\" && (m.Type != \"\" || held&1 == 0) {")
	f.p("b = append(b, `,\"type\":`...)\nb = wire.AppendString(b, tag)\n}")
	for _, mem := range m.members[1:] {
		fd := mem.always()
		f.block(fmt.Sprintf("%s || held&(1<<%d) == 0", set(fd), mem.bit), f.value(mem, fd))
	}
	f.p("if held != 0 {\n*extra = wire.Without(*extra, held&set%s(m), bits%s)\n}", name, name)
	f.p("return b\n}")
}

// unionChecks writes the rest of a union's check.
func (f *file) unionChecks(m *message) {
	name := m.GoIdent.GoName
	f.p("switch v := m.Get%s().(type) {", m.union.oneof.GoName)
	for _, a := range m.union.arms {
		f.p("case *%s:", f.ident(a.GoIdent))
		f.p("if m.Type != \"\" && arm%s(m.Type) != %d {\nreturn &wire.Error{Kind: wire.WrongType, Path: \"type\"}\n}", name, a.Desc.Number())
		f.p("if fault := check%s(c, v.%s, depth); fault != nil {\nreturn fault.At(%q)\n}", a.Message.GoIdent.GoName, a.GoName, string(a.Desc.Name()))
		var foreign []string
		for _, u := range m.union.untyped() {
			if u == a {
				break
			}
			if a.untyped() != "" {
				foreign = append(foreign, u.untyped())
			}
		}
		f.p("if fault := c.Beside(v.%s.GetExtraJson(), m.Type, set%s(m), bits%s%s); fault != nil {\nreturn fault.At(%q)\n}",
			a.GoName, name, name, quoted(foreign), string(a.Desc.Name()))
	}
	other := m.union.other
	f.p("case *%s:", f.ident(other.GoIdent))
	f.p("return c.Other(%q, v.%s, m.Type, depth, choose%s)\n}", string(other.Desc.Name()), other.GoName, name)
	f.p("return nil\n}")
}

// quoted returns more arguments.
func quoted(names []string) string {
	out := ""
	for _, name := range names {
		out += fmt.Sprintf(", %q", name)
	}
	return out
}

// bareReader writes the functions that read a transparent message.
func (f *file) bareReader(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	fd := m.members[0].fields[0]
	f.p("")
	f.p("func bare%s(d *wire.Decoder, m *%s) bool {\nreturn %s\n}", name, typ, f.list(fd, "&m."+fd.GoName, "true"))
	f.p("")
	f.p("func read%s(d *wire.Decoder, dst **%s) bool {", name, typ)
	f.p("v := wire.New[%s](d)", typ)
	f.p("*dst = v\nreturn bare%s(d, v)\n}", name)
}
