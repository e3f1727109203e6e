package jobs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashPlace tells the test binary, when it is started once more, to begin a job and
// never end it: the folder or the database that keeps it.
const crashPlace = "SIGNALBOX_JOBS_CRASH"

// crash begins a job and never ends it.
//
//nolint:forbidigo // it has no test to fail
func crash(where string) {
	p := place{dir: where}
	if strings.HasPrefix(where, "postgres:") {
		p = place{url: where}
	}
	ctx := context.Background()
	j, _, err := p.make(ctx, 1, time.Second)
	if err != nil {
		panic(err)
	}
	if err := Handle(j, func(ctx context.Context, _ Job[note]) error {
		_, _ = os.Stdout.WriteString("began\n")
		<-ctx.Done()
		return ctx.Err()
	}); err != nil {
		panic(err)
	}
	if _, err := j.Enqueue(ctx, note{"of the dead"}, Options{}); err != nil {
		panic(err)
	}
	panic(j.Run(ctx))
}

func killed(t *testing.T, p place) {
	p.stale = stale
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashPlace+"="+p.dir+p.url) //nolint:forbidigo // the child's
	var said strings.Builder
	child.Stderr = &said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "began\n" {
		t.Errorf("the child said %q, %v, %s", line, err, said.String())
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended in order")
	}
	e := p.open(t, 1, time.Second)
	done := make(chan string, 1)
	e.handle(func(_ context.Context, job Job[note]) error {
		done <- job.Args.Text
		return nil
	})
	e.run()
	if got := await(t, done); got != "of the dead" {
		t.Errorf("done was %s", got)
	}
}

// long runs for longer than a job is stale, beside another engine.
func long(t *testing.T, p place) {
	p.stale = stale
	first, second := p.open(t, 1, time.Second), p.open(t, 1, time.Second)
	began := make(chan string, 10)
	do := func(_ context.Context, job Job[note]) error {
		began <- job.Args.Text
		if job.Args.Text == "long" {
			<-time.After(3 * stale)
		}
		return nil
	}
	first.handle(do)
	second.handle(do)
	first.enqueue("long", Options{})
	first.run()
	await(t, began)
	second.run()
	<-time.After(2 * stale)
	second.enqueue("marker", Options{})
	if got := await(t, began); got != "marker" {
		t.Errorf("%s began twice", got)
	}
}

func startTogether(t *testing.T, p place) {
	var starting sync.WaitGroup
	for n := range 6 {
		starting.Go(func() {
			j, closeHandle, err := p.make(t.Context(), 1, time.Second)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if _, err := j.Enqueue(t.Context(), upkeep{fmt.Sprint(n)}, Options{}); err != nil {
				t.Errorf("Enqueue: %v", err)
			}
			if err := closeHandle(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
}
