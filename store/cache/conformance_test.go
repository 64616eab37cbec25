package storecache_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
)

// TestMain ends what the tests share, and finds what a cache left running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main(m)) }

// tally adds up what the caches of a suite did.
type tally struct {
	mu sync.Mutex
	by map[string]int64
}

func (y *tally) add(stats []store.Stat) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, st := range stats {
		y.by[st.Name] += st.Value
	}
}

// behind puts a cache in front of a harness's stores, and faults in between.
func behind(h conformance.Harness, o storecache.Options, y *tally) conformance.Harness {
	o.Now = h.Clock.Now
	h.Traits.CachedRecords = true
	out := conformance.Layered(h, func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		c, err := storecache.New(ctx, s, &o)
		if err != nil {
			return nil, err
		}
		return c, nil
	})
	out.Drop = func(_ context.Context, s store.TokenStore) error {
		y.add(store.Stats(s))
		return nil
	}
	return out
}

// TestConformance holds a cache to every rule of stores, with a feed and without.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		h    conformance.Harness
		o    storecache.Options
	}{
		{"memory", harness.Memory(), storecache.Options{}},
		{"without a feed", harness.MemoryWithoutFeed(), storecache.Options{MaxStale: time.Minute}},
		{"redis", harness.Redis(t, testenv.SharedRedis(t)), storecache.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := tally{by: map[string]int64{}}
			t.Run("rules", func(t *testing.T) { conformance.Run(t, behind(c.h, c.o, &y)) })
			t.Logf("%v", y.by)
			if testing.Short() || harness.Picked() {
				return
			}
			for _, what := range []string{"cache_hits", "cache_misses", "cache_stale"} {
				if y.by[what] == 0 {
					t.Errorf("the suite had no %s: it did not meet the cache", what)
				}
			}
		})
	}
}
