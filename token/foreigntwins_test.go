package token_test

import (
	"crypto/elliptic"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// twins is a process that trusts an issuer which signs by ECDSA, and the two texts of a token of its: of the two signatures
// that a text has, such an issuer may make either (RFC 7518 §3.4 asks for none), and whoever has one makes the other.
type twins struct {
	*warmKit
	verifier, elsewhere *token.Verifier // this process's, and another's
	raw                 map[string]string
}

func newTwins(t *testing.T, jti string) *twins {
	t.Helper()
	w := &twins{warmKit: newWarmKit(t, setup{})}
	time.Sleep(time.Hour) // the store's data began before the tokens
	signing := foreignKeys()[auth0]
	verifier := func(over store.TokenStore) *token.Verifier {
		v := must(token.NewVerifier([]token.TrustedIssuer{{
			Issuer: auth0, Keys: signing.VerifyKey(), Audience: []string{api}, Types: []string{"JWT"}, Check: token.Denylist(over), Foreign: &token.Foreign{},
		}}, nil))
		t.Cleanup(func() { noErr(t, v.Close()) })
		return v
	}
	w.verifier, w.elsewhere = verifier(w.cache), verifier(w.b.Store)
	now := time.Now().Unix()
	claims := m{"iss": auth0, "sub": "ann", "aud": api, "iat": now, "exp": now + 3600}
	if jti != "" {
		claims["jti"] = jti
	}
	lower := sign(signing, m{"typ": "JWT"}, claims.text())
	w.raw = map[string]string{"lower": lower, "higher": otherS(lower, elliptic.P256())}
	return w
}

func (w *twins) judge(which string) error {
	_, err := w.verifier.Verify(w.t.Context(), w.raw[which])
	return err
}

// known verifies a text twice. The second time nobody is asked.
func (w *twins) known(which string) {
	w.t.Helper()
	noErr(w.t, w.judge(which))
	w.b.questions()
	noErr(w.t, w.judge(which))
	if n := w.b.questions(); n != 0 {
		w.t.Fatalf("the %s text is not known: %d questions", which, n)
	}
}

// TestForeignTwins: the two texts of a token are good, and are one token: whichever of them is revoked, here or by another
// process, and whichever this process knows by then, both are dead. Killed mutants: only the lower s of foreign issuers; an
// id made of the whole text; a verifier that takes a text for known by all but its signature.
func TestForeignTwins(t *testing.T) {
	for name, jti := range map[string]string{"with a jti": "j1", "without": ""} {
		for _, known := range []string{"", "lower", "higher", "lower higher"} {
			for _, revoked := range []string{"lower", "higher"} {
				for _, where := range []string{"here", "elsewhere"} {
					t.Run(strings.Join([]string{name, "known", known, "revoked", revoked, where}, " "), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newTwins(t, jti)
							for _, which := range strings.Fields(known) {
								w.known(which)
							}
							if n := w.verifier.KnownForTest(); n != len(strings.Fields(known)) {
								t.Errorf("%d texts are known", n)
							}
							revoker := map[string]*token.Revoker{"here": w.revoker, "elsewhere": w.other}[where]
							noErr(t, revoker.Token(t.Context(), must(w.elsewhere.Verify(t.Context(), w.raw[revoked])), "leak"))
							synctest.Wait() // the cache has heard the bell
							for range 2 {
								for which := range w.raw {
									wantErr(t, w.judge(which), token.ErrRevoked)
								}
							}
						})
					})
				}
			}
		}
	}
}

// TestForeignTwinsAreOneToken: they have one id and one owner, and neither signature is good for another text.
func TestForeignTwinsAreOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwins(t, "")
		lower, higher := must(w.verifier.Verify(t.Context(), w.raw["lower"])), must(w.verifier.Verify(t.Context(), w.raw["higher"]))
		if w.raw["lower"] == w.raw["higher"] || lower.ID() != higher.ID() || lower.Owner() != higher.Owner() {
			t.Errorf("%s of %v, and %s of %v", lower.ID(), lower.Owner(), higher.ID(), higher.Owner())
		}
		time.Sleep(time.Second)
		now := time.Now().Unix()
		other := sign(foreignKeys()[auth0], m{"typ": "JWT"}, m{"iss": auth0, "sub": "bob", "aud": api, "iat": now, "exp": now + 3600}.text())
		for _, raw := range w.raw {
			_, err := w.verifier.Verify(t.Context(), other[:strings.LastIndexByte(other, '.')]+raw[strings.LastIndexByte(raw, '.'):])
			wantErr(t, err, token.ErrSignature)
		}
	})
}
