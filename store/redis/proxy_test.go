package redisstore_test

import (
	"context"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// gated is a keyspace, and the connection that its stores share.
type gated struct {
	prefix string
	*testenv.Proxy
}

// faulty is over stores on one server, each on a connection of its own that can be cut.
func faulty(t testing.TB, server *testenv.RedisServer) conformance.Harness {
	clock := harness.Ahead()
	places := harness.Places[gated]{
		Fresh: func() gated { return gated{testenv.Prefix(t), testenv.NewProxy(t, server.Addr())} },
		Open: func(ctx context.Context, at gated) (store.TokenStore, error) {
			return redisstore.Open(ctx, "redis://"+at.Addr(), &redisstore.Options{Prefix: at.prefix, Partitions: 16, Now: clock.Now})
		},
	}
	h := places.Harness(clock)
	h.Drop = func(_ context.Context, s store.TokenStore) error {
		places.Of(s).Close()
		return nil
	}
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		at := places.Of(s)
		at.Cut()
		return at.Restore, nil
	}
	return h
}
