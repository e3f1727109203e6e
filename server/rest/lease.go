package rest

import "github.com/signalbox-ai/signalbox/server/buffers"

const (
	// firstBuffer is the most that is leased before a byte of the body has come.
	firstBuffer = 2 << 20
	// maxClaimed is the most that is leased in this way at a time, by all calls together.
	maxClaimed = 32 << 20
	// smallestLease is the size from which a buffer is worth giving back.
	smallestLease = 32 << 10
)

// lease is a buffer for the time of one call.
type lease struct {
	bytes []byte
	whole *[]byte // of the pool; nil: the collector's
}

// take leases a buffer of n bytes.
func (l *lease) take(pool *buffers.Pool, n int) {
	if n < smallestLease {
		l.bytes = make([]byte, n)
		return
	}
	l.whole = pool.Get(n)
	l.bytes = *l.whole
}

// grow leases a larger buffer with the same beginning.
func (l *lease) grow(pool *buffers.Pool, n int) {
	smaller := *l
	l.whole = nil
	l.take(pool, n)
	copy(l.bytes, smaller.bytes)
	smaller.end(pool)
}

// end gives the buffer back. Nothing that was made from its bytes is used any more.
func (l *lease) end(pool *buffers.Pool) {
	if l.whole != nil {
		pool.Put(l.whole)
	}
	l.whole, l.bytes = nil, nil
}
