package redisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// over is a harness on a client, each store under a prefix of its own.
func over(t testing.TB, client redis.UniversalClient) conformance.Harness {
	clock := harness.Ahead()
	places := harness.Places[string]{
		Fresh: func() string { return testenv.Prefix(t) },
		Open: func(ctx context.Context, prefix string) (store.TokenStore, error) {
			return redisstore.New(ctx, client, &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		},
	}
	return places.Harness(clock)
}

// TestConformance holds the store to every rule on one server, those of outages too.
func TestConformance(t *testing.T) {
	conformance.Run(t, faulty(t, testenv.SharedRedis(t)))
}
