package storebreaker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/jetonkit/jeton/store"
)

// State is what a [Breaker] does with calls.
type State int32

// The states.
const (
	// Closed lets every call through.
	Closed = State(gobreaker.StateClosed)
	// HalfOpen lets [Options].Probes calls through and refuses the others.
	HalfOpen = State(gobreaker.StateHalfOpen)
	// Open refuses every call.
	Open = State(gobreaker.StateOpen)
)

// String returns "closed", "half-open" or "open".
func (s State) String() string { return gobreaker.State(s).String() }

// ErrOpen is the answer of an open breaker, a [store.ErrUnavailable] too. The store was not asked, so that a write has surely
// not happened.
var ErrOpen = fmt.Errorf("%w: the circuit breaker is open after repeated outages: look at the store; "+
	"calls pass again by themselves once it answers", store.ErrUnavailable)

// errProbe is a probe that got no answer in its time.
var errProbe = fmt.Errorf("%w: no answer to a probe of the circuit breaker within Options.ProbeTimeout: look at the store, or raise it", store.ErrUnavailable)

// errDoubt is a write that was a probe and may have happened.
var errDoubt = fmt.Errorf("%w: %w", store.ErrIndeterminate, errProbe)

// What a call says about the store, as it is told to gobreaker. An answer is nil.
var (
	errOutage  = errors.New("outage")
	errNothing = errors.New("nothing")
)

// circuit decides which calls go on. It is gobreaker's state machine, with what this package adds to it.
type circuit struct {
	o       Options
	gate    *gobreaker.TwoStepCircuitBreaker[struct{}]
	state   atomic.Int32 // what gate's lock guards, for who may not wait for it
	changes changes

	trips, rejected, outages atomic.Int64
}

func newCircuit(o Options) *circuit {
	c := &circuit{o: o, changes: changes{tell: o.OnChange}}
	c.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   uint32(o.Probes), //nolint:gosec // at most mostProbes
		Interval:      o.Window,
		BucketPeriod:  o.Window / slices,
		Timeout:       o.OpenFor,
		ReadyToTrip:   c.tooMany,
		OnStateChange: c.changed,
		IsExcluded:    func(err error) bool { return errors.Is(err, errNothing) },
	})
	return c
}

// tooMany says whether what was counted opens the breaker. Percent keeps it closed where one kind of call fails and most
// others do not: logins on a full server, say.
func (c *circuit) tooMany(n gobreaker.Counts) bool {
	failed, all := uint64(n.TotalFailures), uint64(n.TotalFailures)+uint64(n.TotalSuccesses)
	return failed >= uint64(c.o.Failures) && failed*100 >= all*uint64(c.o.Percent) //nolint:gosec // both are positive
}

// changed is called under gobreaker's lock.
func (c *circuit) changed(_ string, from, to gobreaker.State) {
	c.state.Store(int32(to)) //nolint:gosec // 0 to 2
	if to == gobreaker.StateOpen {
		c.trips.Add(1)
	}
	c.changes.note(State(from), State(to))
}

func (c *circuit) now() State { return State(c.state.Load()) }

// enter asks for leave to call the store. leave must be called, with what the call says.
func (c *circuit) enter() (leave func(says error), ok bool) {
	done, err := c.gate.Allow()
	defer func() {
		if !ok && err == nil { // the hook panicked: a probe's place that nobody gives back is lost for good
			done(errNothing)
		}
	}()
	c.changes.deliver() // it may have become half-open
	if err != nil {
		c.rejected.Add(1)
		return nil, false
	}
	return c.counted(done), true
}

// beside is enter for calls that are made in any case. They count while the breaker is closed. Later they would take the
// place of probes, which are bounded, and they are not.
func (c *circuit) beside() (leave func(says error)) {
	if c.now() == Closed {
		if done, err := c.gate.Allow(); err == nil {
			return c.counted(done)
		}
	}
	return func(error) {}
}

func (c *circuit) counted(done func(error)) func(error) {
	return func(says error) {
		if says == errOutage { //nolint:errorlint // it is never wrapped
			c.outages.Add(1)
		}
		done(says)
		c.changes.deliver()
	}
}

// bound bounds a probe. Whoever has leave and finds the breaker not closed is one, for without its answer it does not close.
func (c *circuit) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.now() == Closed {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.o.ProbeTimeout)
}

// verdicts are the errors that only a store that was asked can answer.
var verdicts = []error{
	store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrLimit, store.ErrReplayLimit,
}

// judge is what a call says about the store. ctx is the caller's.
func (c *circuit) judge(ctx context.Context, err error, took time.Duration) error {
	if err == nil {
		return nil
	}
	for _, v := range verdicts {
		if errors.Is(err, v) {
			return nil
		}
	}
	if ctx.Err() != nil { // the caller's end: whatever the store made of it, it is not the store's
		// A cache in front cancels its question when the last who waited ran out of time, and says so by the cause.
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) && took >= c.o.Slow {
			return errOutage
		}
		return errNothing
	}
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return errOutage
	}
	return errNothing
}
