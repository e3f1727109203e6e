package http1

import (
	"sync"
	"time"
)

// pool keeps idle connections. The one used last is used next, so that the others
// can age out.
type pool struct {
	max     int
	timeout time.Duration

	mu     sync.Mutex
	idle   []*conn // oldest first
	reaper *time.Timer
	closed bool
}

// get takes a connection that the peer has not closed, or nil.
func (p *pool) get() *conn {
	for {
		c := p.pop()
		if c == nil {
			return nil
		}
		if c.alive() {
			return c
		}
		c.close()
	}
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// put keeps a connection, or closes it when there are enough.
func (p *pool) put(c *conn) {
	c.idleSince = time.Now()
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.max
	if keep {
		p.idle = append(p.idle, c)
		if p.reaper == nil {
			p.reaper = time.AfterFunc(p.timeout, p.reap)
		}
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
}

// reap closes what has been idle for too long, and comes again while any is idle.
func (p *pool) reap() {
	p.mu.Lock()
	cut := 0
	for cut < len(p.idle) && time.Since(p.idle[cut].idleSince) >= p.timeout {
		cut++
	}
	dead := append([]*conn(nil), p.idle[:cut]...)
	p.idle = append(p.idle[:0], p.idle[cut:]...)
	switch {
	case p.closed || len(p.idle) == 0:
		p.reaper = nil
	default:
		p.reaper.Reset(p.timeout - time.Since(p.idle[0].idleSince))
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	dead := p.idle
	p.idle, p.closed = nil, true
	if p.reaper != nil {
		p.reaper.Stop()
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.close()
	}
}
