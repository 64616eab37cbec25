package memcachestore_test

import (
	"context"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// cabled is a keyspace, and the cable that its stores share.
type cabled struct {
	prefix string
	*cable
}

// over is a harness on servers, each store under a prefix and with a cable of its own.
func over(t testing.TB, servers ...string) conformance.Harness {
	clock := harness.Ahead()
	places := harness.Places[cabled]{
		Fresh: func() cabled { return cabled{testenv.Prefix(t), &cable{}} },
		Open: func(ctx context.Context, at cabled) (store.TokenStore, error) {
			// One clock for all processes, which the suite sets back: no skew to be refused.
			return memcachestore.New(ctx, servers, &memcachestore.Options{Prefix: at.prefix, Now: clock.Now, MaxSkew: -1, Dial: at.dial})
		},
	}
	h := places.Harness(clock)
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		at := places.Of(s)
		at.cut()
		return at.restore, nil
	}
	return h
}

// TestConformance holds the store to every rule, on one server and on two.
func TestConformance(t *testing.T) {
	one := testenv.SharedMemcached(t, "-m", "512", "-M")
	two := testenv.SharedMemcached(t, "-m", "512")
	t.Run("one server", func(t *testing.T) { conformance.Run(t, over(t, one.Addr())) })
	t.Run("two servers", func(t *testing.T) { conformance.Run(t, over(t, one.Addr(), two.Addr())) })
}
