package storeobserve_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/config"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
	storeobserve "github.com/jetonkit/jeton/store/observe"
)

// A program that is configured by a file puts the observer around what package config builds, which is the cache around the
// breaker around the store.
func ExampleNew() {
	ctx := context.Background()
	c := &config.Config{ // or what config.Load has read
		Store:      config.Store{URL: config.NewSecret("memory://")},
		Cache:      config.Cache{MaxStale: 2 * time.Second},
		Breaker:    config.Breaker{OpenFor: time.Second},
		Key:        config.Key{Secret: config.NewSecret("32 random bytes from your secrets")},
		IssuerName: "https://example.com",
	}
	c.Wrap = append(c.Wrap, func(_ context.Context, inner store.TokenStore) (store.TokenStore, error) {
		return storeobserve.New(inner, nil) // OpenTelemetry's global providers
	})
	stack, err := c.Build(ctx)
	if err != nil {
		panic(err)
	}
	defer func() { _ = stack.Close() }()
	for s := stack.Store; s != nil; {
		fmt.Printf("%T\n", s)
		u, ok := s.(store.Unwrapper)
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	// Output:
	// *storeobserve.Observer
	// *storecache.Cache
	// *storebreaker.Breaker
	// *memstore.Store
}
