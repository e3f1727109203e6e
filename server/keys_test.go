package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// A key that the provider does not know costs one attempt, which records name, and no
// call.
func TestAProvidersKeysTakeOverFromEachOther(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.Env("OPENAI_API_KEY", "sk-revoked"), servertest.Env("OPENAI_API_KEY_SPARE", up.Key()))
	refused := 0
	for i := range 30 {
		id := fmt.Sprint("keys-", i)
		if reply := gw.Post(chatPath, servertest.ChatBody(model, "hi"), "X-Request-Id", id); reply.Status != http.StatusOK {
			t.Fatalf("status %d: %s", reply.Status, reply.Body)
		}
		var labels []string
		for _, attempt := range gw.Record(id).GetEntry().GetAttempts() {
			labels = append(labels, attempt.GetCredential())
			if attempt.GetReason() == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED {
				refused++
			}
		}
		if want := [][]string{{"spare"}, {"openai", "spare"}}; !slices.Equal(labels, want[0]) && !slices.Equal(labels, want[1]) {
			t.Errorf("attempts of %v", labels)
		}
	}
	if refused != 1 {
		t.Errorf("the key was refused %d times", refused)
	}
}

// Routes stand among the models, and are asked for as those.
func TestTheListOfModelsHasTheRoutes(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File("routes:\n"+
		"  - {name: team/fast, targets: [{model: "+model+"}, {model: nowhere/x}]}\n  - {name: dead, targets: [{model: nowhere/x}]}\n"))
	type entry struct {
		ID        string   `json:"id"`
		OwnedBy   string   `json:"owned_by"`
		Providers []string `json:"providers"`
	}
	var list struct {
		Data []entry `json:"data"`
	}
	if err := json.Unmarshal([]byte(gw.Do(http.MethodGet, "/v1/models", "").Body), &list); err != nil {
		t.Fatal(err)
	}
	var routes []entry
	for _, one := range list.Data {
		if one.OwnedBy == "signalbox" {
			routes = append(routes, one)
		}
	}
	if len(routes) != 1 || routes[0].ID != "team/fast" || len(list.Data) < 2 {
		t.Errorf("routes %v of %d models", routes, len(list.Data))
	}
	reply := gw.Do(http.MethodGet, "/v1/models/team/fast", "")
	if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"id":"team/fast"`) {
		t.Errorf("status %d: %s", reply.Status, reply.Body)
	}
	if reply := gw.Do(http.MethodGet, "/v1/models/dead", ""); reply.Status != http.StatusNotFound {
		t.Errorf("status %d: %s", reply.Status, reply.Body)
	}
}
