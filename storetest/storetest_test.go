package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

var ann = store.User("ann")

func status(t *testing.T, s store.TokenStore, id string) store.Status {
	t.Helper()
	st, err := s.Lookup(t.Context(), ann, id)
	if err != nil {
		t.Fatal(err)
	}
	return st.Entries[0].Status
}

func TestClockMovesSessions(t *testing.T) {
	s, clock := storetest.New(t)
	rec := storetest.Issue(t, s, ann, storetest.Login{Class: "web", TTL: time.Minute})
	if rec.Class != "web" || !rec.IssuedAt.Equal(clock.Now()) {
		t.Errorf("the record is %+v at %v", rec, clock.Now())
	}
	if next := storetest.Refresh(t, s, rec); next.Rotation != 1 {
		t.Errorf("the rotation is %d, want 1", next.Rotation)
	}
	clock.Advance(time.Minute)
	if got := status(t, s, rec.ID); got != store.Unknown {
		t.Errorf("after its end the session is %v", got)
	}
	clock.Advance(-time.Hour)
	clock.Set(clock.Now().Add(time.Hour))
	if !storetest.Now(t, s).Equal(clock.Now()) {
		t.Errorf("the store's time is %v, the clock's %v", storetest.Now(t, s), clock.Now())
	}
}

func TestFaultsByVerbAndCall(t *testing.T) {
	inner, _ := storetest.New(t)
	s := storetest.NewFaults(inner)
	restore := s.Inject(storetest.Fault{Verb: storetest.VerbLookup, Nth: 2, Err: store.ErrUnavailable})
	for i, want := range []error{nil, store.ErrUnavailable, nil} {
		if _, err := s.Lookup(t.Context(), ann); !errors.Is(err, want) {
			t.Errorf("lookup %d: %v, want %v", i+1, err, want)
		}
	}
	restore()
	restore = s.Inject(storetest.Fault{Err: store.ErrUnavailable})
	for verb, err := range map[string]error{
		"ping": s.Ping(t.Context()), "forget": s.Forget(t.Context(), ann), "touch": s.Touch(t.Context(), store.TouchRequest{Subject: ann, ID: "x"}),
	} {
		var told *store.Error
		if !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &told) || told.Op != verb {
			t.Errorf("%s: %v", verb, err)
		}
	}
	for _, err := range s.Subjects(t.Context()) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("subjects: %v", err)
		}
	}
	restore()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("after restore: %v", err)
	}
	if got := s.Calls(storetest.VerbLookup); got != 3 {
		t.Errorf("%d lookups are counted, want 3", got)
	}
	if in, _ := store.As[*memstore.Store](s); in != inner {
		t.Error("Unwrap does not lead to the store")
	}
}

// TestLostReply shows what After is for: the write has happened, and the same call again is answered.
func TestLostReply(t *testing.T) {
	inner, clock := storetest.New(t)
	s := storetest.NewFaults(inner)
	s.Inject(storetest.Fault{Verb: storetest.VerbIssue, Nth: 1, After: true, Err: store.ErrIndeterminate})
	req := store.IssueRequest{Record: store.Record{ID: "one", Subject: ann, Link: store.NewLink(), ExpiresAt: clock.Now().Add(time.Hour)}}
	if _, err := s.Issue(t.Context(), req); !errors.Is(err, store.ErrIndeterminate) {
		t.Fatalf("the first call: %v", err)
	}
	if got := status(t, s, "one"); got != store.Live {
		t.Fatalf("the session is %v, it must have been issued", got)
	}
	if _, err := s.Issue(t.Context(), req); err != nil {
		t.Errorf("the same call again: %v", err)
	}
}

func TestDelayHonoursTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, err := memstore.New(&memstore.Options{SweepInterval: -1})
		if err != nil {
			t.Fatal(err)
		}
		s := storetest.NewFaults(inner)
		s.Inject(storetest.Fault{Verb: storetest.VerbLookup, Delay: time.Minute})
		start := time.Now()
		if _, err := s.Lookup(t.Context(), ann); err != nil || time.Since(start) != time.Minute {
			t.Errorf("a slow lookup: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := s.Lookup(ctx, ann); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("a lookup with a deadline: %v after %v", err, time.Since(start))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
