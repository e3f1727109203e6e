package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// streamVerb ends the path of a streaming RPC. No client may ask for it: the
// member `stream` of the body does, or the query parameter of a GET.
const streamVerb = ":stream"

// route is one RPC's place in the REST API, as its HTTP annotation says.
type route struct {
	rpc       string
	method    string
	path      string // the template; a literal path unless it is wild
	wild      bool   // segments has wildcards
	segments  []string
	streaming bool
	// whole says that the body is the whole request message, so that no query is read.
	whole bool
	// input makes the request message.
	input protoreflect.MessageType
	// body makes the message that the request body is decoded into. Nil: the RPC
	// takes none.
	body protoreflect.MessageType
	// stream is the streaming RPC that serves the same path.
	stream *route
}

// routes are all of them, read once from the descriptors.
type routes struct {
	exact    map[string][]*route // by literal path
	patterns []*route
}

// refusal is why a request has no route.
type refusal struct {
	err   error
	allow string // the methods that the path has, for 405
}

func newRoutes(files []protoreflect.FileDescriptor) (*routes, error) {
	rs := &routes{exact: map[string][]*route{}}
	streams := map[string]*route{}
	var errs []error
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				r, err := newRoute(methods.Get(j))
				switch {
				case err != nil:
					errs = append(errs, err)
				case r == nil:
				case r.streaming:
					streams[strings.TrimSuffix(r.path, streamVerb)] = r
				default:
					rs.add(r)
				}
			}
		}
	}
	for path, stream := range streams {
		unary := rs.template(stream.method, path)
		if unary == nil {
			errs = append(errs, fmt.Errorf("%s: there is no unary RPC at %s", stream.rpc, path))
			continue
		}
		unary.stream = stream
	}
	return rs, errors.Join(errs...)
}

// template is the unary route of a path as its annotation writes it. Nil: there is
// none.
func (rs *routes) template(method, path string) *route {
	for _, candidate := range slices.Concat(rs.exact[path], rs.patterns) {
		if candidate.method == method && candidate.path == path {
			return candidate
		}
	}
	return nil
}

func (rs *routes) add(r *route) {
	if r.wild {
		rs.patterns = append(rs.patterns, r)
		return
	}
	rs.exact[r.path] = append(rs.exact[r.path], r)
}

// newRoute reads an RPC's annotation. Nil: it has none, and no place in REST.
func newRoute(method protoreflect.MethodDescriptor) (*route, error) {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil, nil //nolint:nilnil // no annotation is no error
	}
	r := &route{rpc: call.RPCName(method), streaming: method.IsStreamingServer()}
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		r.method, r.path = http.MethodGet, pattern.Get
	case *annotations.HttpRule_Post:
		r.method, r.path = http.MethodPost, pattern.Post
	case *annotations.HttpRule_Delete:
		r.method, r.path = http.MethodDelete, pattern.Delete
	default:
		return nil, fmt.Errorf("%s: its HTTP method is not one that the front knows", r.rpc)
	}
	r.segments = segments(r.path)
	r.wild = slices.ContainsFunc(r.segments, func(s string) bool { return strings.HasPrefix(s, "*") })
	input := method.Input()
	var err error
	if r.input, err = protoregistry.GlobalTypes.FindMessageByName(input.FullName()); err != nil {
		return nil, fmt.Errorf("%s: %w", r.rpc, err)
	}
	switch rule.GetBody() {
	case "":
		return r, nil
	case "*":
		r.whole = true
	default:
		field := input.Fields().ByName(protoreflect.Name(rule.GetBody()))
		if field == nil || field.Message() == nil {
			return nil, fmt.Errorf("%s: its body %q is no message", r.rpc, rule.GetBody())
		}
		input = field.Message()
	}
	message, err := protoregistry.GlobalTypes.FindMessageByName(input.FullName())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.rpc, err)
	}
	r.body = message
	return r, nil
}

// segments is a template as a list: variables become their wildcards, "{a}" "*" and
// "{a=*/**}" "*", "**".
func segments(template string) []string {
	var out []string
	for _, part := range splitTemplate(strings.TrimPrefix(template, "/")) {
		inner, isVariable := strings.CutPrefix(part, "{")
		if !isVariable {
			out = append(out, part)
			continue
		}
		_, wildcard, found := strings.Cut(strings.TrimSuffix(inner, "}"), "=")
		if !found {
			wildcard = "*"
		}
		out = append(out, strings.Split(wildcard, "/")...)
	}
	return out
}

// splitTemplate splits at the slashes outside braces.
func splitTemplate(template string) []string {
	depth := 0
	return strings.FieldsFunc(template, func(r rune) bool {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		return r == '/' && depth == 0
	})
}

// match finds the route of a request, or why it has none.
func (rs *routes) match(r *http.Request) (*route, *refusal) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		return nil, &refusal{
			err:   failure.New(commonv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED, r.Method+" is not served."),
			allow: strings.Join([]string{http.MethodGet, http.MethodPost}, ", "),
		}
	}
	// RFC 9110, 7.8: a server may ignore an upgrade, as Java's clients expect of "h2c".
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return nil, &refusal{err: failure.New(commonv1.ErrorReason_ERROR_REASON_UPGRADE_NOT_SUPPORTED, "Protocol upgrades are not served.")}
	}
	if err := checkHead(r); err != nil {
		return nil, &refusal{err: err}
	}
	found := rs.at(r.URL.Path)
	var allow []string
	for _, candidate := range found {
		if candidate.method == r.Method {
			return candidate, nil
		}
		allow = append(allow, candidate.method)
	}
	path := strings.ToValidUTF8(r.URL.Path, "?")
	if len(allow) > 0 {
		return nil, &refusal{
			err:   failure.New(commonv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED, fmt.Sprintf("%s does not take %s.", path, r.Method)),
			allow: strings.Join(allow, ", "),
		}
	}
	return nil, &refusal{err: failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, fmt.Sprintf("There is no route %s %s.", r.Method, path))}
}

// at is every route of a path.
func (rs *routes) at(path string) []*route {
	if exact := rs.exact[path]; exact != nil {
		return exact
	}
	var found []*route
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, candidate := range rs.patterns {
		if matches(candidate.segments, parts) {
			found = append(found, candidate)
		}
	}
	return found
}

// matches says whether a path fits a template. "**" stands for any number of
// segments, at the end.
func matches(template, path []string) bool {
	for i, segment := range template {
		switch {
		case segment == "**":
			return true
		case i >= len(path) || path[i] == "":
			return false
		case segment != "*" && segment != path[i]:
			return false
		}
	}
	return len(path) == len(template)
}
