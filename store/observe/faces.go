package storeobserve

import (
	"context"
	"iter"

	"github.com/jetonkit/jeton/store"
)

// Ping implements [store.Pinger].
func (o *Observer) Ping(ctx context.Context) error {
	ctx, c := o.begin(ctx, o.ops.ping)
	how := panicked
	defer c.end(&how)
	err := store.Ping(ctx, o.next)
	how = outcomeOf(err)
	return err
}

// Sweep implements [store.Sweeper].
func (o *Observer) Sweep(ctx context.Context) (store.Swept, error) {
	ctx, c := o.begin(ctx, o.ops.sweep)
	how := panicked
	defer c.end(&how)
	out, err := store.Sweep(ctx, o.next)
	how = outcomeOf(err)
	return out, err
}

// Subjects implements [store.SubjectLister]. It is one call, which lasts until the caller has had enough.
func (o *Observer) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		ctx, c := o.begin(ctx, o.ops.subjects)
		how := panicked
		defer c.end(&how)
		last := success
		for s, err := range store.Subjects(ctx, o.next) {
			last = outcomeOf(err)
			if !yield(s, err) {
				break
			}
		}
		how = last
	}
}

// Stats implements [store.StatsReporter]: those of the wrapped store.
func (o *Observer) Stats() []store.Stat { return store.Stats(o.next) }

// Partitions implements [store.Feed].
func (o *Observer) Partitions(ctx context.Context) (int, error) {
	c := o.measure(ctx, o.ops.partitions)
	how := panicked
	defer c.end(&how)
	feed, err := store.FeedOf(o.next)
	n := 0
	if err == nil {
		n, err = feed.Partitions(ctx)
	}
	how = outcomeOf(err)
	return n, err
}

// Poll implements [store.Feed].
func (o *Observer) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	c := o.measure(ctx, o.ops.poll)
	how := panicked
	defer c.end(&how)
	feed, err := store.FeedOf(o.next)
	var out store.Batch
	if err == nil {
		out, err = feed.Poll(ctx, partition, from)
	}
	how = outcomeOf(err)
	return out, err
}

// Listen implements [store.Feed].
func (o *Observer) Listen(ctx context.Context, ring func(store.Bell)) error {
	c := o.measure(ctx, o.ops.listen)
	how := panicked
	defer c.end(&how)
	feed, err := store.FeedOf(o.next)
	if err == nil {
		err = feed.Listen(ctx, ring)
	}
	how = outcomeOf(err)
	return err
}
