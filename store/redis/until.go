package redisstore

import (
	"context"
	"sync"
	"time"
)

// until is a context with an end that no timer watches, since a timer costs more than all else that a call does here. The
// connection's deadlines keep it, and whoever waits for something else sets a timer by end.
type until struct {
	context.Context
	end time.Time
}

// Deadline implements context.Context.
func (u *until) Deadline() (time.Time, bool) { return u.end, true }

// Err implements context.Context.
func (u *until) Err() error {
	if err := u.Context.Err(); err != nil || now().Before(u.end) {
		return err
	}
	return context.DeadlineExceeded
}

// timed is a context whose end a timer watches, and which the caller did not set.
type timed struct {
	context.Context
	caller context.Context //nolint:containedctx // it is what was given an end
}

// callers returns the context as the caller gave it: an end that was set here is an outage, and not the caller's.
func callers(ctx context.Context) context.Context {
	switch ctx := ctx.(type) {
	case *until:
		return ctx.Context
	case timed:
		return ctx.caller
	}
	return ctx
}

// timers are used again: they are most of what waiting costs.
var timers = sync.Pool{New: func() any { return time.NewTimer(time.Hour) }}

// watch returns a timer for the end of a context which has none of its own; nil for any other. unwatch must be called.
func watch(ctx context.Context) *time.Timer {
	u, ok := ctx.(*until)
	if !ok {
		return nil
	}
	t := timers.Get().(*time.Timer) //nolint:errcheck // nothing else is in it
	t.Reset(u.end.Sub(now()))
	return t
}

func unwatch(t *time.Timer) {
	if t != nil {
		t.Stop() // nothing is left in its channel
		timers.Put(t)
	}
}

// bounded gives a call without a deadline that of the options; u is where it may be kept, and
// began is when the call did. A client that may dial for longer needs a timer: go-redis dials on a context of its own, and a
// caller stops waiting for it by Done alone.
func (s *Store) bounded(ctx context.Context, u *until, began time.Time) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, nothing
	}
	if s.dial > s.o.Timeout {
		watched, cancel := context.WithTimeout(ctx, s.o.Timeout)
		return timed{watched, ctx}, cancel
	}
	*u = until{ctx, began.Add(s.o.Timeout)}
	return u, nothing
}

func nothing() {}
