// Package harness makes what the suite of conformance runs on. [Places] is for whoever opens stores of one kind; the other
// harnesses are what tests of layers put beneath them.
package harness

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

// Places are where stores keep their data: files, prefixes on a server, values of this process. Both fields are required and
// called concurrently.
type Places[P any] struct {
	// Fresh returns a place that no other store has.
	Fresh func() P
	// Open opens a store at a place, again or beside others too.
	Open func(ctx context.Context, at P) (store.TokenStore, error)

	places sync.Map // store -> P
}

// Of returns where a store is.
func (p *Places[P]) Of(s store.TokenStore) P {
	at, _ := p.places.Load(s)
	return at.(P) //nolint:errcheck // it is what the harness stored; a panic would say so
}

// Harness is over stores at the places, on a clock. Its stores reopen, and open a second time while they are open.
func (p *Places[P]) Harness(clock conformance.Clock) conformance.Harness {
	return conformance.Harness{
		Clock: clock,
		Open:  func(ctx context.Context) (store.TokenStore, error) { return p.open(ctx, p.Fresh()) },
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return p.open(ctx, p.Of(s))
		},
		Second: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) { return p.open(ctx, p.Of(s)) },
	}
}

func (p *Places[P]) open(ctx context.Context, at P) (store.TokenStore, error) {
	s, err := p.Open(ctx, at)
	if err != nil { // the store may be a nil pointer then, which is no nil interface
		return nil, err
	}
	p.places.Store(s, at)
	return s, nil
}

// Ahead returns a clock for stores on a server, which stays ahead of its own: it expires keys by that.
func Ahead() *storetest.Clock { return storetest.NewClock(time.Now().Add(20 * 24 * time.Hour)) }

// Memory is over stores in memory.
func Memory() conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	return conformance.Harness{
		Clock: clock,
		Open: func(context.Context) (store.TokenStore, error) {
			return memstore.New(&memstore.Options{Now: clock.Now})
		},
	}
}

// Redis is over stores on one server, each under a prefix of its own.
func Redis(t testing.TB, server *testenv.RedisServer) conformance.Harness {
	clock := Ahead()
	url := "redis://" + server.Addr()
	places := Places[string]{
		Fresh: func() string { return testenv.Prefix(t) },
		Open: func(ctx context.Context, prefix string) (store.TokenStore, error) {
			return redisstore.Open(ctx, url, &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		},
	}
	return places.Harness(clock)
}
