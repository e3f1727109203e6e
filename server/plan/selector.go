package plan

import (
	"fmt"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

// find returns the models that a selector names, best first.
//
// "provider/model" names a model of a provider instance, or, where no instance has the
// name, of any instance of a provider type; if none of those has it, it is a
// provider's own name that has slashes. A provider beside the selector must agree with
// the one in it.
func find(s *catalog.Snapshot, requested *planv1.RequestedSelector) ([]catalog.Model, error) {
	selector, pinned := requested.GetModel(), requested.GetProvider()
	if pinned != "" && !s.Instance(pinned) {
		return nil, noProvider(pinned)
	}
	if pinned != "" {
		named, model := instances(s, selector)
		return findPinned(s, pinned, named, selector, model)
	}
	return Find(s, selector), nil
}

// Find returns the models that a selector names, best first, where no provider stands
// beside it. Routes are not looked at.
func Find(s *catalog.Snapshot, selector string) []catalog.Model {
	named, model := instances(s, selector)
	var found []catalog.Model
	for _, instance := range named {
		if m, ok := s.Find(instance, model); ok {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		found = s.Having(selector)
	}
	return found
}

// instances are those that the selector's first part names, and the model behind
// it. None: it names no provider.
func instances(s *catalog.Snapshot, selector string) (named []string, model string) {
	first, rest, ok := strings.Cut(selector, "/")
	switch {
	case !ok || rest == "":
		return nil, selector
	case s.Instance(first):
		return []string{first}, rest
	default:
		return s.InstancesOf(first), rest
	}
}

// unheard is the instance that a selector names, if it never told a model: then what it
// has is not known, rather than not there. Empty: there is none such.
func unheard(s *catalog.Snapshot, requested *planv1.RequestedSelector) string {
	name := requested.GetProvider()
	if name == "" {
		if named, _ := instances(s, requested.GetModel()); len(named) == 1 {
			name = named[0]
		}
	}
	if name == "" || !s.Instance(name) || s.Told(name) {
		return ""
	}
	return name
}

// findPinned finds a selector's model at one instance.
func findPinned(s *catalog.Snapshot, pinned string, named []string, selector, model string) ([]catalog.Model, error) {
	agrees := len(named) == 0
	for _, instance := range named {
		agrees = agrees || instance == pinned
	}
	if agrees {
		if m, ok := s.Find(pinned, model); ok && len(named) > 0 {
			return []catalog.Model{m}, nil
		}
	}
	if m, ok := s.Find(pinned, selector); ok {
		return []catalog.Model{m}, nil
	}
	if !agrees {
		return nil, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT,
			Message: fmt.Sprintf("The model %q and the provider %q do not agree.", selector, pinned),
			Param:   "provider",
		}
	}
	return nil, nil
}

// noProvider is what is said of an instance that does not exist.
func noProvider(name string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND,
		Message: fmt.Sprintf("There is no provider %q.", name),
		Param:   "provider",
	}
}
