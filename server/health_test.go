package server_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestReadinessTellsWhenAProviderLastAnswered(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Env("SIGNALBOX_DEMO", "true"))
	reply := gw.Do(http.MethodGet, "/health/ready", "")
	var report struct {
		Ready     bool
		Providers []struct {
			Name        string
			LastSuccess time.Time `json:"last_success"`
		}
	}
	if err := json.Unmarshal([]byte(reply.Body), &report); err != nil {
		t.Fatalf("%s: %v", reply.Body, err)
	}
	if !report.Ready || len(report.Providers) != 1 || report.Providers[0].Name != "demo" {
		t.Fatalf("%s", reply.Body)
	}
	if age := time.Since(report.Providers[0].LastSuccess); age < 0 || age > time.Hour {
		t.Errorf("last success %v ago: %s", age, reply.Body)
	}
}
