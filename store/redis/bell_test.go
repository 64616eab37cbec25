package redisstore_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestBellsOfAStorm: however many revocations there are, a process rings 20 bells a second, so that a thousand followers do
// not keep the server from its work; the feed tells them all. Kills scripts that always ring, a process that does not count
// what they rang, and one that counts each for ever.
func TestBellsOfAStorm(t *testing.T) {
	t.Parallel()
	server := testenv.SharedRedis(t)
	s := openStore(t, server.URL(), redisstore.Options{Prefix: testenv.Prefix(t), Partitions: 16})
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan error, 1)
	var rung atomic.Int64
	go func() { listening <- s.Listen(ctx, func(store.Bell) { rung.Add(1) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-listening; !errors.Is(err, context.Canceled) {
			t.Errorf("listen: %v", err)
		}
	})
	ann := store.User("ann")
	revoke := func() {
		t.Helper()
		if err := s.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it listens", func() bool { revoke(); return rung.Load() > 0 })
	began, revoked := time.Now(), 0
	heard := func(since int64) func() bool {
		return func() bool { revoke(); revoked++; return rung.Load() > since }
	}
	for range 3 { // a bell comes behind all before it
		at := rung.Load()
		for range 150 {
			revoke()
			revoked++
		}
		eventually(t, "bells ring on", heard(at+20))
	}
	most := 20 * (int64(time.Since(began)/time.Second) + 2) // in the seconds that it touched
	if n := rung.Load(); n > most+1 || int64(revoked) < 2*most {
		t.Errorf("%d revocations in %v rang %d bells, want %d at most", revoked, time.Since(began), n, most)
	}
	b, err := s.Poll(t.Context(), ann.Digest().Partition(16), store.Position{})
	if err != nil || len(b.Events) < min(revoked, 1000) {
		t.Errorf("the feed tells %d of more than %d: %v", len(b.Events), revoked, err)
	}
}
