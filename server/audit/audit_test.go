package audit

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" { //nolint:forbidigo // this is the child that a test kills
		crash(dir)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// rig is a Log with its parts.
type rig struct {
	*Log
	t       testing.TB
	dir     string
	store   *gate
	metrics *counts
	faults  *faults
	chain   *call.Chain
}

// newRig starts a Log over an embedded database. change alters its configuration.
func newRig(t testing.TB, change ...func(*configv1.Audit)) *rig {
	t.Helper()
	return newRigIn(t, t.TempDir(), newGate(openStore(t, t.TempDir(), "")), change...)
}

func newRigIn(t testing.TB, dir string, store *gate, change ...func(*configv1.Audit)) *rig {
	t.Helper()
	config := &configv1.Audit{
		ShowHeaders:   []string{"content-type", "user-agent", "x-request-id"},
		MaxBodyBytes:  new(int64(1 << 20)),
		Retention:     durationpb.New(720 * time.Hour),
		Fsync:         configv1.Fsync_FSYNC_INTERVAL,
		MaxSpoolBytes: new(int64(1 << 30)),
		OnFull:        configv1.OnFull_ON_FULL_SHED,
	}
	for _, c := range change {
		c(config)
	}
	r := &rig{t: t, dir: dir, store: store, metrics: &counts{}, faults: &faults{}}
	var err error
	r.Log, err = newLog(Params{
		Dir: dir, Store: store, Config: config, Log: slog.New(slog.DiscardHandler), Metrics: r.metrics, Encode: encode,
	}, r.faults.open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	r.chain = &call.Chain{Steps: []call.Step{r.Step(), r.Admit()}, Code: code, Log: slog.New(slog.DiscardHandler)}
	return r
}

// run runs the Log until stop is called, or the test ends.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	return stop
}

// code is an assembly's table of errors, as small as it can be.
func code(_ *call.Call, err error) *failure.Error {
	if failed := failure.As(err); failed != nil {
		return failed
	}
	return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The gateway failed.", err)
}

// encode is what an assembly sets Encode to.
func encode(b []byte, m proto.Message) ([]byte, error) {
	if _, ok := m.(*chatv1.ChatCompletionParams); ok {
		return codec.Append(b, m, wire.Request)
	}
	return codec.Append(b, m, wire.Reply)
}

// openStore opens a database until the test ends; without a URL the embedded one.
func openStore(t testing.TB, dir, url string) storage.AuditLog {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Params{
		Config: &configv1.Storage{DataDir: dir, DatabaseUrl: url}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return db
}

// gate is a store that can be shut, and that tells of what goes through.
type gate struct {
	storage.AuditLog

	mu     sync.Mutex
	shut   error
	passed chan struct{} // closed and made anew with each change
}

func newGate(store storage.AuditLog) *gate {
	return &gate{AuditLog: store, passed: make(chan struct{})}
}

// Append fails while the gate is shut.
func (g *gate) Append(ctx context.Context, records []*storage.Record) error {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		return shut
	}
	err := g.AuditLog.Append(ctx, records)
	g.tell()
	return err
}

// Interrupt tells of what it did.
func (g *gate) Interrupt(ctx context.Context, open storage.Open) (int, error) {
	n, err := g.AuditLog.Interrupt(ctx, open)
	g.tell()
	return n, err
}

// DeleteBefore tells of what it did.
func (g *gate) DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := g.AuditLog.DeleteBefore(ctx, before, limit)
	g.tell()
	return n, err
}

func (g *gate) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.passed)
	g.passed = make(chan struct{})
}

// set shuts the gate with an error, or opens it.
func (g *gate) set(shut error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

// await waits until the entries in the store are as they should be.
func (g *gate) await(t testing.TB, what string, are func([]*auditv1.AuditEntry) bool) []*auditv1.AuditEntry {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		g.mu.Lock()
		passed := g.passed
		g.mu.Unlock()
		entries := g.all(t)
		if are(entries) {
			return entries
		}
		select {
		case <-passed:
		case <-late.C:
			t.Fatalf("%s: not within %s; the store has %d entries", what, patience, len(entries))
		}
	}
}

// awaitCount waits for so many records.
func (g *gate) awaitCount(t testing.TB, want int) []*auditv1.AuditEntry {
	t.Helper()
	return g.await(t, "records are shipped", func(entries []*auditv1.AuditEntry) bool { return len(entries) == want })
}

// all are all entries of the store.
func (g *gate) all(t testing.TB) []*auditv1.AuditEntry {
	t.Helper()
	var entries []*auditv1.AuditEntry
	query := storage.AuditQuery{Limit: 1000}
	for {
		page, err := g.List(context.WithoutCancel(t.Context()), query)
		if err != nil {
			t.Fatalf("list the records: %v", err)
		}
		entries = append(entries, page.Entries...)
		if page.Next == nil {
			return entries
		}
		query.After = page.Next
	}
}

// counts is Metrics that a test can ask.
type counts struct {
	mu     sync.Mutex
	counts map[Counter]int
	bytes  int64
}

// Count implements Metrics.
func (c *counts) Count(counter Counter, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[Counter]int{}
	}
	c.counts[counter] += n
}

// Spool implements Metrics.
func (c *counts) Spool(bytes, _ int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = bytes
}

func (c *counts) of(counter Counter) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[counter]
}

// want compares a counter.
func (c *counts) want(t testing.TB, counter Counter, want int) {
	t.Helper()
	if got := c.of(counter); got != want {
		t.Errorf("%s is %d, want %d", counter, got, want)
	}
}

// faults is a disk on which writes can be made to fail.
type faults struct {
	mu    sync.Mutex
	write func(f *os.File, b []byte) (int, error)
	sync  error
	cut   error
}

func (d *faults) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: f, disk: d}, nil
}

func (d *faults) set(change func(*faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

type faultyFile struct {
	*os.File

	disk *faults
}

// Write implements file.
func (f *faultyFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	write := f.disk.write
	f.disk.mu.Unlock()
	if write != nil {
		return write(f.File, b)
	}
	return f.File.Write(b)
}

// Sync implements file.
func (f *faultyFile) Sync() error {
	f.disk.mu.Lock()
	err := f.disk.sync
	f.disk.mu.Unlock()
	return errors.Join(err, f.File.Sync())
}

// Truncate implements file.
func (f *faultyFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	err := f.disk.cut
	f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Two RPCs, as their protos declare them.
const (
	chatRPC  = "signalbox.chat.v1.ChatService/CreateChatCompletion"
	listRPC  = "signalbox.models.v1.ModelsService/ListModels"
	chatPath = "/v1/chat/completions"
)

// newCall is a call as the edge makes it.
func newCall(rpc string) *call.Call {
	c := call.New(auditv1.Entrance_ENTRANCE_REST, "")
	c.HTTPMethod, c.Path, c.RPC = "POST", chatPath, rpc
	c.Client = call.Client{Address: "10.0.0.1", UserAgent: "test/1"}
	c.Principal = &call.Principal{Name: "master", Owner: "/", All: true}
	c.Policy = &policyv1.MethodPolicy{
		Operation: policyv1.Operation_OPERATION_CHAT, Scope: policyv1.Scope_SCOPE_CHAT, Audit: policyv1.AuditLevel_AUDIT_LEVEL_BODIES,
	}
	c.Plan = &planv1.ExecutionPlan{
		Digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", RequestId: c.RequestID, Method: rpc,
		Operation: policyv1.Operation_OPERATION_CHAT, Mode: planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED,
		Requested: &planv1.RequestedSelector{Model: "openai/gpt-4o-mini"},
		Target: &planv1.Target{
			Provider: "openai", ProviderType: "openai", Model: "gpt-4o-mini", SameDialect: true,
			ParameterRules: []modelsv1.ParameterRule{modelsv1.ParameterRule(1)},
		},
		Retry:        &planv1.RetryPolicy{MaxAttempts: 3, MaxBackoff: durationpb.New(8 * time.Second)},
		ConfigDigest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		Features:     []policyv1.Feature{policyv1.Feature_FEATURE_SEMANTICS, policyv1.Feature_FEATURE_PATCHING, policyv1.Feature_FEATURE_USAGE},
	}
	if rpc == listRPC {
		c.Policy.Operation, c.Policy.Audit = policyv1.Operation_OPERATION_MODELS, policyv1.AuditLevel_AUDIT_LEVEL_FACTS
		c.Plan.Operation, c.Plan.Mode, c.Plan.Target = c.Policy.Operation, planv1.ExecutionMode_EXECUTION_MODE_LOCAL, nil
	}
	c.Outcome.Planned = c.Start.Add(time.Millisecond)
	c.Outcome.Usage = &usagev1.TokenUsage{Input: new(int32(9)), Output: new(int32(12))}
	return c
}

// serve takes a call through the chain, however it ends.
func (r *rig) serve(c *call.Call, message proto.Message, handler func() error) {
	_ = r.try(c, message, handler)
}

// try takes a call through the chain; handler may be nil.
func (r *rig) try(c *call.Call, message proto.Message, handler func() error) *failure.Error {
	ctx := context.Background()
	err := r.chain.Open(ctx, c)
	if err == nil {
		err = r.chain.Request(ctx, c, message)
	}
	if err == nil && handler != nil {
		err = r.chain.Handle(ctx, c, handler)
	}
	return r.chain.Done(ctx, c, err)
}

// chat takes n chat completions through the chain.
func (r *rig) chat(n int) {
	for range n {
		r.serve(newCall(chatRPC), &chatv1.CreateChatCompletionRequest{}, nil)
	}
}

// onDisk are the frames in all segments below a spool folder.
func onDisk(t testing.TB, dir string) (begins, ends []*auditv1.GetAuditEntryResponse) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for {
			f, rest, _, ok := nextFrame(data)
			if !ok {
				break
			}
			data = rest
			record := &auditv1.GetAuditEntryResponse{}
			if err := proto.Unmarshal(f.payload, record); err != nil {
				t.Fatal(err)
			}
			if f.kind == kindBegin {
				begins = append(begins, record)
			} else {
				ends = append(ends, record)
			}
		}
	}
	return begins, ends
}
