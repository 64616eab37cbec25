package token_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestKnownTokensGoWithTheirKeys: a known token dies with its key, whatever kind of set the key is gone from.
func TestKnownTokensGoWithTheirKeys(t *testing.T) {
	key := must(token.HS256(keyID, secret))
	other := must(token.HS256(keyID, []byte(strings.Repeat("other", 8)))).VerifyKey()
	third := must(token.HS256("third", []byte(strings.Repeat("third", 8))))
	outage := errors.New("no keys at hand")
	for _, c := range []struct {
		rule string
		set  func(t *testing.T) (keys token.KeySet, then func(p token.Pair))
		want error
	}{
		{"another key has its kid", func(*testing.T) (token.KeySet, func(token.Pair)) {
			keys := &changing{keys: key.VerifyKey()}
			return keys, func(token.Pair) { keys.set(other) }
		}, token.ErrSignature},
		{"the same key, made anew", func(*testing.T) (token.KeySet, func(token.Pair)) {
			keys := &changing{keys: key.VerifyKey()}
			return keys, func(token.Pair) { keys.set(must(token.HS256(keyID, secret)).VerifyKey()) }
		}, nil},
		{"nothing has its kid", func(*testing.T) (token.KeySet, func(token.Pair)) {
			keys := &changing{keys: must(token.NewKeySet(key.VerifyKey(), third.VerifyKey()))}
			return keys, func(token.Pair) { keys.set(third.VerifyKey()) }
		}, token.ErrKey},
		{"the keys are not at hand", func(*testing.T) (token.KeySet, func(token.Pair)) {
			keys := &changing{keys: key.VerifyKey()}
			return keys, func(token.Pair) { keys.set(noKeys{outage}) }
		}, outage},
		{"a ring's key has retired, and its tokens live", func(t *testing.T) (token.KeySet, func(token.Pair)) {
			ring := must(token.NewKeyring(token.RingKeys{Signing: key}, nil))
			return ring, func(token.Pair) {
				noErr(t, ring.Update(token.RingKeys{Signing: third, Retired: []token.RetiredKey{{Key: key.VerifyKey()}}}))
			}
		}, nil},
		{"a ring's key has retired, and its time is over", func(t *testing.T) (token.KeySet, func(token.Pair)) {
			ring := must(token.NewKeyring(token.RingKeys{Signing: key}, &token.KeyringOptions{AccessTTL: time.Second}))
			return ring, func(token.Pair) {
				noErr(t, ring.Update(token.RingKeys{Signing: third, Retired: []token.RetiredKey{{Key: key.VerifyKey()}}}))
				time.Sleep(31 * time.Second)
			}
		}, token.ErrKey},
		{"a ring's key was removed", func(t *testing.T) (token.KeySet, func(token.Pair)) {
			ring := must(token.NewKeyring(token.RingKeys{Signing: key}, nil))
			return ring, func(token.Pair) {
				noErr(t, ring.Update(token.RingKeys{Signing: third, Removed: []string{keyID}}))
			}
		}, token.ErrKey},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newMemory(t, time.Now)
				p := must(must(token.NewIssuer(s, issuerName, key, nil)).Login(t.Context(), ann, token.LoginOptions{}))
				keys, then := c.set(t)
				check := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Hour)}}
				v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: keys, Check: check}}, nil))
				for range 3 {
					must(v.Verify(t.Context(), p.Access.Reveal()))
				}
				if check.asked != 1 {
					t.Errorf("%d questions about a known token", check.asked)
				}
				then(p)
				for range 2 {
					if _, err := v.Verify(t.Context(), p.Access.Reveal()); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
						t.Errorf("%v, want %v", err, c.want)
					}
				}
				if n := v.KnownForTest(); errors.Is(c.want, token.ErrInvalidToken) != (n == 0) {
					t.Errorf("%d tokens are known", n)
				}
			})
		})
	}
}

// TestKnownTokensOfRemoteKeys: what an issuer took out of its set is gone with the next fetch.
func TestKnownTokensOfRemoteKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, next := must(token.Ed25519(keyID, edKey(1))), must(token.Ed25519("next", edKey(2)))
		from := &publisher{}
		from.publish(key.VerifyKey())
		keys := newRemote(from, token.RemoteOptions{Interval: time.Minute, UnknownInterval: time.Second})
		s := newMemory(t, time.Now)
		p := must(must(token.NewIssuer(s, issuerName, key, nil)).Login(t.Context(), ann, token.LoginOptions{}))
		check := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Hour)}}
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: keys, Check: check}}, nil))
		judge := func() error { return second(v.Verify(t.Context(), p.Access.Reveal())) }
		for range 3 {
			noErr(t, judge())
		}
		from.publish(next.VerifyKey())
		time.Sleep(2 * time.Minute)
		wantErr(t, judge(), token.ErrKey)
	})
}

// TestKnownTokensUnderAView: a local view is asked each time, and its fallback's answers are not kept.
func TestKnownTokensUnderAView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newPartedFeed()
		s := newMemory(t, time.Now)
		key := must(token.HS256(keyID, secret))
		back := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true, Record: store.Record{ID: "s", ExpiresAt: time.Now().Add(time.Hour)}}, Now: time.Now(), Stamp: stampFor(time.Hour)}}
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Local(newView(t, feed), back)}}, nil))
		time.Sleep(time.Second)
		raw := must(must(token.NewIssuer(s, issuerName, key, nil)).Login(t.Context(), ann, token.LoginOptions{})).Access.Reveal()
		accept := func(asked int, session bool) {
			t.Helper()
			got := must(v.Verify(t.Context(), raw))
			if _, is := got.Session(); is != session || back.asked != asked {
				t.Errorf("with a session: %v; the fallback was asked %d times, want %d", is, back.asked, asked)
			}
		}
		feed.fail(func(int) bool { return true })
		accept(1, true) // the first answer of all
		feed.fail(nil)
		back.asked = 0
		for range 3 {
			accept(0, false)
		}
		feed.fail(func(int) bool { return true })
		for n := range 3 {
			accept(n+1, true)
		}
		feed.fail(nil)
		for range 3 {
			accept(3, false)
		}
		feed.cut(ann)
		time.Sleep(10 * time.Second)
		for range 3 {
			wantErr(t, second(v.Verify(t.Context(), raw)), token.ErrRevoked)
		}
	})
}
