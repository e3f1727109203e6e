package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// settled are the defaults that depend on other members, so that no literal has
// them. A test of Load holds each of them.
var settled = map[string]string{
	"server.http_addr":         "`:8080`, without any key `127.0.0.1:8080`",
	"server.grpc_addr":         "`:9090`, without any key `127.0.0.1:9090`",
	"server.reflection":        "`true` when the gRPC listener is on loopback, else `false`",
	"server.drain_lag":         "`0s` when both listeners are on loopback, else `5s`",
	"telemetry.log_format":     "`text` on a terminal, else `json`",
	"demo":                     "`true` when no provider is configured, else `false`",
	"providers[].type":         "the name",
	"providers[].base_url":     "that of the type",
	"providers[].http_version": "`HTTP_VERSION_2` for `https`, else `HTTP_VERSION_1`",
	"auth.keys[].scopes":       "`SCOPE_CHAT`",
	"auth.keys[].owner":        "`/` and the name",

	"providers[].native_responses":   "what its type can",
	"routes[].first_token_timeout":   "that of `upstream`",
	"routes[].max_attempts":          "`upstream.max_attempts`",
	"routes[].targets[].when.stream": "either",
}

// ofLists are the defaults of the items of lists.
var ofLists = map[protoreflect.Name]proto.Message{
	"Provider":    providerDefaults(true),
	"ProviderKey": keyDefaults(),
	"Route":       routeDefaults(),
	"RouteTarget": targetDefaults(),
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*?) \\| (.*?) ?\\| (.+) \\|$")

// TestTheGuideHasEveryMember holds docs/configuration.md to the proto, to the
// literal of defaults and to the table of variables.
func TestTheGuideHasEveryMember(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	byMember := map[string]string{}
	for _, variable := range variables {
		byMember[variable.Member] = "`" + variable.Name + "`"
	}
	for field, end := range map[string]string{
		"api_key": endAPIKey, "base_url": endBaseURL, "models": endModels, "api_version": endAPIVersion, "keys[].api_key": endAPIKey + "_<LABEL>",
	} {
		byMember["providers[]."+field] = "`<TYPE>" + end + "`"
	}
	told := map[string][2]string{}
	for _, cells := range row.FindAllStringSubmatch(string(text), -1) {
		if _, twice := told[cells[1]]; twice {
			t.Errorf("%s stands there twice", cells[1])
		}
		told[cells[1]] = [2]string{cells[2], cells[3]}
	}
	eachMember(defaults().ProtoReflect(), "", func(member string, literal string) {
		cells, ok := told[member]
		delete(told, member)
		switch want := wantedDefault(member, literal); {
		case !ok:
			t.Errorf("%s is missing", member)
		case want != "" && cells[0] != want:
			t.Errorf("%s: default %s, want %s", member, cells[0], want)
		case want == "" && strings.Contains(cells[0], "`"):
			t.Errorf("%s: default %s, but there is none", member, cells[0])
		case cells[1] != byMember[member]:
			t.Errorf("%s: variable %s, want %s", member, cells[1], byMember[member])
		}
	})
	for member := range told {
		t.Errorf("%s stands there, but there is no such member", member)
	}
}

func wantedDefault(member, literal string) string {
	if text, ok := settled[member]; ok {
		return text
	}
	return literal
}

// eachMember visits every member that holds a value, with its default as the guide
// spells it; empty if it has none.
func eachMember(message protoreflect.Message, path string, visit func(member, literal string)) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		member := strings.TrimPrefix(path+"."+string(field.Name()), ".")
		switch {
		case field.Message() == nil || field.IsMap() || field.Message().ParentFile().Package() == "google.protobuf":
			visit(member, literal(field, message))
		case field.IsList():
			item, ok := ofLists[field.Message().Name()]
			if !ok {
				item = message.NewField(field).List().NewElement().Message().Interface()
			}
			eachMember(item.ProtoReflect(), member+"[]", visit)
		default:
			eachMember(message.Get(field).Message(), member, visit)
		}
	}
}

func literal(field protoreflect.FieldDescriptor, message protoreflect.Message) string {
	value := message.Get(field)
	switch {
	case field.IsList():
		var items []string
		for i := range value.List().Len() {
			items = append(items, "`"+value.List().Get(i).String()+"`")
		}
		return strings.Join(items, ", ")
	case field.Kind() == protoreflect.BoolKind:
		return fmt.Sprintf("`%v`", value.Bool())
	case !message.Has(field):
		return ""
	case field.Enum() != nil:
		return fmt.Sprintf("`%s`", field.Enum().Values().ByNumber(value.Enum()).Name())
	case field.Message() != nil:
		duration, _ := value.Message().Interface().(*durationpb.Duration)
		return "`" + short(duration) + "`"
	default:
		return fmt.Sprintf("`%v`", value.Interface())
	}
}

// short is a duration without parts that are zero: "1h" of "1h0m0s".
func short(duration *durationpb.Duration) string {
	text := duration.AsDuration().String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}
