package store_test

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

func TestStamp(t *testing.T) {
	type caches struct {
		gen, absent, epoch atomic.Uint64
		writes             atomic.Int64
		synced             atomic.Pointer[time.Time]
	}
	start := now // without a monotonic reading: both differences are the wall's
	for _, c := range []struct {
		name   string
		source func(*store.StampSource)
		then   func(*caches)
		after  time.Duration
		want   bool
	}{
		{name: "fresh", want: true},
		{name: "just before its age", after: time.Minute - 1, want: true},
		{name: "of its age", after: time.Minute},
		{name: "a change in the shard", then: func(c *caches) { c.gen.Add(1) }},
		{name: "an Issue in the shard", then: func(c *caches) { c.absent.Add(1) }},
		{name: "an Issue in the shard, and nothing unknown in the answer", source: func(s *store.StampSource) { s.Absent = nil }, then: func(c *caches) { c.absent.Add(1) }, want: true},
		{name: "a write in the shard is on its way", then: func(c *caches) { c.writes.Add(1) }},
		{name: "a write in the shard is over", then: func(c *caches) { c.writes.Add(1); c.writes.Add(-1) }, want: true},
		{name: "a cache that looks at writes itself", source: func(s *store.StampSource) { s.Writes = nil }, then: func(c *caches) { c.writes.Add(1) }, want: true},
		{name: "a doubt about everything", then: func(c *caches) { c.epoch.Add(1) }},
		{name: "a change before the answer was asked for", source: func(s *store.StampSource) { s.GenSeen = 6 }},
		{name: "the clock set back less than its age", after: -30 * time.Second, want: true},
		{name: "the clock set back by its age", after: -time.Minute},
		{name: "no poll for longer than MaxStale", after: 3 * time.Second, source: func(s *store.StampSource) { s.MaxStale = 2 * time.Second }},
		{name: "a poll just within MaxStale", after: 2 * time.Second, source: func(s *store.StampSource) { s.MaxStale = 2 * time.Second }, want: true},
		{name: "never polled", then: func(c *caches) { c.synced.Store(nil) }},
		{name: "a cache without a feed", after: 3 * time.Second, source: func(s *store.StampSource) { s.SyncedAt, s.MaxStale = nil, 0 }, want: true},
		{name: "no counter of changes", source: func(s *store.StampSource) { s.Gen = nil }},
		{name: "no counter of doubts", source: func(s *store.StampSource) { s.Epoch = nil }},
		{name: "no time", source: func(s *store.StampSource) { s.At = time.Time{} }},
		{name: "no bound on its age", source: func(s *store.StampSource) { s.MaxAge = 0 }},
		{name: "a negative bound", source: func(s *store.StampSource) { s.MaxAge = -1 }},
		{name: "a feed without a bound", source: func(s *store.StampSource) { s.MaxStale = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k caches
			k.gen.Store(7)
			k.epoch.Store(8)
			k.synced.Store(&start)
			s := store.StampSource{
				Gen: &k.gen, GenSeen: 7, Writes: &k.writes, Absent: &k.absent, Epoch: &k.epoch, EpochSeen: 8, SyncedAt: &k.synced, At: start, MaxAge: time.Minute, MaxStale: time.Hour,
			}
			if c.source != nil {
				c.source(&s)
			}
			stamp := store.NewStamp(s)
			if c.then != nil {
				c.then(&k)
			}
			if got := stamp.Valid(start.Add(c.after)); got != c.want {
				t.Errorf("valid=%v, want %v", got, c.want)
			}
		})
	}
	t.Run("the zero stamp is never valid", func(t *testing.T) {
		if (store.Stamp{}).Valid(time.Now()) || (store.Stamp{}).Valid(time.Time{}) {
			t.Error("ask again")
		}
	})
	t.Run("times with a monotonic reading count too", func(t *testing.T) {
		var k caches
		at := time.Now()
		stamp := store.NewStamp(store.StampSource{Gen: &k.gen, Epoch: &k.epoch, At: at, MaxAge: time.Minute})
		if !stamp.Valid(at.Add(59*time.Second)) || stamp.Valid(at.Add(61*time.Second)) {
			t.Error("the difference is the age")
		}
	})
	t.Run("asking allocates nothing", func(t *testing.T) {
		var k caches
		k.synced.Store(&start)
		stamp := store.NewStamp(store.StampSource{Gen: &k.gen, Epoch: &k.epoch, SyncedAt: &k.synced, At: start, MaxAge: time.Minute, MaxStale: time.Minute})
		if n := testing.AllocsPerRun(100, func() { _ = stamp.Valid(start) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// TestStampAnd: what stands on two answers holds while both do, and is as old as the older.
func TestStampAnd(t *testing.T) {
	var gens [3]atomic.Uint64
	stamp := func(n int, maxAge time.Duration, at time.Time) store.Stamp {
		return store.NewStamp(store.StampSource{Gen: &gens[n], Epoch: new(atomic.Uint64), At: at, MaxAge: maxAge})
	}
	all := stamp(0, time.Hour, now).And(stamp(1, time.Minute, now.Add(-time.Second))).And(stamp(2, time.Hour, now))
	if !all.Valid(now) || all.Valid(now.Add(59*time.Second)) || all.Age(now) != time.Second {
		t.Errorf("valid: %v, at the end of one: %v, %v old", all.Valid(now), all.Valid(now.Add(59*time.Second)), all.Age(now))
	}
	if all.And(store.Stamp{}).Valid(now) || (store.Stamp{}).And(all).Valid(now) || (store.Stamp{}).Age(now) != math.MaxInt64 {
		t.Error("the zero stamp is never valid, whatever it stands beside")
	}
	for n := range gens {
		gens[n].Add(1)
		if all.Valid(now) {
			t.Errorf("counter %d has moved", n)
		}
		gens[n].Add(^uint64(0))
	}
	if !all.Valid(now) {
		t.Error("the counters are as they were")
	}
}
