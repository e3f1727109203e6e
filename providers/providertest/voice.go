package providertest

// voice is how a provider spells completions. What is said is put together once,
// with all members that any provider has; the layouts name those that this one has,
// in its order. All members may be zero but the layouts, id and usage.
type voice struct {
	// reply, choice, message and call are the members of a whole reply.
	reply, choice, message, call string
	// chunk, part, delta and piece are those of a chunk, its choices, their deltas,
	// and the calls in them.
	chunk, part, delta, piece string

	// id names a reply.
	id func(*ask) string
	// callID names a call of a tool, from a digest.
	callID func(string) string
	// usage counts as the provider does.
	usage func(counts) *node
	// usagePlace is where a stream has its usage.
	usagePlace usagePlace
	// more adds the members that only this provider has.
	more func(*node, moment)
	// within adds such members to a choice, and to its message or delta.
	within func(choice, says *node, m moment)

	// reasoning is the member with the reasoning text; "content": parts of the
	// content, as at Mistral. Empty: the text is not shown.
	reasoning string
	lateRole  bool // the role is in the first delta that says something
	everyRole bool // each delta has the role
	wholeCall bool // a call is one chunk
	callEnds  bool // the last call's chunk has the finish reason
	everyText bool // each delta has a content, "" for none
	lastText  bool // the delta of the finish reason has a content, ""
	bothTexts bool // content and reasoning are both there, one of them null
	noNulls   bool // a chunk's choice has no null members
	drifting  bool // `created` changes between chunks
	wordless  wordless
	// nullUsage is `"usage":null` in the chunks before the usage.
	nullUsage bool
	// leading is a chunk before all others. Nil: there is none.
	leading func() *node
	// comments come before the first event.
	comments string
	// failing are the events of a failure in the middle of a stream, [DONE] where the
	// provider writes it. Nil: an event with the error.
	failing func(*APIError, *node) [][]byte
}

// usagePlace is where a stream has its usage.
type usagePlace int

const (
	// ownChunk is a chunk without choices, when it was asked for.
	ownChunk usagePlace = iota
	// lastChunk is the chunk with the finish reason, when it was asked for.
	lastChunk
	// alwaysLast is the chunk with the finish reason, asked for or not.
	alwaysLast
)

// wordless is the content of a message that calls tools.
type wordless int

const (
	wordlessNull wordless = iota
	wordlessAbsent
	wordlessEmpty
)

// moment is where in a reply something is said.
type moment struct {
	a *ask
	// said is what the choice says. Nil for what has no choice, or several.
	said *spoken
	// stream says that it is a chunk; n counts them from 0.
	stream bool
	n      int
	// first and last say that it opens, and that it ends.
	first, last bool
	// usage is the usage that the reply has. Nil: none.
	usage *node
}

// counts are a reply's tokens.
type counts struct {
	prompt int
	// completion is all that was made, with reasoning and audio.
	completion, reasoning, audio int
}

// laid puts the members that only this provider has, and lays out all of them.
func (v *voice) laid(n *node, layout string, m moment) *node {
	if v.more != nil {
		v.more(n, m)
	}
	return n.laid(layout)
}

// choose lays out a choice with what it says.
func (v *voice) choose(choice, says *node, m moment) *node {
	if v.within != nil {
		v.within(choice, says, m)
	}
	name, layout, inner := "message", v.choice, v.message
	if m.stream {
		name, layout, inner = "delta", v.part, v.delta
	}
	choice.put(name, says.laid(inner))
	out := choice.laid(layout)
	if m.stream && v.noNulls {
		for _, member := range out.members {
			if member.value.kind == kindNull {
				out = out.without(member.name)
			}
		}
	}
	return out
}

// calls are the calls of a message.
func (v *voice) calls(calls []toolCall) *node {
	out := list()
	for k, c := range calls {
		out.elems = append(out.elems, c.node(k).laid(v.call))
	}
	return out
}
