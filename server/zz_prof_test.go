package server_test

import (
	"os"
	"io"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestZZProf(t *testing.T) {
	runtime.MemProfileRate = 512
	up := servertest.StartEndless(t, 100)
	gw, cert := secured(t, servertest.Endlessly(up))
	before := measure()
	t.Run("x", func(t *testing.T) {
	var cs []io.Closer
	for range 100 {
		cs = append(cs, stallHTTP2(t, gw, cert, servertest.Torrent))
	}
	up.AwaitStreams(100)
	up.AwaitStill()
	for _, c := range cs {
		c.Close()
	}
	up.AwaitStreams(0)
	})
	awaitGoroutines(t, before.goroutines)
	t.Log(measure().since(before, 100))
	for range 14 {
		time.Sleep(5 * time.Second)
		t.Log(measure().since(before, 100))
	}
	f, _ := os.Create("/tmp/mem.prof")
	pprof.Lookup("heap").WriteTo(f, 0)
	f.Close()
	f, _ = os.Create("/tmp/gor.txt")
	pprof.Lookup("goroutine").WriteTo(f, 1)
	f.Close()
}
