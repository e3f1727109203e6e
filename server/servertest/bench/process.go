package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a started program, measured from outside.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// memory is what a process holds, in bytes.
type memory struct {
	Resident int64 `json:"resident"`
	Peak     int64 `json:"peak"`
}

// start starts a program with just this environment, its output in a file of dir.
func start(dir, name string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(program, args...)                                           // no context: stop ends it, in its own order
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...) //nolint:forbidigo // a child needs its PATH
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // stop, or whoever misses it, reads the log
	}()
	return p, nil
}

// stop ends the process, by force after a while.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// failure adds to err what the process last wrote.
func (p *process) failure(err error) error {
	text, readErr := os.ReadFile(p.log)
	if readErr != nil {
		return err
	}
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("%s: %w; its log ends:\n%s", p.name, err, text)
}

// await tries until the process answers.
func (p *process) await(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure(errors.New("ended early"))
		case <-ctx.Done():
			return p.failure(err)
		case <-tick.C:
		}
	}
}

// tick is the unit of /proc/<pid>/stat: Linux has it at 100 Hz for all programs.
const tick = 10 * time.Millisecond

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, p.failure(err)
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th and
	// 13th field after it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: cannot read its processor time from %q", p.name, text)
	}
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(userErr, systemErr)
}

// settled is cpu once the process has done what it put off: two quiet tenths of a
// second, or ten seconds.
func (p *process) settled(ctx context.Context) (time.Duration, error) {
	used, err := p.cpu()
	for quiet, turns := 0, 0; err == nil && quiet < 2 && turns < 100; turns++ {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		before := used
		if used, err = p.cpu(); used-before <= tick {
			quiet++
		} else {
			quiet = 0
		}
	}
	return used, err
}

// memory reads what the process holds; zeros when it is gone.
func (p *process) memory() memory {
	var m memory
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		kibibytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			m.Resident = kibibytes << 10
		case "VmHWM":
			m.Peak = kibibytes << 10
		}
	}
	return m
}

// forgetPeak lets the next peak be that of what comes.
func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// freeAddresses sets each to a loopback address of its own that nobody listens on.
func freeAddresses(ctx context.Context, addresses ...*string) error {
	for _, address := range addresses {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close() // not before all are found, or one might be found twice
		*address = listener.Addr().String()
	}
	return nil
}
