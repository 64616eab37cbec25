package conformance

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// remedy is what an Open that mixes data up must do.
const remedy = "each call must return an empty store that shares nothing with the others (a new file, a prefix of its own)"

// canary is a subject that no rule uses: what is found under it in a fresh store came from another one.
var canary = store.User("conformance-canary")

// cast are subjects that rules are about, or that a seeded store is likely to hold: a store that cannot list its
// subjects is looked through for these.
var cast = []store.Subject{
	ann, store.User("bob"), store.User("nobody"), store.User("alice"), store.User("user 0"), store.User("history 0"),
	{Realm: "acme", Name: "ann"},
	{Kind: store.KindKey, Name: "ann"},
	{Realm: "model", Name: "subject 1"},
}

// props are ids that rules revoke without having issued them, so that only a mark tells of them.
var props = []string{"token", "session", "a", "b", "x", "last", "another"}

// preflight opens stores as the rules will, and tells a mistake once instead of in every rule. It looks but once: specs
// of one process share the answer.
func (s *suite) preflight() (kind string, err error) { return s.looked() }

// look runs the preflight as a rule is run: a panic becomes a sentence, and so does what never ends.
func (s *suite) look() (kind string, err error) {
	s.moving.Lock()
	defer s.moving.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.h.Traits.Patience)
	defer cancel()
	p := &preflight{h: s.h}
	p.step.Store("the preflight")
	done, answer := make(chan struct{}), (func() (string, error))(nil)
	go func() {
		defer close(done)
		kind, err := p.run(ctx)
		answer = func() (string, error) { return kind, err }
	}()
	switch {
	case !await(ctx, done):
		return "", fmt.Errorf("conformance: %s has not returned %v after its context ended (Traits.Patience, %v, is over): "+
			"make it return when its context ends, and an error where the backend does not answer", p.step.Load(), lastCall, s.h.Traits.Patience)
	case answer == nil:
		return "", fmt.Errorf("conformance: %s ended its goroutine: %s", p.step.Load(), exited)
	}
	return answer()
}

// exited is what to do about a harness or a store that ends the goroutine it is called in.
const exited = "return an error there instead of t.Fatal, t.FailNow, require or runtime.Goexit, which end the suite's goroutine and not the test"

// preflight is one first look at a harness.
type preflight struct {
	h Harness
	// step is what is being done, for the case that it does not end.
	step atomic.Value
}

// do takes one step; what goes wrong in it is told with its name, a panic too.
func (p *preflight) do(ctx context.Context, what string, step func() error) (err error) {
	p.step.Store(what)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("conformance: %s panicked: %v: mend what the stack shows, or return an error there\n%s", what, v, debug.Stack())
		}
	}()
	err = step()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("conformance: %s: %w: Traits.Patience, %v, is over: see whether the backend answers", what, err, p.h.Traits.Patience)
	}
	return fmt.Errorf("conformance: %s: %w", what, err)
}

// run looks at two stores, one after the other but both open: the second must not see what is in the first.
func (p *preflight) run(ctx context.Context) (kind string, err error) {
	first, err := p.open(ctx)
	if err != nil {
		return "", err
	}
	defer p.discard(ctx, first, &err)
	for _, check := range []struct {
		what string
		run  func(context.Context, store.TokenStore) error
	}{
		{"a Lookup in the store that Harness.Open returned", answers},
		{"a look for data in the store that Harness.Open returned", bare},
		{"a Lookup on Harness.Clock", p.h.runsOnClock}, // before the canary, which an hour would end
		{"an Issue in the store that Harness.Open returned", leaveCanary},
	} {
		if err := p.do(ctx, check.what, func() error { return check.run(ctx, first) }); err != nil {
			return "", err
		}
	}
	second, err := p.open(ctx)
	if err != nil {
		return "", err
	}
	p.discard(ctx, second, &err)
	return fmt.Sprintf("%T", first), err
}

// open opens a store and refuses one in which there is something.
func (p *preflight) open(ctx context.Context) (s store.TokenStore, err error) {
	err = p.do(ctx, "Harness.Open", func() (err error) {
		s, err = p.h.open(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err = p.do(ctx, "a first look into the store that Harness.Open returned", func() error { return fresh(ctx, s) }); err != nil {
		p.discard(ctx, s, &err)
		return nil, err
	}
	return s, nil
}

// discard closes and drops a store; its error counts if there was none before.
func (p *preflight) discard(ctx context.Context, s store.TokenStore, err *error) {
	problem := p.do(ctx, "Close of a store that Harness.Open returned", s.Close)
	if problem == nil && p.h.Drop != nil {
		problem = p.do(ctx, "Harness.Drop", func() error { return p.h.Drop(ctx, s) })
	}
	if *err == nil {
		*err = problem
	}
}

// open calls Open and refuses what is no store.
func (h Harness) open(ctx context.Context) (store.TokenStore, error) {
	s, err := h.Open(ctx)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, errors.New("it returned neither a store nor an error: return one of them")
	}
	if v := reflect.ValueOf(s); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, fmt.Errorf("it returned a nil %T without an error: return the store, or the error that left it nil", s)
	}
	return s, nil
}

// fresh refuses a store with another one's data in it, or with any subject. A store that fails here, or cannot list its
// subjects, is judged by its rules.
func fresh(ctx context.Context, s store.TokenStore) error {
	st, err := s.Lookup(ctx, canary, "canary")
	if err == nil && len(st.Entries) == 1 && st.Entries[0].Status != store.Unknown {
		return errors.New("it holds another one's data: " + remedy)
	}
	for subject, err := range store.Subjects(ctx, s) {
		if err == nil {
			return fmt.Errorf("it came with data in it (the subject %s): %s", subject.Digest(), remedy)
		}
		break
	}
	return nil
}

// answers asks the store what it cannot know. Without this much no rule could tell anything.
func answers(ctx context.Context, s store.TokenStore) error {
	st, err := s.Lookup(ctx, canary, "one", "two")
	switch {
	case err != nil:
		return err
	case len(st.Entries) != 2:
		return fmt.Errorf("it has %d entries for 2 ids: answer once for each id asked, in their order; Unknown is an answer too", len(st.Entries))
	case st.Now.IsZero():
		return errors.New("its Now is zero: set State.Now to the store's time")
	}
	return nil
}

// bare looks for data under the subjects that the rules use; where subjects can be listed, fresh has seen all.
func bare(ctx context.Context, s store.TokenStore) error {
	for _, subject := range cast {
		found, err := holds(ctx, s, subject)
		if err != nil {
			return err
		}
		if found != "" {
			return fmt.Errorf("it came with data in it (%s of the %s %q): %s", found, subject.Kind, subject.Name, remedy)
		}
	}
	return nil
}

// holds tells what a store has of a subject; empty for nothing.
func holds(ctx context.Context, s store.TokenStore, subject store.Subject) (string, error) {
	st, err := s.Lookup(ctx, subject, props...)
	if err != nil {
		return "", err
	}
	for i, en := range st.Entries {
		if en.Status != store.Unknown && i < len(props) {
			return fmt.Sprintf("the id %q", props[i]), nil
		}
	}
	if st.Keep != "" {
		return "a kept session", nil
	}
	if lists(ctx, s, subject) {
		return "a session", nil
	}
	return "", nil
}

// lists tells whether List shows a session. One that fails, or is still to be written, is judged by its rules.
func lists(ctx context.Context, s store.TokenStore, subject store.Subject) bool {
	defer func() { _ = recover() }()
	recs, err := s.List(ctx, subject, store.Page{Limit: 1})
	return err == nil && len(recs.Items) > 0
}

// leaveCanary issues what the next store that Open returns must not know.
func leaveCanary(ctx context.Context, s store.TokenStore) error {
	st, err := s.Lookup(ctx, canary)
	if err != nil {
		return err
	}
	_, err = s.Issue(ctx, store.IssueRequest{Record: store.Record{
		ID: "canary", Subject: canary, Link: store.NewLink(), ExpiresAt: st.Now.Add(time.Hour),
	}})
	return err
}

// runsOnClock moves the harness's clock by an hour and expects the store to follow. It does not move it back: a clock
// may forbid it, and rules start from wherever the clock stands.
func (h Harness) runsOnClock(ctx context.Context, s store.TokenStore) error {
	if h.Clock == nil {
		return nil
	}
	if err := h.onClock(ctx, s); err != nil {
		return err
	}
	before := h.Clock.Now()
	h.Clock.Advance(time.Hour)
	if moved := h.Clock.Now().Sub(before); moved < time.Hour {
		return fmt.Errorf("an Advance by an hour moved Harness.Clock by %v: its Now must follow its Advance, as storetest.Clock's does", moved)
	}
	return h.onClock(ctx, s)
}

// onClock compares Lookup's Now with the clock. The rules ask for more than this tolerance; it need only tell a store on
// this clock from one on another.
func (h Harness) onClock(ctx context.Context, s store.TokenStore) error {
	tolerance := max(s.Capabilities().Precision, time.Second)
	from := h.Clock.Now()
	st, err := s.Lookup(ctx, canary)
	if err != nil {
		return err
	}
	if st.Now.Before(from.Add(-tolerance)) || st.Now.After(h.Clock.Now().Add(tolerance)) {
		return fmt.Errorf("its Now is %v where Harness.Clock stands at %v: run the stores that Open, Reopen and Second return on "+
			"this clock (give its Now to the store's options), or leave Harness.Clock nil", st.Now.UTC(), from.UTC())
	}
	return nil
}
