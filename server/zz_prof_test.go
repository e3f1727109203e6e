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
	runtime.MemProfileRate = 512
	up := servertest.StartEndless(t, 20)
	gw := servertest.Start(t, servertest.Endlessly(up))
	var cs []io.Closer
	st := stallHTTP1
	if os.Getenv("WAY") == "grpc" { st = stallGRPC }
	for range 400 {
		cs = append(cs, st(t, gw, nil, servertest.Trickle))
	}
	up.AwaitStreams(400)
	up.AwaitStill()
	t.Log(measure())
	f, _ := os.Create("/tmp/mem.prof")
	pprof.Lookup("heap").WriteTo(f, 0)
	f.Close()
	f, _ = os.Create("/tmp/gor.txt")
	pprof.Lookup("goroutine").WriteTo(f, 1)
	f.Close()
	for _, c := range cs {
		c.Close()
	}
	up.AwaitStreams(0)
}
