package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// The body of a test: it logs ann in, refreshes, moves the clock, and looks whether her session has ended.
func ExampleIssue() {
	_ = func(t *testing.T) { // func TestSessionEnds(t *testing.T) {
		s, clock := storetest.New(t)
		ann := storetest.Issue(t, s, store.User("ann"), storetest.Login{Class: "web", TTL: time.Hour})
		ann = storetest.Refresh(t, s, ann)
		clock.Advance(time.Hour)
		st, err := s.Lookup(t.Context(), ann.Subject, ann.ID)
		if err != nil || st.Entries[0].Status != store.Unknown {
			t.Errorf("after an hour the session is %v, %v", st.Entries[0].Status, err)
		}
	}
}

func ExampleClock() {
	clock := storetest.NewClock(time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC))
	s, _ := memstore.New(&memstore.Options{Now: clock.Now})
	defer s.Close()

	clock.Advance(90 * time.Minute)
	st, _ := s.Lookup(context.Background(), store.User("ann"))
	fmt.Println(st.Now)
	// Output: 2026-05-04 10:30:00 +0000 UTC
}

// The second lookup is slow, and waits no longer than its caller.
func ExampleFaults_delay() {
	backend, _ := memstore.New(nil)
	s := storetest.NewFaults(backend)
	defer s.Close()
	s.Inject(storetest.Fault{Verb: storetest.VerbLookup, Nth: 2, Delay: time.Minute})

	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := s.Lookup(ctx, store.User("ann"))
		fmt.Println(errors.Is(err, context.DeadlineExceeded))
		cancel()
	}
	fmt.Println(s.Calls(storetest.VerbLookup), "lookups")
	// Output:
	// false
	// true
	// 2 lookups
}

// The store revokes and its reply is lost: the caller may simply revoke again.
func ExampleFault_after() {
	backend, _ := memstore.New(nil)
	s := storetest.NewFaults(backend)
	defer s.Close()
	s.Inject(storetest.Fault{Verb: storetest.VerbRevoke, Nth: 1, After: true, Err: store.ErrIndeterminate})

	everywhere := store.Revocation{Subject: store.User("ann"), All: true, Op: store.NewOp()}
	fmt.Println(errors.Is(s.Revoke(context.Background(), everywhere), store.ErrIndeterminate))
	fmt.Println(s.Revoke(context.Background(), everywhere))
	// Output:
	// true
	// <nil>
}

func ExampleFaults() {
	backend, _ := memstore.New(nil)
	s := storetest.NewFaults(backend)
	defer s.Close()

	restore := s.Inject(storetest.Fault{Verb: storetest.VerbLookup, Err: store.ErrUnavailable})
	_, err := s.Lookup(context.Background(), store.User("ann"), "session")
	fmt.Println(errors.Is(err, store.ErrUnavailable))

	restore()
	_, err = s.Lookup(context.Background(), store.User("ann"), "session")
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
