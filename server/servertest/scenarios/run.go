package scenarios

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

// file runs a scenario by every door. All calls are made before the first record is
// waited for.
func (r *runner) file(t *testing.T, f *File) {
	made := map[string][]*outcome{}
	for _, by := range doors() {
		rounds, err := f.rounds()
		if err != nil {
			t.Fatal(err)
		}
		names := newMask()
		for _, round := range rounds {
			made[by.name] = append(made[by.name], r.call(t, f, by, round, names))
		}
	}
	for _, by := range doors() {
		for i, got := range made[by.name] {
			if r.finish(t, by, got); t.Failed() {
				return
			}
			if by.name == doorREST && r.update {
				rewrite(f, got)
			}
			if by.name == doorGRPC {
				sameBytes(t, made[doorREST][i], got)
			}
			compare(t, f, by, got)
		}
	}
	if r.update {
		if err := os.WriteFile(f.Path, f.bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// outcome is what came of a round.
type outcome struct {
	id       string
	round    *round
	ask      message // as it was sent
	names    *mask
	requests []sent
	reply    answer
	plan     string
	audit    string
}

// call makes the call of a round.
func (r *runner) call(t *testing.T, f *File, by door, round *round, names *mask) *outcome {
	t.Helper()
	got := &outcome{id: fmt.Sprintf("%s/%d/%s", f.Name, round.number, by.name), round: round, ask: round.ask, names: names}
	got.ask.start, got.ask.body = names.lift(round.ask.start), names.lift(round.ask.body)
	names.know(got.ask.start + got.ask.body)
	for _, reply := range round.replies {
		names.know(reply.body)
	}
	var err error
	got.requests = r.upstream.during(f.Instance, round.replies, func() {
		got.reply, err = by.ask(t.Context(), r.gateway, got.id, got.ask)
	})
	switch {
	case err != nil:
		t.Fatalf("%s: %v", got.id, err)
	case len(got.requests) > 0 && len(round.replies) == 0:
		t.Fatalf("%s: the provider was called, and the scenario has no reply of it: %s", got.id, got.requests[0].text())
	case len(got.requests) < len(round.replies):
		t.Errorf("%s: %d replies for %d requests", got.id, len(round.replies), len(got.requests))
	}
	for i, request := range got.requests {
		if request.clientID != "" && request.clientID != got.id {
			t.Errorf("%s: the provider was told the request id %q", got.id, request.clientID)
		}
		if !by.reordered {
			if err := verbatim(got.ask.body, request.body); err != nil {
				t.Errorf("%s: %v", got.id, err)
			}
		}
		got.requests[i].body = names.apply(request.body)
	}
	got.reply.body = names.apply(got.reply.body)
	return got
}

// finish adds what is written down of a call.
func (r *runner) finish(t *testing.T, by door, got *outcome) {
	t.Helper()
	record := r.gateway.In(t).Record(got.id)
	var err error
	if got.plan, err = planText(got.id, record); err != nil {
		t.Errorf("%s: plan: %v", got.id, err)
	}
	if got.audit, err = auditText(got, by, record); err != nil {
		t.Errorf("%s: audit record: %v", got.id, err)
	}
	got.audit = got.names.apply(got.audit)
	if attempts := len(record.GetEntry().GetAttempts()); attempts != len(got.requests) {
		t.Errorf("%s: %d attempts are recorded of %d requests", got.id, attempts, len(got.requests))
	}
}

// verbatim checks that heavy members which were not translated are the client's bytes.
func verbatim(asked, sent string) error {
	for _, name := range []string{"messages", "tools", "input"} {
		client, _ := wire.Member(asked, name)
		provider, _ := wire.Member(sent, name)
		if client != provider && layout(client) == layout(provider) {
			return fmt.Errorf("%q was written anew: %s", name, provider)
		}
	}
	return nil
}

// sameBytes checks that a provider is sent the same bytes by both doors.
func sameBytes(t *testing.T, rest, got *outcome) {
	t.Helper()
	for i := range min(len(rest.requests), len(got.requests)) {
		if a, b := rest.requests[i].body, got.requests[i].body; a != b {
			t.Errorf("request %d by gRPC has other bytes than by REST:\n%s", i+1, diff(a+"\n", b+"\n"))
		}
	}
}
