package storecache

import (
	"context"
	"iter"
	"time"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/store"
)

// Subjects implements [store.SubjectLister].
func (c *Cache) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return store.Subjects(ctx, c.next)
}

// Sweep implements [store.Sweeper]. It changes no answer that is kept: what it removes bars nobody any more.
func (c *Cache) Sweep(ctx context.Context) (store.Swept, error) { return store.Sweep(ctx, c.next) }

// Ping implements [store.Pinger]: it asks the wrapped store.
func (c *Cache) Ping(ctx context.Context) error { return store.Ping(ctx, c.next) }

// Stats implements [store.StatsReporter]: the cache's counters, then the wrapped store's.
//
//	cache_hits         Lookups answered from memory
//	cache_misses       Lookups that asked the store, or joined one that did
//	cache_shared       those of them that joined
//	cache_stale        answers that were in memory and did not count any more
//	cache_events       revocations that the feed told
//	cache_flushes      doubts about the feed, each of which drops a partition's answers; one per partition at the start
//	cache_drops        answers that the engine did not take
//	cache_feed_errors  failed polls and broken bells
func (c *Cache) Stats() []store.Stat { return append(c.core.count.stats(), store.Stats(c.next)...) }

// Lag is how old the last poll of the feed is that found nothing more, of the partition where it is oldest; false before
// there was one of each. While it is over MaxStale, nothing of that partition is answered from memory. Over a store
// without a feed it is zero and true.
func (c *Cache) Lag() (time.Duration, bool) {
	if !c.core.feed {
		return 0, true
	}
	now := c.core.o.Now()
	var most time.Duration
	for i := range c.core.parts {
		synced := c.core.parts[i].synced.Load()
		if synced == nil {
			return 0, false
		}
		most = max(most, age.Of(*synced, now))
	}
	return most, true
}

// Partitions implements [store.Feed].
func (c *Cache) Partitions(ctx context.Context) (int, error) {
	feed, err := store.FeedOf(c.next)
	if err != nil {
		return 0, err
	}
	return feed.Partitions(ctx)
}

// Poll implements [store.Feed]. What it tells may not have reached the cache yet.
func (c *Cache) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	feed, err := store.FeedOf(c.next)
	if err != nil {
		return store.Batch{}, err
	}
	return feed.Poll(ctx, partition, from)
}

// Listen implements [store.Feed].
func (c *Cache) Listen(ctx context.Context, ring func(store.Bell)) error {
	feed, err := store.FeedOf(c.next)
	if err != nil {
		return err
	}
	return feed.Listen(ctx, ring)
}
