package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jetonkit/jeton/store"
)

func TestError(t *testing.T) {
	d := store.User("ann").Digest()
	for want, e := range map[string]*store.Error{
		"jeton: bolt issue subject " + d.String() + ": revoked": {Op: "issue", Store: "bolt", Subject: d, Err: store.ErrRevoked},
		"jeton: bolt close: locked by another process":          {Op: "close", Store: "bolt", Err: store.ErrLocked},
		"jeton: lookup: outcome unknown":                        {Op: "lookup", Err: store.ErrIndeterminate},
		"jeton: lookup: no reason given":                        {Op: "lookup"},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e, want)
		}
		if e.Err != nil && !errors.Is(fmt.Errorf("outer: %w", e), e.Err) {
			t.Errorf("%v is not found in %v", e.Err, e)
		}
	}
	if err := error(&store.Error{Op: "issue", Err: context.Canceled}); !errors.Is(err, context.Canceled) {
		t.Error("a context's error is not found")
	}
}

// TestSentinelsAreDistinct: a mistaken wrap would turn an outage into "unknown".
func TestSentinelsAreDistinct(t *testing.T) {
	all := []error{
		store.ErrInvalid, store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrLimit, store.ErrTooLarge,
		store.ErrReplayLimit, store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrLocked, store.ErrClock, store.ErrCorrupt,
	}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) || (a.Error() == b.Error()) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}

func TestFieldError(t *testing.T) {
	err := error(&store.FieldError{Field: "Record.ID", Problem: "is empty", Remedy: "name it"})
	if want := "invalid input: Record.ID is empty: name it"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
