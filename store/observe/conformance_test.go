package storeobserve_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	storeobserve "github.com/jetonkit/jeton/store/observe"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }

// mute hides the feed of a store.
type mute struct{ store.TokenStore }

func (m mute) Unwrap() store.TokenStore { return m.TokenStore }

// TestConformance holds an observer, and all the layers in their order, to every rule of stores. The providers are the SDK's,
// so that all of it is told.
func TestConformance(t *testing.T) {
	silent := overMemory()
	open := silent.Open
	silent.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		return mute{s}, err
	}
	opts := &storeobserve.Options{
		Meters:  metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
		Tracers: trace.NewTracerProvider(trace.WithSyncer(discard{tracetest.NewNoopExporter()})),
	}
	for _, tt := range []struct {
		name string
		h    conformance.Harness
		all  bool
	}{
		{"over memory", overMemory(), false},
		{"over memory without a feed", silent, false},
		{"over redis", overRedis(t), false},
		{"all layers over memory", overMemory(), true},
		{"all layers over redis", overRedis(t), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.h.Traits.CachedRecords = tt.all
			conformance.Run(t, conformance.Layered(tt.h, func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
				if tt.all {
					guarded, err := storebreaker.New(s, &storebreaker.Options{Failures: 1, Percent: 1, OpenFor: 100 * time.Millisecond})
					if err != nil {
						return nil, err
					}
					if s, err = storecache.New(ctx, guarded, &storecache.Options{Now: tt.h.Clock.Now}); err != nil {
						return nil, err
					}
				}
				return storeobserve.New(s, opts)
			}))
		})
	}
}

// discard takes spans for nobody.
type discard struct{ *tracetest.NoopExporter }

func overMemory() conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	return conformance.Harness{
		Clock: clock,
		Open: func(context.Context) (store.TokenStore, error) {
			return memstore.New(&memstore.Options{Now: clock.Now})
		},
	}
}

// overRedis is over stores on one server, each under a prefix of its own.
func overRedis(t testing.TB) conformance.Harness {
	url := "redis://" + testenv.SharedRedis(t).Addr()
	clock := storetest.NewClock(time.Now().Add(20 * 24 * time.Hour)) // ahead of the server, which expires keys by its own
	var prefixes sync.Map                                            // store -> prefix
	at := func(ctx context.Context, prefix string) (store.TokenStore, error) {
		s, err := redisstore.Open(ctx, url, &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		if err != nil {
			return nil, err
		}
		prefixes.Store(s, prefix)
		return s, nil
	}
	again := func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		prefix, _ := prefixes.Load(s)
		text, _ := prefix.(string)
		return at(ctx, text)
	}
	return conformance.Harness{
		Clock:  clock,
		Open:   func(ctx context.Context) (store.TokenStore, error) { return at(ctx, testenv.Prefix(t)) },
		Reopen: again, // the layer has closed it
		Second: again,
	}
}
