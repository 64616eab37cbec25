package token_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/token"
)

// rollingKeys are four keys of as many kinds.
func rollingKeys() []token.SigningKey {
	return []token.SigningKey{
		must(token.HS256("roll-0", secret)),
		must(token.Ed25519("roll-1", edKey(1))),
		must(token.NewSigningKey("roll-2", token.AlgHS512, []byte(strings.Repeat("roll", 16)))),
		must(token.NewSigningKey("roll-3", token.AlgES256, p256())),
	}
}

// rollingToken is a token with its end.
type rollingToken struct {
	raw string
	exp time.Time
}

// TestKeysRoll: keys rolled three times at 1,000 verifies a second: no valid token is refused, and none is accepted once
// its key has retired by more than TTL and leeway, not even one that a thief makes with the old key. A session that sleeps
// through all of it refreshes. The clock is synctest's, the concurrency is real: at each millisecond the verifiers run with
// whoever changes the keys. Killed mutants: Update in two steps (signing key first, then the others); a retirement that
// counts from the key's publication; access tokens judged by the span of refresh tokens; a hand of the old key after Update.
func TestKeysRoll(t *testing.T) {
	const (
		ttl, leeway = 10 * time.Second, 2 * time.Second
		workers     = 10 // each verifies every 10 ms
	)
	synctest.Test(t, func(t *testing.T) {
		s := newMemory(t, time.Now)
		keys := rollingKeys()
		ring := must(token.NewKeyring(token.RingKeys{Signing: keys[0], Published: []token.VerifyKey{keys[1].VerifyKey()}},
			&token.KeyringOptions{AccessTTL: ttl, RefreshTTL: time.Hour, Leeway: leeway}))
		issuer := must(token.NewIssuer(s, issuerName, ring, &token.IssuerOptions{AccessTTL: ttl, IdleTTL: time.Hour, MaxTTL: time.Hour}))
		verifier := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: ring, Check: token.Sessions(s)}},
			&token.VerifierOptions{Leeway: leeway, TouchInterval: -1}))
		asleep := must(issuer.Login(t.Context(), ann, token.LoginOptions{}))
		awake := must(issuer.Login(t.Context(), ann, token.LoginOptions{}))

		var (
			mu                  sync.Mutex
			live                []rollingToken
			stop                = make(chan struct{})
			workersDone, makers sync.WaitGroup
			good, ended         atomic.Int64
		)
		take := func(p token.Pair) {
			mu.Lock()
			defer mu.Unlock()
			live = append(live, rollingToken{p.Access.Reveal(), p.AccessExpiresAt})
			if len(live) > 400 { // the oldest have long expired
				live = live[1:]
			}
		}
		take(awake)
		each := func(group *sync.WaitGroup, d time.Duration, do func()) {
			group.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(d):
						do()
					}
				}
			})
		}
		each(&makers, 50*time.Millisecond, func() {
			awake = must(issuer.Refresh(t.Context(), awake.Refresh.Reveal(), token.RefreshOptions{}))
			take(awake)
		})
		for range workers {
			each(&workersDone, 10*time.Millisecond, func() {
				mu.Lock()
				one := live[rand.IntN(len(live))]
				mu.Unlock()
				_, err := verifier.Verify(t.Context(), one.raw)
				if valid := time.Now().Before(one.exp.Add(leeway)); valid {
					good.Add(1)
					noErr(t, err)
				} else {
					ended.Add(1)
					wantErr(t, err, token.ErrInvalidToken)
				}
			})
		}
		for n := 1; n < len(keys); n++ { // published 20 s ago, or from the start
			time.Sleep(20 * time.Second)
			next := ring.Keys()
			next.Published, next.Signing = nil, keys[n]
			next.Retired = append(next.Retired, token.RetiredKey{Key: keys[n-1].VerifyKey()})
			if n+1 < len(keys) {
				next.Published = []token.VerifyKey{keys[n+1].VerifyKey()}
			}
			noErr(t, ring.Update(next))
			thief := func() error {
				_, err := verifier.Verify(t.Context(), mintBy(keys[n-1], asleep, time.Now()))
				return err
			}
			time.Sleep(ttl + leeway - time.Nanosecond)
			noErr(t, thief())
			time.Sleep(time.Nanosecond)
			wantErr(t, thief(), token.ErrKey)
		}
		after := must(issuer.Refresh(t.Context(), asleep.Refresh.Reveal(), token.RefreshOptions{}))
		if kid := kidOf(after.Access); kid != "roll-3" {
			t.Errorf("the last one is signed by %v", kid)
		}
		close(stop)
		workersDone.Wait()
		makers.Wait()
		if total := good.Load() + ended.Load(); total < 90_000 || ended.Load() == 0 {
			t.Errorf("%d verifications, %d of ended tokens", total, ended.Load())
		}
		t.Logf("%d valid and %d ended tokens judged in 96 s", good.Load(), ended.Load())
	})
}
