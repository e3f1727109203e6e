// Package openai speaks OpenAI's dialect, with OpenAI and with the providers that
// are compatible with it: those say in data what they do differently.
package openai

import (
	"cmp"
	"maps"
	"net/http"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// Type is OpenAI itself.
var Type = Compatible(Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "openai",
	BaseURL: "https://api.openai.com/v1",

	Embeddings:  &Embeddings{},
	Responses:   AllResponses,
	Completions: true,
})

// Quirks are what a compatible provider does differently. The zero value, with a
// name and a URL, is OpenAI.
type Quirks struct {
	// Name is the type's name.
	Name string
	// BaseURL is where its API is unless configured otherwise.
	BaseURL string
	// Keyless says that it needs no API key; one that is configured is sent.
	Keyless bool
	// KeyHeader carries the bare key. Empty: it is a bearer token in Authorization.
	KeyHeader string
	// NoStreamUsage says that it refuses `stream_options`.
	NoStreamUsage bool
	// Fields is what it takes of requests. The zero value: everything.
	Fields Fields
	// Replies says how its replies differ. The zero value: in nothing.
	Replies Replies
	// Site says where an instance's calls go. Nil: to its base URL.
	Site func(*configv1.Provider) Site
	// NoDone says that its streams may end without [DONE]: they are complete when
	// every choice has its finish reason.
	NoDone bool
	// Embeddings is how it turns texts into vectors. Nil: it does not.
	Embeddings *Embeddings
	// Responses is how much it has of OpenAI's responses.
	Responses Responses
	// ResponseFields is what it takes of requests for responses, where it answers them.
	// The zero value: everything.
	ResponseFields Fields
	// SparseEvents says that its streamed responses leave out that a part is added.
	SparseEvents bool
	// Completions says that it keeps chat completions that are made with `store`.
	Completions bool
}

// Compatible is a type of provider that speaks OpenAI's dialect.
func Compatible(q Quirks) providers.Type {
	return providers.Type{
		Name:    q.Name,
		BaseURL: q.BaseURL,
		Keyless: q.Keyless,
		Dialect: providers.DialectOpenAI,
		New:     func(p providers.Params) (providers.Provider, error) { return newProvider(q, p) },
	}
}

// Provider is an instance.
type Provider struct {
	name        string
	quirks      Quirks
	site        Site
	client      *upstream.Client
	chat        upstream.Endpoint
	models      upstream.Endpoint
	embeddings  upstream.Endpoint
	responses   upstream.Endpoint
	header      http.Header // of each call
	streamUsage bool
	rules       ruled // of chat completions
	responding  ruled // of responses
	embedding   ruled // of embeddings
}

var (
	_ providers.Lister  = (*Provider)(nil)
	_ providers.Chatter = (*Provider)(nil)
)

func newProvider(q Quirks, p providers.Params) (providers.Provider, error) {
	site := Site{BaseURL: cmp.Or(p.Config.GetBaseUrl(), q.BaseURL)}
	if q.Site != nil {
		site = q.Site(p.Config)
	}
	client, err := upstream.New(upstream.Params{
		Name:        p.Config.GetName(),
		BaseURL:     site.BaseURL,
		AllowHTTP:   p.Config.GetAllowHttp(),
		HTTPVersion: p.Config.GetHttpVersion(),
		Upstream:    p.Upstream,
		Credentials: upstream.Credentials(p, func(key string) func(http.Header) { return authorize(q, key) }),
		Version:     p.Version,
		RootCAs:     nil,
	})
	if err != nil {
		return nil, err
	}
	o := &Provider{
		name:        p.Config.GetName(),
		quirks:      q,
		site:        site,
		client:      client,
		header:      http.Header{},
		streamUsage: !q.NoStreamUsage && (p.Config.StreamUsage == nil || p.Config.GetStreamUsage()),
	}
	o.settleRules()
	if o.chat, err = o.endpoint(Deployment, "chat", "completions"); err != nil {
		return nil, err
	}
	if o.models, err = o.endpoint(Deployment, "models"); err != nil {
		return nil, err
	}
	if o.responses, err = o.resource(responsesPath); err != nil {
		return nil, err
	}
	maps.Copy(o.header, site.Header)
	if v := p.Config.GetOrganization(); v != "" {
		o.header["Openai-Organization"] = []string{v}
	}
	if v := p.Config.GetProject(); v != "" {
		o.header["Openai-Project"] = []string{v}
	}
	responses := q.Responses
	if native := p.Config.NativeResponses; native != nil && !*native {
		responses = NoResponses
	} else if native != nil && responses == NoResponses {
		responses = StatelessResponses
	}
	var vectors providers.Embedder
	if q.Embeddings != nil {
		if o.embeddings, err = o.vectorsAt(Deployment); err != nil {
			return nil, err
		}
		vectors = embedder{o}
	}
	return withAbilities(o, vectors, responses, q.Completions), nil
}

// settleRules makes the rules of the type and of model cards ready.
func (o *Provider) settleRules() {
	o.rules = newRuled(o.quirks.Fields, o.site.Version, Parameters())
	o.responding = newRuled(o.quirks.ResponseFields, o.site.Version, ResponseParameters())
	if o.quirks.Embeddings != nil {
		o.embedding = newRuled(o.quirks.Embeddings.Fields, o.site.Version, nil)
	}
	for _, r := range o.rules.own {
		o.streamUsage = o.streamUsage && !r.drops["stream_options"]
	}
}

// authorize returns what attaches the key to a request.
func authorize(q Quirks, key string) func(http.Header) {
	if key == "" {
		return func(http.Header) {}
	}
	name, values := "Authorization", []string{"Bearer " + key}
	if q.KeyHeader != "" {
		name, values = http.CanonicalHeaderKey(q.KeyHeader), []string{key}
	}
	return func(h http.Header) { h[name] = values }
}

// Name implements providers.Provider.
func (o *Provider) Name() string { return o.name }

// Type implements providers.Provider.
func (o *Provider) Type() string { return o.quirks.Name }

// Close implements providers.Provider.
func (o *Provider) Close() error { return o.client.Close() }
