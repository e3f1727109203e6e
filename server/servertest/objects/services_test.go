//go:build services

package objects_test

import (
	"net/http"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest"
	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
)

// Two gateways of one PostgreSQL are one: what one keeps, the other has; what one makes
// in the background, the other shows and cancels.
func TestReplicasOfPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	w := providersOf(t)
	database, text := servertest.Env("SIGNALBOX_DATABASE_URL", cluster.Database()), w.text("")
	w.Gateway = startText(t, text, database, servertest.Hurry())
	other := *w
	other.Gateway = startText(t, text, database, servertest.Hurry())
	first := w.respond(t, emulated, "One")
	second := other.respond(t, emulated, "Two", previous(first))
	if got := w.must(t, http.MethodGet, "/v1/responses/"+second.text("id"), ""); said(got) != said(second) {
		t.Errorf("the other has %v", got)
	}
	id := w.hangs(t, "Three").text("id")
	for _, gateway := range []*world{w, &other} { // one of them makes it
		if got := gateway.must(t, http.MethodPost, "/v1/responses/"+id+"/cancel", ""); got.text("status") != "cancelled" {
			t.Errorf("it is %v", got)
		}
	}
	if _, err := w.ups["groq"].AwaitAborted(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	done := w.ends(t, other.respond(t, emulated, "Four", background).text("id"))
	if done.text("status") != "completed" {
		t.Errorf("it is %v", done)
	}
}

// The database goes away and comes back.
func TestPostgreSQLIsDown(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	w := start(t, "", servertest.Env("SIGNALBOX_DATABASE_URL", cluster.Database()), servertest.Hurry())
	local, remote := w.respond(t, emulated, "One"), w.respond(t, native, "One")
	cluster.Stop()
	w.withoutStore(t)
	w.must(t, http.MethodGet, "/v1/responses/"+remote.text("id"), "")
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodGet, "/v1/responses/"+local.text("id"), "")
	cluster.Start()
	until(t, "the store is back", func() bool {
		return w.ask(http.MethodGet, "/v1/responses/"+local.text("id"), "").Status == http.StatusOK
	})
	w.respond(t, emulated, "Two", previous(local), `"store":true`)
	if done := w.ends(t, w.respond(t, emulated, "Three", background).text("id")); done.text("status") != "completed" {
		t.Errorf("it is %v", done)
	}
}

// A gateway that stops leaves its work to the next one.
func TestTheNextGatewayOfPostgreSQLMakesIt(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	w := providersOf(t)
	options := []servertest.Option{servertest.Env("SIGNALBOX_DATABASE_URL", cluster.Database()), servertest.Hurry()}
	text := w.text("server: {drain_timeout: 0.2s, drain_lag: 0s}")
	w.Gateway = startText(t, text, options...)
	left := w.leaveUnfinished(t)
	w.Gateway.Stop()
	w.Gateway = startText(t, text, options...)
	w.finish(t, left)
}
