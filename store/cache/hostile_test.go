package storecache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// ends logs ann in for so long.
func (s stand) ends(id string, in time.Duration) {
	s.t.Helper()
	_, err := s.g.Issue(s.t.Context(), store.IssueRequest{Record: store.Record{ID: id, Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(in)}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestSlowReply: a record ends by the time at which the store read it, however long its reply took. Kills a clock that
// begins with the reply.
func TestSlowReply(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.ends("a", 10*time.Second)
		release := make(chan struct{})
		s.g.set(func() { s.g.answer = release })
		time.AfterFunc(5*time.Second, func() { close(release) })
		s.status("a")
		s.g.set(func() { s.g.answer = nil })
		time.Sleep(4 * time.Second)
		if s.status("a") != store.Live {
			s.t.Error("it has not ended")
		}
		time.Sleep(1500 * time.Millisecond)
		if got := s.status("a"); got != store.Unknown {
			s.t.Errorf("half a second after its end it is %v", got)
		}
	})
}

// asleep is a time as a machine shows it whose monotonic clock stood still for a while.
func asleep(now time.Time, d time.Duration) time.Time {
	now = now.Add(d)
	*(*int64)(unsafe.Add(unsafe.Pointer(&now), unsafe.Sizeof(uint64(0)))) -= int64(d) // the monotonic half of a Time
	return now
}

// TestEndsAsleep: a machine that slept over the end of a session does not take it for live when it wakes, though the feed is
// heard again and the answer is young enough. Kills an end by the monotonic clock alone.
func TestEndsAsleep(t *testing.T) {
	var slept atomic.Int64
	now := func() time.Time { return asleep(time.Now(), time.Duration(slept.Load())) }
	if d := now().Sub(time.Now().Round(0)); d < -time.Second || d > time.Second {
		t.Fatalf("the clock is %v off", d)
	}
	s, err := memstore.New(&memstore.Options{Now: func() time.Time { return now().Round(0) }, SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := storecache.New(t.Context(), s, &storecache.Options{MaxAge: time.Hour, MaxStale: 300 * time.Millisecond, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, err = s.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "a", Subject: ann, Link: store.NewLink(), ExpiresAt: now().Add(10 * time.Minute)}})
	if err != nil {
		t.Fatal(err)
	}
	kept := func() (store.Status, bool) {
		before := stat(c, "cache_hits")
		st, err := c.Lookup(t.Context(), ann, "a")
		if err != nil {
			t.Fatal(err)
		}
		return st.Entries[0].Status, stat(c, "cache_hits") > before
	}
	for hit := false; !hit; _, hit = kept() {
		time.Sleep(time.Millisecond)
	}
	slept.Store(int64(20 * time.Minute))
	woke := time.Now()
	for time.Since(woke) < time.Second { // the feed is heard again after a poll
		if got, _ := kept(); got != store.Unknown {
			t.Fatalf("ten minutes after its end it is %v", got)
		}
		time.Sleep(time.Millisecond)
	}
}

func stat(c *storecache.Cache, name string) int64 {
	for _, s := range c.Stats() {
		if s.Name == name {
			return s.Value
		}
	}
	return -1
}

// swapped is a store that answers with another's record.
type swapped struct {
	*memstore.Store
	change func(*store.Record)
}

func (s swapped) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	st, err := s.Store.Lookup(ctx, subject, ids...)
	for i := range st.Entries {
		if st.Entries[i].Status == store.Live {
			s.change(&st.Entries[i].Record)
		}
	}
	return st, err
}

// TestSwappedRecord: a store that answers with another's record is not believed, nor made to look right.
func TestSwappedRecord(t *testing.T) {
	for name, change := range map[string]func(*store.Record){
		"another id":      func(r *store.Record) { r.ID = "b" },
		"another subject": func(r *store.Record) { r.Subject.Name = "bob" },
		"another realm":   func(r *store.Record) { r.Subject.Realm = "elsewhere" },
	} {
		s, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := storecache.New(t.Context(), swapped{s, change}, nil)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Issue(t, s, ann, storetest.Login{ID: "a"})
		if st, err := c.Lookup(t.Context(), ann, "a"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, %+v", name, err, st.Entries)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// crowd is a store that counts how many are in its Lookup at once.
type crowd struct {
	*memstore.Store
	in, most, all atomic.Int64
	err           atomic.Pointer[error]
}

func (s *crowd) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	s.all.Add(1)
	n := s.in.Add(1)
	defer s.in.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	time.Sleep(time.Second) // of a synctest bubble
	if err := s.err.Load(); err != nil {
		return store.State{}, *err
	}
	return s.Store.Lookup(ctx, subject, ids...)
}

func inCrowd(t *testing.T, o storecache.Options, tell func(*testing.T, *crowd, *storecache.Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &crowd{Store: m}
		c, err := storecache.New(t.Context(), s, &o)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(t, s, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestMaxReads: no more than MaxReads ask the store at once, everybody has a turn, and who waits in vain ends by its context.
func TestMaxReads(t *testing.T) {
	inCrowd(t, storecache.Options{MaxReads: 4}, func(t *testing.T, s *crowd, c *storecache.Cache) {
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				if _, err := c.Lookup(t.Context(), ann, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			start := time.Now()
			if _, err := c.Lookup(ctx, ann, "hasty"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
		start := time.Now()
		all.Wait()
		took := time.Since(start)
		synctest.Wait()
		if got := s.most.Load(); got != 4 || s.all.Load() != 40 || took != 10*time.Second {
			t.Errorf("%d at once, %d in all, in %v", got, s.all.Load(), took)
		}
	})
}

// TestErrorsAreNotKept: an error is those callers' that shared the question, and nobody's after them.
func TestErrorsAreNotKept(t *testing.T) {
	inCrowd(t, storecache.Options{}, func(t *testing.T, s *crowd, c *storecache.Cache) {
		odd := errors.New("odd")
		s.err.Store(&odd)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				var e *store.Error
				if _, err := c.Lookup(t.Context(), ann, "a"); !errors.Is(err, odd) || !errors.As(err, &e) || e.Op != "lookup" || e.Subject != ann.Digest() {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s.err.Store(nil)
		if _, err := c.Lookup(t.Context(), ann, "a"); err != nil || s.all.Load() != 2 {
			t.Errorf("%v after %d questions", err, s.all.Load())
		}
	})
}

// TestClosing: Close calls off what is on its way, which is ErrClosed for who waits, and everything after it is.
func TestClosing(t *testing.T) {
	inBubble(t, storecache.Options{MaxReads: 1}, nil, func(s stand) {
		s.login("a")
		s.g.set(func() { s.g.answer = make(chan struct{}) })
		var all sync.WaitGroup
		for i := range 3 { // the second shares the first's question, and the third waits for its turn
			all.Go(func() {
				if _, err := s.c.Lookup(s.t.Context(), ann, fmt.Sprint(i/2)); !errors.Is(err, store.ErrClosed) {
					s.t.Errorf("on its way: %v", err)
				}
			})
		}
		synctest.Wait()
		if err := s.c.Close(); err != nil {
			s.t.Error(err)
		}
		all.Wait()
		s.g.set(func() { s.g.answer = nil })
		for what, call := range map[string]func() error{
			"lookup": func() error { _, err := s.c.Lookup(s.t.Context(), ann, "a"); return err },
			"guard":  func() error { _, err := s.c.Lookup(s.t.Context(), ann); return err },
			"revoke": func() error { return s.c.Revoke(s.t.Context(), store.Revocation{Subject: ann, All: true}) },
			"ping":   func() error { return s.c.Ping(s.t.Context()) },
			"poll":   func() error { _, err := s.c.Poll(s.t.Context(), 0, store.Position{}); return err },
		} {
			if err := call(); !errors.Is(err, store.ErrClosed) {
				s.t.Errorf("%s after Close: %v", what, err)
			}
		}
	})
}

// TestPanics: a store's panic is its callers', and no end of the process.
func TestPanics(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := storecache.New(t.Context(), swapped{s, func(*store.Record) { panic("odd") }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	storetest.Issue(t, s, ann, storetest.Login{ID: "a"})
	for range 3 {
		func() {
			defer func() {
				if got := recover(); got != "odd" {
					t.Errorf("it panics with %v", got)
				}
			}()
			_, err := c.Lookup(t.Context(), ann, "a")
			t.Errorf("it returned %v", err)
		}()
	}
}

// TestJitter: answers that were read together end one after another, none later than MaxAge nor earlier than nine tenths.
func TestJitter(t *testing.T) {
	inBubble(t, storecache.Options{MaxAge: 10 * time.Second}, nil, func(s stand) {
		ids := make([]string, 200)
		start := time.Now()
		for i := range ids {
			ids[i] = fmt.Sprint("id ", i)
			s.login(ids[i])
			s.status(ids[i])
		}
		for _, tt := range []struct {
			after     time.Duration
			least, by int // of the answers that still count
		}{{9*time.Second - 1, 200, 200}, {9500 * time.Millisecond, 60, 140}, {10 * time.Second, 0, 0}} {
			time.Sleep(time.Until(start.Add(tt.after)))
			n := 0
			for _, id := range ids {
				before := stat(s.c, "cache_hits")
				s.status(id)
				n += int(stat(s.c, "cache_hits") - before)
			}
			if n < tt.least || n > tt.by {
				t.Errorf("after %v %d count, want %d to %d", tt.after, n, tt.least, tt.by)
			}
			if tt.after == 9500*time.Millisecond {
				break
			}
		}
	})
}

// TestMaxAbsent: of answers of unknown ids no more are kept than that, and none where there is to be none; an attacker with
// random ids takes none of the others' places.
func TestMaxAbsent(t *testing.T) {
	for _, tt := range []struct{ most, least, by int }{{-1, 0, 0}, {4, 1, 4}, {5, 1, 8}, {1 << 12, 90, 100}} {
		inBubble(t, storecache.Options{MaxAbsent: tt.most, MaxStale: time.Minute}, nil, func(s stand) {
			s.login("a")
			s.status("a")
			for range 2 { // the second time there are hits
				for i := range 100 {
					s.status(fmt.Sprint("unknown ", i))
				}
			}
			if s.status("a") != store.Live || s.g.asked > 201 {
				t.Errorf("%d questions", s.g.asked)
			}
			before := stat(s.c, "cache_hits")
			for i := range 100 {
				s.status(fmt.Sprint("unknown ", 99-i)) // backwards: the last are there
			}
			if n := int(stat(s.c, "cache_hits") - before); n < tt.least || n > tt.by {
				t.Errorf("MaxAbsent %d keeps %d, want %d to %d", tt.most, n, tt.least, tt.by)
			}
		})
	}
}

// TestStats: each counter says what it is documented to say.
func TestStats(t *testing.T) {
	inBubble(t, storecache.Options{}, func(g *gate) { g.deaf = true }, func(s stand) {
		parts := stat(s.c, "cache_flushes")
		if n, err := s.c.Partitions(s.t.Context()); err != nil || int64(n) != parts {
			t.Errorf("%d partitions and %d flushes, %v", n, parts, err)
		}
		want := map[string]int64{}
		expect := func(what string) {
			t.Helper()
			for _, name := range []string{"cache_hits", "cache_misses", "cache_shared", "cache_stale", "cache_events", "cache_drops", "cache_feed_errors"} {
				if got := stat(s.c, name); got != want[name] {
					t.Errorf("%s: %s is %d, want %d", what, name, got, want[name])
				}
			}
		}
		s.login("a")
		expect("at first")
		s.status("a")
		want["cache_misses"]++
		expect("a miss")
		s.status("a")
		want["cache_hits"]++
		expect("a hit")
		if err := s.g.Revoke(s.t.Context(), store.Revocation{Subject: ann, IDs: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(maxStale)
		want["cache_events"]++
		expect("an event")
		s.status("a")
		want["cache_misses"]++
		want["cache_stale"]++
		expect("an answer that does not count")
		release := make(chan struct{})
		s.g.set(func() { s.g.answer = release })
		for range 3 {
			go func() { _, _ = s.c.Lookup(s.t.Context(), ann, "b") }()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		want["cache_misses"] += 3
		want["cache_shared"] += 2
		expect("three at once")
		s.g.set(func() { s.g.broken = errors.New("no answer") })
		time.Sleep(maxStale)
		synctest.Wait()
		failed := stat(s.c, "cache_feed_errors")
		if failed < parts || failed > 4*parts {
			t.Errorf("%d failed polls of %d partitions in three polls' time", failed, parts)
		}
	})
}

// TestEveryRevocationIsTold: what another process does to end a session is over everywhere within MaxStale, by each verb that
// can, over a feed without a bell.
func TestEveryRevocationIsTold(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, s store.TokenStore, r store.Record) error{
		"ids": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{r.ID}})
		},
		"all": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, All: true})
		},
		"others": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "kept"}})
		},
		"others of a class": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "kept", Class: "web"}})
		},
		"forget": func(ctx context.Context, s store.TokenStore, _ store.Record) error { return s.Forget(ctx, ann) },
		"a limited login": func(ctx context.Context, s store.TokenStore, _ store.Record) error {
			_, err := s.Issue(ctx, store.IssueRequest{
				Record: store.Record{ID: "new", Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)},
				Limit:  store.Limit{MaxPerClass: 1, Policy: store.EvictOldest},
			})
			return err
		},
		"reuse": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			out, err := s.Rotate(ctx, store.RotateRequest{Subject: ann, ID: r.ID, Link: store.NewLink(), NextLink: store.NewLink()})
			if err == nil && out.Outcome != store.Reused {
				err = fmt.Errorf("outcome %v", out.Outcome)
			}
			return err
		},
		"an earlier end": func(ctx context.Context, s store.TokenStore, r store.Record) error {
			_, err := s.Update(ctx, store.UpdateRequest{Subject: ann, ID: r.ID, Version: r.Version, ExpiresAt: time.Now().Add(time.Millisecond)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, storecache.Options{MaxAge: time.Hour}, func(g *gate) { g.deaf = true }, func(s stand) {
				s.login("kept")
				out, err := s.g.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "a", Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
				if err != nil {
					t.Fatal(err)
				}
				s.status("a")
				asked := s.g.asked
				if s.status("a") != store.Live || s.g.asked != asked {
					t.Fatal("it must be kept")
				}
				if err := end(t.Context(), s.g, out.Record); err != nil {
					t.Fatal(err)
				}
				time.Sleep(maxStale + time.Millisecond)
				if s.status("a") == store.Live {
					t.Error("it lives")
				}
			})
		})
	}
}

// TestSecondID: a login with an id that was asked for beside a live one is seen at once. Kills an answer that counts no
// Issues since something in it lives.
func TestSecondID(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		for _, want := range []store.Status{store.Unknown, store.Unknown, store.Live} {
			st, err := s.c.Lookup(s.t.Context(), ann, "a", "b")
			if err != nil || st.Entries[1].Status != want {
				s.t.Errorf("%v, want %v: %v", st.Entries[1].Status, want, err)
			}
			synctest.Wait()
			if stat(s.c, "cache_hits") == 0 {
				continue
			}
			_, err = s.c.Issue(s.t.Context(), store.IssueRequest{Record: store.Record{ID: "b", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
			if err != nil && !errors.Is(err, store.ErrExists) {
				s.t.Fatal(err)
			}
		}
	})
}

// short is a store that answers to fewer ids than it is asked.
type short struct{ *memstore.Store }

func (s short) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	return s.Store.Lookup(ctx, subject, ids[:len(ids)-1]...)
}

// TestShortAnswer: an answer without all that was asked for is none, and no panic of who reads it.
func TestShortAnswer(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := storecache.New(t.Context(), short{s}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Lookup(t.Context(), ann, "a", "b"); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
}

// TestTwoProcesses: two caches on one store, whose writes come in any order, with ids that are used again when their marks
// have ended. Each answer is held to the promise.
func TestTwoProcesses(t *testing.T) {
	seeds := uint64(10)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		prepare := func(g *gate) {
			_ = g.Store.Close()
			g.deaf = seed%2 == 0
			g.Store, _ = memstore.New(&memstore.Options{MaxTokenLife: time.Second})
		}
		inBubble(t, storecache.Options{MaxAge: time.Hour}, prepare, func(s stand) {
			other, err := storecache.New(s.t.Context(), storetest.NewFaults(s.g), &storecache.Options{MaxAge: time.Hour})
			if err != nil {
				s.t.Fatal(err)
			}
			synctest.Wait()
			h := &history{
				T: s.t, rand: rand.New(rand.NewPCG(seed, 7)), caches: []*storecache.Cache{s.c, other},
				ended: map[string]deed{}, begun: map[string]deed{}, known: map[string]bool{},
			}
			for range 1500 {
				h.step()
			}
			if h.live < 100 || h.dead < 100 || h.again == 0 {
				s.t.Errorf("%d live and %d dead answers, %d ids again: that proves nothing", h.live, h.dead, h.again)
			}
			if err := other.Close(); err != nil {
				s.t.Error(err)
			}
		})
	}
}

// deed is when something was done to an id, and by which process.
type deed struct {
	at time.Time
	by int
}

// history is what two processes do to the sessions of one user.
type history struct {
	*testing.T
	rand              *rand.Rand
	caches            []*storecache.Cache
	ids               [4]string // those in use
	ended, begun      map[string]deed
	known             map[string]bool // what was ever issued
	live, dead, again int
}

func (h *history) step() {
	by, n := h.rand.IntN(2), h.rand.IntN(len(h.ids))
	c, ctx, id := h.caches[by], h.Context(), &h.ids[n]
	switch n := h.rand.IntN(60); {
	case n < 2:
		h.no(c.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{cmp.Or(*id, "none")}}))
		h.end(by, *id)
	case n == 2:
		h.no(c.Revoke(ctx, store.Revocation{Subject: ann, All: true}))
		h.end(by, h.ids[:]...)
	case n == 3:
		h.no(c.Forget(ctx, ann))
		h.end(by, h.ids[:]...)
	case n == 4:
		time.Sleep(6 * time.Minute) // marks end
	case n < 12:
		h.login(by, id)
	case n < 16:
		time.Sleep(time.Duration(h.rand.Int64N(int64(maxStale))))
	default:
		h.ask(by, cmp.Or(*id, "none"))
	}
	if h.rand.IntN(3) == 0 {
		synctest.Wait() // the engines keep what they were given
	}
}

func (h *history) end(by int, ids ...string) {
	for _, id := range ids {
		h.ended[id] = deed{time.Now(), by}
		delete(h.begun, id)
	}
}

// login begins a session with the id of one before, or with a new one.
func (h *history) login(by int, id *string) {
	if *id == "" || (h.rand.IntN(3) == 0 && h.begun[*id] == (deed{})) {
		*id = store.NewID()
	}
	_, err := h.caches[by].Issue(h.Context(), store.IssueRequest{Record: store.Record{ID: *id, Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(1000 * time.Hour)}})
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrRevoked) {
		return
	}
	h.no(err)
	if h.known[*id] {
		h.again++
	}
	h.known[*id] = true
	delete(h.ended, *id)
	h.begun[*id] = deed{time.Now(), by}
}

func (h *history) no(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// ask holds an answer to the promise. Of a login elsewhere an answer of unknown ids hears nothing for a second; one of a dead
// id is as old as MaxAge lets it.
func (h *history) ask(by int, id string) {
	st, err := h.caches[by].Lookup(h.Context(), ann, id)
	h.no(err)
	ended, dead := h.ended[id]
	begun, live := h.begun[id]
	if got := st.Entries[0].Status; got == store.Live {
		h.live++
		if dead && (ended.by == by || time.Since(ended.at) > maxStale) {
			h.Errorf("an id lives %v after its end, by process %d, for process %d", time.Since(ended.at), ended.by, by)
		}
	} else {
		h.dead++
		if live && (begun.by == by || (time.Since(begun.at) > time.Second && got == store.Unknown)) {
			h.Errorf("an id is %v %v after its login, by process %d, for process %d", got, time.Since(begun.at), begun.by, by)
		}
	}
}

// TestLateWrite: a login's first attempt comes so late that its caller has long been told that it failed; the repeat finds it
// done and does not say whom it ended. Kills a repeat that moves no counter.
func TestLateWrite(t *testing.T) {
	inBubble(t, storecache.Options{}, func(g *gate) { g.deaf = true }, func(s stand) {
		s.login("a")
		r := store.IssueRequest{
			Record: store.Record{ID: "b", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)},
			Limit:  store.Limit{Max: 1, Policy: store.EvictOldest},
		}
		if s.status("a") != store.Live {
			s.t.Fatal("it lives")
		}
		if out, err := s.g.Issue(s.t.Context(), r); err != nil || len(out.Evicted) != 1 { // the late one
			s.t.Fatal(err, out.Evicted)
		}
		if out, err := s.c.Issue(s.t.Context(), r); err != nil || len(out.Evicted) != 0 {
			s.t.Fatal(err, out.Evicted)
		}
		if s.status("a") == store.Live {
			s.t.Error("this process ended it")
		}
	})
}

// TestLostLogin: a login whose reply was lost is seen by who asks with what it was to issue. Kills a count of Issues that
// only acknowledged ones move.
func TestLostLogin(t *testing.T) {
	s, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFaults(s)
	c, err := storecache.New(t.Context(), f, &storecache.Options{MaxStale: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for stat(c, "cache_hits") == 0 {
		if st, err := c.Lookup(t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Unknown {
			t.Fatal(err, st.Entries)
		}
	}
	f.Inject(storetest.Fault{Verb: storetest.VerbIssue, After: true, Err: store.ErrUnavailable})
	_, err = c.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "a", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	if st, err := c.Lookup(t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Live {
		t.Error(err, st.Entries)
	}
}

// TestEndedContext: who has no time left gets no answer, from memory either. Kills a hit that does not look.
func TestEndedContext(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		s.status("a")
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		for _, id := range []string{"a", "b"} {
			if _, err := s.c.Lookup(ctx, ann, id); !errors.Is(err, context.Canceled) {
				s.t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// TestBadQuestions: what a store refuses is refused before it is asked, and no error names a subject that is none.
func TestBadQuestions(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		for what, q := range map[string]struct {
			s   store.Subject
			ids []string
		}{
			"no name":      {store.Subject{Kind: store.KindUser}, []string{"a"}},
			"an empty id":  {ann, []string{""}},
			"a long id":    {ann, []string{strings.Repeat("x", 257)}},
			"too many ids": {ann, make([]string, store.MaxIDs+1)},
		} {
			var e *store.Error
			if _, err := s.c.Lookup(s.t.Context(), q.s, q.ids...); !errors.Is(err, store.ErrInvalid) || !errors.As(err, &e) || !e.Subject.IsZero() {
				s.t.Errorf("%s: %v", what, err)
			}
		}
		if s.g.asked != 0 {
			s.t.Errorf("%d questions", s.g.asked)
		}
	})
}
