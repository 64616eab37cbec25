package storecache_test

import (
	"context"
	"flag"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
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

func overMemory() conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	return conformance.Harness{
		Clock: clock,
		Open: func(context.Context) (store.TokenStore, error) {
			s, err := memstore.New(&memstore.Options{Now: clock.Now})
			if err != nil {
				return nil, err
			}
			return s, nil
		},
	}
}

// mute hides the feed of a store.
type mute struct{ store.TokenStore }

func (m mute) Unwrap() store.TokenStore { return m.TokenStore }

// TestConformance holds a cache to every rule of stores, with a feed and without.
func TestConformance(t *testing.T) {
	silent := overMemory()
	open := silent.Open
	silent.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		return mute{s}, err
	}
	for _, c := range []struct {
		name string
		h    conformance.Harness
		o    storecache.Options
	}{
		{"memory", overMemory(), storecache.Options{}},
		{"without a feed", silent, storecache.Options{MaxStale: time.Minute}},
		{"redis", overRedis(t), storecache.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := tally{by: map[string]int64{}}
			t.Run("rules", func(t *testing.T) { conformance.Run(t, behind(c.h, c.o, &y)) })
			t.Logf("%v", y.by)
			if testing.Short() || flagged() {
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

// flagged reports whether only some rules are run.
func flagged() bool {
	f := flag.Lookup("test.run")
	return f != nil && strings.Count(f.Value.String(), "/") > 1
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
		Reopen: again, // the cache has closed it
		Second: again,
	}
}
