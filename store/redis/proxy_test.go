package redisstore_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// loaded returns what a map holds under a key; the zero value for nothing.
func loaded[V any](m *sync.Map, key any) V {
	v, _ := m.Load(key)
	got, _ := v.(V)
	return got
}

// faulty is harness for one server, where each store has a connection of its own that can be cut.
func faulty(t testing.TB, server *testenv.RedisServer) conformance.Harness {
	var gates sync.Map // prefix -> *testenv.Proxy, store -> prefix
	h := harness(t, nil)
	clock := h.Clock
	openAt := func(ctx context.Context, prefix string) (store.TokenStore, error) {
		s, err := redisstore.Open(ctx, "redis://"+loaded[*testenv.Proxy](&gates, prefix).Addr(), &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		if err != nil {
			return nil, err
		}
		gates.Store(s, prefix)
		return s, nil
	}
	gateOf := func(s store.TokenStore) (string, *testenv.Proxy) {
		prefix := loaded[string](&gates, s)
		return prefix, loaded[*testenv.Proxy](&gates, prefix)
	}
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		prefix := testenv.Prefix(t)
		gates.Store(prefix, testenv.NewProxy(t, server.Addr()))
		return openAt(ctx, prefix)
	}
	h.Second = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		prefix, _ := gateOf(s)
		return openAt(ctx, prefix)
	}
	h.Reopen = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		if err := s.Close(); err != nil {
			return nil, err
		}
		return h.Second(ctx, s)
	}
	h.Drop = func(_ context.Context, s store.TokenStore) error {
		_, p := gateOf(s)
		p.Close()
		return nil
	}
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		_, p := gateOf(s)
		p.Cut()
		return p.Restore, nil
	}
	return h
}
