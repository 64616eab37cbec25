package conformance

import (
	"context"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
)

// Layered returns a harness whose stores are those of h inside of a layer, or of several, that wrap puts around each. What a
// layer needs from the harness (its clock, CachedRecords in its traits) is the caller's to set. Where h has no Fault, the
// stores fail between the layer and the backend. Where wrap fails, the store that it was given is closed.
func Layered(h Harness, wrap func(ctx context.Context, inner store.TokenStore) (store.TokenStore, error)) Harness {
	around := func(ctx context.Context, s store.TokenStore, err error) (store.TokenStore, error) {
		if err != nil {
			return nil, err
		}
		outer, err := wrap(ctx, storetest.NewFaults(s))
		if err != nil {
			_ = s.Close()
			return nil, err
		}
		return outer, nil
	}
	out := h
	out.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := h.Open(ctx)
		return around(ctx, s, err)
	}
	out.Fault = func(ctx context.Context, s store.TokenStore) (func(), error) {
		f, _ := store.As[*storetest.Faults](s)
		if h.Fault != nil {
			return h.Fault(ctx, f.Unwrap())
		}
		return f.Inject(storetest.Fault{Err: store.ErrUnavailable}), nil
	}
	if h.Drop != nil {
		out.Drop = func(ctx context.Context, s store.TokenStore) error { return h.Drop(ctx, backend(s)) }
	}
	if h.Reopen != nil {
		out.Reopen = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil { // the layers' too; h's Reopen closes the backend again, which is nil
				return nil, err
			}
			s, err := h.Reopen(ctx, backend(s))
			return around(ctx, s, err)
		}
	}
	if h.Second != nil {
		out.Second = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			s, err := h.Second(ctx, backend(s))
			return around(ctx, s, err)
		}
	}
	return out
}

// backend is what h opened.
func backend(s store.TokenStore) store.TokenStore {
	f, _ := store.As[*storetest.Faults](s)
	return f.Unwrap()
}
