package storetest

import (
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// New returns an empty memory store and the clock that it runs on. The end of the test closes it.
func New(t testing.TB) (*memstore.Store, *Clock) {
	t.Helper()
	clock := NewClock(time.Time{})
	s, err := memstore.New(&memstore.Options{Now: clock.Now})
	if err != nil {
		t.Fatalf("storetest: open a memory store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("storetest: close the memory store: %v", err)
		}
	})
	return s, clock
}

// Login says what session Issue makes. The zero value is a session of one hour under a fresh id.
type Login struct {
	// ID is the session's id. Defaults to a fresh one.
	ID string
	// Class groups sessions. Defaults to none.
	Class string
	// TTL is how long the session lives from the store's time on. Defaults to 1h.
	TTL time.Duration
	// Metadata is the record's. Defaults to none.
	Metadata map[string]string
	// Limit bounds the subject's sessions. Defaults to none.
	Limit store.Limit
}

// Issue logs a subject in and returns the session's record; an error ends the test.
func Issue(t testing.TB, s store.TokenStore, subject store.Subject, l Login) store.Record {
	t.Helper()
	if l.ID == "" {
		l.ID = store.NewID()
	}
	if l.TTL == 0 {
		l.TTL = time.Hour
	}
	issued, err := s.Issue(t.Context(), store.IssueRequest{
		Record: store.Record{
			ID: l.ID, Subject: subject, Class: l.Class, Link: store.NewLink(),
			ExpiresAt: Now(t, s).Add(l.TTL), Metadata: l.Metadata,
		},
		Limit: l.Limit,
	})
	if err != nil {
		t.Fatalf("storetest: issue: %v", err)
	}
	return issued.Record
}

// Refresh rotates a session with its current link and returns the record after it; any other outcome ends the test.
func Refresh(t testing.TB, s store.TokenStore, rec store.Record) store.Record {
	t.Helper()
	rotated, err := s.Rotate(t.Context(), store.RotateRequest{
		Subject: rec.Subject, ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: store.NewLink(),
	})
	if err != nil {
		t.Fatalf("storetest: rotate: %v", err)
	}
	if rotated.Outcome != store.RotateOK {
		t.Fatalf("storetest: rotate: the outcome is %v, want %v", rotated.Outcome, store.RotateOK)
	}
	return rotated.Record
}

// Now returns the time of the store's clock.
func Now(t testing.TB, s store.TokenStore) time.Time {
	t.Helper()
	state, err := s.Lookup(t.Context(), store.User("storetest-clock"))
	if err != nil {
		t.Fatalf("storetest: lookup: %v", err)
	}
	return state.Now
}
