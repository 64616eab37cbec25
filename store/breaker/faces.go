package storebreaker

import (
	"context"
	"iter"

	"github.com/jetonkit/jeton/store"
)

// Ping implements [store.Pinger]. It is a call like others, so that it tells what callers get, and tries a store that nobody
// else asks.
func (b *Breaker) Ping(ctx context.Context) error {
	_, err := guarded(ctx, b, "ping", store.Subject{}, func(ctx context.Context) (none, error) { return none{}, store.Ping(ctx, b.next) })
	return err
}

// Subjects implements [store.SubjectLister]. It is refused while the breaker is open, and never counts.
func (b *Breaker) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		if err := b.admit(ctx, "subjects"); err != nil {
			yield(store.Subject{}, err)
			return
		}
		for s, err := range store.Subjects(ctx, b.next) {
			if !yield(s, err) {
				return
			}
		}
	}
}

// Sweep implements [store.Sweeper]. It is refused while the breaker is open, and never counts.
func (b *Breaker) Sweep(ctx context.Context) (store.Swept, error) {
	if err := b.admit(ctx, "sweep"); err != nil {
		return store.Swept{}, err
	}
	return store.Sweep(ctx, b.next)
}

// admit asks the breaker and gives a probe's place back at once: the work may take minutes.
func (b *Breaker) admit(ctx context.Context, op string) error {
	if err := b.errs.Ready(ctx, op); err != nil {
		return err
	}
	leave, ok := b.circuit.enter()
	if !ok {
		return b.fail(op, store.Subject{}, ErrOpen)
	}
	leave(errNothing)
	return nil
}

// Stats implements [store.StatsReporter]: the breaker's counters, then the wrapped store's.
//
//	breaker_state      a level: 0 closed, 1 half-open, 2 open
//	breaker_trips      how often it opened, after a failed probe too
//	breaker_rejected   calls that were refused
//	breaker_outages    calls that counted as outages
func (b *Breaker) Stats() []store.Stat {
	c := b.circuit
	return append([]store.Stat{
		{Name: "breaker_state", Value: int64(c.now()), Level: true},
		{Name: "breaker_trips", Value: c.trips.Load()},
		{Name: "breaker_rejected", Value: c.rejected.Load()},
		{Name: "breaker_outages", Value: c.outages.Load()},
	}, store.Stats(b.next)...)
}

// Partitions implements [store.Feed]. It does not wait for the breaker.
func (b *Breaker) Partitions(ctx context.Context) (int, error) {
	feed, err := store.FeedOf(b.next)
	if err != nil {
		return 0, err
	}
	return feed.Partitions(ctx)
}

// Poll implements [store.Feed]. It does not wait for the breaker.
func (b *Breaker) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	feed, err := store.FeedOf(b.next)
	if err != nil {
		return store.Batch{}, err
	}
	return feed.Poll(ctx, partition, from)
}

// Listen implements [store.Feed]. It does not wait for the breaker.
func (b *Breaker) Listen(ctx context.Context, ring func(store.Bell)) error {
	feed, err := store.FeedOf(b.next)
	if err != nil {
		return err
	}
	return feed.Listen(ctx, ring)
}
