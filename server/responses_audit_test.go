package server_test

import (
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// Bodies of responses and embeddings are kept where bodies are: requests as they came,
// replies and streams as the client has them, whoever answers.
func TestBodiesOfResponsesAndEmbeddings(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileVLLM} {
		gw, _ := before(t, profile, "audit: {bodies: true}\n")
		by := responders[profile]
		for _, way := range respondings {
			for id, stream := range map[string]bool{way.name + "-whole": false, way.name + "-stream": true} {
				got := way.make(t.Context(), t, gw, wish{id: id, stream: stream, model: by.model})
				bodies := gw.Record(id).GetBodies()
				if !got.whole || !strings.Contains(bodies.GetRequestJson(), `"input":"Hello"`) || bodies.GetTruncated() ||
					!strings.Contains(bodies.GetResponseJson(), `"text":"You said: Hello"`) || !strings.Contains(bodies.GetResponseJson(), `"id":"`+got.response.GetId()+`"`) ||
					!strings.Contains(bodies.GetResponseJson(), `"status":"completed"`) {
					t.Errorf("%s, %s: kept %v", profile, id, bodies)
				}
			}
		}
	}
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File("audit: {bodies: true}\n"))
	for _, way := range embeddings {
		got := way.make(t, gw, way.name, "text-embedding-3-small", `"input":["a","b"],"dimensions":2,"encoding_format":"base64"`)
		got.check(t, way.name, "a", "b")
		if bodies := gw.Record(way.name).GetBodies(); !strings.Contains(bodies.GetRequestJson(), `"input":["a","b"]`) || strings.Count(bodies.GetResponseJson(), `"embedding":[`) != 2 {
			t.Errorf("%s: kept %v", way.name, bodies)
		}
	}
}
