package storebreaker

import (
	"sync"
	"sync/atomic"
)

// changes carries changes of state out of gobreaker's lock, in their order: the hook may call the store, which takes it.
type changes struct {
	tell func(from, to State)

	waiting atomic.Int64 // spares who has nothing to deliver the lock
	mu      sync.Mutex
	queue   []change
	busy    bool // somebody delivers
}

type change struct{ from, to State }

func (c *changes) note(from, to State) {
	if c.tell == nil {
		return
	}
	c.mu.Lock()
	c.queue = append(c.queue, change{from, to})
	c.mu.Unlock()
	c.waiting.Add(1)
}

// deliver tells what waits, unless somebody is at it, perhaps this very goroutine further up.
func (c *changes) deliver() {
	if c.waiting.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		return
	}
	c.busy = true
	defer func() { c.busy = false }()
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.waiting.Add(-1)
		c.unlocked(func() { c.tell(next.from, next.to) })
	}
}

// unlocked runs f without the lock, and takes it again even if f panics.
func (c *changes) unlocked(f func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	f()
}
