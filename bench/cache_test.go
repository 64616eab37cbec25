package bench_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// otterEngine and mapEngine stand beside the default, ristretto.
type otterEngine struct {
	c *otter.Cache[uint64, sized]
}

type sized struct {
	a     *storecache.Answer
	bytes uint32
}

func newOtter(maxBytes int64) (storecache.Engine, error) {
	c, err := otter.New(&otter.Options[uint64, sized]{
		MaximumWeight: uint64(maxBytes), //nolint:gosec // it is positive
		Weigher:       func(_ uint64, s sized) uint32 { return s.bytes },
	})
	if err != nil {
		return nil, err
	}
	return otterEngine{c}, nil
}

func (e otterEngine) Get(key uint64) (*storecache.Answer, bool) {
	s, ok := e.c.GetIfPresent(key)
	return s.a, ok
}

func (e otterEngine) Set(key uint64, a *storecache.Answer, bytes int64) bool {
	e.c.Set(key, sized{a, uint32(bytes)}) //nolint:gosec // an answer is small
	return true
}

func (e otterEngine) Close() { e.c.StopAllGoroutines() }

// mapEngine is a sharded map that evicts whatever comes first.
type mapEngine struct {
	shards [256]struct {
		sync.RWMutex
		m     map[uint64]sized
		bytes int64
	}
	most int64
}

func newMap(maxBytes int64) (storecache.Engine, error) {
	e := &mapEngine{most: maxBytes / 256}
	for i := range e.shards {
		e.shards[i].m = map[uint64]sized{}
	}
	return e, nil
}

func (e *mapEngine) Get(key uint64) (*storecache.Answer, bool) {
	s := &e.shards[key%256]
	s.RLock()
	defer s.RUnlock()
	v, ok := s.m[key]
	return v.a, ok
}

func (e *mapEngine) Set(key uint64, a *storecache.Answer, bytes int64) bool {
	s := &e.shards[key%256]
	s.Lock()
	defer s.Unlock()
	s.bytes += bytes - int64(s.m[key].bytes)
	s.m[key] = sized{a, uint32(bytes)} //nolint:gosec // an answer is small
	for k, v := range s.m {
		if s.bytes <= e.most {
			break
		}
		s.bytes -= int64(v.bytes)
		delete(s.m, k)
	}
	return true
}

func (e *mapEngine) Close() {}

// cacheSide is a cache over a memory store of n sessions of as many users.
type cacheSide struct {
	b        *testing.B
	c        *storecache.Cache
	inner    *memstore.Store
	subjects []store.Subject
}

func newCacheSide(b *testing.B, n int, o storecache.Options) *cacheSide {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	s, err := memstore.New(nil)
	must(err)
	o.MaxStale, o.MaxAge = time.Hour, time.Hour
	c, err := storecache.New(b.Context(), s, &o)
	must(err)
	b.Cleanup(func() { must(c.Close()) })
	side := &cacheSide{b: b, c: c, inner: s}
	for i := range n {
		subject := store.User(fmt.Sprint("user ", i))
		_, err := s.Issue(b.Context(), store.IssueRequest{Record: store.Record{ID: "session", Subject: subject, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
		must(err)
		side.subjects = append(side.subjects, subject)
	}
	for { // until the feed was polled
		if lag, ok := c.Lag(); ok && lag < time.Hour {
			return side
		}
	}
}

func (s *cacheSide) ask(subject store.Subject) {
	if _, err := s.c.Lookup(s.b.Context(), subject, "session", "token"); err != nil {
		s.b.Fatal(err)
	}
}

// hot asks for a thousand users, who are all known.
func (s *cacheSide) hot(n int) {
	for i := range n {
		s.ask(s.subjects[i%1000])
	}
}

func (s *cacheSide) bare(n int) {
	for i := range n {
		if _, err := s.inner.Lookup(s.b.Context(), s.subjects[i%1000], "session", "token"); err != nil {
			s.b.Fatal(err)
		}
	}
}

// cold asks what nobody has asked before.
func (s *cacheSide) cold() func(int) {
	asked := 0
	return func(n int) {
		for range n {
			asked++
			if _, err := s.c.Lookup(s.b.Context(), s.subjects[0], "session", fmt.Sprint(asked)); err != nil {
				s.b.Fatal(err)
			}
		}
	}
}

// ratio is how many of Zipf-distributed questions are answered from memory.
func (s *cacheSide) ratio() float64 {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, uint64(len(s.subjects)-1)) //nolint:gosec // the same for all
	count := func() (hits, misses float64) {
		for _, st := range store.Stats(s.c) {
			switch st.Name {
			case "cache_hits":
				hits = float64(st.Value)
			case "cache_misses":
				misses = float64(st.Value)
			}
		}
		return hits, misses
	}
	for range 200_000 {
		s.ask(s.subjects[zipf.Uint64()])
	}
	h, m := count()
	for range 200_000 {
		s.ask(s.subjects[zipf.Uint64()])
	}
	hits, misses := count()
	return (hits - h) / (hits - h + misses - m)
}

func BenchmarkCache(b *testing.B) {
	engines := []struct {
		name string
		make func(int64) (storecache.Engine, error)
	}{{"ristretto", nil}, {"otter", newOtter}, {"a sharded map", newMap}}
	var sides []*cacheSide
	for _, e := range engines {
		small := newCacheSide(b, 20_000, storecache.Options{MaxBytes: 2000 * 1000, Engine: e.make})
		fmt.Printf("hit ratio with room for a tenth, Zipf 1.01, %s: %.3f\n", e.name, small.ratio())
		side := newCacheSide(b, 1000, storecache.Options{Engine: e.make})
		side.hot(1000)
		time.Sleep(50 * time.Millisecond) // ristretto's queue
		sides = append(sides, side)
	}
	fmt.Printf("a hit: %v allocations\n", testing.AllocsPerRun(1000, func() { sides[0].hot(1) }))
	bench.Gate(b,
		bench.Row{Name: "cache hit to a bare memory Lookup", Of: sides[0].hot, By: sides[0].bare, Ops: 20_000},
		bench.Row{Name: "cache miss to a bare memory Lookup", Of: sides[0].cold(), By: sides[0].bare, Ops: 5000},
		bench.Row{Name: "cache hit, ristretto to otter", Of: sides[0].hot, By: sides[1].hot, Ops: 20_000},
		bench.Row{Name: "cache hit, ristretto to a sharded map", Of: sides[0].hot, By: sides[2].hot, Ops: 20_000},
		bench.Row{Name: "cache miss, ristretto to otter", Of: sides[0].cold(), By: sides[1].cold(), Ops: 5000},
	)
}
