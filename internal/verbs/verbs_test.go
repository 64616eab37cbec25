package verbs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

var (
	now = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	ann = store.User("ann")
)

// empty is a ledger that is not there.
type empty struct{}

// Head implements ledger.Reader.
func (empty) Head() (ledger.Head, bool, error) { return ledger.Head{}, false, nil }

// Get implements ledger.Reader.
func (empty) Get(keyspace.Field) (ledger.Entry, bool, error) { return ledger.Entry{}, false, nil }

// OldestMarks implements ledger.Reader.
func (empty) OldestMarks(int) ([]ledger.Entry, error) { return nil, nil }

// Scan implements ledger.Reader.
func (empty) Scan(keyspace.Field, int) ([]ledger.Entry, error) { return nil, nil }

// Newest implements ledger.Reader.
func (empty) Newest(*ledger.Position, int) ([]ledger.Entry, error) { return nil, nil }

// backend keeps nothing and remembers what it was asked.
type backend struct {
	closed  bool
	err     error // of View and Update, after the step
	runs    int   // how often Update runs a step; 0 is once
	between func()
	calls   []store.Digest
	changes []ledger.Change
}

func (b *backend) env() ledger.Env {
	return ledger.Env{Now: now, MaxTokenLife: time.Hour, MaxMarks: 10}
}

// View implements verbs.Backend.
func (b *backend) View(_ context.Context, d store.Digest, read func(ledger.Reader, ledger.Env) error) error {
	b.calls = append(b.calls, d)
	if err := read(empty{}, b.env()); err != nil {
		return err
	}
	return b.err
}

// Update implements verbs.Backend.
func (b *backend) Update(_ context.Context, d store.Digest, step verbs.Step) (err error) {
	b.calls = append(b.calls, d)
	for range max(1, b.runs) {
		var c ledger.Change
		c, err = step(empty{}, b.env())
		b.changes = append(b.changes, c)
		if b.between != nil {
			b.between()
		}
	}
	if err != nil {
		return err
	}
	return b.err
}

func newVerbs(name string, b *backend) verbs.Verbs {
	return verbs.New(verbs.NewErrors(name, func() bool { return b.closed }), b)
}

// calls are the verbs, each with a request that passes or not.
func calls(ctx context.Context, v *verbs.Verbs, s store.Subject) map[string]func() error {
	rec := store.Record{ID: "s", Subject: s, Link: store.Link{1}, ExpiresAt: now.Add(time.Hour)}
	return map[string]func() error{
		"issue":  func() error { _, err := v.Issue(ctx, store.IssueRequest{Record: rec}); return err },
		"lookup": func() error { _, err := v.Lookup(ctx, s, "s"); return err },
		"list":   func() error { _, err := v.List(ctx, s, store.Page{}); return err },
		"rotate": func() error {
			_, err := v.Rotate(ctx, store.RotateRequest{Subject: s, ID: "s", Link: store.Link{1}, NextLink: store.Link{2}})
			return err
		},
		"update": func() error { _, err := v.Update(ctx, store.UpdateRequest{Subject: s, ID: "s"}); return err },
		"touch":  func() error { return v.Touch(ctx, store.TouchRequest{Subject: s, ID: "s"}) },
		"revoke": func() error { return v.Revoke(ctx, store.Revocation{Subject: s, All: true}) },
		"forget": func() error { return v.Forget(ctx, s) },
	}
}

// TestOrderOfRefusals: an ended context comes first, then a closed store, then bad input; the backend is asked last.
func TestOrderOfRefusals(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		closed  bool
		subject store.Subject
		want    error
		asked   bool
		digest  store.Digest
	}{
		{"an ended context, a closed store and bad input", ended, true, store.Subject{}, context.Canceled, false, store.Digest{}},
		{"a closed store and bad input", t.Context(), true, store.Subject{}, store.ErrClosed, false, store.Digest{}},
		{"bad input", t.Context(), false, store.Subject{}, store.ErrInvalid, false, store.Digest{}},
		{"an outage", t.Context(), false, ann, store.ErrUnavailable, true, ann.Digest()},
	} {
		b := &backend{closed: c.closed, err: store.ErrUnavailable}
		v := newVerbs("test", b)
		for verb, call := range calls(c.ctx, &v, c.subject) {
			t.Run(c.name+"/"+verb, func(t *testing.T) {
				b.calls = nil
				err := call()
				if verb == "rotate" || verb == "update" {
					if c.asked { // of a record that is not there
						c.want = store.ErrNotFound
					}
				} else if c.asked {
					c.want = store.ErrUnavailable
				}
				var e *store.Error
				if !errors.Is(err, c.want) || !errors.As(err, &e) || e.Op != verb || e.Store != "test" || e.Subject != c.digest {
					t.Errorf("%v, %+v; want %v", err, e, c.want)
				}
				if (len(b.calls) == 1 && b.calls[0] == ann.Digest()) != c.asked || len(b.calls) > 1 {
					t.Errorf("the backend was asked for %v", b.calls)
				}
			})
		}
	}
}

func TestErrorsAreWrappedOnce(t *testing.T) {
	inner := &store.Error{Op: "commit", Store: "inner", Err: store.ErrUnavailable}
	v := newVerbs("outer", &backend{err: fmt.Errorf("wrapped: %w", inner)})
	err := v.Forget(t.Context(), ann)
	var e *store.Error
	if !errors.As(err, &e) || e != inner {
		t.Errorf("%v", err)
	}
	if verbs.NewErrors("outer", nil).Fail("x", store.Digest{}, nil) != nil {
		t.Error("nil became an error")
	}
}

// TestStepsRunAgain: a backend may run a step again, and later than the caller waits. Whatever the caller changes
// meanwhile, every run is of the call as it was made.
func TestStepsRunAgain(t *testing.T) {
	t.Run("issue", func(t *testing.T) {
		meta := map[string]string{"k": "v"}
		b := &backend{runs: 2, between: func() { meta["k"] = "changed" }}
		v := newVerbs("test", b)
		out, err := v.Issue(t.Context(), store.IssueRequest{Record: store.Record{
			ID: "s", Subject: ann, Link: store.Link{1}, ExpiresAt: now.Add(time.Hour), Metadata: meta,
		}})
		if err != nil || out.Record.Metadata["k"] != "v" || b.changes[1].Edits[0].New.Record.Metadata["k"] != "v" {
			t.Errorf("%+v, %v", out.Record, err)
		}
	})
	t.Run("revoke ids", func(t *testing.T) {
		ids := []string{"a", "b"}
		b := &backend{runs: 2, between: func() { ids[0] = "changed" }}
		v := newVerbs("test", b)
		if err := v.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: ids}); err != nil {
			t.Fatal(err)
		}
		if got := b.changes[1].Events[0].IDs[0]; got != store.DigestID("a") {
			t.Error("the second run revoked another id")
		}
	})
	t.Run("revoke others", func(t *testing.T) {
		others := store.Others{Class: "web"}
		b := &backend{runs: 2, between: func() { others.Keep = "not live" }}
		v := newVerbs("test", b)
		if err := v.Revoke(t.Context(), store.Revocation{Subject: ann, Others: &others}); err != nil {
			t.Errorf("the second run kept somebody: %v", err)
		}
	})
	t.Run("all runs of one All have one op, and two calls have two", func(t *testing.T) {
		b := &backend{runs: 2}
		v := newVerbs("test", b)
		for range 2 {
			if err := v.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
				t.Fatal(err)
			}
		}
		op := func(i int) store.Op { return b.changes[i].Head.Ops[0] }
		if op(0) != op(1) || op(0) == op(2) || op(0) == (store.Op{}) {
			t.Error("a repeat would cut again")
		}
	})
	t.Run("a given op is the caller's", func(t *testing.T) {
		b := &backend{}
		v := newVerbs("test", b)
		if err := v.Revoke(t.Context(), store.Revocation{Subject: ann, All: true, Op: store.Op{7}}); err != nil || b.changes[0].Head.Ops[0] != (store.Op{7}) {
			t.Errorf("%v, %v", b.changes[0].Head.Ops, err)
		}
	})
}

// TestFailedAnswersAreEmpty: what a step found before the store failed is not told.
func TestFailedAnswersAreEmpty(t *testing.T) {
	b := &backend{err: store.ErrUnavailable}
	v := newVerbs("test", b)
	out, err := v.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "s", Subject: ann, Link: store.Link{1}, ExpiresAt: now.Add(time.Hour)}})
	if err == nil || out.Record.ID != "" || !out.Now.IsZero() {
		t.Errorf("%+v, %v", out, err)
	}
	st, err := v.Lookup(t.Context(), ann, "s")
	if err == nil || st.Entries != nil || !st.Now.IsZero() {
		t.Errorf("%+v, %v", st, err)
	}
	list, err := v.List(t.Context(), ann, store.Page{})
	if err == nil || !list.Now.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestBadInputIsJudgedByTheStoresClock: the same request passes or not as the store's time has it.
func TestBadInputIsJudgedByTheStoresClock(t *testing.T) {
	v := newVerbs("test", &backend{})
	r := store.IssueRequest{Record: store.Record{ID: "s", Subject: ann, Link: store.Link{1}, ExpiresAt: now}}
	var f *store.FieldError
	if _, err := v.Issue(t.Context(), r); !errors.As(err, &f) || f.Field != "Record.ExpiresAt" {
		t.Errorf("%v", err)
	}
	r.Record.ExpiresAt = now.Add(time.Millisecond) // long past for everybody else
	if _, err := v.Issue(t.Context(), r); err != nil {
		t.Error(err)
	}
}
