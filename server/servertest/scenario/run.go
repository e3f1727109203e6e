package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// Run runs every scenario below a folder against one gateway, whose configuration is
// the folder's signalbox.yaml. With update, what is expected is written anew where it
// differs.
func Run(t *testing.T, folder string, update bool) {
	files, err := Find(folder)
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(folder, "signalbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	up := startUpstream(t)
	options := []servertest.Option{servertest.File(string(config)), servertest.Env("UPSTREAM", up.server.URL)}
	for instance, models := range modelsOf(t, files) {
		name := strings.ToUpper(strings.ReplaceAll(instance, "-", "_")) + "_MODELS"
		options = append(options, servertest.Env(name, strings.Join(models, ",")))
	}
	r := &runner{gateway: servertest.Start(t, options...), upstream: up, update: update}
	// In a group, so that it ends before gateway and upstream do.
	t.Run("files", func(t *testing.T) {
		for _, f := range files {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				r.file(t, f)
			})
		}
	})
}

// modelsOf are the models that each instance must have: those of the requests that
// reach it.
func modelsOf(t *testing.T, files []*File) map[string][]string {
	t.Helper()
	models := map[string][]string{}
	for _, f := range files {
		rounds, err := f.rounds()
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		for _, round := range rounds {
			var body struct {
				Model string `json:"model"`
			}
			if json.Unmarshal([]byte(round.ask.body), &body) != nil || len(round.replies) == 0 {
				continue
			}
			model := strings.TrimPrefix(body.Model, f.Instance+"/")
			if model != "" && !slices.Contains(models[f.Instance], model) {
				models[f.Instance] = append(models[f.Instance], model)
			}
		}
	}
	return models
}

// runner has what scenarios run against.
type runner struct {
	gateway  *servertest.Gateway
	upstream *upstream
	update   bool
}

// file runs a scenario by every door.
func (r *runner) file(t *testing.T, f *File) {
	var plain []outcome // by REST
	for _, by := range doors() {
		rounds, err := f.rounds()
		if err != nil {
			t.Fatal(err)
		}
		names := newMask()
		for i, round := range rounds {
			got := r.call(t, f, by, round, names)
			if t.Failed() {
				return
			}
			switch {
			case by.name == "rest":
				plain = append(plain, got)
				if r.update {
					rewrite(f, round, got)
				}
			case !by.reordered:
				sameBytes(t, by, plain[i], got)
			}
			if by.name != "rest" || !r.update {
				compare(t, f, by, round, got)
			}
		}
		if by.name == "rest" && r.update {
			if err := os.WriteFile(f.Path, f.bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// outcome is what came of a round.
type outcome struct {
	requests []sent
	reply    answer
	plan     string
	audit    string
}

// call makes the call of a round and collects what came of it.
func (r *runner) call(t *testing.T, f *File, by door, round *round, names *mask) outcome {
	t.Helper()
	ask := round.ask
	ask.start, ask.body = names.lift(ask.start), names.lift(ask.body)
	names.know(ask.start + ask.body)
	for _, reply := range round.replies {
		names.know(reply.body)
	}
	id := fmt.Sprintf("%s/%d/%s", f.Name, round.number, by.name)
	gateway := r.gateway.In(t)
	var got outcome
	var err error
	got.requests = r.upstream.during(f.Instance, round.replies, func() {
		got.reply, err = by.ask(t.Context(), gateway, id, ask)
	})
	if err != nil {
		t.Errorf("%s: %v", id, err)
		return got
	}
	record := gateway.Record(id)
	if got.plan, err = planText(id, record); err != nil {
		t.Errorf("%s: plan: %v", id, err)
	}
	if got.audit, err = auditText(id, by, ask, record); err != nil {
		t.Errorf("%s: audit record: %v", id, err)
	}
	if usage := record.GetEntry().GetUsageJson(); !names.knows(usage) {
		t.Errorf("%s: the record has a usage that the provider did not tell: %s", id, usage)
	}
	if attempts := len(record.GetEntry().GetAttempts()); attempts != len(got.requests) {
		t.Errorf("%s: %d attempts are recorded of %d requests", id, attempts, len(got.requests))
	}
	if len(got.requests) < len(round.replies) {
		t.Errorf("%s: %d replies for %d requests", id, len(round.replies), len(got.requests))
	}
	for _, request := range got.requests {
		if request.clientID != "" && request.clientID != id {
			t.Errorf("%s: the provider was told the request id %q", id, request.clientID)
		}
		if !by.reordered {
			verbatim(t, id, ask.body, request.body)
		}
	}
	got.reply.body = names.apply(got.reply.body)
	got.audit = names.apply(got.audit)
	for i := range got.requests {
		got.requests[i].body = names.apply(got.requests[i].body)
	}
	return got
}

// verbatim checks that heavy members which were not translated are the client's bytes.
func verbatim(t *testing.T, id, asked, sent string) {
	t.Helper()
	for _, name := range []string{"messages", "tools", "input"} {
		client, _ := wire.Member(asked, name)
		provider, _ := wire.Member(sent, name)
		if client != provider && layout(client) == layout(provider) {
			t.Errorf("%s: %q was written anew: %s", id, name, provider)
		}
	}
}

// sameBytes checks that a provider is sent the same bytes by either door.
func sameBytes(t *testing.T, by door, rest, got outcome) {
	t.Helper()
	for i := range min(len(rest.requests), len(got.requests)) {
		if a, b := rest.requests[i].body, got.requests[i].body; a != b {
			t.Errorf("request %d by %s has other bytes than by REST:\n%s", i+1, by.name, diff(a+"\n", b+"\n"))
		}
	}
}
