// Package spread counts what many goroutines count at once.
package spread

import "sync/atomic"

// Counter is a counter in several places, so that who adds at once does not wait for one another's cache lines. The zero
// Counter is ready and safe for concurrent use.
type Counter [32]struct {
	n atomic.Int64
	_ [56]byte // one cache line each
}

// Add adds one. Equal keys meet in one place: take a hash of what is counted.
func (c *Counter) Add(key uint64) { c[key%uint64(len(c))].n.Add(1) }

// Sum returns what was added.
func (c *Counter) Sum() int64 {
	var n int64
	for i := range c {
		n += c[i].n.Load()
	}
	return n
}
