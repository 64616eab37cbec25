package storebreaker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

var (
	_ store.TokenStore    = (*Breaker)(nil)
	_ store.Feed          = (*Breaker)(nil)
	_ store.SubjectLister = (*Breaker)(nil)
	_ store.Sweeper       = (*Breaker)(nil)
	_ store.Pinger        = (*Breaker)(nil)
	_ store.StatsReporter = (*Breaker)(nil)
	_ store.Unwrapper     = (*Breaker)(nil)
)

// Breaker is a store that does not ask the one it wraps while that fails. It is safe for concurrent use.
type Breaker struct {
	next    store.TokenStore
	circuit *circuit
	errs    verbs.Errors
	closed  atomic.Bool
	close   func() error
}

// New returns a breaker around next, closed. o may be nil. Bad input is a [store.FieldError] that names the field; so is a
// breaker around a breaker. An error leaves next open.
func New(next store.TokenStore, o *Options) (*Breaker, error) {
	if next == nil {
		return nil, &store.FieldError{Field: "next", Problem: "is nil", Remedy: "open a store first"}
	}
	if _, twice := store.As[*Breaker](next); twice {
		return nil, &store.FieldError{Field: "next", Problem: "has a breaker already", Remedy: "put one breaker around a store"}
	}
	opts := o.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	b := &Breaker{next: next, circuit: newCircuit(opts)}
	b.errs = verbs.NewErrors("breaker", b.closed.Load)
	b.close = sync.OnceValue(func() error {
		b.closed.Store(true)
		return next.Close()
	})
	return b, nil
}

// State returns what the breaker did with the last call. One that is open and has not been called since OpenFor ended says
// open: nobody has tried.
func (b *Breaker) State() State { return b.circuit.now() }

// guarded calls the store if the breaker lets it, and notes how it went.
func guarded[T any](ctx context.Context, b *Breaker, op string, s store.Subject, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := b.errs.Ready(ctx, op); err != nil {
		return none, err
	}
	leave, ok := b.circuit.enter()
	if !ok {
		return none, b.fail(op, s, ErrOpen)
	}
	asked, cancel := b.circuit.bound(ctx)
	defer cancel()
	out, err := watched(ctx, b.circuit, leave, func() (T, error) { return do(asked) })
	if asked.Err() != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		// The end of the probe is not one that the caller asked for. What is in doubt stays in doubt.
		if errors.Is(err, store.ErrIndeterminate) {
			return none, b.fail(op, s, errDoubt)
		}
		return none, b.fail(op, s, errProbe)
	}
	return out, err
}

// beside calls the store, whatever the breaker's state.
func beside[T any](ctx context.Context, b *Breaker, do func() (T, error)) (T, error) {
	return watched(ctx, b.circuit, b.circuit.beside(), do)
}

// watched calls the store and says how it went. A panic, which is the caller's to see, is an outage.
func watched[T any](ctx context.Context, c *circuit, leave func(error), do func() (T, error)) (T, error) {
	began, says := time.Now(), errOutage
	defer func() { leave(says) }()
	out, err := do()
	says = c.judge(ctx, err, time.Since(began))
	return out, err
}

func (b *Breaker) fail(op string, s store.Subject, err error) error {
	var d store.Digest
	if s != (store.Subject{}) {
		d = s.Digest()
	}
	return b.errs.Fail(op, d, err)
}

// none is the answer of calls that have none.
type none = struct{}

// Issue implements [store.TokenStore].
func (b *Breaker) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return guarded(ctx, b, "issue", r.Record.Subject, func(ctx context.Context) (store.Issued, error) { return b.next.Issue(ctx, r) })
}

// Lookup implements [store.TokenStore].
func (b *Breaker) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	return guarded(ctx, b, "lookup", s, func(ctx context.Context) (store.State, error) { return b.next.Lookup(ctx, s, ids...) })
}

// List implements [store.TokenStore].
func (b *Breaker) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	return guarded(ctx, b, "list", s, func(ctx context.Context) (store.Records, error) { return b.next.List(ctx, s, p) })
}

// Rotate implements [store.TokenStore].
func (b *Breaker) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return guarded(ctx, b, "rotate", r.Subject, func(ctx context.Context) (store.Rotated, error) { return b.next.Rotate(ctx, r) })
}

// Update implements [store.TokenStore]. One that changes an end may end a session, and is always tried.
func (b *Breaker) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	if !r.ExpiresAt.IsZero() || !r.Deadline.IsZero() {
		return beside(ctx, b, func() (store.Record, error) { return b.next.Update(ctx, r) })
	}
	return guarded(ctx, b, "update", r.Subject, func(ctx context.Context) (store.Record, error) { return b.next.Update(ctx, r) })
}

// Touch implements [store.TokenStore].
func (b *Breaker) Touch(ctx context.Context, r store.TouchRequest) error {
	_, err := guarded(ctx, b, "touch", r.Subject, func(ctx context.Context) (none, error) { return none{}, b.next.Touch(ctx, r) })
	return err
}

// Revoke implements [store.TokenStore]. It is always tried.
func (b *Breaker) Revoke(ctx context.Context, r store.Revocation) error {
	_, err := beside(ctx, b, func() (none, error) { return none{}, b.next.Revoke(ctx, r) })
	return err
}

// Forget implements [store.TokenStore]. It is always tried.
func (b *Breaker) Forget(ctx context.Context, s store.Subject) error {
	_, err := beside(ctx, b, func() (none, error) { return none{}, b.next.Forget(ctx, s) })
	return err
}

// Capabilities implements [store.TokenStore]: they are those of the wrapped store.
func (b *Breaker) Capabilities() store.Capabilities { return b.next.Capabilities() }

// Close closes the wrapped store.
func (b *Breaker) Close() error { return b.close() }

// Unwrap returns the wrapped store.
func (b *Breaker) Unwrap() store.TokenStore { return b.next }
