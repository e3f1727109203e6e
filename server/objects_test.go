package server_test

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/servertest"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// What has expired while the gateway was down is deleted when it is back.
func TestExpiredObjectsAreDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := sqldb.Open(t.Context(), sqldb.Params{Config: &configv1.Storage{DataDir: dir}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for n, expire := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(time.Hour), {}} {
		key := storage.ObjectKey{Kind: storage.ObjectResponse, ID: string(rune('a' + n))}
		if _, err := db.Objects(storage.ObjectLimits{}).Put(t.Context(), "/", &storage.Object{Key: key, ExpireTime: expire}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.Env("SIGNALBOX_DATA_DIR", dir))
	raw, err := sql.Open("sqlite", filepath.Join(dir, sqldb.File))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	deadline := time.After(20 * time.Second)
	for {
		var left string
		if err := raw.QueryRowContext(t.Context(), "SELECT group_concat(id, '') FROM (SELECT id FROM objects ORDER BY id)").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left == "bc" {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("left are the objects %q", left)
		}
	}
}

// Gateways of one data folder, or of the same keys, know one another's ids; others do
// not.
func TestIDsAreSealedAlike(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	seal := func(options ...servertest.Option) string {
		gw := servertest.Start(t, append(options, servertest.Upstream(up))...)
		return server.IDs(gw.Server).Seal("resp_", "openai", "/", "resp_1")
	}
	dir := t.TempDir()
	first := seal(servertest.Env("SIGNALBOX_DATA_DIR", dir))
	if again := seal(servertest.Env("SIGNALBOX_DATA_DIR", dir)); again != first {
		t.Errorf("the next gateway gives the id %s, and not %s", again, first)
	}
	if err := os.Remove(filepath.Join(dir, "id.key")); err != nil { // the store has it, too
		t.Fatal(err)
	}
	if again := seal(servertest.Env("SIGNALBOX_DATA_DIR", dir)); again != first {
		t.Errorf("without the file the id is %s, and not %s", again, first)
	}
	if other := seal(); other == first {
		t.Error("another gateway seals with the same key")
	}
	key := servertest.Env("SIGNALBOX_ID_KEY", "a key of at least thirty-two characters")
	if configured := seal(key); configured == first || configured != seal(key) {
		t.Error("a configured key does not seal")
	}
}

// The gateway serves without its database: it seals with a key of its own, and jobs
// wait.
func TestNoDatabaseNoObjectsButCalls(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.Env("SIGNALBOX_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"))
	if reply := gw.Post(chatPath, servertest.ChatBody(model, "Hello")); reply.Status != 200 {
		t.Errorf("got %d %s", reply.Status, reply.Body)
	}
	id := server.IDs(gw.Server).Seal("resp_", "openai", "/", "resp_1")
	if ref, err := server.IDs(gw.Server).Open(id, "/"); err != nil || ref.UpstreamID != "resp_1" {
		t.Errorf("the id opens as %+v, %v", ref, err)
	}
	gw.Stop()
}
