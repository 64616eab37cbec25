package spread

import (
	"sync"
	"testing"
	"unsafe"
)

// TestCounter: what many add at once is all there, whatever the keys. Killed mutants: a plain number (by -race); a place
// that is left out of the sum.
func TestCounter(t *testing.T) {
	var c Counter
	var all sync.WaitGroup
	const adders, each = 8, 10_000
	for range adders {
		all.Go(func() {
			for i := range uint64(each) {
				c.Add(i * 0x9e3779b97f4a7c15)
				c.Add(7) // all meet
			}
		})
	}
	all.Wait()
	if got := c.Sum(); got != 2*adders*each {
		t.Errorf("%d, want %d", got, 2*adders*each)
	}
}

// TestPlaces: neighbouring keys count in places of their own, a cache line each. Killed mutants: one place for all; no padding.
func TestPlaces(t *testing.T) {
	var c Counter
	for i := range uint64(len(c)) {
		c.Add(i)
	}
	for i := range c {
		if got := c[i].n.Load(); got != 1 {
			t.Errorf("place %d has %d", i, got)
		}
	}
	if size := unsafe.Sizeof(c[0]); size != 64 {
		t.Errorf("a place takes %d bytes", size)
	}
}
