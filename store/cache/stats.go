package storecache

import (
	"sync/atomic"

	"github.com/jetonkit/jeton/store"
)

// counters are what Stats tells.
type counters struct {
	hits                                                     spread
	misses, shared, stale, doubts, events, drops, pollErrors atomic.Int64
}

// spread is a counter that many add to at once.
type spread [32]struct {
	n atomic.Int64
	_ [56]byte // one cache line each
}

func (s *spread) add(key uint64) { s[key%uint64(len(s))].n.Add(1) }

func (s *spread) sum() int64 {
	var n int64
	for i := range s {
		n += s[i].n.Load()
	}
	return n
}

// stats are the counters by name.
func (c *counters) stats() []store.Stat {
	return []store.Stat{
		{Name: "cache_hits", Value: c.hits.sum()},
		{Name: "cache_misses", Value: c.misses.Load()},
		{Name: "cache_shared", Value: c.shared.Load()},
		{Name: "cache_stale", Value: c.stale.Load()},
		{Name: "cache_events", Value: c.events.Load()},
		{Name: "cache_flushes", Value: c.doubts.Load()},
		{Name: "cache_drops", Value: c.drops.Load()},
		{Name: "cache_feed_errors", Value: c.pollErrors.Load()},
	}
}
