// Package follow reads a feed: the one place that turns polls and bells into events in order, without a gap, or into doubt.
// A cache and a view stand on it.
package follow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Handler is told what a feed says. Calls for one partition come one after another; those for different partitions may
// come at once. It must not block.
type Handler interface {
	// Doubt says that events of the partition may have been missed: whatever was learnt from it must go. Apply follows
	// with all that the feed still holds, and then Synced. It is the first call of every partition.
	Doubt(partition int)
	// Apply tells events that come next, oldest first; none has been told since the last Doubt.
	Apply(partition int, events []store.Event)
	// Synced says that every event was applied that the feed held at a moment: when the poll that drained it was sent.
	Synced(partition int, at time.Time)
}

// Options are what following costs and how late it is.
type Options struct {
	// Poll is how long after a poll the next follows, a tenth more or less. Required.
	Poll time.Duration
	// Partitions is how many the handler was made for; a feed that has another number by now is an error. Zero: any.
	Partitions int
	// Timeout ends one poll. Defaults to Poll, at least 100ms.
	Timeout time.Duration
	// Now is the clock that Synced's times come from. Defaults to time.Now.
	Now func() time.Time
	// Log, where it is not nil, is told errors: a poll or the bell failed. They end nothing.
	Log func(error)
}

// rung is how often the process polls because of bells at most: a thousand processes that poll at each bell would ask more
// than a server can answer.
const rung = time.Second

// Run follows a feed until ctx ends, whose error it returns; any other is one of the feed or the options that no waiting
// mends. Outages are no errors: they only let Synced age.
func Run(ctx context.Context, feed store.Feed, h Handler, o Options) error {
	if o.Poll <= 0 {
		return &store.FieldError{Field: "Options.Poll", Problem: "is not above zero", Remedy: "use a third of MaxStale"}
	}
	if o.Timeout == 0 {
		o.Timeout = max(o.Poll, 100*time.Millisecond)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(error) {}
	}
	n, err := feed.Partitions(ctx)
	if err != nil {
		return err
	}
	if o.Partitions != 0 && n != o.Partitions {
		return fmt.Errorf("%w: the feed has %d partitions and had %d: open what follows it again", store.ErrCorrupt, n, o.Partitions)
	}
	f := &follower{feed: feed, h: h, o: o, parts: make([]part, n)}
	for i := range f.parts {
		f.parts[i].no = i
		f.parts[i].wake = make(chan struct{}, 1)
		h.Doubt(i)
	}
	var all sync.WaitGroup
	for i := range f.parts {
		all.Go(func() { f.pollAlways(ctx, &f.parts[i]) })
	}
	all.Go(func() { f.pace(ctx) })
	all.Go(func() { f.listenAlways(ctx) })
	all.Wait()
	return ctx.Err()
}

type follower struct {
	feed  store.Feed
	h     Handler
	o     Options
	parts []part

	mu    sync.Mutex
	asked time.Time // when a bell last caused a poll
}

// part is one partition: where the follower stands in it.
type part struct {
	no   int
	wake chan struct{}

	mu    sync.Mutex
	at    store.Position
	birth time.Time

	rings sync.Mutex
	heard []store.Bell // that nobody has looked at, since a poll is under way
}

// mostHeard bounds the bells that wait for a poll's end; beyond it another poll tells.
const mostHeard = 256

// hear keeps a bell.
func (p *part) hear(b store.Bell) bool {
	p.rings.Lock()
	defer p.rings.Unlock()
	if len(p.heard) >= mostHeard {
		return false
	}
	p.heard = append(p.heard, b)
	return true
}

// waiting returns the bells that were kept; with take they are the caller's.
func (p *part) waiting(take bool) []store.Bell {
	p.rings.Lock()
	defer p.rings.Unlock()
	all := p.heard
	if take {
		p.heard = nil
	}
	return all
}

// pace wakes all partitions together, since a store may answer for many at the price of one.
func (f *follower) pace(ctx context.Context) {
	for {
		t := time.NewTimer(f.o.Poll*9/10 + rand.N(f.o.Poll/5+1)) //nolint:gosec // it only spreads the processes' polls
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		for i := range f.parts {
			select {
			case f.parts[i].wake <- struct{}{}:
			default: // it is awake already
			}
		}
	}
}

// pollAlways polls a partition at once, and whenever it is woken.
func (f *follower) pollAlways(ctx context.Context, p *part) {
	for ctx.Err() == nil {
		if err := f.drain(ctx, p); err != nil && ctx.Err() == nil {
			f.o.Log(fmt.Errorf("jeton: a poll of the feed failed: %w", err))
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
		}
	}
}

// drain polls until the feed has no more. The lock keeps bells out: an event must not be told between two polls. What is read
// from the start may hold several births, each on a page of its own; after that another one is a doubt.
func (f *follower) drain(ctx context.Context, p *part) error {
	defer f.answer(p) // whoever rang meanwhile
	p.mu.Lock()
	defer p.mu.Unlock()
	doubts, anew := 0, p.at == store.Position{}
	for {
		sent := f.o.Now()
		batch, err := f.poll(ctx, p)
		if err != nil {
			return err
		}
		events, proven := batch.After(p.at)
		proven = proven && (anew || p.sameBirth(batch.Events))
		if !proven {
			if doubts++; doubts > 2 {
				return errors.New("the feed denies its own events")
			}
			p.at, p.birth, anew = store.Position{}, time.Time{}, true
			f.h.Doubt(p.no)
			continue
		}
		f.apply(p, events)
		if !batch.More {
			f.h.Synced(p.no, sent)
			return nil
		}
	}
}

func (f *follower) poll(ctx context.Context, p *part) (store.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	return f.feed.Poll(ctx, p.no, p.at)
}

// sameBirth reports whether all events are of the life that the follower knows: a store that was lost begins another.
func (p *part) sameBirth(events []store.Event) bool {
	for _, e := range events {
		if !e.Birth.Equal(p.birth) {
			return false
		}
	}
	return true
}

func (f *follower) apply(p *part, events []store.Event) {
	if len(events) == 0 {
		return
	}
	f.h.Apply(p.no, events)
	last := events[len(events)-1]
	p.at, p.birth = last.Position, last.Birth
}

// listenAlways listens to the bell, and again when it breaks.
func (f *follower) listenAlways(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.feed.Listen(ctx, f.ring)
		if ctx.Err() != nil {
			return
		}
		f.o.Log(fmt.Errorf("jeton: the feed's bell broke: %w", err))
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, store.ErrClosed) {
			return // the polls go on
		}
		t := time.NewTimer(f.o.Poll)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// ring keeps a bell, and answers it unless a poll is under way, which does so at its end.
func (f *follower) ring(b store.Bell) {
	if b.Partition < 0 || b.Partition >= len(f.parts) {
		return
	}
	p := &f.parts[b.Partition]
	if !p.hear(b) {
		f.wake(p)
	}
	f.answer(p)
}

// answer looks at the bells that wait. Where it cannot have the lock, who has it calls it again behind its unlock.
func (f *follower) answer(p *part) {
	for len(p.waiting(false)) > 0 && p.mu.TryLock() {
		for _, b := range p.waiting(true) {
			f.follow(p, b)
		}
		p.mu.Unlock()
	}
}

// follow applies an event that follows the last one, and else lets the partition be polled, but not too often. The caller
// holds the lock.
func (f *follower) follow(p *part, b store.Bell) {
	switch {
	case p.at == b.Event.Position: // a poll was faster
	case p.at != b.Prev, !b.Event.Birth.Equal(p.birth): // before the first poll the birth is none
		f.wake(p)
	default:
		f.apply(p, []store.Event{b.Event})
	}
}

// wake lets a partition be polled now, unless a bell has just caused a poll.
func (f *follower) wake(p *part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.asked) < rung {
		return
	}
	select {
	case p.wake <- struct{}{}:
		f.asked = now
	default: // it is awake already
	}
}
