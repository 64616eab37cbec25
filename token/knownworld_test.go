package token_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// barring is a checker that passes another's answer on and judges by more, as whoever writes one does.
type barring struct {
	token.Checker
	barred *atomic.Bool
}

func (c barring) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	a, err := c.Checker.Check(ctx, t)
	if err == nil && c.barred.Load() {
		return token.Answer{Verdict: store.Verdict{Reason: "barred"}}, nil
	}
	return a, err
}

// frank is one whose stamps stand for all that it judges by, or not.
type frank struct {
	token.Checker
	stamps bool
}

func (c frank) Stamps() bool { return c.stamps }

// TestKnownTokensOfWrappingCheckers: the stamp of an answer that was passed on says nothing about what else a checker judges by.
func TestKnownTokensOfWrappingCheckers(t *testing.T) {
	for name, check := range checkers {
		t.Run(name, func(t *testing.T) {
			var barred atomic.Bool
			warm(t, setup{check: func(s store.TokenStore) token.Checker { return barring{check(s), &barred} }}, func(t *testing.T, w *warmKit) {
				p := w.login()
				for range 3 {
					noErr(t, w.verify(p))
				}
				barred.Store(true)
				wantErr(t, w.verify(p), token.ErrRevoked)
				barred.Store(false)
			})
		})
	}
	for _, stamps := range []bool{true, false} {
		warm(t, setup{check: func(s store.TokenStore) token.Checker { return frank{token.Sessions(s), stamps} }}, func(t *testing.T, w *warmKit) {
			p := w.login()
			for range 3 {
				noErr(t, w.verify(p))
			}
			if got := stat(w.kit, "token_cache_hits") > 0; got != stamps {
				t.Errorf("its stamps count: %v, and it says %v", got, stamps)
			}
		})
	}
}

// unreplied is a store whose revocations are done and not told of before somebody lets them.
type unreplied struct {
	*backend
	reply chan struct{}
}

func (u unreplied) Revoke(ctx context.Context, r store.Revocation) error {
	defer func() { <-u.reply }()
	return u.Store.Revoke(ctx, r)
}

// TestRevokedAndNotReplied: a revocation that is on its way may be known to others already, and then a token that is known here
// does not live on until the reply.
func TestRevokedAndNotReplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{Store: newMemory(t, time.Now)}
		reply := make(chan struct{})
		w := newWarmKitOver(t, b, unreplied{b, reply}, setup{})
		p, _ := w.known()
		b.set(func() { b.deaf = true })
		done := make(chan error)
		go func() { done <- w.revoker.Session(t.Context(), ann, p.Session.ID, "") }()
		synctest.Wait()
		if st := must(b.Store.Lookup(t.Context(), ann, p.Session.ID)); st.Entries[0].Status != store.Revoked {
			t.Fatal("the store does not know of it")
		}
		wantErr(t, w.verify(p), token.ErrRevoked)
		close(reply)
		noErr(t, <-done)
		wantErr(t, w.verify(p), token.ErrRevoked)
	})
}

// TestServeStaleNeedsACaller: who has gone is served nothing, whatever a store makes of that.
func TestServeStaleNeedsACaller(t *testing.T) {
	k := newKit(t, setup{now: time.Now})
	c := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Nanosecond)}}
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: c}}, &token.VerifierOptions{ServeStale: time.Hour}))
	raw := k.login().Access.Reveal()
	must(v.Verify(t.Context(), raw))
	c.err = store.ErrUnavailable
	time.Sleep(time.Microsecond)
	if !must(v.Verify(t.Context(), raw)).Stale() {
		t.Error("it is not stale")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, second(v.Verify(ctx, raw)), store.ErrUnavailable)
}

// TestKnownDates: whatever the clock does between two uses, a known token's dates are judged as one's that is read.
func TestKnownDates(t *testing.T) {
	key := must(token.HS256(keyID, secret)).VerifyKey()
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	known, refused := 0, 0
	for range 3000 {
		leeway := []time.Duration{-1, 1, 300 * time.Millisecond, 999 * time.Millisecond, 30 * time.Second, 2 * time.Minute}[rnd.IntN(6)]
		life := []time.Duration{2 * time.Second, time.Minute, 10 * time.Minute}[rnd.IntN(3)]
		iat := start.Unix() + rnd.Int64N(3)
		exp := iat + rnd.Int64N(int64(life/time.Second)+1)
		header := m{"alg": "HS256", "kid": keyID, "typ": "at+jwt"}
		claims := m{
			"iss": issuerName, "aud": issuerName, "sub": "ann", "client_id": "web", "sid": "s", "jti": "j", "seq": 1,
			"iat": iat, "exp": exp,
		}
		if rnd.IntN(2) == 0 {
			claims["nbf"] = iat + rnd.Int64N(4) - 1
		}
		issuer := token.TrustedIssuer{Issuer: issuerName, Keys: key, MaxLifetime: life}
		if rnd.IntN(2) == 0 {
			issuer.Foreign, issuer.Audience = &token.Foreign{Skew: max(leeway, 0)}, []string{issuerName}
		}
		raw := forge(header.text(), claims.text())
		clock := newClock()
		verifier := func(bytes int) (*token.Verifier, *answering) {
			issuer, check := issuer, &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Hour)}}
			issuer.Check = check
			return must(token.NewVerifier([]token.TrustedIssuer{issuer}, &token.VerifierOptions{Leeway: leeway, CacheBytes: bytes, Now: clock.Now})), check
		}
		warm, asked := verifier(token.MinCacheBytes)
		cold, _ := verifier(-1)
		for range 12 {
			ends := []int64{iat, exp, iat - int64(life/time.Second)}[rnd.IntN(3)]
			at := time.Unix(ends, 0).Add([]time.Duration{0, leeway, -leeway, -life - store.MaxLeeway, life}[rnd.IntN(5)])
			at = at.Add([]time.Duration{0, 1, -1, 500 * time.Millisecond, -500 * time.Millisecond, time.Second, -time.Second, 10 * time.Second}[rnd.IntN(8)])
			clock.Set(at)
			_, truth := cold.Verify(t.Context(), raw)
			_, err := warm.Verify(t.Context(), raw)
			if token.Code(err) != token.Code(truth) || (err == nil) != (truth == nil) {
				t.Fatalf("leeway %v, life %v, %v at %v: %v, the truth is %v", leeway, life, claims, at, err, truth)
			}
			if early := at.Add(max(leeway, 0)).Before(time.Unix(iat, 0)); err == nil && early && issuer.Foreign != nil {
				t.Fatalf("issued in the future: leeway %v, iat %d at %v", leeway, iat, at)
			}
			if err == nil && asked.asked > 0 {
				known++
			} else if err != nil && asked.asked > 0 {
				refused++
			}
		}
	}
	if known < 3000 || refused < 3000 {
		t.Errorf("known and accepted %d times, known and refused %d times: that proves little", known, refused)
	}
}

// TestKnownRecordsAndClocks: a record ends by the process's time, whatever the program's clock shows.
func TestKnownRecordsAndClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, setup{})
		c := &answering{answer: token.Answer{
			Verdict: store.Verdict{Alive: true, Record: store.Record{ID: "s", ExpiresAt: start.Add(time.Minute)}}, Now: start, Stamp: stampFor(time.Hour),
		}}
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: c}}, &token.VerifierOptions{Now: k.clock.Now}))
		raw := k.login().Access.Reveal()
		asked := func(want int) {
			t.Helper()
			must(v.Verify(t.Context(), raw))
			if c.asked != want {
				t.Errorf("%d questions, want %d", c.asked, want)
			}
		}
		asked(1)
		k.clock.Advance(10 * time.Minute) // and a minute has not passed
		asked(1)
		k.clock.Set(start)
		time.Sleep(time.Minute - time.Nanosecond)
		asked(1)
		time.Sleep(time.Nanosecond)
		asked(2)
	})
}

// TestKnownStats: each use is counted as what it was.
func TestKnownStats(t *testing.T) {
	warm(t, setup{}, func(t *testing.T, w *warmKit) {
		p := w.login()
		counts := func(when string, hits, stale, misses, drops int64) {
			t.Helper()
			for name, want := range map[string]int64{"hits": hits, "stale": stale, "misses": misses, "drops": drops} {
				if got := stat(w.kit, "token_cache_"+name); got != want {
					t.Errorf("%s: %d %s, want %d", when, got, name, want)
				}
			}
		}
		noErr(t, w.verify(p))
		counts("read", 0, 0, 1, 0)
		noErr(t, w.verify(p))
		counts("known", 1, 0, 1, 0)
		time.Sleep(2 * time.Minute)
		noErr(t, w.verify(p))
		counts("of an old answer", 1, 1, 1, 0)
		wantErr(t, second(w.verifier.Verify(t.Context(), p.Access.Reveal()+"A")), token.ErrInvalidToken)
		counts("another text", 1, 1, 2, 0)
		noErr(t, w.revoker.Session(t.Context(), ann, p.Session.ID, ""))
		wantErr(t, w.verify(p), token.ErrRevoked)
		counts("revoked", 1, 2, 2, 1)
	})
}

// TestKnownSessionsThatAreNotTouched: what a record says of the use is asked for under checkers that touch, and no other.
func TestKnownSessionsThatAreNotTouched(t *testing.T) {
	warm(t, setup{check: token.Denylist}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		for range 300 {
			noErr(t, w.verify(p))
			time.Sleep(time.Second)
		}
		if n := stat(w.kit, "token_touches"); n != 0 {
			t.Errorf("%d touches", n)
		}
	})
}
