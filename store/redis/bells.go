package redisstore

import (
	"sync"
	"time"
)

// mostBells is how many bells a process rings in a second, and at once after a quiet one. A bell goes to every follower, and a
// server that must tell a thousand of them of hundreds of revocations a second has time for nothing else; beyond the rate
// their polls tell them.
const mostBells = 20

const perBell = time.Second / mostBells

// bells holds a process to the rate. It is a measure that fills, not a count for each second of the clock: twenty revocations
// a second, come as they may, all ring, and each that did not would let every follower poll.
type bells struct {
	mu   sync.Mutex
	full time.Time // when as many bells as ever are free again
}

// free reports whether the next event may ring.
func (b *bells) free() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.full.Sub(now()) <= time.Second-perBell
}

func (b *bells) count(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := now(); b.full.Before(at) {
		b.full = at
	}
	b.full = b.full.Add(time.Duration(n) * perBell)
}
