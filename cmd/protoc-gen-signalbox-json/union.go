package main

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// union is what a message has that is told apart by its `type`. Its members are
// those that stand beside the arm's own.
type union struct {
	arms  []*arm
	other *field
	oneof *protogen.Oneof
	// oneofs counts how many there are.
	oneofs int
}

// arm is one alternative of a union.
type arm struct {
	*field
	message *message
}

// place takes a field that is an arm, or holds a whole object.
func (u *union) place(f *field) bool {
	if f.arm() == nil {
		return false
	}
	if f.arm() != u.oneof {
		u.oneof = f.arm()
		u.oneofs++
	}
	if f.Desc.Name() == otherField {
		u.other = f
	} else {
		u.arms = append(u.arms, &arm{field: f})
	}
	return true
}

// tags are the values of `type` that choose the arm.
func (a *arm) tags() []string {
	if tags := a.shape.GetTags(); len(tags) > 0 {
		return tags
	}
	return []string{string(a.Desc.Name())}
}

// untyped is the member that tells the arm where there is no `type`, or empty.
func (a *arm) untyped() string { return a.shape.GetUntyped() }

// untyped are the arms that an object without `type` may be.
func (u *union) untyped() []*arm {
	var out []*arm
	for _, a := range u.arms {
		if a.untyped() != "" {
			out = append(out, a)
		}
	}
	return out
}

// shaped says what keeps a message from being a union or transparent.
func (m *message) shaped() error {
	switch u := m.union; {
	case m.transparent && (len(m.Fields) != 1 || !m.members[0].fields[0].list() || m.members[0].fields[0].object() || m.object != "" || u != nil):
		return fmt.Errorf("a transparent message has one field, a list of scalars")
	case u == nil:
		return nil
	case m.extra || m.object != "":
		return fmt.Errorf("a union has neither extra_json nor `object`: its arms have extra_json")
	case len(m.members) == 0 || !m.members[0].isType():
		return fmt.Errorf("the first field of a union is `string type`")
	case u.oneofs != 1 || len(u.arms) == 0:
		return fmt.Errorf("a union has one oneof of arms")
	case u.other == nil || u.other.Desc.Number() != 14 || !u.other.raw():
		return fmt.Errorf("a union has `string other_json = 14`, which is raw, in its oneof")
	}
	for _, mem := range m.members {
		if f := mem.fields[0]; len(mem.fields) > 1 || mem.always() == nil || f.list() || f.shape.GetEmitNull() {
			return fmt.Errorf("%s: beside its arms a union has plain scalars", mem.key)
		}
	}
	return m.union.distinctTags()
}

// isType says whether the member is a plain `type`.
func (m *member) isType() bool {
	f := m.fields[0]
	return m.key == "type" && len(m.fields) == 1 && f.Desc.Kind() == protoreflect.StringKind && !f.presence() && !f.list()
}

func (u *union) distinctTags() error {
	seen := make(map[string]bool)
	for _, a := range u.arms {
		for _, tag := range a.tags() {
			if seen[tag] || tag == "" {
				return fmt.Errorf("%s: the type %q is not its alone", a.Desc.Name(), tag)
			}
			seen[tag] = true
		}
	}
	return nil
}

// link finds the messages of all arms, and says what keeps them from being arms.
func (m *model) link() error {
	for _, msg := range sorted(m.messages) {
		if msg.union == nil {
			continue
		}
		for _, a := range msg.union.arms {
			if a.message = m.messages[a.Message.Desc.FullName()]; a.message == nil || !a.message.extra {
				return fmt.Errorf("%s: %s: an arm is a message with extra_json", msg.Desc.FullName(), a.Desc.Name())
			}
			if key := shared(msg, a.message); key != "" {
				return fmt.Errorf("%s: %s: the union has a member %q too", msg.Desc.FullName(), a.Desc.Name(), key)
			}
			a.message.tag = true
		}
	}
	for _, msg := range sorted(m.messages) {
		if key := msg.limited(); key != "" && msg.typeOf() == "" {
			return fmt.Errorf("%s: %s: emit_types needs a `type`, the message's own or that of a union", msg.Desc.FullName(), key)
		}
	}
	return nil
}

// shared is a member that the union has itself and its arm too, or empty.
func shared(u, arm *message) string {
	for _, mem := range u.members {
		if slices.ContainsFunc(arm.members, func(other *member) bool { return other.key == mem.key }) {
			return mem.key
		}
	}
	return ""
}

// limited is a member with emit_types, or empty.
func (m *message) limited() string {
	for _, mem := range m.members {
		if mem.find(func(f *field) bool { return len(f.shape.GetEmitTypes()) > 0 }) != nil {
			return mem.key
		}
	}
	return ""
}

// typeOf is how generated code names the message's type, or that of its union.
// Empty: there is none.
func (m *message) typeOf() string {
	switch {
	case m.tag:
		return "tag"
	case slices.ContainsFunc(m.members, func(mem *member) bool { return !mem.object && mem.isType() }):
		return "m.Type"
	}
	return ""
}
