package redisstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

// harness opens stores on a client, each under a prefix of its own.
func harness(t testing.TB, client redis.UniversalClient) conformance.Harness {
	clock := storetest.NewClock(time.Now().Add(20 * 24 * time.Hour)) // ahead of the server, which expires keys by its own
	var prefixes sync.Map                                            // store -> prefix
	openAt := func(ctx context.Context, prefix string) (store.TokenStore, error) {
		s, err := redisstore.New(ctx, client, &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		if err != nil {
			return nil, err
		}
		prefixes.Store(s, prefix)
		return s, nil
	}
	again := func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		return openAt(ctx, loaded[string](&prefixes, s))
	}
	return conformance.Harness{
		Clock: clock,
		Open:  func(ctx context.Context) (store.TokenStore, error) { return openAt(ctx, testenv.Prefix(t)) },
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return again(ctx, s)
		},
		Second: again,
	}
}

// TestConformance holds the store to every rule on one server, those of outages too.
func TestConformance(t *testing.T) {
	conformance.Run(t, faulty(t, testenv.SharedRedis(t)))
}
