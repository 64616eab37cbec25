package harness

import (
	"context"
	"flag"
	"strings"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
)

// Mute hides the feed of a store, and its other faces.
func Mute(s store.TokenStore) store.TokenStore { return mute{s} }

type mute struct{ store.TokenStore }

// Unwrap is for [store.As].
func (m mute) Unwrap() store.TokenStore { return m.TokenStore }

// MemoryWithoutFeed is over stores in memory that have no faces.
func MemoryWithoutFeed() conformance.Harness {
	h := Memory()
	open := h.Open
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return Mute(s), nil
	}
	return h
}

// Picked reports whether the command asks for some rules of a suite alone. A test that wants to have seen all of them has
// nothing to say then.
func Picked() bool {
	f := flag.Lookup("test.run")
	return f != nil && strings.Count(f.Value.String(), "/") > 1
}
