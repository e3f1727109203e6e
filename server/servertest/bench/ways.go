package main

// way is a way through the gateway.
type way struct {
	name string
	// grpc says which door; typed, that all that has fields is sent in them, and not as
	// JSON text.
	grpc, typed bool
	// translated goes to an instance that has neither responses nor base64: the gateway
	// makes the former of chat completions, and asks for numbers where the client does.
	translated bool
	// stored makes the gateway keep the response.
	stored bool
	// against is the way that this one is compared with, beside the reverse proxy. Empty:
	// none.
	against string
}

// The ways, by name.
const (
	viaREST         = "REST"
	viaTwin         = "gRPC, JSON twin"
	viaTyped        = "gRPC, typed"
	viaRESTFloats   = "REST, floats upstream"
	viaGRPCFloats   = "gRPC, floats upstream"
	viaRESTEmulated = "REST, emulated"
	viaGRPCEmulated = "gRPC, emulated"
	viaRESTStored   = "REST, emulated, stored"
)

// everyWay is all of them, in the order of the report.
func everyWay() []way {
	return []way{
		{name: viaREST},
		{name: viaTwin, grpc: true},
		{name: viaTyped, grpc: true, typed: true},
		{name: viaRESTFloats, translated: true},
		{name: viaGRPCFloats, grpc: true, typed: true, translated: true},
		{name: viaRESTEmulated, translated: true, against: viaREST},
		{name: viaGRPCEmulated, grpc: true, translated: true, against: viaTwin},
		{name: viaRESTStored, translated: true, stored: true, against: viaREST},
	}
}

// pick returns the ways of these names.
func pick(names ...string) []way {
	var out []way
	for _, w := range everyWay() {
		for _, name := range names {
			if w.name == name {
				out = append(out, w)
			}
		}
	}
	return out
}

// againstOf is the way that another one is compared with.
func againstOf(name string) string {
	for _, w := range pick(name) {
		return w.against
	}
	return ""
}
