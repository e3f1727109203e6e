package config

import (
	"errors"
	"regexp"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// pathOfNames is what paths of owners must be.
const pathOfNames = `must be a path of names such as "/team/alpha": a slash before each, and in them letters, digits, ".", "_" and "-"`

// remedies are what is said of members instead of the expression that they do not
// match, by their paths without the places in lists.
var remedies = map[string]string{
	"auth.keys[].name":                 `must be 1 to 64 letters, digits, ".", "_" and "-", and not "master"`,
	"auth.keys[].sha256":               `must be the SHA-256 of the key, 64 hexadecimal digits: printf %s "$secret" | sha256sum`,
	"auth.keys[].owner":                pathOfNames,
	"auth.keys[].scopes[]":             "must be a scope, such as SCOPE_CHAT",
	"routes[].targets[].when.owners[]": pathOfNames,
	"providers[].name":                 `must be 1 to 64 lower-case letters, digits, "_" and "-", the first one a letter or digit`,
	"providers[].keys[].label":         `must be 1 to 64 letters, digits, ".", "_" and "-"`,
	"routes[].name":                    `must be 1 to 128 letters, digits, ".", "_", "-" and "/", the first one a letter or digit`,
	"telemetry.log_level":              "must be debug, info, warn or error",
	"telemetry.log_format":             "must be json or text",
}

var listPlace = regexp.MustCompile(`\[\d+\]`)

// rules are the rules of the proto.
type rules struct{}

// Validate is protovalidate's, without its options, and with the remedies.
func (rules) Validate(message proto.Message) error {
	err := protovalidate.Validate(message)
	var violations *protovalidate.ValidationError
	if !errors.As(err, &violations) {
		return err //nolint:wrapcheck // nobody wants to know where the rules are read
	}
	for _, violation := range violations.Violations {
		member := listPlace.ReplaceAllString(protovalidate.FieldPathString(violation.Proto.GetField()), "[]")
		if remedy, ok := remedies[member]; ok {
			violation.Proto.Message, violation.Proto.RuleId = new(remedy), nil
		}
	}
	return err //nolint:wrapcheck // as above
}
