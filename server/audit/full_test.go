package audit

import (
	"os"
	"sync"
	"syscall"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

func small(c *configv1.Audit) { c.MaxSpoolBytes = new(int64(1 << 20)) }

func block(c *configv1.Audit) { c.OnFull = configv1.OnFull_ON_FULL_BLOCK }

// outcome is how many of n calls went through, from eight goroutines.
func (r *rig) outcome(n int) (served, refused int) {
	const workers = 8
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
	)
	for range workers {
		calls.Go(func() {
			for range n / workers {
				reached := false
				failed := r.try(newCall(chatRPC), &chatv1.CreateChatCompletionRequest{}, func() error { reached = true; return nil })
				mu.Lock()
				switch {
				case failed == nil:
					served++
				case reached || failed.Reason != commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE || failed.HTTPStatus() != 503:
					r.t.Errorf("a refused call reached its handler, or failed with %v", failed)
				default:
					refused++
				}
				mu.Unlock()
			}
		})
	}
	calls.Wait()
	return served, refused
}

// A full spool, and then a store that takes records again: every call is served,
// and every one is either in the store or counted.
func TestAFullSpoolShedsAndCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, small)
	served, refused := r.outcome(1600)
	if served != 1600 || refused != 0 {
		t.Errorf("%d calls were served and %d refused, want 1600 and 0", served, refused)
	}
	shed := r.metrics.of(ShedEnded)
	if shed == 0 {
		t.Fatal("1600 calls fit into a spool of 1 MiB; the test needs more")
	}
	if bytes := r.spool.bytes.Load(); bytes > r.spool.limit {
		t.Errorf("the spool has %d bytes of %d", bytes, r.spool.limit)
	}
	_, ends := onDisk(t, r.dir)
	if len(ends)+shed != 1600 {
		t.Errorf("%d ends are on the disk and %d were counted as lost, of 1600", len(ends), shed)
	}
	if err := r.shipAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	served, _ = r.outcome(80)
	if served != 80 || r.metrics.of(ShedEnded) != shed {
		t.Errorf("after the spool was shipped, %d of 80 calls were served and %d lost", served, r.metrics.of(ShedEnded)-shed)
	}
}

// With on_full block no call is made without a begin record, and every call that
// was let in has room for its end.
func TestAFullSpoolBlocks(t *testing.T) {
	t.Parallel()
	r := newRig(t, small, block)
	served, refused := r.outcome(1600)
	if served+refused != 1600 || refused == 0 || served == 0 {
		t.Fatalf("%d calls were served and %d refused, of 1600", served, refused)
	}
	r.metrics.want(t, Refused, refused)
	r.metrics.want(t, Begun, served)
	r.metrics.want(t, ShedBegun, 0)
	begins, ends := onDisk(t, r.dir)
	completed := 0
	for _, end := range ends {
		if end.GetEntry().GetEnd() == commonv1.CallEnd_CALL_END_COMPLETED {
			completed++
		}
	}
	if len(begins) != served || completed != served {
		t.Errorf("%d calls were served; %d have a begin and %d an end", served, len(begins), completed)
	}
	if len(ends)+r.metrics.of(ShedEnded) != 1600 {
		t.Errorf("%d ends are on the disk and %d were counted as lost, of 1600", len(ends), r.metrics.of(ShedEnded))
	}
}

// The disk runs full under the calls, and has room again.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	for _, policy := range []func(*configv1.Audit){func(*configv1.Audit) {}, block} {
		r := newRig(t, policy)
		r.faults.set(func(d *faults) {
			d.write = func(f *os.File, b []byte) (int, error) {
				n, err := f.Write(b[:len(b)/3])
				if err != nil {
					return n, err
				}
				return n, syscall.ENOSPC
			}
		})
		served, refused := r.outcome(80)
		if blocks := r.params.Config.GetOnFull() == configv1.OnFull_ON_FULL_BLOCK; blocks && refused != 80 || !blocks && served != 80 {
			t.Errorf("%v: %d calls were served and %d refused", r.params.Config.GetOnFull(), served, refused)
		}
		r.metrics.want(t, ShedEnded, 80)
		r.faults.set(func(d *faults) { d.write = nil })
		if served, _ = r.outcome(16); served != 16 {
			t.Errorf("%d of 16 calls were served when the disk had room again", served)
		}
		r.metrics.want(t, ShedEnded, 80)
		r.run()
		r.store.awaitCount(t, 16)
	}
}
