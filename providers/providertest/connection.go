package providertest

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// connection is a client's TCP connection, within reach of the handlers.
type connection struct {
	conn net.Conn
	// stale has the next request on the connection end in a closed socket.
	stale atomic.Bool
}

// connectionKey is where the context of a request has its connection.
type connectionKey struct{}

// connectionOf returns the connection that a request came on.
func connectionOf(r *http.Request) *connection {
	c, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok {
		return &connection{conn: nil}
	}
	return c
}

// tcp returns the bare socket, below TLS.
func (c *connection) tcp() *net.TCPConn {
	conn := c.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		return t
	}
	return nil
}

// reset ends the connection with a TCP RST.
func (c *connection) reset() {
	if t := c.tcp(); t != nil {
		_ = t.SetLinger(0)
		_ = t.Close()
	}
}

// hangUp ends the connection with a FIN, whatever HTTP still owes.
func (c *connection) hangUp() {
	if t := c.tcp(); t != nil {
		_ = t.Close()
	}
}
