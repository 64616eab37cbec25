package storecache

import (
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/store"
)

// route is what a flight is shared by: callers that noted the same counters for the same question. With the key alone, one
// who comes after a revocation would get an answer from before it.
type route struct {
	key, gen, absent, epoch uint64
	alone                   uint64 // a number of its own; 0: with others
}

// flight is one question on its way to the store, and who waits for the answer.
type flight struct {
	question
	route  route
	src    store.StampSource
	landed chan struct{}
	cancel context.CancelCauseFunc

	waiting int // under the core's lock; at 0 the flight is called off

	// These are set before landed is closed.
	answer   *Answer
	err      error
	panicked any
}

// errGone is what a store's Lookup tells that ended its goroutine, as a test's does that fails in it.
var errGone = errors.New("the store's Lookup did not return")

// miss asks the store, together with others that ask the same. The question goes out on a context of its own, which ends
// when nobody waits any more: one caller's end is not the others'.
func (c *core) miss(ctx context.Context, key uint64, q question, now time.Time) (*Answer, error) {
	src, writing := c.note(q, now)
	r := route{key: key, gen: src.GenSeen, absent: src.AbsentSeen, epoch: src.EpochSeen}
	if writing { // who asked before may be told less than is known by now
		r.alone = c.alone.Add(1)
	}
	f, err := c.board(ctx, q, src, r)
	if err != nil {
		return nil, err
	}
	if c.probe != nil {
		c.probe.wait(f.landed)
	}
	select {
	case <-f.landed:
	case <-ctx.Done():
		c.leave(f, ctx.Err())
		return nil, ctx.Err()
	}
	if f.panicked != nil {
		panic(f.panicked)
	}
	if c.closed.Load() && errors.Is(f.err, context.Canceled) {
		return nil, store.ErrClosed
	}
	return f.answer, f.err
}

// board joins a flight or begins one. A flight that began longer than MaxStale ago is not joined: what it read may be from
// before a revocation that is older than that by now.
func (c *core) board(ctx context.Context, q question, src store.StampSource, r route) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return nil, store.ErrClosed
	}
	if f := c.flights[r]; f != nil && f.is(q) && age.Of(f.src.At, src.At) <= c.o.MaxStale {
		f.waiting++
		c.count.shared.Add(1)
		return f, nil
	}
	if old := c.flights[r]; old != nil { // it goes on alone, so that end finds it
		old.route.alone = c.alone.Add(1)
		c.flights[old.route] = old
	}
	f := &flight{question: q.own(), route: r, src: src, landed: make(chan struct{}), waiting: 1}
	c.flights[r] = f
	ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	c.landed.Add(1)
	if c.probe != nil {
		c.probe.start(func() { c.fly(ctx, f) })
	} else {
		go c.fly(ctx, f)
	}
	return f, nil
}

// leave is for a caller that does not wait any longer. The last one's reason is the flight's cause to end: a breaker behind
// the cache must tell a deadline, which the store let pass, from a caller that went away.
func (c *core) leave(f *flight, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		c.forget(f)
		f.cancel(why)
	}
}

// forget lets nobody join a flight any more. The caller holds the lock.
func (c *core) forget(f *flight) {
	if c.flights[f.route] == f {
		delete(c.flights, f.route)
	}
}

// fly asks the store, when there is a place, and keeps the answer.
func (c *core) fly(ctx context.Context, f *flight) {
	defer c.landed.Done()
	defer func() {
		f.panicked = recover() // it is the callers', as it would be without the cache
		if f.answer == nil && f.err == nil {
			f.err = errGone
		}
		c.mu.Lock()
		c.forget(f)
		c.mu.Unlock()
		f.cancel(nil)
		close(f.landed)
	}()
	select {
	case c.reads <- struct{}{}:
		defer func() { <-c.reads }()
	case <-ctx.Done():
		f.err = ctx.Err()
		return
	}
	asked := c.o.Now()
	st, err := c.ask(ctx, f.subject, f.ids...)
	if err != nil {
		f.err = err
		return
	}
	a, err := newAnswer(f.question, st, asked)
	if err != nil {
		f.err = err
		return
	}
	c.keep(f.route.key, a, f.src)
	f.answer = a
}

// end calls off what is on its way and waits until it has landed.
func (c *core) end() {
	c.mu.Lock()
	c.closed.Store(true)
	for _, f := range c.flights {
		f.cancel(nil)
	}
	c.mu.Unlock()
	c.landed.Wait()
}
