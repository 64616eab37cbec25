package redisstore_test

import (
	"context"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestRoundTripsOnACluster: every question is one trip there too, once its master knows the script. Kills a second trip,
// whatever for.
func TestRoundTripsOnACluster(t *testing.T) {
	t.Parallel()
	s := openStore(t, clusterURL(testenv.SharedCluster(t)), redisstore.Options{Prefix: testenv.Prefix(t), Partitions: 16})
	trips := func() int64 {
		for _, st := range s.Stats() {
			if st.Name == "redis_round_trips" {
				return st.Value
			}
		}
		t.Fatal("the stat is not there")
		return 0
	}
	least := map[string]int64{}
	for range 6 { // each on a subject of its own; three masters learn a script within the first three
		who := store.User(store.NewID())
		rec := signIn(t, s, who)
		verbs := append(requests(t, s),
			request{"lookup", func(ctx context.Context, s store.TokenStore) error { _, err := s.Lookup(ctx, who, rec.ID); return err }},
			request{"list", func(ctx context.Context, s store.TokenStore) error {
				_, err := s.List(ctx, who, store.Page{})
				return err
			}},
		)
		for _, v := range verbs {
			before := trips()
			if err := v.call(t.Context(), s); err != nil {
				t.Fatal(v.name, err)
			}
			took := trips() - before
			if known, ok := least[v.name]; !ok || took < known {
				least[v.name] = took
			}
		}
	}
	for verb, n := range least {
		if n != 1 {
			t.Errorf("%s takes %d round trips", verb, n)
		}
	}
}
