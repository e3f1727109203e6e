package describe

import (
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// keyword pairs a rule of protovalidate with the keyword of JSON Schema that says
// the same.
type keyword struct {
	rule   protoreflect.Name
	schema string
}

var (
	stringKeywords = []keyword{{"min_len", "minLength"}, {"max_len", "maxLength"}}
	numberKeywords = []keyword{{"gte", "minimum"}, {"gt", "exclusiveMinimum"}, {"lte", "maximum"}, {"lt", "exclusiveMaximum"}}
	listKeywords   = []keyword{{"min_items", "minItems"}, {"max_items", "maxItems"}, {"unique", "uniqueItems"}}
	mapKeywords    = []keyword{{"min_pairs", "minProperties"}, {"max_pairs", "maxProperties"}}
)

// constrain adds the field's rules to its schema, as far as JSON Schema has words
// for them.
func constrain(schema *openapi.Schema, f *protogen.Field, rules value) {
	switch {
	case f.Desc.IsMap():
		bind(schema, rules.child("map"), mapKeywords)
	case f.Desc.IsList():
		list := rules.child("repeated")
		bind(schema, list, listKeywords)
		if schema.Items != nil {
			constrainOne(schema.Items, f.Desc.Kind(), list.child("items"))
		}
	default:
		constrainOne(schema, f.Desc.Kind(), rules)
	}
}

func constrainOne(schema *openapi.Schema, kind protoreflect.Kind, rules value) {
	switch kind {
	case protoreflect.StringKind:
		text := rules.child("string")
		bind(schema, text, stringKeywords)
		if exact, ok := text.number("len"); ok {
			schema.Bounds = append(schema.Bounds,
				openapi.Bound{Keyword: "minLength", Value: exact}, openapi.Bound{Keyword: "maxLength", Value: exact})
		}
		schema.Pattern = text.text("pattern")
		schema.Const = text.text("const")
		schema.Enum = text.texts("in")
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.MessageKind, protoreflect.GroupKind, protoreflect.BytesKind:
	default:
		bind(schema, rules.child(protoreflect.Name(kind.String())), numberKeywords)
	}
}

func bind(schema *openapi.Schema, rules value, keywords []keyword) {
	for _, k := range keywords {
		if bound, ok := rules.number(k.rule); ok {
			schema.Bounds = append(schema.Bounds, openapi.Bound{Keyword: k.schema, Value: bound})
		}
	}
}

// demanded says whether the field's rules refuse it while it is unset.
func demanded(f *field) bool {
	if f.rules.flag("required") {
		return true
	}
	if f.Desc.HasPresence() {
		return false
	}
	if _, ok := f.rules.child("repeated").number("min_items"); ok {
		return true
	}
	_, ok := f.rules.child("string").number("min_len")
	return ok
}

// choice is a rule that one of some members must be there, or that at most one may.
type choice struct {
	keys     []string
	required bool
}

// choices returns the rules of a message about its members together, by JSON key.
func (b *builder) choices(message *protogen.Message, keys map[string]string) ([]choice, error) {
	rules, err := b.options.of(message.Desc, optionMessageRules)
	if err != nil {
		return nil, err
	}
	var list []choice
	for _, rule := range rules.children("oneof") {
		list = append(list, choice{distinct(rule.texts("fields"), keys), rule.flag("required")})
	}
	for _, oneof := range message.Oneofs {
		if oneof.Desc.IsSynthetic() {
			continue
		}
		rule, err := b.options.of(oneof.Desc, optionOneofRules)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, f := range oneof.Fields {
			names = append(names, string(f.Desc.Name()))
		}
		list = append(list, choice{distinct(names, keys), rule.flag("required")})
	}
	return list, nil
}

// distinct returns the keys of the named fields, each once.
func distinct(names []string, keys map[string]string) []string {
	var list []string
	seen := map[string]bool{}
	for _, name := range names {
		if key, ok := keys[name]; ok && !seen[key] {
			seen[key] = true
			list = append(list, key)
		}
	}
	return list
}

// demands says whether the choice comes down to one member, which must be there.
func (c choice) demands(key string) bool {
	return c.required && len(c.keys) == 1 && c.keys[0] == key
}

// apply adds a choice among several members to an object's schema.
func (c choice) apply(schema *openapi.Schema) {
	needs := func(keys ...string) *openapi.Schema { return &openapi.Schema{Required: keys} }
	switch {
	case len(c.keys) < 2:
	case c.required:
		for _, key := range c.keys {
			schema.OneOf = append(schema.OneOf, needs(key))
		}
	default:
		if schema.Not == nil {
			schema.Not = &openapi.Schema{}
		}
		for i, one := range c.keys {
			for _, other := range c.keys[i+1:] {
				schema.Not.AnyOf = append(schema.Not.AnyOf, needs(one, other))
			}
		}
	}
}
