package token_test

import (
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// stampFor is a stamp that nothing but time ends.
func stampFor(d time.Duration) store.Stamp {
	return store.NewStamp(store.StampSource{Gen: new(atomic.Uint64), Epoch: new(atomic.Uint64), At: time.Now(), MaxAge: d})
}

// TestServeStale: during an outage a token passes that was accepted before, and no other.
func TestServeStale(t *testing.T) {
	const most = 5 * time.Minute
	down := func(w *warmKit) {
		w.b.set(func() { w.b.down = store.ErrUnavailable })
		time.Sleep(maxStale + time.Second)
	}
	for _, c := range []struct {
		rule  string
		then  func(*warmKit, token.Pair, *token.Token)
		stale bool
		want  error
	}{
		{"it was accepted, and the store is away", func(w *warmKit, _ token.Pair, _ *token.Token) { down(w) }, true, nil},
		{"for just as long as is allowed", func(w *warmKit, _ token.Pair, _ *token.Token) {
			down(w)
			time.Sleep(most - maxStale - time.Second - time.Millisecond)
		}, true, nil},
		{"for longer", func(w *warmKit, _ token.Pair, _ *token.Token) {
			down(w)
			time.Sleep(most - maxStale - time.Second)
		}, false, store.ErrUnavailable},
		{"the store is back", func(w *warmKit, p token.Pair, _ *token.Token) {
			down(w)
			noErr(w.t, w.verify(p))
			w.b.set(func() { w.b.down = nil })
		}, false, nil},
		{"something of its subject was revoked here", func(w *warmKit, _ token.Pair, _ *token.Token) {
			other := w.login()
			noErr(w.t, w.revoker.Session(w.t.Context(), ann, other.Session.ID, ""))
			down(w)
		}, false, store.ErrUnavailable},
		{"it was revoked elsewhere, which was heard", func(w *warmKit, _ token.Pair, k *token.Token) {
			noErr(w.t, w.other.Token(w.t.Context(), k, ""))
			synctest.Wait()
			down(w)
		}, false, store.ErrUnavailable},
		{"it was revoked, which was known", func(w *warmKit, p token.Pair, k *token.Token) {
			noErr(w.t, w.revoker.Token(w.t.Context(), k, ""))
			wantErr(w.t, w.verify(p), token.ErrRevoked)
			down(w)
		}, false, store.ErrUnavailable},
		{"its time is over", func(w *warmKit, p token.Pair, _ *token.Token) {
			time.Sleep(time.Until(p.AccessExpiresAt.Add(26 * time.Second)))
			noErr(w.t, w.verify(p))
			time.Sleep(time.Second)
			down(w)
		}, false, token.ErrExpired},
		{"its session has ended", func(w *warmKit, p token.Pair, _ *token.Token) {
			w.b.set(func() {
				w.b.alter = func(st *store.State) { st.Entries[0].Record.ExpiresAt = st.Now.Add(4 * time.Second) }
			})
			time.Sleep(2 * time.Minute)
			noErr(w.t, w.verify(p))
			time.Sleep(time.Second)
			down(w)
		}, false, store.ErrUnavailable},
		{"the store is wrong, not away", func(w *warmKit, _ token.Pair, _ *token.Token) {
			w.b.set(func() { w.b.down = store.ErrCorrupt })
			time.Sleep(maxStale + time.Second)
		}, false, store.ErrCorrupt},
	} {
		t.Run(c.rule, func(t *testing.T) {
			warm(t, setup{verify: token.VerifierOptions{ServeStale: most}}, func(t *testing.T, w *warmKit) {
				p, k := w.known()
				c.then(w, p, k)
				served := stat(w.kit, "token_served_stale")
				told := w.events.count(token.EventServedStale)
				got, err := w.verifier.Verify(t.Context(), p.Access.Reveal())
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Fatalf("%v, want %v", err, c.want)
				}
				if err == nil && got.Stale() != c.stale {
					t.Errorf("stale: %v, want %v", got.Stale(), c.stale)
				}
				n, events := stat(w.kit, "token_served_stale")-served, w.events.count(token.EventServedStale)-told
				if c.stale != (n == 1) || c.stale != (events == 1) {
					t.Errorf("%d counted, %d told", n, events)
				}
				if k.Stale() {
					t.Error("a token that was handed out has changed")
				}
			})
		})
	}
}

// TestServeStaleIsOff: nobody passes during an outage who did not ask for it.
func TestServeStaleIsOff(t *testing.T) {
	warm(t, setup{}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		w.b.set(func() { w.b.down = store.ErrUnavailable })
		time.Sleep(maxStale + time.Second)
		wantErr(t, w.verify(p), store.ErrUnavailable)
	})
}

// TestServeStaleNeverRefreshes: a refresh during an outage is no answer, whatever the verifier is told.
func TestServeStaleNeverRefreshes(t *testing.T) {
	warm(t, setup{verify: token.VerifierOptions{ServeStale: time.Hour}, wrap: func(s store.TokenStore) store.TokenStore {
		return &altered{TokenStore: s}
	}}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		a, ok := w.store.(*altered)
		if !ok {
			t.Fatal("no altered store")
		}
		a.rotate = failing(store.ErrUnavailable)
		_, err := w.refresh(p)
		wantErr(t, err, store.ErrUnavailable)
	})
}

// TestCacheOptions: what a cache of tokens may be told.
func TestCacheOptions(t *testing.T) {
	k := newKit(t, setup{})
	trusted := func(c token.Checker) []token.TrustedIssuer {
		return []token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: c}}
	}
	for _, c := range []struct {
		rule  string
		o     token.VerifierOptions
		field string
	}{
		{"too small", token.VerifierOptions{CacheBytes: token.MinCacheBytes - 1}, "VerifierOptions.CacheBytes"},
		{"the smallest", token.VerifierOptions{CacheBytes: token.MinCacheBytes}, ""},
		{"more than any machine has", token.VerifierOptions{CacheBytes: math.MaxInt}, "VerifierOptions.CacheBytes"},
		{"none", token.VerifierOptions{CacheBytes: -1}, ""},
		{"stale without a cache", token.VerifierOptions{CacheBytes: -1, ServeStale: time.Minute}, "VerifierOptions.ServeStale"},
		{"stale for a negative time", token.VerifierOptions{ServeStale: -1}, "VerifierOptions.ServeStale"},
		{"stale for a day", token.VerifierOptions{ServeStale: 24 * time.Hour}, ""},
		{"stale for longer", token.VerifierOptions{ServeStale: 24*time.Hour + 1}, "VerifierOptions.ServeStale"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := token.NewVerifier(trusted(token.Sessions(k.store)), &c.o)
			if c.field == "" {
				noErr(t, err)
			} else {
				wantField(t, err, c.field)
			}
		})
	}
	t.Run("stale, and nothing has a stamp", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			view := newView(t, newPartedFeed())
			_, err := token.NewVerifier(trusted(token.Local(view, nil)), &token.VerifierOptions{ServeStale: time.Minute})
			wantField(t, err, "VerifierOptions.ServeStale")
		})
	})
}
