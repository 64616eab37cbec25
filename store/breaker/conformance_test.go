package storebreaker_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }

// TestConformance holds a breaker to every rule of stores. It opens on the first outage, so that those meet it open.
func TestConformance(t *testing.T) {
	for name, h := range map[string]conformance.Harness{
		"memory":         harness.Memory(),
		"without a feed": harness.MemoryWithoutFeed(),
		"redis":          harness.Redis(t, testenv.SharedRedis(t)),
	} {
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
			if harness.Picked() {
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
