package revocation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/store"
)

// View is the complete set of the revocations that can matter, kept current by a store's feed. Open makes it, Close ends
// it. It is safe for concurrent use.
type View struct {
	o     Options
	keep  time.Duration
	feed  store.Feed
	parts []part
	seeds seeds

	news  chan struct{} // that a partition was synced, for who waits
	again context.CancelFunc
	stop  context.CancelFunc
	ended sync.WaitGroup

	events, doubts, failures, unready atomic.Int64

	mu     sync.Mutex
	failed error // the last poll that did
	// When they were last logged.
	toldFailure, toldDoubt time.Time
}

// tables is how many tables a view is made of at least, so that none is long in growing.
const tables = 64

// sweepEvery is how often the view lets go of what is over.
const sweepEvery = time.Minute

// Open follows a feed and returns when the view is complete, or with an error that matches [ErrNotReady] and ctx's when
// ctx ends before; a deadline belongs on it. After that ctx means nothing to the view. Bad input is a [store.FieldError];
// so is the feed of a store that may evict. The feed stays the caller's, to close after the view. o may be nil.
func Open(ctx context.Context, feed store.Feed, o *Options) (*View, error) {
	v := &View{feed: feed, seeds: newSeeds(), news: make(chan struct{}, 1)}
	if o != nil {
		v.o = *o
	}
	if err := v.o.fill(feed); err != nil {
		return nil, err
	}
	v.keep = v.o.MaxTokenLife + store.MarkMargin
	n, err := feed.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, invalid("feed", "has no partitions", "a feed has at least one")
	}
	v.parts = make([]part, n)
	for i := range v.parts {
		v.parts[i].set.Store(v.empty())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	v.stop = stop
	v.ended.Go(func() { v.follow(run) })
	v.ended.Go(func() { v.sweep(run) })
	if err := v.wait(ctx); err != nil {
		_ = v.Close() // it has no errors
		return nil, err
	}
	return v, nil
}

// empty returns a set that knows nothing yet.
func (v *View) empty() *set { return newSet((tables + len(v.parts) - 1) / len(v.parts)) }

// wait waits until the view is ready.
func (v *View) wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return v.late(err)
		}
		if v.Ready() == nil {
			return nil
		}
		select {
		case <-v.news:
		case <-ctx.Done():
		}
	}
}

// late says why the view is not ready although somebody waits.
func (v *View) late(err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed != nil {
		return fmt.Errorf("jeton: %w: %w: %w", ErrNotReady, err, v.failed)
	}
	return fmt.Errorf("jeton: %w: %w", ErrNotReady, err)
}

// follow follows the feed until ctx ends, and from its start whenever again was called.
func (v *View) follow(ctx context.Context) {
	for ctx.Err() == nil {
		run, again := context.WithCancel(ctx)
		v.again = again
		err := follow.Run(run, v.feed, (*learner)(v), follow.Options{
			Poll: v.o.MaxStale / pollsPerMaxStale, Partitions: len(v.parts), Log: v.fail,
		})
		if run.Err() == nil { // it could not even begin
			v.fail(err)
			pause(ctx, v.o.MaxStale)
		}
		again()
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// sweep lets go of what is over until ctx ends.
func (v *View) sweep(ctx context.Context) {
	for pause(ctx, sweepEvery); ctx.Err() == nil; pause(ctx, sweepEvery) {
		for i := range v.parts {
			p := &v.parts[i]
			p.mu.Lock()
			p.set.Load().sweep(v, time.Now())
			p.mu.Unlock()
		}
	}
}

// life is how long an entry is kept, in seconds.
func (v *View) life() uint64 { return uint64((v.keep + time.Second - 1) / time.Second) }

// tellEvery is how often failures, and doubts, are logged at most: in an outage each poll of each partition fails.
const tellEvery = 10 * time.Second

// fail notes that the feed did not answer. It mends by itself or lets the view become too old.
func (v *View) fail(err error) {
	v.failures.Add(1)
	v.mu.Lock()
	v.failed = err
	v.mu.Unlock()
	if !errors.Is(err, errors.ErrUnsupported) {
		v.tell(&v.toldFailure, "jeton: the feed of revocations fails", "error", err)
	}
}

// tell logs, unless it has just done so.
func (v *View) tell(last *time.Time, text string, args ...any) {
	v.mu.Lock()
	now := time.Now()
	again := now.Sub(*last) >= tellEvery
	if again {
		*last = now
	}
	v.mu.Unlock()
	if again {
		v.o.Logger.Warn(text, args...)
	}
}

// Close ends the view and waits for what it runs; it is not ready from then on. Closing twice is nil.
func (v *View) Close() error {
	v.stop()
	v.ended.Wait()
	for i := range v.parts {
		v.parts[i].set.Store(v.empty())
	}
	return nil
}

// MaxTokenLife returns the longest life of a token that the view can judge.
func (v *View) MaxTokenLife() time.Duration { return v.o.MaxTokenLife }
