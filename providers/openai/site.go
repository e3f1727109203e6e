package openai

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// Site is where the calls of an instance go, and what they bear.
type Site struct {
	// BaseURL is where its API is.
	BaseURL string
	// Path stands between the base URL and an operation's path. Deployment in it is
	// the model, as the provider names it.
	Path []string
	// Query is that of all calls.
	Query url.Values
	// Header is sent with all calls. Its names are canonical.
	Header http.Header
	// Names are the provider's names of models that have others here.
	Names map[string]string
	// Listed says that the models with other names are all that can be listed: the
	// provider's own list is of something else.
	Listed bool
	// Version is the version of the API, as Field.Since has it. Empty: the newest.
	Version string
}

// Deployment stands for a model in a Site's path.
const Deployment = "{deployment}"

// name is the provider's name of a model.
func (s *Site) name(model string) string {
	if name := s.Names[model]; name != "" {
		return name
	}
	return model
}

// byModel says whether each model has its own URL.
func (s *Site) byModel() bool { return slices.Contains(s.Path, Deployment) }

// root is Path without what names a model.
func (s *Site) root() []string {
	if at := slices.Index(s.Path, Deployment); at > 0 {
		return s.Path[:at-1] // "deployments" before it
	}
	return s.Path
}

// models are those that the configuration names.
func (s *Site) models() []*modelsv1.Model {
	var list []*modelsv1.Model
	for _, model := range slices.Sorted(maps.Keys(s.Names)) {
		list = append(list, &modelsv1.Model{Id: model})
	}
	return list
}

// endpoint is the URL of an operation; model is the provider's name of one, where each
// has its own.
func (o *Provider) endpoint(model string, operation ...string) (upstream.Endpoint, error) {
	segments := make([]string, 0, len(o.site.Path)+len(operation))
	for _, segment := range o.site.Path {
		if segment == Deployment {
			segment = model
		}
		segments = append(segments, segment)
	}
	e, err := o.client.Endpoint(append(segments, operation...)...)
	if err != nil {
		return e, err
	}
	return e.WithQuery(o.site.Query), nil
}

// resource is the URL of what belongs to no model.
func (o *Provider) resource(path ...string) (upstream.Endpoint, error) {
	e, err := o.client.Endpoint(append(slices.Clone(o.site.root()), path...)...)
	if err != nil {
		return e, err
	}
	return e.WithQuery(o.site.Query), nil
}
