package audit

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// crashDir tells the test binary, when it is started once more, to make calls until
// it is killed, over the spool and the database in this folder; crashURL names
// another database.
const (
	crashDir = "SIGNALBOX_AUDIT_CRASH"
	crashURL = "SIGNALBOX_AUDIT_CRASH_URL"
)

// crash is the child: it says on its standard output what a caller would know,
// "B id" when a handler runs and "E id" when a call is answered. A panic is its
// way to tell that it cannot.
//
//nolint:forbidigo // it has no test to fail
func crash(dir string) {
	log := slog.New(slog.DiscardHandler)
	store, err := sqldb.Open(context.Background(), sqldb.Params{Config: &configv1.Storage{DataDir: dir, DatabaseUrl: os.Getenv(crashURL)}, Log: log})
	if err != nil {
		panic(err)
	}
	l, err := New(Params{
		Dir: filepath.Join(dir, "spool"), Store: store, Log: log, Metrics: nil, Encode: encode,
		Config: &configv1.Audit{
			MaxBodyBytes: new(int64(1 << 20)), Retention: durationpb.New(time.Hour), MaxSpoolBytes: new(int64(1 << 20)),
			Fsync: configv1.Fsync_FSYNC_INTERVAL, OnFull: configv1.OnFull_ON_FULL_BLOCK,
		},
	})
	if err != nil {
		panic(err)
	}
	go func() { panic(l.Run(context.Background())) }()
	chain := &call.Chain{Steps: []call.Step{l.Step(), l.Admit()}, Code: code, Log: log}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for {
				c := newCall(chatRPC)
				ctx := context.Background()
				err := chain.Open(ctx, c)
				if err == nil {
					err = chain.Request(ctx, c, &chatv1.CreateChatCompletionRequest{})
				}
				if err == nil {
					say("B " + c.ID)
				}
				if chain.Done(ctx, c, err) == nil {
					say("E " + c.ID)
				}
			}
		})
	}
	calls.Wait()
}

// say writes a line at once: one write is whole or not there.
func say(line string) { _, _ = os.Stdout.WriteString(line + "\n") }

// witness is what was heard of calls before their process was killed.
type witness struct{ begun, ended map[string]bool }

// hear reads a child's lines, kills it after so many, and reads what is left.
func (w *witness) hear(t *testing.T, dir, url string, lines int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, crashURL+"="+url) //nolint:forbidigo // the child's
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	child.Stderr = &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(io.Reader(out))
	heard := 0
	for scanner.Scan() {
		heard++
		kind, id, _ := strings.Cut(scanner.Text(), " ")
		switch kind {
		case "B":
			w.begun[id] = true
		case "E":
			w.ended[id] = true
		}
		if heard == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || said.Len() > 0 {
		t.Fatalf("the child ended by itself: %v\n%s", err, said.String())
	}
	if heard < lines {
		t.Fatalf("the child said %d lines of %d within %s", heard, lines, patience)
	}
}

// check looks for every call in the store.
func (w *witness) check(t *testing.T, entries []*auditv1.AuditEntry) {
	t.Helper()
	found := map[string]*auditv1.AuditEntry{}
	for _, entry := range entries {
		found[entry.GetId()] = entry
		if entry.GetEnd() == commonv1.CallEnd_CALL_END_UNSPECIFIED && !entry.GetInterrupted() {
			t.Errorf("%s is neither ended nor interrupted", entry.GetId())
		}
	}
	if len(found) != len(entries) {
		t.Errorf("%d entries are of %d calls", len(entries), len(found))
	}
	for id := range w.begun {
		if found[id] == nil {
			t.Errorf("%s was begun and has no record", id)
		}
	}
	for id := range w.ended {
		if found[id].GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
			t.Errorf("%s was answered and its record is %v", id, found[id])
		}
	}
}

// Processes are killed at random moments, each starting over what the one before
// left. Whatever a caller knew is in the store in the end, once.
func TestNothingIsLostWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	killed(t, "", 20)
}

// killed kills so many processes that write to a database; "" is the embedded one.
func killed(t *testing.T, url string, kills int) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) // moments, not secrets
	dir := t.TempDir()
	w := &witness{begun: map[string]bool{}, ended: map[string]bool{}}
	for range kills {
		w.hear(t, dir, url, 1+random.IntN(600))
	}
	store := newGate(openStore(t, dir, url))
	last := newRigIn(t, filepath.Join(dir, "spool"), store)
	if err := last.shipAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries := store.all(t)
	w.check(t, entries)
	t.Logf("%d kills; heard of %d begins and %d ends; %d records, %d of them interrupted, %d torn places",
		kills, len(w.begun), len(w.ended), len(entries), last.metrics.of(Interrupted), last.metrics.of(Torn))
}

// Two processes share a data folder: both record, neither touches the other's, and
// when one is killed the other takes over what it left.
func TestTwoProcessesShareAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &witness{begun: map[string]bool{}, ended: map[string]bool{}}
	store := newGate(openStore(t, dir, ""))
	r := newRigIn(t, filepath.Join(dir, "spool"), store)
	r.adoptEvery = 10 * time.Millisecond
	r.run()
	c := newCall(chatRPC)
	r.serve(c, &chatv1.CreateChatCompletionRequest{}, func() error {
		w.hear(t, dir, "", 300) // a process comes and goes while our call runs
		r.chat(20)
		store.await(t, "the other process's records are taken over", func(entries []*auditv1.AuditEntry) bool {
			known := map[string]bool{}
			for _, entry := range entries {
				known[entry.GetId()] = entry.GetInterrupted() || entry.GetEnd() != 0
				if entry.GetId() == c.ID && entry.GetInterrupted() {
					t.Fatal("our running call is taken for interrupted")
				}
			}
			for id := range w.begun {
				if !known[id] {
					return false
				}
			}
			return true
		})
		return nil
	})
	w.check(t, store.await(t, "all calls are ended", func(entries []*auditv1.AuditEntry) bool {
		for _, entry := range entries {
			if entry.GetEnd() == 0 && !entry.GetInterrupted() {
				return false
			}
		}
		return true
	}))
}
