package rest

import (
	"math/bits"
	"sync"
)

const (
	// firstBuffer is the most that is allocated before a byte of the body has come.
	firstBuffer = 1 << 20
	// Buffers in this range are used again: smaller ones cost little to make, larger
	// ones are rare, and would be held for nothing.
	smallestKept = 32 << 10
	largestKept  = 8 << 20
)

// buffers has buffers for request bodies, by the logarithm of their size. A large body
// would else cost its weight in cleared and collected memory.
type buffers struct {
	pools [24]sync.Pool
	// spoil overwrites what is given back. Tests find with it who still reads.
	spoil bool
}

// lease is a buffer for the time of one call.
type lease struct {
	bytes []byte
	whole *[]byte // of a pool; nil: the collector's
}

// take leases a buffer of n bytes.
func (l *lease) take(b *buffers, n int) {
	if n < smallestKept || n > largestKept {
		l.bytes = make([]byte, n)
		return
	}
	class := bits.Len(uint(n - 1))
	whole, ok := b.pools[class].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, 1<<class)
		whole = &fresh
	}
	l.whole, l.bytes = whole, (*whole)[:n]
}

// grow leases a larger buffer with the same beginning.
func (l *lease) grow(b *buffers, n int) {
	smaller := *l
	l.whole = nil
	l.take(b, n)
	copy(l.bytes, smaller.bytes)
	smaller.end(b)
}

// end gives the buffer back. Nothing that was made from its bytes is used any more.
func (l *lease) end(b *buffers) {
	if l.whole == nil {
		return
	}
	if b.spoil {
		for i := range *l.whole {
			(*l.whole)[i] = 0xff
		}
	}
	b.pools[bits.Len(uint(len(*l.whole)-1))].Put(l.whole)
	l.whole, l.bytes = nil, nil
}
