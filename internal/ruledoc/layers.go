package main

import (
	"context"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
)

// cached is a cache over Redis, which has all that a cache uses: a feed, and other processes.
func cached(t testing.TB) conformance.Harness {
	h := redis(t)
	h.Traits.CachedRecords = true
	return conformance.Layered(h, func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		return storecache.New(ctx, s, &storecache.Options{Now: h.Clock.Now})
	})
}

// guarded is a breaker over Redis that opens at once, so that outages meet it open. The module of store/observe is not this
// one's to import; its own tests run the suite on it.
func guarded(t testing.TB) conformance.Harness {
	return conformance.Layered(redis(t), func(_ context.Context, s store.TokenStore) (store.TokenStore, error) {
		return storebreaker.New(s, &storebreaker.Options{Failures: 1, Percent: 1})
	})
}
