package storeobserve_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	storeobserve "github.com/jetonkit/jeton/store/observe"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }

// TestConformance holds an observer, and all the layers in their order, to every rule of stores. The providers are the SDK's,
// so that all of it is told.
func TestConformance(t *testing.T) {
	opts := &storeobserve.Options{
		Meters:  metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
		Tracers: trace.NewTracerProvider(trace.WithSyncer(discard{tracetest.NewNoopExporter()})),
	}
	for _, tt := range []struct {
		name string
		h    conformance.Harness
		all  bool
	}{
		{"over memory", harness.Memory(), false},
		{"over memory without a feed", harness.MemoryWithoutFeed(), false},
		{"over redis", harness.Redis(t, testenv.SharedRedis(t)), false},
		{"all layers over memory", harness.Memory(), true},
		{"all layers over redis", harness.Redis(t, testenv.SharedRedis(t)), true},
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
