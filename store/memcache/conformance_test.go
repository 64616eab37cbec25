package memcachestore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
	"github.com/jetonkit/jeton/storetest"
)

// handle is a store of the suite's: its keyspace, and the cable that its handles share.
type handle struct {
	prefix string
	*cable
}

// harness opens stores on servers, each under a prefix and with a cable of its own.
func harness(t testing.TB, servers ...string) conformance.Harness {
	clock := storetest.NewClock(time.Now().Add(20 * 24 * time.Hour)) // ahead of the servers, which expire by their own
	var handles sync.Map                                             // store -> handle
	of := func(s store.TokenStore) handle {
		h, _ := handles.Load(s)
		return h.(handle) //nolint:errcheck // it is what the harness stored; a panic would say so
	}
	open := func(ctx context.Context, h handle) (store.TokenStore, error) {
		// One clock for all processes, which the suite sets back: no skew to be refused.
		s, err := memcachestore.New(ctx, servers, &memcachestore.Options{Prefix: h.prefix, Now: clock.Now, MaxSkew: -1, Dial: h.dial})
		if err != nil {
			return nil, err
		}
		handles.Store(s, h)
		return s, nil
	}
	return conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return open(ctx, handle{testenv.Prefix(t), &cable{}})
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return open(ctx, of(s))
		},
		Second: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) { return open(ctx, of(s)) },
		Fault: func(_ context.Context, s store.TokenStore) (func(), error) {
			h := of(s)
			h.cut()
			return h.restore, nil
		},
	}
}

// TestConformance holds the store to every rule, on one server and on two.
func TestConformance(t *testing.T) {
	one := testenv.SharedMemcached(t, "-m", "512", "-M")
	two := testenv.SharedMemcached(t, "-m", "512")
	t.Run("one server", func(t *testing.T) { conformance.Run(t, harness(t, one.Addr())) })
	t.Run("two servers", func(t *testing.T) { conformance.Run(t, harness(t, one.Addr(), two.Addr())) })
}
