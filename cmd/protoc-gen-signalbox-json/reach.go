package main

import (
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
)

// markRequests finds the messages that requests of RPCs reach and replies do
// not.
func (m *model) markRequests(plugin *protogen.Plugin) {
	asked, answered := make(map[*message]bool), make(map[*message]bool)
	for _, f := range plugin.Files {
		for _, s := range f.Services {
			for _, rpc := range s.Methods {
				m.reach(asked, m.messages[rpc.Input.Desc.FullName()])
				m.reach(answered, m.messages[rpc.Output.Desc.FullName()])
			}
		}
	}
	for msg := range asked {
		msg.request = !answered[msg]
	}
}

func (m *model) reach(found map[*message]bool, msg *message) {
	if msg == nil || found[msg] {
		return
	}
	found[msg] = true
	for _, f := range msg.Fields {
		if f.Message != nil {
			m.reach(found, m.messages[f.Message.Desc.FullName()])
		}
	}
}

// markChecked finds the messages that have something to check.
func (m *model) markChecked() {
	for again := true; again; {
		again = false
		for _, msg := range m.messages {
			if !msg.checked && (msg.extra || msg.union != nil || slices.ContainsFunc(msg.members, m.checks)) {
				msg.checked, again = true, true
			}
		}
	}
}

func (m *model) checks(mem *member) bool {
	return slices.ContainsFunc(mem.fields, func(f *field) bool {
		return f.raw() || f.deferred() || f.double() || f.checkedMessage(m)
	})
}
