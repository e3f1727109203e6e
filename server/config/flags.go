package config

import (
	"maps"
	"slices"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// AddFlags adds a flag for every variable that has one; what is given there wins
// over the environment.
func (s *Source) AddFlags(flags *pflag.FlagSet) {
	for _, variable := range variables {
		if variable.Flag == "" {
			continue
		}
		truth := isTruth(variable.Member)
		flag := flags.VarPF(&override{source: s, name: variable.Name, truth: truth}, variable.Flag, "", variable.Usage)
		if truth {
			flag.NoOptDefVal = "true"
		}
	}
}

// override is the value of a flag.
type override struct {
	source *Source
	name   string
	truth  bool
}

// String is what the flag was given.
func (o *override) String() string {
	if o.source == nil {
		return ""
	}
	return o.source.Overrides[o.name]
}

// Set takes what the flag is given. Load says whether it is of use.
func (o *override) Set(value string) error {
	if o.source.Overrides == nil {
		o.source.Overrides = map[string]string{}
	}
	o.source.Overrides[o.name] = value
	return nil
}

// Type is what the flag's help says of its value.
func (o *override) Type() string {
	if o.truth {
		return "bool"
	}
	return "string"
}

// isTruth says whether a member is a truth value.
func isTruth(member string) bool {
	field := fieldOf((&configv1.Config{}).ProtoReflect().Descriptor(), member)
	return field != nil && field.Kind() == protoreflect.BoolKind
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
