package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

func memory(t *testing.T, o *memstore.Options) store.TokenStore {
	t.Helper()
	s, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOnce(t *testing.T) {
	clock := now
	s := memory(t, &memstore.Options{Now: func() time.Time { return clock }, SweepInterval: -1})
	until := now.Add(time.Minute)
	take := func(scope, nonce string) error { return store.Once(t.Context(), s, scope, nonce, until) }
	for _, c := range []struct {
		rule, scope, nonce string
		want               error
	}{
		{"the first time it is nil", "webhook", "n1", nil},
		{"a replay is ErrExists", "webhook", "n1", store.ErrExists},
		{"another nonce is its own", "webhook", "n2", nil},
		{"another scope is its own", "login", "n1", nil},
		{"no scope is one too", "", "n1", nil},
		{"the parts do not run together", "webhookn", "1", nil},
		{"a nonce of any bytes", "", "\x00\xff", nil},
		{"the longest texts", text(store.MaxNameLen), text(store.MaxNameLen), nil},
		{"a long scope is refused", text(store.MaxNameLen + 1), "n", store.ErrInvalid},
		{"a long nonce is refused", "", text(store.MaxNameLen + 1), store.ErrInvalid},
		{"an empty nonce is refused", "webhook", "", store.ErrInvalid},
	} {
		if err := take(c.scope, c.nonce); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.rule, err, c.want)
		}
	}
	t.Run("it is taken until the time, and not longer", func(t *testing.T) {
		clock = until.Add(-time.Millisecond)
		if err := take("webhook", "n1"); !errors.Is(err, store.ErrExists) {
			t.Errorf("just before: %v", err)
		}
		clock = until
		if err := take("webhook", "n1"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a time that is past is refused: %v", err)
		}
		until = until.Add(time.Minute)
		if err := take("webhook", "n1"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("nonces are no user's and in no list", func(t *testing.T) {
		for subject, err := range store.Subjects(t.Context(), s) {
			t.Errorf("%v, %v", subject, err)
		}
		if st, err := s.Lookup(t.Context(), store.Subject{Realm: "webhook", Name: "n1"}, "once"); err != nil || st.Entries[0].Status != store.Unknown {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

func TestTaken(t *testing.T) {
	clock := now
	s := memory(t, &memstore.Options{Now: func() time.Time { return clock }, SweepInterval: -1})
	if err := store.Once(t.Context(), s, "webhook", "n1", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule, scope, nonce string
		at                 time.Time
		want               bool
		err                error
	}{
		{"a nonce that was taken is", "webhook", "n1", now, true, nil},
		{"asking takes nothing", "webhook", "n2", now, false, nil},
		{"asking again neither", "webhook", "n2", now, false, nil},
		{"another scope is its own", "login", "n1", now, false, nil},
		{"it ends with its time", "webhook", "n1", now.Add(time.Minute), false, nil},
		{"an empty nonce is refused", "webhook", "", now, false, store.ErrInvalid},
	} {
		clock = c.at
		if got, err := store.Taken(t.Context(), s, c.scope, c.nonce); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", c.rule, got, err)
		}
	}
}

// An answer that is none proves nothing: a logout that is told "taken" would be lost.
func TestTakenWithoutAnAnswer(t *testing.T) {
	for _, entries := range [][]store.Entry{nil, {{}, {}}} {
		s := answering{memory(t, nil), entries}
		if taken, err := store.Taken(t.Context(), s, "webhook", "n1"); taken || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%d answers: %v, %v", len(entries), taken, err)
		}
	}
}

// answering answers every Lookup by the same entries.
type answering struct {
	store.TokenStore
	entries []store.Entry
}

func (a answering) Lookup(context.Context, store.Subject, ...string) (store.State, error) {
	return store.State{Entries: a.entries}, nil
}

func TestOnceUnderConcurrency(t *testing.T) {
	s := memory(t, nil)
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			switch err := store.Once(t.Context(), s, "scope", "nonce", time.Now().Add(time.Minute)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrExists):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 31 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}
