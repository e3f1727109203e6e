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

func (d *dialer) plain(ctx context.Context) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return d.connect(ctx, limited)
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
