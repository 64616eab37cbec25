// Package verbs makes a store.TokenStore's verbs of two functions that a backend gives: read a subject's ledger, and
// change it in one atomic step. It checks requests, runs the pure functions of package ledger, and gives every error its
// verb and the subject's digest.
package verbs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// Step judges a ledger and returns what to change. A change that comes with an error is applied all the same: it only
// cleans. A backend may run a step more than once and applies the last.
type Step func(ledger.Reader, ledger.Env) (ledger.Change, error)

// Backend keeps ledgers.
type Backend interface {
	// View reads one ledger, consistently.
	View(ctx context.Context, subject store.Digest, read func(ledger.Reader, ledger.Env) error) error
	// Update runs a step and applies its change, alone on the ledger.
	Update(ctx context.Context, subject store.Digest, step Step) error
}

// Errors gives a store's errors their form. A store keeps one beside its verbs, for what else it does.
type Errors struct {
	name   string
	closed func() bool
}

// NewErrors returns the errors of a store that they call name.
func NewErrors(name string, closed func() bool) Errors { return Errors{name, closed} }

// Fail gives an error its verb and subject; nil stays nil.
func (e Errors) Fail(op string, subject store.Digest, err error) error {
	if err == nil {
		return nil
	}
	var already *store.Error
	if errors.As(err, &already) {
		return err
	}
	return &store.Error{Op: op, Store: e.name, Subject: subject, Err: err}
}

// Ready refuses calls that should not begin. An ended context comes first, then a closed store.
func (e Errors) Ready(ctx context.Context, op string) error {
	err := ctx.Err()
	if err == nil && e.closed() {
		err = store.ErrClosed
	}
	return e.Fail(op, store.Digest{}, err)
}

// ReadyToPoll is Ready for a feed of one partition, which has the number 0.
func (e Errors) ReadyToPoll(ctx context.Context, partition int) error {
	const op = "poll"
	if err := e.Ready(ctx, op); err != nil || partition == 0 {
		return err
	}
	return e.Fail(op, store.Digest{}, &store.FieldError{
		Field: "partition", Problem: fmt.Sprintf("is %d, there is 1 partition", partition), Remedy: "use 0",
	})
}

// SweepAlways sweeps at intervals until stop is closed. An error is nobody's: it comes of a store that is being closed or of
// a wrong clock, which every verb tells too, and what was left is swept next time.
func SweepAlways(s store.Sweeper, every time.Duration, stop <-chan struct{}) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			_, _ = s.Sweep(context.Background())
		}
	}
}

// Verbs are the verbs of a store. A backend's store embeds it.
type Verbs struct {
	errs Errors
	b    Backend
}

// New returns the verbs over a backend.
func New(e Errors, b Backend) Verbs { return Verbs{errs: e, b: b} }

func (v *Verbs) view(ctx context.Context, op string, s store.Subject, check error, read func(ledger.Reader, ledger.Env) error) error {
	if err := v.errs.Ready(ctx, op); err != nil {
		return err
	}
	if check != nil {
		return v.errs.Fail(op, store.Digest{}, check)
	}
	d := s.Digest()
	return v.errs.Fail(op, d, v.b.View(ctx, d, read))
}

func (v *Verbs) update(ctx context.Context, op string, s store.Subject, step Step) error {
	if err := v.errs.Ready(ctx, op); err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return v.errs.Fail(op, store.Digest{}, err)
	}
	d := s.Digest()
	return v.errs.Fail(op, d, v.b.Update(ctx, d, step))
}

// Issue implements store.TokenStore.
func (v *Verbs) Issue(ctx context.Context, r store.IssueRequest) (out store.Issued, err error) {
	r.Record = r.Record.Clone() // a backend may run the step after ctx has ended and the caller has gone on
	if r.IfCut != nil {
		cut := *r.IfCut
		r.IfCut = &cut
	}
	var got store.Issued
	err = v.update(ctx, "issue", r.Record.Subject, func(lr ledger.Reader, env ledger.Env) (c ledger.Change, err error) {
		if err := r.Check(env.Now); err != nil {
			return ledger.Change{}, err
		}
		got, c, err = ledger.Issue(env, lr, r)
		return c, err
	})
	if err != nil {
		return store.Issued{}, err
	}
	return got, nil
}

// Lookup implements store.TokenStore.
func (v *Verbs) Lookup(ctx context.Context, s store.Subject, ids ...string) (out store.State, err error) {
	err = v.view(ctx, "lookup", s, store.CheckLookup(s, ids), func(lr ledger.Reader, env ledger.Env) (err error) {
		out, err = ledger.Lookup(env, lr, s, ids)
		return err
	})
	if err != nil {
		return store.State{}, err
	}
	return out, nil
}

// List implements store.TokenStore.
func (v *Verbs) List(ctx context.Context, s store.Subject, p store.Page) (out store.Records, err error) {
	check := s.Check()
	if check == nil {
		check = p.Check()
	}
	err = v.view(ctx, "list", s, check, func(lr ledger.Reader, env ledger.Env) (err error) {
		out, err = ledger.List(env, lr, s, p)
		return err
	})
	if err != nil {
		return store.Records{}, err
	}
	return out, nil
}

// Rotate implements store.TokenStore.
func (v *Verbs) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	var got store.Rotated
	err := v.update(ctx, "rotate", r.Subject, func(lr ledger.Reader, env ledger.Env) (c ledger.Change, err error) {
		if err := r.Check(env.Now); err != nil {
			return ledger.Change{}, err
		}
		got, c, err = ledger.Rotate(env, lr, r)
		return c, err
	})
	if err != nil {
		return store.Rotated{}, err
	}
	return got, nil
}

// Update implements store.TokenStore.
func (v *Verbs) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	r.Metadata = store.Record{Metadata: r.Metadata}.Clone().Metadata
	var got store.Record
	err := v.update(ctx, "update", r.Subject, func(lr ledger.Reader, env ledger.Env) (c ledger.Change, err error) {
		if err := r.Check(env.Now); err != nil {
			return ledger.Change{}, err
		}
		got, c, err = ledger.Update(env, lr, r)
		return c, err
	})
	if err != nil {
		return store.Record{}, err
	}
	return got, nil
}

// Touch implements store.TokenStore.
func (v *Verbs) Touch(ctx context.Context, r store.TouchRequest) error {
	return v.update(ctx, "touch", r.Subject, func(lr ledger.Reader, env ledger.Env) (ledger.Change, error) {
		if err := r.Check(env.Now); err != nil {
			return ledger.Change{}, err
		}
		return ledger.Touch(env, lr, r)
	})
}

// Revoke implements store.TokenStore.
func (v *Verbs) Revoke(ctx context.Context, r store.Revocation) error {
	if err := r.Check(); err != nil {
		if early := v.errs.Ready(ctx, "revoke"); early != nil {
			return early
		}
		return v.errs.Fail("revoke", store.Digest{}, err)
	}
	r.IDs = append([]string(nil), r.IDs...)
	if r.Others != nil {
		others := *r.Others
		r.Others = &others
	}
	if r.Op == (store.Op{}) {
		r.Op = store.NewOp()
	}
	return v.update(ctx, "revoke", r.Subject, func(lr ledger.Reader, env ledger.Env) (ledger.Change, error) {
		return ledger.Revoke(env, lr, r)
	})
}

// Forget implements store.TokenStore.
func (v *Verbs) Forget(ctx context.Context, s store.Subject) error {
	return v.update(ctx, "forget", s, func(lr ledger.Reader, env ledger.Env) (ledger.Change, error) {
		return ledger.Forget(env, lr, s)
	})
}
