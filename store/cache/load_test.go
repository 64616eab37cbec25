package storecache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

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
	for most := s.most.Load(); n > most; most = s.most.Load() {
		if s.most.CompareAndSwap(most, n) {
			break
		}
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

// TestClosingOld: Close calls off what is too old to be joined, too, and does not wait for a store that hangs. Kills a second
// flight in the first one's place.
func TestClosingOld(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.g.set(func() { s.g.answer = make(chan struct{}) })
		var all sync.WaitGroup
		for range 3 {
			for range 2 {
				all.Go(func() {
					if _, err := s.c.Lookup(s.t.Context(), ann, "a"); !errors.Is(err, store.ErrClosed) {
						s.t.Errorf("on its way: %v", err)
					}
				})
			}
			time.Sleep(maxStale + 1)
		}
		s.g.set(func() {
			if s.g.asked != 3 {
				s.t.Errorf("%d questions", s.g.asked)
			}
		})
		if err := s.c.Close(); err != nil {
			s.t.Error(err)
		}
		all.Wait()
	})
}

// TestPanics: a store's panic is its callers', and no end of the process; one that ends its goroutine has not answered.
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
	gone, err := storecache.New(t.Context(), swapped{s, func(*store.Record) { runtime.Goexit() }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gone.Close() })
	if _, err := gone.Lookup(t.Context(), ann, "a"); err == nil {
		t.Error("nothing came back, and it is an answer")
	}
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
