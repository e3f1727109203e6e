package upstream

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"
)

// The kernel's own buffer of a connection is bounded: by default it grows to
// megabytes for each reader that is slow.
func TestReceiveBufferIsBounded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &dialer{address: l.Addr().String(), timeout: time.Minute}
	nc, err := d.plain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	rc, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var size int
	if ctrl := rc.Control(func(fd uintptr) {
		size, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	}); ctrl != nil || err != nil {
		t.Fatal(ctrl, err)
	}
	if size > 2*receiveBuffer { // Linux doubles it for its own needs
		t.Errorf("%d bytes, want %d", size, receiveBuffer)
	}
}

func TestWindowsAreBounded(t *testing.T) {
	t.Parallel()
	tr := newNetTransport(&dialer{}, true)
	if w := tr.inner.HTTP2; w.MaxReceiveBufferPerStream != 64<<10 || w.MaxReceiveBufferPerConnection != 1<<20 {
		t.Errorf("windows %+v", w)
	}
	if tr.inner.MaxResponseHeaderBytes != 64<<10 || !tr.inner.DisableCompression {
		t.Error("a bound is missing")
	}
}

// An address that nobody answers at costs no more than the connect timeout.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &dialer{address: l.Addr().String(), timeout: time.Nanosecond}
	if _, err := d.plain(t.Context()); err == nil || err.(*dialError).handshake { //nolint:errorlint // as it is
		t.Errorf("got %v, want a dialError", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.timeout = time.Minute
	if _, err := d.plain(ctx); err != context.Canceled { //nolint:errorlint // as it is
		t.Errorf("got %v, want the context's own error", err)
	}
}
