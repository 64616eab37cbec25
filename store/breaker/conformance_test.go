package storebreaker_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	memstore "github.com/jetonkit/jeton/store/memory"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }

// mute hides the feed of a store.
type mute struct{ store.TokenStore }

func (m mute) Unwrap() store.TokenStore { return m.TokenStore }

// TestConformance holds a breaker to every rule of stores. It opens on the first outage, so that those meet it open.
func TestConformance(t *testing.T) {
	silent := overMemory()
	open := silent.Open
	silent.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		return mute{s}, err
	}
	for name, h := range map[string]conformance.Harness{"memory": overMemory(), "without a feed": silent, "redis": overRedis(t)} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]int64{}
			h = conformance.Layered(h, func(_ context.Context, s store.TokenStore) (store.TokenStore, error) {
				return storebreaker.New(s, &storebreaker.Options{Failures: 1, Percent: 1, OpenFor: 100 * time.Millisecond})
			})
			h.Drop = func(_ context.Context, s store.TokenStore) error {
				mu.Lock()
				defer mu.Unlock()
				for _, stat := range store.Stats(s) {
					seen[stat.Name] += stat.Value
				}
				return nil
			}
			t.Run("rules", func(t *testing.T) { conformance.Run(t, h) })
			if picked() {
				return
			}
			for _, what := range []string{"breaker_trips", "breaker_rejected", "breaker_outages"} {
				if seen[what] == 0 {
					t.Errorf("the suite had no %s: it did not meet an open breaker", what)
				}
			}
		})
	}
}

// picked reports whether only some rules are run.
func picked() bool {
	f := flag.Lookup("test.run")
	return f != nil && strings.Count(f.Value.String(), "/") > 1
}

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
