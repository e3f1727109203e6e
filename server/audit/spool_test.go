package audit

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

func TestRecordsThatCannotBeWrittenLeaveNoTrace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		write func(*os.File, []byte) (int, error)
		cut   error
	}{
		{"no space from the start", func(*os.File, []byte) (int, error) { return 0, syscall.ENOSPC }, nil},
		{"no space in the middle", func(f *os.File, b []byte) (int, error) { n, _ := f.Write(b[:len(b)/2]); return n, syscall.ENOSPC }, nil},
		{"a disk error in the middle", func(f *os.File, b []byte) (int, error) { n, _ := f.Write(b[:20]); return n, syscall.EIO }, nil},
		{"a short write without an error", func(f *os.File, b []byte) (int, error) { return f.Write(b[:3]) }, nil},
		{"a torn record that cannot be taken back", func(f *os.File, b []byte) (int, error) { n, _ := f.Write(b[:20]); return n, syscall.EIO }, syscall.EIO},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.chat(3)
			r.faults.set(func(d *faults) { d.write, d.cut = test.write, test.cut })
			r.chat(5)
			r.faults.set(func(d *faults) { d.write, d.cut = nil, nil })
			r.chat(2)

			begins, ends := onDisk(t, r.dir)
			if len(begins) != 5 || len(ends) != 5 {
				t.Errorf("%d begin and %d end records are on the disk, want 5 and 5", len(begins), len(ends))
			}
			r.metrics.want(t, Begun, 5)
			r.metrics.want(t, Ended, 5)
			r.metrics.want(t, ShedBegun, 5)
			r.metrics.want(t, ShedEnded, 5)
			r.run()
			r.store.awaitCount(t, 5)
			r.metrics.want(t, Torn, 0)
		})
	}
}

func TestSegmentsAreSealedBySizeAndDeletedWhenShipped(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *configv1.Audit) { c.MaxSpoolBytes = new(int64(1 << 20)) }) // segments of 128 KiB
	r.chat(400)
	if n := len(r.spool.segments); n < 3 {
		t.Fatalf("400 calls made %d segments", n)
	}
	stop := r.run()
	r.store.awaitCount(t, 400)
	stop()
	if begins, ends := onDisk(t, r.dir); len(begins)+len(ends) != 0 {
		t.Errorf("%d records are still on the disk after they were shipped", len(begins)+len(ends))
	}
	if bytes := r.spool.bytes.Load(); bytes != 0 {
		t.Errorf("the spool counts %d bytes when it is empty", bytes)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(r.dir); err != nil || len(left) != 0 {
		t.Errorf("an orderly end leaves %v, %v", left, err)
	}
}

func TestManyWriters(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *configv1.Audit) { c.MaxSpoolBytes = new(int64(64 << 20)) })
	r.run()
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() { r.chat(50) })
	}
	calls.Wait()
	for _, entry := range r.store.awaitCount(t, 800) {
		if entry.GetEnd() == 0 {
			r.store.await(t, "all ends are shipped", allEnded)
			break
		}
	}
	r.metrics.want(t, ShedBegun, 0)
	r.metrics.want(t, ShedEnded, 0)
}

func TestForcedRecords(t *testing.T) {
	t.Parallel()
	var forced sync.WaitGroup
	r := newRig(t, func(c *configv1.Audit) { c.Fsync = configv1.Fsync_FSYNC_ALWAYS })
	for range 8 {
		forced.Go(func() { r.chat(5) })
	}
	forced.Wait()
	for _, segment := range r.spool.segments {
		if segment.forced != segment.size {
			t.Errorf("%d of %d bytes are on the disk when the calls are over", segment.forced, segment.size)
		}
	}
	r.faults.set(func(d *faults) { d.sync = syscall.EIO })
	r.chat(1)
	r.metrics.want(t, SyncFailed, 2)
	r.metrics.want(t, ShedEnded, 0)
	r.faults.set(func(d *faults) { d.sync = nil })
	// What was written before and after a failed fsync is shipped all the same.
	r.chat(1)
	r.run()
	r.store.awaitCount(t, 42)
}

func TestAClosedSpoolTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.chat(1)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.chat(2)
	r.metrics.want(t, ShedEnded, 2)
	if _, _, err := r.spool.append(frameOf(kindEnd, "x"), roomForEnds); !errors.Is(err, errClosed) {
		t.Errorf("append = %v, want errClosed", err)
	}
}
