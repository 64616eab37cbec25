//go:build unix

package faults_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/token"
)

// streams are the feeds of a stand, as the server has them.
func (s *stand) streams() (all []string) {
	keys := keyspace.NewRedis(s.prefix+":", 16)
	for part := range keys.Partitions() {
		all = append(all, keys.Feed(part))
	}
	return all
}

// feedFaults are what can happen to a feed while its followers cannot see it, or see it badly. A view has nothing but the feed, so what takes events out of it is not for views.
var feedFaults = []struct {
	name          string
	view          bool
	spoil, during func(*stand) // before the revocations, and after each
	mend          func(*stand) // behind them
}{
	{"connections are reset with each revocation", true, nothing, func(s *stand) { s.proxy.Reset() }, nothing},
	{"requests vanish", true, func(s *stand) { s.proxy.Hole(true, false) }, nothing, heal},
	{"replies vanish", true, func(s *stand) { s.proxy.Hole(false, true) }, nothing, heal},
	{"the network is away", true, func(s *stand) { s.proxy.Cut() }, nothing, func(s *stand) { s.proxy.Restore() }},
	{"the feed is trimmed to its newest event", false, func(s *stand) { s.proxy.Hole(true, true) }, nothing, func(s *stand) {
		for _, stream := range s.streams() {
			s.server.Do("XTRIM", stream, "MAXLEN", "1")
		}
		heal(s)
	}},
	{"the feed is gone", false, func(s *stand) { s.proxy.Hole(true, true) }, nothing, func(s *stand) {
		s.server.Do(append([]string{"DEL"}, s.streams()...)...)
		heal(s)
	}},
	{"the feed goes back and on from there", true, func(s *stand) {
		for _, stream := range s.streams() {
			s.server.Do("COPY", stream, "before:"+stream)
		}
		for i := range 60 { // the followers come to stand on events that are lost
			if err := s.revoker.Subject(s.Context(), store.User(fmt.Sprint("lost", i)), ""); err != nil {
				s.Fatal(err)
			}
		}
		time.Sleep(stale)
		s.proxy.Hole(true, true)
		for _, stream := range s.streams() {
			s.server.Do("COPY", "before:"+stream, stream, "REPLACE")
		}
	}, nothing, heal},
}

func nothing(*stand) {}

func heal(s *stand) { s.proxy.Hole(false, false) }

// TestFeed: whatever happens to the feed, of what was revoked meanwhile nothing is accepted in a check that began later than
// MaxStale after the acknowledgement, by a cache and by a view; and what was not revoked is soon accepted again, from memory.
// Kills a follower that keeps what it knew over a failed poll, and one that takes a position for proven.
func TestFeed(t *testing.T) {
	for _, tt := range feedFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, storecache.Options{})
			watchers := map[string]*token.Verifier{"cache": s.verifier}
			if tt.view {
				_, watchers["view"] = s.view()
			}
			const tokens = 40
			live := s.login("live")
			pairs := make([]token.Pair, tokens)
			for i := range pairs {
				pairs[i] = s.login(fmt.Sprint("user", i))
				for _, v := range watchers {
					becomes(t, v, pairs[i], accepted)
				}
			}
			time.Sleep(stale) // a follower stands on the newest event
			tt.spoil(s)
			acked := make([]time.Duration, tokens)
			for i, pair := range pairs {
				if err := s.revoker.Subject(t.Context(), pair.Session.Subject, "gone"); err != nil {
					t.Fatal(err)
				}
				acked[i] = clock()
				tt.during(s)
			}
			mended := time.AfterFunc(stale/2, func() { tt.mend(s) }) // while caches still may answer
			defer mended.Stop()
			var all sync.WaitGroup
			for name, v := range watchers {
				all.Go(func() {
					worst := s.watch(v, pairs, acked)
					t.Logf("%s: revocations %d, worst staleness %v", name, tokens, worst.Round(time.Millisecond))
				})
			}
			if all.Wait(); t.Failed() {
				return
			}
			for _, v := range watchers {
				becomes(t, v, live, accepted)
			}
			fromMemory := func() int64 { return stat(s.cache, "cache_hits") + stat(s.verifier, "token_cache_hits") }
			for since, hits := clock(), fromMemory(); fromMemory() == hits; time.Sleep(time.Millisecond) {
				becomes(t, s.verifier, live, accepted)
				if clock()-since > 10*time.Second {
					t.Fatal("the cache does not answer any more")
				}
			}
		})
	}
}

// watch checks all tokens until each was refused, and returns how long after its acknowledgement one was still accepted.
func (s *stand) watch(v *token.Verifier, pairs []token.Pair, acked []time.Duration) (worst time.Duration) {
	s.Helper()
	dead := make([]bool, len(pairs))
	for since, left := clock(), len(pairs); left > 0; {
		for i, pair := range pairs {
			if dead[i] {
				continue
			}
			said, began := check1(s, v, pair)
			switch {
			case said == refused:
				dead[i] = true
				left--
			case said == accepted && began-acked[i] > stale:
				s.Errorf("a token was accepted %v after its revocation was acknowledged", began-acked[i])
				return worst
			case said == accepted:
				worst = max(worst, began-acked[i])
			}
			if said == unanswered && clock()-since > 20*time.Second {
				s.Error("no answers any more")
				return worst
			}
		}
	}
	for i, pair := range pairs { // and so it stays
		if said, _ := check1(s, v, pair); said != refused {
			s.Errorf("token %d was refused, and is then judged %d", i, said)
		}
	}
	return worst
}
