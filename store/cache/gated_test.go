package storecache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

const maxStale = 2 * time.Second

var ann = store.User("ann")

// gate is a memory store whose questions and polls can be held up. Other processes write to what it wraps.
type gate struct {
	*memstore.Store
	mu     sync.Mutex
	answer chan struct{} // a Lookup has read, and waits until it is closed
	slow   time.Duration // between a poll's reading and its reply
	broken error         // of polls
	deaf   bool          // the bell does not ring
	asked  int
}

func (g *gate) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	g.mu.Lock()
	held := g.answer
	g.asked++
	g.mu.Unlock()
	st, err := g.Store.Lookup(ctx, s, ids...)
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return store.State{}, ctx.Err()
		}
	}
	return st, err
}

func (g *gate) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	g.mu.Lock()
	slow, broken := g.slow, g.broken
	g.mu.Unlock()
	if broken != nil {
		return store.Batch{}, broken
	}
	b, err := g.Store.Poll(ctx, partition, from)
	time.Sleep(slow) // of a synctest bubble
	return b, err
}

func (g *gate) Listen(ctx context.Context, ring func(store.Bell)) error {
	if g.deaf {
		<-ctx.Done()
		return ctx.Err()
	}
	return g.Store.Listen(ctx, ring)
}

func (g *gate) set(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
}

// stand is a cache over a gate, in a synctest bubble.
type stand struct {
	t *testing.T
	g *gate
	c *storecache.Cache
}

// inBubble tells a story with a cache of its own.
func inBubble(t *testing.T, o storecache.Options, prepare func(*gate), tell func(stand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		g := &gate{Store: m}
		if prepare != nil {
			prepare(g)
		}
		c, err := storecache.New(t.Context(), g, &o)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(stand{t, g, c})
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (s stand) login(id string) store.Record {
	s.t.Helper()
	out, err := s.g.Issue(s.t.Context(), store.IssueRequest{Record: store.Record{ID: id, Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Record
}

// status asks the cache, and lets it keep the answer.
func (s stand) status(id string) store.Status {
	s.t.Helper()
	st, err := s.c.Lookup(s.t.Context(), ann, id)
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return st.Entries[0].Status
}

// lives is how long after a revocation in another process the cache still accepts, asked every 10 ms.
func (s stand) lives(id string) time.Duration {
	s.t.Helper()
	if err := s.g.Revoke(s.t.Context(), store.Revocation{Subject: ann, IDs: []string{id}}); err != nil {
		s.t.Fatal(err)
	}
	revoked := time.Now()
	last := time.Duration(0)
	for age := time.Duration(0); age < 3*maxStale; age = time.Since(revoked) {
		if s.status(id) == store.Live {
			last = age
		}
		time.Sleep(10 * time.Millisecond)
	}
	return last
}

func TestStaleness(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    storecache.Options
		gate func(*gate)
		most time.Duration
		// least shows that the case is what it says.
		least time.Duration
	}{
		{"the bell rings", storecache.Options{}, nil, 10 * time.Millisecond, 0},
		{"polls alone", storecache.Options{}, func(g *gate) { g.deaf = true }, maxStale / 3 * 11 / 10, 10 * time.Millisecond},
		{"polls whose replies are slow", storecache.Options{}, func(g *gate) { g.deaf, g.slow = true, 600*time.Millisecond }, maxStale, 100 * time.Millisecond},
		{"few polls, and slow ones", storecache.Options{MaxStale: maxStale, Poll: time.Millisecond * 10}, func(g *gate) { g.deaf, g.slow = true, 95*time.Millisecond }, maxStale, 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.o, tt.gate, func(s stand) {
				worst := time.Duration(0)
				for range 100 {
					id := store.NewID()
					s.login(id)
					time.Sleep(rand.N(time.Second)) // of the bubble
					if s.status(id) != store.Live {
						t.Fatal("a login must live")
					}
					worst = max(worst, s.lives(id))
				}
				t.Logf("worst staleness %v", worst)
				if worst > tt.most || worst < tt.least {
					t.Errorf("worst staleness %v, want %v to %v", worst, tt.least, tt.most)
				}
			})
		})
	}
}

// TestSilence: what the feed cannot tell is known by its silence.
func TestSilence(t *testing.T) {
	t.Run("polls that fail", func(t *testing.T) {
		inBubble(t, storecache.Options{}, func(g *gate) { g.deaf = true }, func(s stand) {
			s.login("a")
			s.status("a")
			time.Sleep(5 * time.Second)
			s.g.set(func() { s.g.broken = errors.New("no answer") })
			if stale := s.lives("a"); stale > maxStale {
				s.t.Errorf("accepted %v after the revocation", stale)
			}
			if lag, ok := s.c.Lag(); !ok || lag < maxStale {
				t.Errorf("Lag %v, %v", lag, ok)
			}
			s.g.set(func() { s.g.asked, s.g.broken = 0, nil })
			time.Sleep(maxStale)
			s.login("b")
			s.status("b")
			s.status("b")
			if s.g.asked != 1 {
				t.Errorf("%d questions: it must recover", s.g.asked)
			}
		})
	})
	t.Run("a slow reply, and then polls that fail", func(t *testing.T) {
		inBubble(t, storecache.Options{}, func(g *gate) { g.deaf, g.slow = true, 600*time.Millisecond }, func(s stand) {
			for range 20 { // most of the time a poll is under way, which has read before the revocation
				s.g.set(func() { s.g.broken = nil })
				id := store.NewID()
				s.login(id)
				time.Sleep(3*time.Second + rand.N(time.Second))
				s.status(id)
				s.g.set(func() { s.g.broken = errors.New("no answer") })
				if stale := s.lives(id); stale > maxStale {
					s.t.Errorf("accepted %v after the revocation", stale)
					return
				}
			}
		})
	})
}

// TestStaleFill: an answer that was read before a revocation and arrives after it is not kept for anybody.
func TestStaleFill(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		release := make(chan struct{})
		s.g.set(func() { s.g.answer = release })
		read := make(chan store.State)
		go func() {
			st, _ := s.c.Lookup(s.t.Context(), ann, "a")
			read <- st
		}()
		synctest.Wait() // it has read
		s.g.set(func() { s.g.answer = nil })
		if err := s.c.Revoke(s.t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
			s.t.Fatal(err)
		}
		if s.status("a") == store.Live {
			s.t.Error("a check begun after Revoke must not get what was read before")
		}
		close(release)
		st := <-read
		synctest.Wait()
		if s.status("a") == store.Live {
			s.t.Error("what was read before must not be kept")
		}
		if st.Stamp.Valid(time.Now()) {
			s.t.Error("nor held by its stamp")
		}
	})
}

// twoHands is a clock for a bubble, whose own has no monotonic reading.
func twoHands() func() time.Time {
	real, fake := time.Now(), time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin
	return func() time.Time { return real.Add(time.Since(fake)) }
}

// TestClockSetBack: a wall clock that is set back again and again, as if no time passed, makes nothing young: the monotonic one
// goes on. Kills an age by the wall alone.
func TestClockSetBack(t *testing.T) {
	now := twoHands()
	inBubble(t, storecache.Options{Now: now}, func(g *gate) { g.deaf = true }, func(s stand) {
		s.login("a")
		s.status("a")
		st, err := s.c.Lookup(s.t.Context(), ann, "a")
		if err != nil || !st.Stamp.Valid(now()) {
			s.t.Fatal("it must be kept")
		}
		if later := asleep(now().Add(maxStale+1), -maxStale-1); !later.Round(0).Equal(now().Round(0)) || st.Stamp.Valid(later) {
			s.t.Error("valid by a poll that is older than MaxStale")
		}
	})
}

// TestClockJumps: a machine that slept has a monotonic clock that stood still.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{2 * time.Minute, -2 * time.Minute} {
		inBubble(t, storecache.Options{}, nil, func(s stand) {
			s.login("a")
			s.status("a")
			st, err := s.c.Lookup(s.t.Context(), ann, "a")
			if err != nil || !st.Stamp.Valid(time.Now()) {
				s.t.Fatal("it must be kept")
			}
			if st.Stamp.Valid(time.Now().Round(0).Add(jump)) {
				s.t.Errorf("valid after a jump of %v", jump)
			}
		})
	}
}
