package server_test

import (
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"io"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestZZProf(t *testing.T) {
	runtime.MemProfileRate = 1024
	up := servertest.StartEndless(t, 64<<10)
	gw := servertest.Start(t, servertest.Endlessly(up))
	var cs []io.Closer
	for range 50 {
		cs = append(cs, stallGRPC(t, gw, nil, servertest.Torrent))
	}
	up.AwaitStreams(50)
	up.AwaitStill()
	t.Log(measure())
	f, _ := os.Create("/tmp/mem.prof")
	pprof.Lookup("heap").WriteTo(f, 0)
	f.Close()
	for _, c := range cs {
		c.Close()
	}
	up.AwaitStreams(0)
}
