package storetest

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until a test moves it. Its Now fits the Now of a store's options. It is safe for
// concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at start; the zero time means the 1st of January 2026, 12:00 UTC, so that a test
// which does not care reads the same on every day.
func NewClock(start time.Time) *Clock {
	if start.IsZero() {
		start = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)
	}
	return &Clock{now: start.Round(0)} // without a monotonic reading, which Set could not move
}

// Now returns where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d; a negative d sets it back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.Round(0)
}
