package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestHealthSeesTheLevelGo: what a level needs is looked at again, each need by itself, and Health is well when it is back.
// Kills a Health that looks at the eviction policy alone, and each of the checks left out.
func TestHealthSeesTheLevelGo(t *testing.T) {
	t.Parallel()
	master, replica := pair(t)
	s := openStore(t, master.URL(), redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
	well := func(when string) {
		t.Helper()
		if err := s.Health(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	well("at first")
	for _, set := range []struct {
		directive, bad, good string
		is                   error
		word                 string
	}{
		{"min-replicas-to-write", "0", "1", store.ErrInvalid, "set min-replicas-to-write to 1"},
		{"appendonly", "no", "yes", store.ErrInvalid, "set appendonly yes"},
	} {
		master.Do("CONFIG", "SET", set.directive, set.bad)
		told(t, s.Health(t.Context()), set.is, set.word)
		master.Do("CONFIG", "SET", set.directive, set.good)
		well(set.directive + " as before")
	}
	replica.Kill()
	var err error
	eventually(t, "it misses the replica", func() bool { err = s.Health(t.Context()); return err != nil })
	told(t, err, store.ErrUnavailable, "needs 1 replicas, the master has 0", "start them")
	replica.Restart()
	linked(t, master)
	well("with the replica again")
}

// TestStats: what is counted, and that it counts.
func TestStats(t *testing.T) {
	t.Parallel()
	server := testenv.SharedRedis(t)
	p := cutProxyTo(t, server)
	var said ear
	s := openedAt(t, p.url()+"?read_timeout=200ms", said.options(testenv.Prefix(t)))
	stat := func(name string) int64 {
		t.Helper()
		for _, st := range s.Stats() {
			if st.Name == name {
				return st.Value
			}
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	grows := func(name string, least int64, do func()) {
		t.Helper()
		before := stat(name)
		if do(); stat(name)-before < least {
			t.Errorf("%s grew by %d, want %d at least", name, stat(name)-before, least)
		}
	}
	ann := store.User("ann")
	lookup := func() error { _, err := s.Lookup(t.Context(), ann, "id"); return err }
	grows("redis_round_trips", 1, func() { _ = lookup() })
	rec := signIn(t, s, ann)
	grows("redis_retries", 1, func() {
		p.arm(0, -1) // the reply is lost
		if err := s.Touch(t.Context(), store.TouchRequest{Subject: ann, ID: rec.ID}); err != nil {
			t.Error(err)
		}
	})
	grows("redis_shared_calls", 32, func() {
		if err := crowd(0, 320, func(int) error { return lookup() }); err != nil {
			t.Error(err)
		}
	})
	grows("redis_failures", 1, func() {
		release := p.hold()
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Lookup(ctx, ann, "id"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a held server: %v", err)
		}
	})
	quiet := stat("redis_failures")
	if err := lookup(); err != nil || stat("redis_failures") != quiet {
		t.Errorf("a call that succeeds counts as a failure: %v", err)
	}
}
