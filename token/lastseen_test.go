package token_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// touches counts the touches of a store, by session.
type touches struct {
	mu   sync.Mutex
	n    map[string]int
	last store.TouchRequest
	hold chan struct{} // where not nil, a touch waits for it, or for its context
	err  error
}

func (c *touches) touch(ctx context.Context, r store.TouchRequest) error {
	c.mu.Lock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[r.ID]++
	c.last = r
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.err
}

func (c *touches) of(p token.Pair) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[p.Session.ID]
}

func touchKit(t *testing.T, c *touches, o token.VerifierOptions) *kit {
	t.Helper()
	return newKit(t, setup{now: time.Now, verify: o, wrap: func(s store.TokenStore) store.TokenStore {
		return &altered{TokenStore: s, touch: c.touch}
	}})
}

func stat(k *kit, name string) int64 {
	for _, s := range k.verifier.Stats() {
		if s.Name == name {
			return s.Value
		}
	}
	return -1
}

func TestLastSeenIsWrittenOncePerSessionAndInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c touches
		k := touchKit(t, &c, token.VerifierOptions{})
		a, b := k.login(), k.login()
		burst := func() {
			for range 100 {
				noErr(t, k.verify(a))
			}
			noErr(t, k.verify(b))
			synctest.Wait()
		}
		for minute := range 5 {
			burst()
			if c.of(a) != minute || c.of(b) != minute {
				t.Fatalf("after %d minutes: %d and %d touches", minute, c.of(a), c.of(b))
			}
			time.Sleep(59 * time.Second)
			burst()
			if c.of(a) != minute {
				t.Fatalf("a touch within the interval")
			}
			time.Sleep(time.Second)
		}
		rec, _ := must(k.verifier.Verify(t.Context(), a.Access.Reveal())).Session()
		if d := time.Since(rec.LastSeen); d != time.Minute {
			t.Errorf("the session was last seen %v ago", d)
		}
		synctest.Wait()
		if n := stat(k, "token_touches"); n != 9 || stat(k, "token_touch_drops") != 0 {
			t.Errorf("counted %d touches", n)
		}
	})
}

func TestLastSeenNeverDelaysNorFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := touches{hold: make(chan struct{})}
		k := touchKit(t, &c, token.VerifierOptions{})
		p := k.login()
		time.Sleep(time.Minute)
		begun := time.Now()
		for range 10 {
			noErr(t, k.verify(p))
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("the touch delayed by %v", d)
		}
		time.Sleep(3 * time.Second) // the touch's own timeout has passed
		if stat(k, "token_touch_errors") != 1 || c.of(p) != 1 {
			t.Errorf("%d errors after %d touches", stat(k, "token_touch_errors"), c.of(p))
		}
		close(c.hold)
		c.err = errors.New("disk full")
		time.Sleep(time.Minute)
		noErr(t, k.verify(p))
		synctest.Wait()
		if stat(k, "token_touch_errors") != 2 {
			t.Error("the failure was not counted")
		}
	})
}

func TestLastSeenQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := touches{hold: make(chan struct{})}
		k := touchKit(t, &c, token.VerifierOptions{})
		const sessions = 1024 + 1 + 50 // waiting, at work, too many
		pairs := make([]token.Pair, sessions)
		for n := range pairs {
			pairs[n] = k.login()
		}
		time.Sleep(time.Minute)
		noErr(t, k.verify(pairs[0]))
		synctest.Wait() // the worker holds the first
		for _, p := range pairs[1:] {
			noErr(t, k.verify(p))
		}
		if n := stat(k, "token_touch_drops"); n != 50 {
			t.Errorf("%d drops, want 50", n)
		}
		close(c.hold)
		synctest.Wait()
		if n := stat(k, "token_touches"); n != sessions-50 {
			t.Errorf("%d touches, want %d", n, sessions-50)
		}
		noErr(t, k.verify(pairs[sessions-1])) // a dropped one is tried again
		synctest.Wait()
		if c.of(pairs[sessions-1]) != 1 {
			t.Error("a dropped touch was remembered as done")
		}
	})
}

// What is remembered of touches is bounded as well: beyond it touches are dropped, and tried again when an interval is over.
func TestLastSeenMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c touches
		k := touchKit(t, &c, token.VerifierOptions{})
		note := func(n int) {
			now := time.Now()
			k.verifier.NoteForTest(token.TouchForTest(c.touch), ann, token.Answer{
				Verdict: store.Verdict{Alive: true, Record: store.Record{ID: strconv.Itoa(n), LastSeen: now.Add(-time.Hour)}}, Now: now,
			})
			if n%1000 == 0 {
				synctest.Wait() // so that none waits too long
			}
		}
		const most, more = 1 << 16, 10
		for n := range most + more {
			note(n)
		}
		synctest.Wait()
		if drops, done := stat(k, "token_touch_drops"), stat(k, "token_touches"); drops != more || done != most {
			t.Errorf("%d touches and %d drops, want %d and %d", done, drops, most, more)
		}
		time.Sleep(time.Minute)
		note(most + more - 1)
		synctest.Wait()
		if done := stat(k, "token_touches"); done != most+1 {
			t.Errorf("%d touches after the interval, want one more than %d", done, most)
		}
	})
}

func TestCloseWaitsForLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := touches{hold: make(chan struct{})}
		k := touchKit(t, &c, token.VerifierOptions{})
		a, b := k.login(), k.login()
		time.Sleep(time.Minute)
		noErr(t, k.verify(a))
		noErr(t, k.verify(b))
		time.AfterFunc(time.Second, func() { close(c.hold) })
		begun := time.Now()
		noErr(t, k.verifier.Close())
		if d := time.Since(begun); d != time.Second || stat(k, "token_touches") != 2 {
			t.Errorf("Close waited %v for %d touches", d, stat(k, "token_touches"))
		}
		noErr(t, k.verifier.Close())
		time.Sleep(time.Minute)
		noErr(t, k.verify(a))
		synctest.Wait()
		if c.of(a) != 1 {
			t.Error("a closed verifier touches")
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := touches{hold: make(chan struct{})}
			k := touchKit(t, &c, token.VerifierOptions{})
			pairs := []token.Pair{k.login(), k.login(), k.login()}
			time.Sleep(time.Minute)
			for _, p := range pairs {
				noErr(t, k.verify(p))
			}
			time.Sleep(time.Second) // the first touch has a second left, and the next would take its two
			begun := time.Now()
			noErr(t, k.verifier.Close())
			if d := time.Since(begun); d > 2*time.Second {
				t.Errorf("Close waited %v", d)
			}
			synctest.Wait()
		})
	})
}

func TestSlide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c touches
		k := touchKit(t, &c, token.VerifierOptions{Slide: 45 * day})
		p := k.login()
		time.Sleep(time.Minute)
		noErr(t, k.verify(p))
		synctest.Wait()
		rec, _ := must(k.verifier.Verify(t.Context(), p.Access.Reveal())).Session()
		if d := time.Until(rec.ExpiresAt); d != 45*day {
			t.Errorf("the session ends in %v", d)
		}
	})
}

func TestNoTouches(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     token.VerifierOptions
		check func(store.TokenStore) token.Checker
	}{
		{"turned off", token.VerifierOptions{TouchInterval: -1}, token.Sessions},
		{"of a denylist", token.VerifierOptions{}, token.Denylist},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n touches
				k := newKit(t, setup{now: time.Now, verify: c.o, check: c.check, wrap: func(s store.TokenStore) store.TokenStore {
					return &altered{TokenStore: s, touch: n.touch}
				}})
				p := k.login()
				time.Sleep(10 * time.Minute)
				noErr(t, k.verify(p))
				synctest.Wait()
				if n.of(p) != 0 {
					t.Error("there was a touch")
				}
			})
		})
	}
}

// touchSignal is a store that tells of each touch once it is written: before that the clock must not be set.
type touchSignal struct {
	store.TokenStore
	done chan<- struct{}
}

func (s touchSignal) Touch(ctx context.Context, r store.TouchRequest) error {
	err := s.TokenStore.Touch(ctx, r)
	s.done <- struct{}{}
	return err
}

// TestLastSeenAfterTheClockWasSetBack: a process whose clock jumps goes on to touch; the store's clock says how long ago.
func TestLastSeenAfterTheClockWasSetBack(t *testing.T) {
	clock, verifiers := newClock(), newClock()
	done := make(chan struct{}, 8)
	s := touchSignal{newMemory(t, clock.Now), done}
	k := newKit(t, setup{store: s, now: clock.Now, issuer: token.IssuerOptions{AccessTTL: 12 * time.Hour}})
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: token.Sessions(s)}},
		&token.VerifierOptions{Now: verifiers.Now}))
	p := k.login()
	for _, jump := range []time.Duration{0, -time.Hour, 3 * time.Hour, -2 * time.Hour} {
		clock.Advance(5 * time.Minute)
		verifiers.Advance(5*time.Minute + jump)
		must(v.Verify(t.Context(), p.Access.Reveal()))
		select {
		case <-done:
		case <-t.Context().Done():
			t.Fatal("no touch")
		}
	}
	noErr(t, v.Close())
}
