package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// queryParser reads the query parameters that the protos name, and no others:
// grpc-gateway's own would let a client set any field of a request.
//
// They are the scalar fields of a request without a body, those of its `filter`
// without the filter's name, and `provider` of its `options`. A list of texts is
// "include" or "include[]", once for each; a map is "metadata[key]".
type queryParser struct{}

// setQueryParser makes it grpc-gateway's, once: that keeps its parser in a variable
// of its package, for all muxes, which may serve while another one is made.
var setQueryParser = sync.OnceFunc(func() { //nolint:gochecknoglobals // the other side is one
	runtime.SetQueryParameterParser(queryParser{})(nil)
})

// Parse sets the fields. filter holds the path's and the body's fields, which the
// query must not touch.
func (queryParser) Parse(message proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	if len(values) == 0 {
		return nil
	}
	m := message.ProtoReflect()
	fields := m.Descriptor().Fields()
	withBody := fields.ByName("params") != nil
	for name, value := range values {
		if field, key := several(fields, name); field != nil && (field.IsList() || !withBody) {
			if err := add(m, field, name, key, value); err != nil {
				return err
			}
			continue
		}
		target, field := m, fields.ByName(protoreflect.Name(name))
		if field != nil && filter.HasCommonPrefix([]string{name}) || withBody {
			field = nil
		}
		if field == nil || !settable(field) {
			target, field = nested(m, name)
		}
		switch {
		case field == nil && withBody:
			// OpenAI ignores what it does not know, and SDKs rely on it.
		case field == nil:
			return invalid(name, "is not known")
		default:
			if err := set(target, field, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// several finds the list or map that a parameter adds to, and the key of a map. Nil:
// there is none.
func several(fields protoreflect.FieldDescriptors, name string) (protoreflect.FieldDescriptor, string) {
	stem, key, bracketed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	field := fields.ByName(protoreflect.Name(stem))
	switch {
	case field == nil || bracketed != strings.HasSuffix(name, "]"):
		return nil, ""
	case field.IsMap() && key != "" && field.MapValue().Kind() == protoreflect.StringKind:
		return field, key
	case field.IsList() && key == "" && field.Kind() == protoreflect.StringKind:
		return field, ""
	default:
		return nil, ""
	}
}

// most is how many values a list or map takes from a query.
const most = 64

func add(m protoreflect.Message, field protoreflect.FieldDescriptor, name, key string, values []string) error {
	if field.IsMap() {
		entries := m.Mutable(field).Map()
		if len(values) != 1 {
			return invalid(name, "must be there once")
		}
		if entries.Len() >= most {
			return invalid(string(field.Name()), fmt.Sprintf("has too many keys; at most %d are taken", most))
		}
		entries.Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(values[0]))
		return nil
	}
	list := m.Mutable(field).List()
	if list.Len()+len(values) > most {
		return invalid(name, "is there too often")
	}
	for _, value := range values {
		list.Append(protoreflect.ValueOfString(value))
	}
	return nil
}

// takeStream takes the parameter `stream` out of the query of a GET that has a
// streaming RPC, and says whether it asks for that.
func takeStream(r *http.Request, route *route) (bool, error) {
	if route.stream == nil || route.body != nil || r.URL.RawQuery == "" {
		return false, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !values.Has("stream") {
		return false, nil //nolint:nilerr // checkQuery tells of it
	}
	asked := values["stream"]
	if len(asked) != 1 || asked[0] != "true" && asked[0] != "false" {
		return false, invalid("stream", "must be true or false")
	}
	values.Del("stream")
	changed := *r.URL
	changed.RawQuery = values.Encode()
	r.URL = &changed
	return asked[0] == "true", nil
}

// checkQuery reads a query for its faults alone: the generated handlers, which read
// it again, make text of them.
func checkQuery(query string, route *route) error {
	if query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err == nil && route.whole {
		for name := range values {
			return invalid(name, "is not known: this route takes everything in its body")
		}
	}
	if err != nil {
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The query cannot be read.", err)
	}
	return queryParser{}.Parse(route.input.New().Interface(), values, utilities.NewDoubleArray(nil))
}

// nested finds a parameter in `filter` and `options`.
func nested(m protoreflect.Message, name string) (protoreflect.Message, protoreflect.FieldDescriptor) {
	for _, holder := range []protoreflect.Name{"filter", "options"} {
		outer := m.Descriptor().Fields().ByName(holder)
		if outer == nil || holder == "options" && name != "provider" {
			continue
		}
		if field := outer.Message().Fields().ByName(protoreflect.Name(name)); field != nil && settable(field) {
			return m.Mutable(outer).Message(), field
		}
	}
	return m, nil
}

// settable says whether a field can stand in a query.
func settable(field protoreflect.FieldDescriptor) bool {
	if field.IsList() || field.IsMap() {
		return false
	}
	return field.Message() == nil || field.Message().FullName() == "google.protobuf.Timestamp"
}

func set(m protoreflect.Message, field protoreflect.FieldDescriptor, name string, values []string) error {
	if len(values) != 1 {
		return invalid(name, "must be there once")
	}
	value, err := parse(field, values[0])
	if err != nil {
		return invalid(name, err.Error())
	}
	m.Set(field, value)
	return nil
}

// parse reads a value in the spelling that JSON has for it.
func parse(field protoreflect.FieldDescriptor, text string) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BoolKind:
		if text != "true" && text != "false" {
			return protoreflect.Value{}, errors.New("must be true or false")
		}
		return protoreflect.ValueOfBool(text == "true"), nil
	case protoreflect.Int32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return protoreflect.Value{}, errors.New("must be a whole number")
		}
		return protoreflect.ValueOfInt32(int32(n)), nil
	case protoreflect.Int64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return protoreflect.Value{}, errors.New("must be a whole number")
		}
		return protoreflect.ValueOfInt64(n), nil
	case protoreflect.EnumKind:
		return parseEnum(field.Enum(), text)
	case protoreflect.MessageKind:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return protoreflect.Value{}, errors.New("must be a time as of RFC 3339")
		}
		return protoreflect.ValueOfMessage(timestamppb.New(at).ProtoReflect()), nil
	default:
		return protoreflect.Value{}, errors.New("cannot stand in a query")
	}
}

// parseEnum reads a value's name without the enum's prefix, in lower case.
func parseEnum(enum protoreflect.EnumDescriptor, text string) (protoreflect.Value, error) {
	values := enum.Values()
	prefix := strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
	value := values.ByName(protoreflect.Name(prefix + strings.ToUpper(text)))
	if value == nil || value.Number() == 0 || text != strings.ToLower(text) {
		return protoreflect.Value{}, errors.New("is not one of its values")
	}
	return protoreflect.ValueOfEnum(value.Number()), nil
}

func invalid(name, what string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
		Message: fmt.Sprintf("The query parameter %q %s.", name, what),
		Param:   name,
	}
}
