package redisstore

import "sync"

// mostBells is how many bells a process rings in a second. A bell goes to every follower, and a server that must tell a
// thousand of them of hundreds of revocations a second has time for nothing else; beyond the rate their polls tell them.
const mostBells = 20

// bells counts what a process has rung within the second.
type bells struct {
	mu     sync.Mutex
	second int64
	rung   int64
}

// free reports whether the next event may ring.
func (b *bells) free() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	return b.rung < mostBells
}

func (b *bells) count(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	b.rung += n
}

func (b *bells) turn() {
	if s := now().Unix(); s != b.second {
		b.second, b.rung = s, 0
	}
}
