package describe

import "github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"

// gatewayTag groups what is no RPC.
const gatewayTag = "Gateway"

// gatewayRoutes adds the routes that are no RPCs and have no proto: the gateway's
// health, its metrics and this description.
func (b *builder) gatewayRoutes() {
	b.doc.Tags = append(b.doc.Tags, openapi.Tag{
		Name:        gatewayTag,
		Description: "The gateway itself: its health, its metrics, and this description. These need no credentials and are no calls: they are neither planned nor audited.",
	})
	b.schemas["Health"] = object("That the process lives.", property("status", text(), "Always `ok`."))
	b.schemas["Readiness"] = object("Whether calls can be served.",
		property("ready", kind("boolean"), "Whether they can."),
		property("missing", list(text()), "What is missing, in words for people. Empty when nothing is."),
		property("providers", list(&openapi.Schema{Ref: "ProviderReadiness"}), "What is known of each provider instance."),
	)
	provider := object("What is known of a provider instance.",
		property("name", text(), "The instance."),
		property("models", kind("integer"), "How many models it has told."),
		property("stale", kind("boolean"), "Whether it could not be asked lately, so that its last good list serves."),
		property("last_success", &openapi.Schema{Types: []string{"string"}, Format: "date-time"}, "When it last told its models. Absent: never."),
		property("error", text(), "Why it could not be asked."),
	)
	provider.Required = []string{"name", "models", "stale"}
	b.schemas["ProviderReadiness"] = provider
	readiness := func() *openapi.Schema { return &openapi.Schema{Ref: "Readiness"} }

	b.gatewayRoute("/health", "getHealth", "Says whether the process is alive.",
		ok("It is alive.", "application/json", &openapi.Schema{Ref: "Health"}))
	b.gatewayRoute("/health/ready", "getReadiness", "Says whether the gateway can take calls, and what is missing.",
		ok("It can.", "application/json", readiness()),
		&openapi.Reply{
			Status: "503", Description: "It cannot: it has no models yet, or it is stopping.",
			Content: []openapi.Content{{MediaType: "application/json", Schema: readiness()}},
		})
	b.gatewayRoute("/metrics", "getMetrics", "Returns the gateway's metrics for Prometheus.",
		ok("The metrics, in the text format of Prometheus.", "text/plain", text()))
	b.gatewayRoute("/openapi.json", "getOpenAPI", "Returns this description.",
		ok("The OpenAPI document.", "application/json", &openapi.Schema{Types: []string{"object"}, Open: true}))
	b.gatewayRoute("/docs", "getDocs", "Returns this description as a page to read.",
		ok("The page.", "text/html", text()))
	b.gatewayRoute("/proto/signalbox.binpb", "getDescriptorSet",
		"Returns the compiled protos, from which `buf generate` and protoc make clients.\n\n"+
			"It is a `google.protobuf.FileDescriptorSet` with comments and with everything that the protos import.",
		ok("The encoded set.", "application/octet-stream", &openapi.Schema{}))
}

func (b *builder) gatewayRoute(path, id, description string, replies ...*openapi.Reply) {
	b.doc.Operations = append(b.doc.Operations, &openapi.Operation{
		Method: "get", Path: path, ID: id, Tag: gatewayTag, Public: true,
		Summary: summary(description), Description: description, Replies: replies,
	})
}

func kind(name string) *openapi.Schema { return &openapi.Schema{Types: []string{name}} }

func text() *openapi.Schema { return kind("string") }

func list(items *openapi.Schema) *openapi.Schema {
	return &openapi.Schema{Types: []string{"array"}, Items: items}
}

func property(name string, schema *openapi.Schema, description string) openapi.Property {
	schema.Description = description
	return openapi.Property{Name: name, Schema: schema}
}

// object is an object that has all its members.
func object(description string, properties ...openapi.Property) *openapi.Schema {
	schema := &openapi.Schema{Types: []string{"object"}, Description: description, Properties: properties}
	for _, p := range properties {
		schema.Required = append(schema.Required, p.Name)
	}
	return schema
}

func ok(description, mediaType string, schema *openapi.Schema) *openapi.Reply {
	return &openapi.Reply{
		Status: "200", Description: description,
		Content: []openapi.Content{{MediaType: mediaType, Schema: schema}},
	}
}
