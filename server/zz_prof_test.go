package server_test

import (
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestZZProf(t *testing.T) {
	runtime.MemProfileRate = 512
	up := servertest.StartEndless(t, 100)
	gw := servertest.Start(t, servertest.Endlessly(up))
	way := stallHTTP1
	if os.Getenv("WAY") == "grpc" {
		way = stallGRPC
	}
	name := servertest.Torrent
	if os.Getenv("M") != "" {
		name = servertest.Trickle
	}
	before := measure()
	for range 6 {
		t.Run("x", func(t *testing.T) {
			var cs []io.Closer
			for range 100 {
				cs = append(cs, way(t, gw, nil, name))
			}
			up.AwaitStreams(100)
			for _, c := range cs {
				c.Close()
			}
			up.AwaitStreams(0)
		})
		awaitGoroutines(t, before.goroutines)
		t.Log(measure().since(before, 100))
	}
	f, _ := os.Create("/tmp/mem.prof")
	pprof.Lookup("heap").WriteTo(f, 0)
	f.Close()
}
