package providertest

import "maps"

// grammar is how requests of a provider differ from OpenAI's. Nil: not at all. The
// maps are by the place in the request: "request", "stream_options", "message" for
// the messages of all roles, a role, "part" for all parts of a content, "tool",
// "call"; and for kinds "role", "part", "assistant part", "tool", "call", "format".
type grammar struct {
	// less are members that OpenAI takes and the provider does not.
	less map[string][]string
	// more are members that it takes beside OpenAI's, or with other values.
	more map[string]map[string]field
	// lessKinds and moreKinds are so for what a member tells apart, like roles.
	lessKinds map[string][]string
	moreKinds map[string]map[string]rule
	// images judges the address of an image. Nil: OpenAI's way.
	images rule
}

// fields are the members at a place.
func (g *grammar) fields(place string, base map[string]field) map[string]field {
	if g == nil {
		return base
	}
	out := maps.Clone(base)
	for _, name := range g.less[place] {
		delete(out, name)
	}
	maps.Copy(out, g.more[place])
	return out
}

// kinds are the rules by kind at a place.
func (g *grammar) kinds(place string, base map[string]rule) map[string]rule {
	if g == nil {
		return base
	}
	out := maps.Clone(base)
	for _, name := range g.lessKinds[place] {
		delete(out, name)
	}
	maps.Copy(out, g.moreKinds[place])
	return out
}

// image judges the address of an image.
func (g *grammar) image() rule {
	if g == nil || g.images == nil {
		return imageURL
	}
	return g.images
}
