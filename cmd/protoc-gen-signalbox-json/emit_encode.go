package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// appender writes the encoder of a message.
func (f *file) appender(m *message) {
	name, typ := m.GoIdent.GoName, f.ident(m.GoIdent)
	f.p("")
	f.p("// Append%s appends a message as JSON. Its JSON text must have passed Decode or", name)
	f.p("// Check.")
	f.p("func Append%s(b []byte, m *%s, mode wire.Mode) []byte {", name, typ)
	switch {
	case m.union != nil:
		f.unionAppender(m)
	case m.transparent:
		fd := m.members[0].fields[0]
		f.p("b = append(b, '[')\n%s\nreturn b\n}", f.elements(fd, "m.Get"+fd.GoName+"()"))
	case m.tag:
		f.p("return rest%s(b, len(b), m, m.GetExtraJson(), mode, \"\")\n}", name)
		f.armAppender(m)
	default:
		f.p("if m == nil {\nm = new(%s)\n}", typ)
		f.p("n := len(b)")
		f.object(m, "m.ExtraJson")
	}
	f.arms(m)
}

// object writes the code that writes all members, and those that no field holds,
// which is the end of its function.
func (f *file) object(m *message, extra string) {
	name := m.GoIdent.GoName
	if m.extra {
		f.p("held := wire.Held(%s, bits%s)", extra, name)
	}
	for _, mem := range m.members {
		f.appendMember(m, mem)
	}
	if !m.extra {
		f.p("return wire.Close(b, n, \"\")\n}")
		return
	}
	if extra != "extra" {
		f.p("extra := %s", extra)
	}
	f.p("if held != 0 {\nextra = wire.Without(extra, held&set%s(m), bits%s)\n}", name, name)
	f.p("return wire.Close(b, n, extra)\n}")
}

// always is the field of a member that is written even when it is zero, or nil.
func (m *member) always() *field {
	return m.find(func(f *field) bool {
		return !f.list() && !f.Desc.IsMap() && f.Message == nil && !f.presence() && !f.raw() && !f.deferred()
	})
}

// appendMember writes the code that writes one member: the first of its fields
// that is set, or what stands for none.
func (f *file) appendMember(m *message, mem *member) {
	free := ""
	if m.extra {
		free = fmt.Sprintf("held&(1<<%d) == 0", mem.bit)
	}
	switch {
	case mem.object:
		f.block(free, fmt.Sprintf("b = append(b, `,\"object\":%q`...)", m.object))
		return
	case mem.always() != nil:
		f.appendAlways(m, mem, free)
		return
	}
	var cases []string
	for _, fd := range mem.fields {
		cases = append(cases, fmt.Sprintf("if %s {\n%s\n}", set(fd), f.value(mem, fd)))
	}
	if empty, null := mem.emitEmpty(), mem.emitNull(); empty != nil {
		cases = append(cases, otherwise(m, mem, empty, free))
	} else if null != nil {
		cases = append(cases, otherwise(m, mem, null, free))
	}
	f.p("%s", strings.Join(cases, " else "))
}

// otherwise returns the case that writes what a field's options say of an unset
// member.
func otherwise(m *message, mem *member, fd *field, free string) string {
	var conds []string
	if !fd.shape.GetEmitInRequests() {
		conds = append(conds, "mode.Replies()")
	}
	if len(fd.shape.GetEmitTypes()) > 0 {
		conds = append(conds, "("+limit(m, fd)+")")
	}
	if free != "" {
		conds = append(conds, free)
	}
	code := fmt.Sprintf("b = append(b, `,%q:%s`...)", mem.key, "null")
	switch {
	case fd.floats():
		code = fmt.Sprintf("b = append(b, `,%q:`...)\nb = wire.AppendFloats(b, nil, mode)", mem.key)
	case fd.shape.GetEmitEmpty() && fd.Desc.IsMap():
		code = fmt.Sprintf("b = append(b, `,%q:{}`...)", mem.key)
	case fd.shape.GetEmitEmpty():
		code = fmt.Sprintf("b = append(b, `,%q:[]`...)", mem.key)
	}
	if len(conds) == 0 {
		return "{\n" + code + "\n}"
	}
	return fmt.Sprintf("if %s {\n%s\n}", strings.Join(conds, " && "), code)
}

// appendAlways writes the code for a plain scalar.
func (f *file) appendAlways(m *message, mem *member, free string) {
	fd := mem.always()
	if m.tagged && mem.key == "type" {
		f.appendTag(m, mem, free)
		return
	}
	if free != "" {
		free = set(fd) + " || " + free
	}
	f.block(free, f.value(mem, fd))
}

// appendTag writes the code for a `type` that may be empty.
func (f *file) appendTag(m *message, mem *member, free string) {
	f.p("tag := m.Type")
	f.p("if tag == \"\" {\nswitch {")
	for _, payload := range m.members[1:] {
		var conds []string
		for _, fd := range payload.fields {
			conds = append(conds, set(fd))
		}
		f.p("case %s:\ntag = %q", strings.Join(conds, ", "), payload.key)
	}
	f.p("}\n}")
	if free != "" {
		free = "m.Type != \"\" || " + free
	}
	f.block(free, fmt.Sprintf("b = append(b, `,%q:`...)\nb = wire.AppendString(b, tag)", mem.key))
}

// block writes code under a condition, or without one.
func (f *file) block(cond, code string) {
	if cond == "" {
		f.p("%s", code)
		return
	}
	f.p("if %s {\n%s\n}", cond, code)
}

// set returns the condition under which a field is set.
func set(fd *field) string {
	name := "m." + fd.GoName
	switch {
	case fd.arm() != nil:
		return "m.Get" + fd.GoName + "() != nil"
	case fd.list() || fd.Desc.IsMap():
		return "len(" + name + ") > 0"
	case fd.Message != nil || fd.presence():
		return name + " != nil"
	case fd.Desc.Kind() == protoreflect.StringKind:
		return name + ` != ""`
	case fd.Desc.Kind() == protoreflect.BoolKind:
		return name
	default:
		return name + " != 0"
	}
}

// value returns the code that writes a member from one of its fields.
func (f *file) value(mem *member, fd *field) string {
	name := "m." + fd.GoName
	open := func(bracket string) string {
		return fmt.Sprintf("b = append(b, `,%q:%s`...)\n", mem.key, bracket)
	}
	switch {
	case fd.raw() || fd.deferred():
		return open("") + "b = append(b, " + name + "...)"
	case fd.floats():
		return open("") + "b = wire.AppendFloats(b, " + name + ", mode)"
	case fd.list():
		return open("[") + f.elements(fd, name)
	case fd.Desc.IsMap():
		f.use(wireImport)
		return open("{") + fmt.Sprintf("for i, k := range wire.Keys(%s) {\nif i > 0 {\nb = append(b, ',')\n}\n"+
			"b = wire.AppendString(b, k)\nb = append(b, ':')\n%s\n}\nb = append(b, '}')", name, f.scalar(fd, name+"[k]"))
	case fd.arm() != nil:
		return open("") + f.scalar(fd, "m.Get"+fd.GoName+"()")
	case fd.Message == nil && fd.presence():
		return open("") + f.scalar(fd, "*"+name)
	default:
		return open("") + f.scalar(fd, name)
	}
}

// elements returns the code that writes an array behind its bracket.
func (f *file) elements(fd *field, list string) string {
	return fmt.Sprintf("for i, v := range %s {\nif i > 0 {\nb = append(b, ',')\n}\n%s\n}\nb = append(b, ']')",
		list, f.scalar(fd, "v"))
}

// scalar returns the code that writes one value: the field's own, an element of
// it, or a value of a map.
func (f *file) scalar(fd *field, expr string) string {
	switch element := fd.element(); {
	case fd.object():
		return fmt.Sprintf("b = Append%s(b, %s, mode)", fd.Message.GoIdent.GoName, expr)
	case fd.wellKnown() != "":
		return fmt.Sprintf("b = wire.Append%s(b, %s)", fd.wellKnown(), expr)
	case element.Enum != nil:
		return fmt.Sprintf("b = append%s(b, %s)", element.Enum.GoIdent.GoName, expr)
	case fd.shape.GetDecimalPoint():
		return fmt.Sprintf("b = wire.AppendDecimal(b, %s)", expr)
	default:
		return fmt.Sprintf("b = wire.Append%s(b, %s)", appenders[element.Desc.Kind()], expr)
	}
}

var appenders = map[protoreflect.Kind]string{
	protoreflect.StringKind: "String",
	protoreflect.BoolKind:   "Bool",
	protoreflect.Int32Kind:  "Int",
	protoreflect.Int64Kind:  "Int",
	protoreflect.DoubleKind: "Double",
}
