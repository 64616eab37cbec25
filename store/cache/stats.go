package storecache

import (
	"sync/atomic"

	"github.com/jetonkit/jeton/internal/spread"
	"github.com/jetonkit/jeton/store"
)

// counters are what Stats tells.
type counters struct {
	hits                                                     spread.Counter
	misses, shared, stale, doubts, events, drops, pollErrors atomic.Int64
}

// stats are the counters by name.
func (c *counters) stats() []store.Stat {
	return []store.Stat{
		{Name: "cache_hits", Value: c.hits.Sum()},
		{Name: "cache_misses", Value: c.misses.Load()},
		{Name: "cache_shared", Value: c.shared.Load()},
		{Name: "cache_stale", Value: c.stale.Load()},
		{Name: "cache_events", Value: c.events.Load()},
		{Name: "cache_flushes", Value: c.doubts.Load()},
		{Name: "cache_drops", Value: c.drops.Load()},
		{Name: "cache_feed_errors", Value: c.pollErrors.Load()},
	}
}
