package buffers_test

import (
	"testing"

	"github.com/signalbox-ai/signalbox/server/buffers"
)

func TestBuffersHaveTheSizeAskedFor(t *testing.T) {
	t.Parallel()
	var pool buffers.Pool
	for _, n := range []int{0, 1, 255, 256, 257, 4096, 1 << 20, 1<<20 + 1, 8 << 20, 8<<20 + 1} {
		for range 3 {
			buffer := pool.Get(n)
			if len(*buffer) != n {
				t.Fatalf("asked for %d, got %d", n, len(*buffer))
			}
			pool.Put(buffer)
		}
	}
}

func TestForeignBuffersAreNotKept(t *testing.T) {
	t.Parallel()
	var pool buffers.Pool
	odd := make([]byte, 300)
	pool.Put(&odd)
	if buffer := pool.Get(300); cap(*buffer) < 300 || len(*buffer) != 300 {
		t.Errorf("got %d of %d", len(*buffer), cap(*buffer))
	}
}

func TestSpoiledBuffersShowWhoStillReads(t *testing.T) {
	t.Parallel()
	pool := buffers.Pool{Spoil: true}
	buffer := pool.Get(1000)
	kept := *buffer
	pool.Put(buffer)
	if kept[0] != 0xff || kept[999] != 0xff {
		t.Error("the buffer is as it was")
	}
}
