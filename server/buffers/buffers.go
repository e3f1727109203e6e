// Package buffers has byte buffers that are used again: a large request would else
// cost its weight in cleared and collected memory, at either door.
package buffers

import (
	"math/bits"
	"sync"
)

const (
	// smallest and largest are the sizes that are kept, as powers of two: smaller
	// buffers cost little to make, larger ones are rare and would be held for nothing.
	smallest = 8  // 256 bytes
	largest  = 23 // 8 MiB
)

// Pool has buffers, by the power of two that their size is. The zero value is ready.
// Safe for concurrent use. It is a gRPC mem.BufferPool.
type Pool struct {
	classes [largest + 1]sync.Pool
	// Spoil overwrites what is given back: tests find with it who still reads.
	Spoil bool
}

// Get returns a buffer of n bytes, whose content is whatever was in it before.
func (p *Pool) Get(n int) *[]byte {
	class := bits.Len(uint(max(n, 1<<smallest) - 1))
	if class > largest {
		fresh := make([]byte, n)
		return &fresh
	}
	if used, ok := p.classes[class].Get().(*[]byte); ok {
		*used = (*used)[:n]
		return used
	}
	fresh := make([]byte, n, 1<<class)
	return &fresh
}

// Put gives a buffer of Get back. Nothing that was made from its bytes is used any
// more.
func (p *Pool) Put(buffer *[]byte) {
	size := cap(*buffer)
	class := bits.Len(uint(size)) - 1
	if size != 1<<class || class < smallest || class > largest {
		return
	}
	if p.Spoil {
		whole := (*buffer)[:size]
		for i := range whole {
			whole[i] = 0xff
		}
	}
	p.classes[class].Put(buffer)
}
