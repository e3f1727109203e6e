package scenarios

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// rpc is an RPC with its place in REST.
type rpc struct {
	method protoreflect.MethodDescriptor
	rule   *annotations.HttpRule
}

// variable is a variable in a path's template.
var variable = regexp.MustCompile(`\{(\w+)(?:=[^}]*)?\}`)

// findRPC finds the RPC at a method and path, and the variables of its path.
func findRPC(method, path string) (found *rpc, variables map[string]string, err error) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				if values, ok := matches(rule, method, path); ok {
					found, variables = &rpc{methods.Get(j), rule}, values
					return false
				}
			}
		}
		return true
	})
	if found == nil {
		return nil, nil, fmt.Errorf("no RPC is at %s %s", method, path)
	}
	return found, variables, nil
}

// matches says whether a rule is that of a method and path.
func matches(rule *annotations.HttpRule, method, path string) (map[string]string, bool) {
	template := map[string]string{"GET": rule.GetGet(), "POST": rule.GetPost(), "DELETE": rule.GetDelete()}[method]
	if template == "" {
		return nil, false
	}

	names := variable.FindAllStringSubmatch(template, -1)
	parts := variable.Split(template, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	pattern := "^" + strings.Join(parts, "([^/]+)") + "$"
	values := regexp.MustCompile(pattern).FindStringSubmatch(path)
	if values == nil {
		return nil, false
	}
	all := map[string]string{}
	for i, name := range names {
		all[name[1]] = values[i+1]
	}
	return all, true
}

// request makes the RPC's message of what a REST client sends. typed reads the heavy
// members into their fields; else they stay the text that they are.
func (r *rpc) request(ask message, variables map[string]string, typed bool) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(r.method.Input().FullName())
	if err != nil {
		return nil, fmt.Errorf("find the request of %s: %w", r.method.Name(), err)
	}
	m := kind.New()
	for name, value := range variables {
		m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOfString(value))
	}
	if err := r.options(m, ask); err != nil {
		return nil, err
	}
	if body := r.rule.GetBody(); body != "" {
		into := m
		if body != "*" {
			into = m.Mutable(m.Descriptor().Fields().ByName(protoreflect.Name(body))).Message()
		}
		if err := codec.Decode(ask.body, into.Interface(), wire.Limits{}); err != nil {
			return nil, fmt.Errorf("decode the request: %w", err)
		}
		if typed {
			return m.Interface(), expand(into.Interface())
		}
	}
	return m.Interface(), nil
}

// options are the gateway's own, as REST has them.
func (r *rpc) options(m protoreflect.Message, ask message) error {
	_, target, _ := strings.Cut(ask.start, " ")
	at, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("parse %q: %w", target, err)
	}
	provider, strict := at.Query().Get("provider"), ask.header.Get("X-Signalbox-Strict")
	if provider == "" && strict == "" {
		return nil
	}
	options := m.Mutable(m.Descriptor().Fields().ByName("options")).Message()
	fields := options.Descriptor().Fields()
	if provider != "" {
		options.Set(fields.ByName("provider"), protoreflect.ValueOfString(provider))
	}
	if strict != "" {
		options.Set(fields.ByName("strict"), protoreflect.ValueOfBool(strict == "true"))
	}
	return nil
}

// streaming is the RPC that answers the same path piece by piece. Nil: the body asks
// for none.
func (r *rpc) streaming(body proto.Message) (*rpc, error) {
	asks, ok := body.(interface{ GetStream() bool })
	if !ok || !asks.GetStream() {
		return nil, nil //nolint:nilnil // no stream is no error
	}
	stream, _, err := findRPC("POST", r.rule.GetPost()+":stream")
	return stream, err
}
