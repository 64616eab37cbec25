package storecache_test

import (
	"context"
	"errors"
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

// TestEndsSetBack: a session ends in its time, though the wall clock is set back to when it was asked for. Kills an end by the
// wall alone.
func TestEndsSetBack(t *testing.T) {
	var back atomic.Int64
	now := twoHands()
	o := storecache.Options{MaxAge: time.Hour, Now: func() time.Time { return asleep(now(), -time.Duration(back.Load())) }}
	inBubble(t, o, nil, func(s stand) {
		s.ends("a", 10*time.Minute)
		s.status("a")
		time.Sleep(10*time.Minute - time.Second)
		if s.status("a") != store.Live || s.g.asked != 1 {
			s.t.Fatalf("it must be kept: %d questions", s.g.asked)
		}
		time.Sleep(time.Second)
		back.Store(int64(10 * time.Minute))
		time.Sleep(maxStale) // a poll by this clock
		if got := s.status("a"); got != store.Unknown {
			s.t.Errorf("after its end it is %v", got)
		}
	})
}

// TestJoinOld: a question that has been on its way for too long, by either clock, is nobody's who asks now: it may have read
// before a revocation of hours ago. Kills an age of questions by one of the clocks alone.
func TestJoinOld(t *testing.T) {
	for name, later := range map[string]func(time.Time) time.Time{
		"the machine slept":            func(now time.Time) time.Time { return asleep(now, time.Hour) },
		"the clock was set back since": func(now time.Time) time.Time { return asleep(now.Add(time.Hour), -time.Hour) },
	} {
		var over atomic.Bool
		now := twoHands()
		o := storecache.Options{Now: func() time.Time {
			if over.Load() {
				return later(now())
			}
			return now()
		}}
		inBubble(t, o, func(g *gate) { g.deaf = true }, func(s stand) {
			s.login("a")
			release := make(chan struct{})
			s.g.set(func() { s.g.answer = release })
			before := make(chan store.Status)
			go func() { before <- s.seen("a") }()
			synctest.Wait() // it has read
			s.g.set(func() { s.g.answer = nil })
			over.Store(true)
			if err := s.g.Revoke(s.t.Context(), store.Revocation{Subject: ann, IDs: []string{"a"}}); err != nil {
				s.t.Fatal(err)
			}
			time.AfterFunc(time.Second, func() { close(release) })
			if got := s.seen("a"); got != store.Revoked {
				s.t.Errorf("%s: it is %v", name, got)
			}
			<-before
		})
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

// hidden is a layer that shows a feed, and not what it wraps.
type hidden struct {
	store.TokenStore
	store.Feed
}

// TestHiddenCache: a cache in front of a cache that nobody can see keeps the promise of one: that the feed was heard out here
// says nothing of what was kept in there. Kills a stamp in place of the store's.
func TestHiddenCache(t *testing.T) {
	inBubble(t, storecache.Options{}, func(g *gate) { g.deaf = true }, func(s stand) {
		outer, err := storecache.New(s.t.Context(), hidden{s.c, s.g}, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		synctest.Wait()
		in := stand{t: s.t, g: s.g, c: outer}
		for range 20 {
			id := store.NewID()
			in.login(id)
			time.Sleep(maxStale)
			if in.status(id) != store.Live || in.status(id) != store.Live {
				s.t.Fatal("a login must live")
			}
			if lives := in.lives(id); lives > maxStale {
				s.t.Errorf("accepted %v after the revocation", lives)
			}
		}
		if stat(outer, "cache_hits") < 20 {
			s.t.Error("it keeps nothing")
		}
		if err := outer.Close(); err != nil {
			s.t.Error(err)
		}
	})
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
