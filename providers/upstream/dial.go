package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// dialError says that there is no connection.
type dialError struct {
	handshake bool // TCP was there, TLS failed
	err       error
}

func (e *dialError) Error() string {
	if e.handshake {
		return fmt.Sprintf("tls handshake: %v", e.err)
	}
	return fmt.Sprintf("connect: %v", e.err)
}

func (e *dialError) Unwrap() error { return e.err }

// dialer connects to the one host of a client, TLS included, within the connect
// timeout. The error is the context's, or a *dialError.
type dialer struct {
	address string
	timeout time.Duration
	tls     *tls.Config
}

// receiveBuffer bounds what the kernel holds of a stream whose reader is slow; by
// itself it grows to megabytes. HTTP/2 has windows for that.
const receiveBuffer = 128 << 10

func (d *dialer) plain(ctx context.Context) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	nc, err := d.connect(ctx, limited)
	if err == nil {
		bound(nc)
	}
	return nc, err
}

func bound(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(receiveBuffer) // a bound that fails is none, and nothing worse
	}
}

func (d *dialer) secure(ctx context.Context) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	nc, err := d.connect(ctx, limited)
	if err != nil {
		return nil, err
	}
	tc := tls.Client(nc, d.tls)
	if err := tc.HandshakeContext(limited); err != nil {
		_ = nc.Close()
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		return nil, &dialError{handshake: true, err: err}
	}
	if tc.ConnectionState().NegotiatedProtocol != "h2" {
		bound(nc)
	}
	return tc, nil
}

func (d *dialer) connect(ctx, limited context.Context) (net.Conn, error) {
	var nd net.Dialer
	nc, err := nd.DialContext(limited, "tcp", d.address)
	if err == nil {
		return nc, nil
	}
	if ended := ctx.Err(); ended != nil {
		return nil, ended
	}
	return nil, &dialError{err: err}
}
