// Package postgres starts real PostgreSQL clusters for tests, from Debian's
// binaries, and does to them what happens to databases: stop, hang, run full.
//
// Tests that use it carry the build tag `services` and fail where PostgreSQL is not
// installed.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// bin is where Debian has the binaries of PostgreSQL 15.
const bin = "/usr/lib/postgresql/15/bin"

// startTimeout bounds every start and stop of a cluster.
const startTimeout = 30 * time.Second

// Cluster is a running PostgreSQL. Its user is "postgres", without a password, on
// loopback only.
type Cluster struct {
	t    testing.TB
	dir  string
	port int
	as   *syscall.SysProcAttr
	full string // the file that fills the disk

	mu     sync.Mutex
	server *exec.Cmd
	exited chan struct{}
	log    bytes.Buffer
	number int
}

// Options say what is special about a cluster.
type Options struct {
	// DiskBytes puts the cluster on a disk of its own of this size, which Fill can
	// fill. It needs root. 0: no disk of its own.
	DiskBytes int64
}

// Start makes a cluster and starts it. It is stopped and removed when the test ends.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}}
	c.makeDir(options)
	c.run("initdb", "--pgdata", c.data(), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions")
	c.port = freePort(t)
	t.Cleanup(func() {
		if c.Running() {
			c.Resume()
			c.Stop()
		}
	})
	c.Start()
	return c
}

// makeDir makes a folder that the server's user can reach: t.TempDir has parents
// that only the test's own user may enter.
func (c *Cluster) makeDir(options Options) {
	c.t.Helper()
	dir, err := os.MkdirTemp("", "signalbox-postgres-")
	if err != nil {
		c.t.Fatalf("make a folder for PostgreSQL: %v", err)
	}
	c.dir = dir
	c.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			c.t.Errorf("remove the cluster: %v", err)
		}
	})
	if options.DiskBytes > 0 {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.FormatInt(options.DiskBytes, 10)); err != nil {
			c.t.Fatalf("mount a disk of %d bytes (needs root): %v", options.DiskBytes, err)
		}
		c.t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				c.t.Errorf("unmount the cluster's disk: %v", err)
			}
		})
	}
	if err := os.Chmod(dir, 0o755); err != nil { // another user must enter
		c.t.Fatalf("open the cluster's folder: %v", err)
	}
	if os.Getuid() != 0 {
		return
	}
	// PostgreSQL refuses to run as root.
	uid, gid := account(c.t, "postgres")
	c.as.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		c.t.Fatalf("give the cluster's folder to postgres: %v", err)
	}
}

func account(t testing.TB, name string) (uid, gid uint32) {
	t.Helper()
	found, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("find the user that PostgreSQL runs as: %v", err)
	}
	number := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("read the id %q: %v", text, err)
		}
		return uint32(n)
	}
	return number(found.Uid), number(found.Gid)
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer listener.Close()
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// run runs one of PostgreSQL's programs to its end.
func (c *Cluster) run(program string, args ...string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	cmd.SysProcAttr = c.as
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// Start starts the server, and returns when it takes connections.
func (c *Cluster) Start() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", c.data(),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(c.port), "-c", "unix_socket_directories=",
		"-c", "shared_buffers=16MB", "-c", "max_connections=200", "-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB",
		// The machine under the tests does not lose its power.
		"-c", "fsync=off", "-c", "full_page_writes=off")
	server.SysProcAttr = c.as
	server.Dir = c.dir
	c.log.Reset()
	server.Stdout, server.Stderr = &c.log, &c.log
	if err := server.Start(); err != nil {
		c.t.Fatalf("start PostgreSQL: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = server.Wait() // how it ended is in its log
	}()
	c.server, c.exited = server, exited
	if err := c.await(); err != nil {
		_ = server.Process.Kill() // it is of no use
		<-exited
		c.t.Fatalf("PostgreSQL does not start: %v\n%s", err, c.log.String())
	}
}

// await waits until a connection is taken.
func (c *Cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-retry.C:
		case <-c.exited:
			return errors.New("it has ended")
		case <-ctx.Done():
			return err
		}
	}
}

// Stop stops the server at once, as a crash does: nothing is written any more and
// every connection breaks.
func (c *Cluster) Stop() { c.end(syscall.SIGQUIT) }

// StopGently stops the server in order; connections are told.
func (c *Cluster) StopGently() { c.end(syscall.SIGINT) }

func (c *Cluster) end(signal syscall.Signal) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		c.t.Fatal("PostgreSQL is not running")
	}
	if err := c.server.Process.Signal(signal); err != nil {
		c.t.Fatalf("stop PostgreSQL: %v", err)
	}
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	select {
	case <-c.exited:
	case <-deadline.C:
		_ = c.server.Process.Kill() // it does not listen
		<-c.exited
		c.t.Errorf("PostgreSQL did not stop\n%s", c.log.String())
	}
	c.server = nil
}

// Running says whether the server runs: it may have ended by itself.
func (c *Cluster) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return false
	}
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// pid is the server's process id. 0: it does not run.
func (c *Cluster) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return 0
	}
	return c.server.Process.Pid
}

// Pause stops every process of the server in its tracks: connections stay, and
// nothing answers.
func (c *Cluster) Pause() { c.t.Helper(); c.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (c *Cluster) Resume() { c.t.Helper(); c.signal(syscall.SIGCONT) }

// signal reaches the server and its children: one for each connection, and helpers.
func (c *Cluster) signal(signal syscall.Signal) {
	c.t.Helper()
	server := c.pid()
	if server == 0 {
		c.t.Fatal("PostgreSQL is not running")
	}
	if err := syscall.Kill(server, signal); err != nil {
		c.t.Fatalf("signal PostgreSQL: %v", err)
	}
	for _, child := range children(c.t, server) {
		if err := syscall.Kill(child, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			c.t.Fatalf("signal PostgreSQL's child: %v", err)
		}
	}
}

func children(t testing.TB, parent int) []int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		t.Fatalf("list PostgreSQL's processes: %v", err)
	}
	var list []int
	for _, field := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(field); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// Fill fills the cluster's own disk to the last byte.
func (c *Cluster) Fill() {
	c.t.Helper()
	c.full = filepath.Join(c.dir, "full")
	file, err := os.Create(c.full)
	if err != nil {
		c.t.Fatalf("fill the disk: %v", err)
	}
	defer file.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		_, err := file.Write(block)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			c.t.Fatalf("fill the disk: %v", err)
		}
	}
}

// Free gives the room back that Fill took.
func (c *Cluster) Free() {
	c.t.Helper()
	if err := os.Remove(c.full); err != nil {
		c.t.Fatalf("free the disk: %v", err)
	}
}

// Database makes an empty database and returns its URL.
func (c *Cluster) Database() string {
	c.t.Helper()
	c.mu.Lock()
	c.number++
	name := fmt.Sprintf("test_%d", c.number)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		c.t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // its work is done
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+""); err != nil {
		c.t.Fatalf("make a database: %v", err)
	}
	return c.url(name)
}

func (c *Cluster) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}
