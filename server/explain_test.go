package server_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/config"
)

func TestExplainWritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, err := config.Load(config.Source{Environ: []string{"SIGNALBOX_DATA_DIR=" + dir}, Types: builtin.Types})
	if err != nil {
		t.Fatal(err)
	}
	text, err := server.Explain(t.Context(), cfg, builtin.Types, server.Question{Model: "demo-echo"})
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Target struct{ Provider, Model string }
	}
	if err := json.Unmarshal(text, &plan); err != nil || plan.Target.Provider != "demo" || plan.Target.Model != "demo-echo" {
		t.Errorf("plan %s, error %v", text, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("the data folder has %v, error %v", left, err)
	}
}
