package token_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// judged is a token with what is true of it.
type judged struct {
	raw, sid string
	// revokedAt is when it was acknowledged that the token is dead, and here says whether this process has revoked.
	revokedAt time.Time
	here      bool
}

// mixed are verifiers of the same tokens: by everything that is known of them, or each time from the start.
type mixed struct {
	*warmKit
	rnd   *rand.Rand
	ring  *token.Keyring
	made  int
	all   []*judged
	pairs []token.Pair
	// cold keeps nothing and asks the backend, parsed keeps what is read and asks the backend, warm keeps all.
	cold, parsed, warm *token.Verifier
	accepted, late     int
}

func newMixed(t *testing.T, seed uint64) *mixed {
	w := newWarmKit(t, setup{})
	x := &mixed{warmKit: w, rnd: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // told in a failure
	x.ring = must(token.NewKeyring(token.RingKeys{Signing: rollKey(0)}, &token.KeyringOptions{AccessTTL: time.Minute}))
	x.issuer = must(token.NewIssuer(w.cache, issuerName, x.ring, &token.IssuerOptions{AccessTTL: time.Minute}))
	verifier := func(s store.TokenStore, bytes int) *token.Verifier {
		return must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: x.ring, Check: token.Sessions(s)}},
			&token.VerifierOptions{CacheBytes: bytes, TouchInterval: -1}))
	}
	x.cold, x.parsed, x.warm = verifier(w.b, -1), verifier(w.b, 0), verifier(w.cache, token.MinCacheBytes)
	return x
}

func rollKey(n int) token.SigningKey {
	return must(token.HS256("roll-"+string(rune('a'+n%26))+string(rune('a'+n/26)), []byte("a secret of thirty-two bytes, and "+string(rune('a'+n)))))
}

func (x *mixed) keep(p token.Pair) {
	x.pairs = append(x.pairs, p)
	if slices.ContainsFunc(x.all, func(j *judged) bool { return j.raw == p.Access.Reveal() }) { // a replay
		return
	}
	x.all = append(x.all, &judged{raw: p.Access.Reveal(), sid: p.Session.ID})
}

// end notes which tokens died just now.
func (x *mixed) end(here bool, which func(*judged) bool) {
	for _, j := range x.all {
		if which(j) && j.revokedAt.IsZero() {
			j.revokedAt, j.here = time.Now(), here
		} else if which(j) && here {
			j.here = true
		}
	}
}

// step does something.
func (x *mixed) step() {
	ctx := x.t.Context()
	here := x.rnd.IntN(2) == 0
	by := x.other
	if here {
		by = x.revoker
	}
	p := x.pairs[x.rnd.IntN(len(x.pairs))]
	switch x.rnd.IntN(14) {
	case 0, 1:
		x.keep(x.login())
	case 2, 3:
		if next, err := x.refresh(p); err == nil {
			x.keep(next)
		} else if errors.Is(err, token.ErrReused) {
			x.end(true, func(j *judged) bool { return j.sid == p.Session.ID })
		}
	case 4:
		j := x.all[x.rnd.IntN(len(x.all))]
		if tok, err := x.cold.Parse(ctx, j.raw); err == nil {
			noErr(x.t, by.Token(ctx, tok, ""))
			x.end(here, func(other *judged) bool { return other == j })
		}
	case 5:
		noErr(x.t, by.Session(ctx, ann, p.Session.ID, ""))
		x.end(here, func(j *judged) bool { return j.sid == p.Session.ID })
	case 6:
		if by.Others(ctx, ann, p.Session.ID, "") == nil {
			x.end(here, func(j *judged) bool { return j.sid != p.Session.ID })
		}
	case 7:
		if x.rnd.IntN(4) == 0 {
			noErr(x.t, by.Subject(ctx, ann, ""))
			x.end(here, func(*judged) bool { return true })
		}
	case 8:
		x.roll()
	case 9:
		deaf := x.rnd.IntN(2) == 0
		x.b.set(func() { x.b.deaf = deaf })
	default:
		time.Sleep([]time.Duration{time.Millisecond, 700 * time.Millisecond, maxStale, 10 * time.Second, 40 * time.Second}[x.rnd.IntN(5)])
	}
}

// roll takes another signing key; the one before retires, or is removed.
func (x *mixed) roll() {
	next := x.ring.Keys()
	old := next.Signing.VerifyKey()
	x.made++
	next.Signing = rollKey(x.made)
	if x.rnd.IntN(2) == 0 {
		next.Retired = append(next.Retired, token.RetiredKey{Key: old})
	} else {
		next.Removed = append(next.Removed, old.KeyID())
	}
	noErr(x.t, x.ring.Update(next))
}

// judge compares all verifiers. Where nothing has a stamp they agree to the letter; with one, but for a revocation elsewhere
// that is within the promise.
func (x *mixed) judge(j *judged) {
	began := time.Now()
	_, err := x.warm.Verify(x.t.Context(), j.raw)
	truth := second(x.cold.Verify(x.t.Context(), j.raw))
	if got := second(x.parsed.Verify(x.t.Context(), j.raw)); token.Code(got) != token.Code(truth) || (got == nil) != (truth == nil) {
		x.t.Fatalf("without stamps: %v, the truth is %v", got, truth)
	}
	if (err == nil) == (truth == nil) {
		if token.Code(err) != token.Code(truth) {
			x.t.Fatalf("%v, the truth is %v", err, truth)
		}
		if err == nil {
			x.accepted++
		}
		return
	}
	since := began.Sub(j.revokedAt)
	switch {
	case err != nil:
		x.t.Fatalf("refused, and it lives: %v", err)
	case j.revokedAt.IsZero():
		x.t.Fatalf("accepted, and it is dead without a revocation: %v", truth)
	case j.here:
		x.t.Fatalf("accepted %v after it was revoked here", since)
	case since > maxStale:
		x.t.Fatalf("accepted %v after it was revoked elsewhere", since)
	case errors.Is(truth, token.ErrKey), errors.Is(truth, token.ErrExpired):
		x.t.Fatalf("accepted, and the truth is %v", truth)
	}
	x.late++
}

// TestKnownTokensModel drives logins, refreshes, revocations here and elsewhere, keys that change, and time, at random, and
// judges with and without what is known.
func TestKnownTokensModel(t *testing.T) {
	accepted, late := 0, 0
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			x := newMixed(t, seed)
			x.keep(x.login())
			for range 80 {
				x.step()
				for n := range min(4, len(x.all)) { // the newest live
					x.judge(x.all[len(x.all)-1-n])
				}
				x.judge(x.all[x.rnd.IntN(len(x.all))])
			}
			accepted, late = accepted+x.accepted, late+x.late
			if t.Failed() {
				t.Fatalf("the seed was %d", seed)
			}
		})
	}
	if accepted < 1000 || late == 0 {
		t.Errorf("%d accepted, %d of them after a revocation: that proves little", accepted, late)
	}
	t.Logf("%d accepted alike, %d within the promise", accepted, late)
}
