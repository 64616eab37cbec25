package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// madeFeed makes its events as they are read: every other one bars an id, the others everything of a subject.
type madeFeed struct {
	birth time.Time
	n     int
}

func (f *madeFeed) Capabilities() store.Capabilities {
	return store.Capabilities{NeverEvicts: true, MaxTokenLife: 24 * time.Hour}
}

func (f *madeFeed) Partitions(context.Context) (int, error) { return 1, nil }

func (f *madeFeed) Poll(_ context.Context, _ int, from store.Position) (store.Batch, error) {
	const page = 1000
	at, _ := strconv.Atoi(from.ID) // the zero position is the first event's
	batch := store.Batch{More: at+page <= f.n}
	for i := at; i < min(at+page, f.n+1); i++ {
		batch.Events = append(batch.Events, f.event(i))
	}
	return batch, nil
}

// event returns the genesis, or the revocation of that number.
func (f *madeFeed) event(i int) store.Event {
	e := store.Event{Position: store.Position{ID: strconv.Itoa(i)}, Birth: f.birth, Time: f.birth.Add(time.Duration(i) * time.Microsecond)}
	if i == 0 {
		return e
	}
	e.Subject, e.Cut, e.CutTime = benchUser(i).Digest(), uint64(f.birth.UnixMicro()), f.birth
	if i%2 == 0 {
		e.IDs = []store.Digest{store.DigestID(strconv.Itoa(i))}
	} else {
		e.Cut, e.CutTime = uint64(e.Time.UnixMicro()), e.Time
	}
	return e
}

func (f *madeFeed) Listen(ctx context.Context, _ func(store.Bell)) error {
	<-ctx.Done()
	return ctx.Err()
}

func benchUser(i int) store.Subject { return store.User("user " + strconv.Itoa(i)) }

// viewSide is a view of so many revocations, and tokens that are good: of every fourth's subject something was revoked.
type viewSide struct {
	b       *testing.B
	view    *revocation.View
	bytes   float64 // for each revocation
	loaded  time.Duration
	queries []revocation.Query
}

const viewTokens = 2048 // which fit a processor's own cache, as tokens do that are in use

func newViewSide(b *testing.B, n int) *viewSide {
	s := &viewSide{b: b}
	before := heap()
	start := time.Now()
	var err error
	s.view, err = revocation.Open(b.Context(), &madeFeed{birth: time.Now().Add(-time.Hour).Truncate(time.Microsecond), n: n}, &revocation.Options{MaxStale: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	s.loaded = time.Since(start)
	b.Cleanup(func() { _ = s.view.Close() })
	s.bytes = float64(heap()-before) / float64(n)
	for i := range viewTokens {
		who := benchUser(-i)
		if i%4 == 0 {
			who = benchUser(1 + i*(n/viewTokens))
		}
		s.queries = append(s.queries, revocation.NewQuery(who, goodToken()))
	}
	return s
}

func goodToken() store.Presented {
	return store.Presented{SessionID: store.NewID(), TokenID: store.NewID(), Seq: uint64(time.Now().UnixMicro()), WithoutRecord: true}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// check judges the tokens in turn.
func (s *viewSide) check(n int) {
	now := time.Now()
	for i := range n {
		if v, err := s.view.Check(now, &s.queries[i%viewTokens]); err != nil || !v.Alive {
			s.b.Fatal(v.Reason, err)
		}
	}
}

// whole makes the query as well, and reads the clock, as a verification does that keeps neither.
func (s *viewSide) whole(n int) {
	who, p := benchUser(-1), goodToken()
	for range n {
		q := revocation.NewQuery(who, p)
		if v, err := s.view.Check(time.Now(), &q); err != nil || !v.Alive {
			s.b.Fatal(v.Reason, err)
		}
	}
}

// denylist asks a store in the same process.
func (s *viewSide) denylist(n int) {
	m, err := memstore.New(nil)
	if err != nil {
		s.b.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	time.Sleep(time.Millisecond) // nobody has a token of the birth's microsecond
	who, p := benchUser(-1), goodToken()
	for range n {
		state, err := m.Lookup(s.b.Context(), who, p.IDs()...)
		if v := state.Verdict(p); err != nil || !v.Alive {
			s.b.Fatal(v.Reason, err)
		}
	}
}

// least returns the shortest time of an operation, and of a garbage collection, of many rounds.
func least(rounds, n int, run func(int)) float64 {
	best := time.Duration(1 << 62)
	for range rounds {
		start := time.Now()
		run(n)
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / float64(n)
}

// BenchmarkView measures the local view: a check among a million revocations, what they take, and what they cost the garbage
// collector.
func BenchmarkView(b *testing.B) {
	const million = 1_000_000
	many, few := newViewSide(b, million), newViewSide(b, 10_000)
	q := &many.queries[0]
	now := time.Now()
	bench.Tell(b,
		bench.Figure{Name: "view: check, 1,000,000 revocations, least of 2000 rounds", Value: least(2000, 1000, many.check), Unit: "ns", Most: 60},
		bench.Figure{Name: "view: allocations of a check", Value: testing.AllocsPerRun(1000, func() { _, _ = many.view.Check(now, q) }), Unit: "", Most: 0},
		bench.Figure{Name: "view: memory for a revocation, 1,000,000", Value: many.bytes, Unit: "B", Most: 40},
		bench.Figure{Name: "view: full GC, 1,000,000 revocations, least of 15", Value: least(15, 1, func(int) { runtime.GC() }) / 1e6, Unit: "ms", Most: 20},
		bench.Figure{Name: "view: 1,000,000 revocations read", Value: many.loaded.Seconds(), Unit: "s", Most: -1},
	)
	bench.Gate(b,
		bench.Row{Name: fmt.Sprintf("view: check, %d revocations / %d", million, 10_000), Of: many.check, By: few.check, Ops: 200_000, Most: 3},
		bench.Row{Name: "view: query, clock and check / the memory store's lookup", Of: many.whole, By: many.denylist, Ops: 50_000, Most: 1},
	)
	runtime.KeepAlive(many)
}
