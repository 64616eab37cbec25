package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const (
	keycloak = "https://sso.example/realms/shop"
	auth0    = "https://shop.eu.auth0.com/"
	api      = "https://api.example"
)

var foreignKeys = sync.OnceValue(func() map[string]token.SigningKey {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return map[string]token.SigningKey{
		keycloak: must(token.NewSigningKey("kc-1", "RS256", rsaKey)),
		auth0:    must(token.NewSigningKey("a0-1", "ES256", ecKey)),
	}
})

// foreignKit verifies the tokens of Keycloak, of Auth0 and our own.
type foreignKit struct {
	*kit
	verifier *token.Verifier
}

func newForeignKit(t *testing.T, wrap func(store.TokenStore) store.TokenStore) *foreignKit {
	t.Helper()
	k := &foreignKit{kit: newKit(t, setup{wrap: wrap, check: token.Denylist})}
	keys := foreignKeys()
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: token.Denylist(k.store)},
		{
			Issuer: keycloak, Keys: keys[keycloak].VerifyKey(), Audience: []string{api}, Types: []string{"JWT"},
			Check: token.Denylist(k.store), Foreign: &token.Foreign{}, Extra: token.ExtraOf[map[string]any](),
		},
		{
			Issuer: auth0, Keys: keys[auth0].VerifyKey(), Audience: []string{api}, Types: []string{"at+jwt", "JWT", ""},
			Check: token.Denylist(k.store), Foreign: &token.Foreign{Realm: "eu", Skew: 2 * time.Minute},
		},
	}, &token.VerifierOptions{Now: k.clock.Now, Events: k.events.add}))
	t.Cleanup(func() { noErr(t, k.verifier.Close()) })
	k.clock.Advance(time.Hour) // the store's data began before the tokens
	return k
}

// claims of both shapes, issued now.
func (k *foreignKit) keycloak(sub, sid string) m {
	now := k.clock.Now().Unix()
	return m{
		"exp": now + 300, "iat": now, "auth_time": now - 60, "jti": store.NewID(), "iss": keycloak, "aud": []string{api, "account"},
		"sub": sub, "typ": "Bearer", "azp": "shop-web", "sid": sid, "session_state": sid, "acr": "1", "allowed-origins": []string{"/*"},
		"realm_access": m{"roles": []string{"buyer"}}, "scope": "openid profile", "email_verified": true,
	}
}

func (k *foreignKit) auth0(sub string) m {
	now := k.clock.Now().Unix()
	return m{
		"iss": auth0, "sub": sub, "aud": []string{api, auth0 + "userinfo"}, "iat": now, "exp": now + 3600, "azp": "client",
		"scope": "read:cart", "permissions": []string{"read:cart"},
	}
}

// sign makes a compact JWS.
func sign(key token.SigningKey, header m, payload string) string {
	signed := b64(header.with(m{"alg": key.Algorithm(), "kid": key.KeyID()}).text()) + "." + b64(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(must(token.SignForTest(key, signed)))
}

func (k *foreignKit) mint(claims m) string {
	return sign(foreignKeys()[claims["iss"].(string)], m{"typ": "JWT"}, claims.text()) //nolint:errcheck // all have one
}

func (k *foreignKit) judge(raw string) error {
	_, err := k.verifier.Verify(k.t.Context(), raw)
	return err
}

func TestForeignTokens(t *testing.T) {
	k := newForeignKit(t, nil)
	kc, a0 := k.mint(k.keycloak("ann", "s1")), k.mint(k.auth0("ann"))
	got := must(k.verifier.Verify(t.Context(), kc))
	if got.Subject() != token.ForeignUser("", keycloak, "ann") || got.SessionID() != "s1" || got.ClientID() != "shop-web" || !got.Foreign() {
		t.Errorf("Keycloak's token is %v of %v, client %q", got, got.Subject(), got.ClientID())
	}
	if at, said := got.AuthTime(); !said || at.Unix() != k.clock.Now().Unix()-60 || got.ACR() != "1" || !got.HasScopes("profile", "openid") {
		t.Errorf("auth_time %v, acr %q, scopes %q", at, got.ACR(), got.Scopes())
	}
	if extra, ok := token.Extra[map[string]any](got); !ok || extra["email_verified"] != true || extra["sid"] != nil {
		t.Errorf("the custom claims are %v", extra)
	}
	got = must(k.verifier.Verify(t.Context(), a0))
	if got.Subject() != token.ForeignUser("eu", auth0, "ann") || len(got.ID()) != 43 || got.SessionID() != "" {
		t.Errorf("Auth0's token is %v of %v", got, got.Subject())
	}
	for _, e := range k.events.list() {
		if e.Type != token.EventVerified || e.Err != nil {
			t.Errorf("an event tells %v", e)
		}
	}
}

// TestForeignRevocations: each way to end foreign tokens ends what it names and nothing else; the same sub at another issuer
// is somebody else.
func TestForeignRevocations(t *testing.T) {
	for _, c := range []struct {
		name   string
		revoke func(k *foreignKit, one *token.Token) error
		dead   string // of one, twin (same session), other (same user), bob, elsewhere (same sub, another issuer), own
	}{
		{"one token", func(k *foreignKit, one *token.Token) error { return k.revoker.Token(k.t.Context(), one, "leak") }, "one"},
		{"one session of a user", func(k *foreignKit, one *token.Token) error {
			return k.revoker.Session(k.t.Context(), one.Subject(), one.SessionID(), "kick")
		}, "one twin"},
		{"a sid alone", func(k *foreignKit, _ *token.Token) error {
			return k.revoker.Subject(k.t.Context(), token.ForeignSession("", keycloak, "s1"), "logout")
		}, "one twin"},
		{"the same sid of another issuer", func(k *foreignKit, _ *token.Token) error {
			return k.revoker.Subject(k.t.Context(), token.ForeignSession("", auth0, "s1"), "logout")
		}, ""},
		{"the user", func(k *foreignKit, one *token.Token) error {
			return k.revoker.Subject(k.t.Context(), one.Subject(), "fired")
		}, "one twin other"},
		{"our own ann", func(k *foreignKit, _ *token.Token) error { return k.revoker.Subject(k.t.Context(), ann, "fired") }, "own"},
		{"ann elsewhere", func(k *foreignKit, _ *token.Token) error {
			return k.revoker.Subject(k.t.Context(), token.ForeignUser("eu", auth0, "ann"), "fired")
		}, "elsewhere"},
		{"ann of another realm", func(k *foreignKit, _ *token.Token) error {
			return k.revoker.Subject(k.t.Context(), token.ForeignUser("us", auth0, "ann"), "fired")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newForeignKit(t, nil)
			raw := map[string]string{
				"one": k.mint(k.keycloak("ann", "s1")), "twin": k.mint(k.keycloak("ann", "s1")), "other": k.mint(k.keycloak("ann", "s2")),
				"bob": k.mint(k.keycloak("bob", "s3")), "elsewhere": k.mint(k.auth0("ann")), "own": k.login().Access.Reveal(),
			}
			noErr(t, c.revoke(k, must(k.verifier.Verify(t.Context(), raw["one"]))))
			for name, text := range raw {
				err := k.judge(text)
				if dead := strings.Contains(" "+c.dead+" ", " "+name+" "); dead != (err != nil) || err != nil && !errors.Is(err, token.ErrRevoked) {
					t.Errorf("%s: %v, dead should be %v", name, err, dead)
				}
			}
		})
	}
}

// TestForeignTokensAfterACut: what was issued up to the skew after a logout is dead, what was issued later lives.
func TestForeignTokensAfterACut(t *testing.T) {
	k := newForeignKit(t, nil)
	noErr(t, k.revoker.Subject(t.Context(), token.ForeignUser("", keycloak, "ann"), "logout"))
	noErr(t, k.revoker.Subject(t.Context(), token.ForeignUser("eu", auth0, "ann"), "logout"))
	for _, c := range []struct {
		after           time.Duration
		keycloak, auth0 bool // alive
	}{
		{0, false, false},
		{30 * time.Second, false, false},
		{31 * time.Second, true, false},
		{2 * time.Minute, true, false},
		{2*time.Minute + time.Second, true, true},
	} {
		at := newClock()
		at.Set(k.clock.Now().Truncate(time.Second).Add(c.after))
		later := &foreignKit{kit: &kit{t: t, clock: at}}
		kc, a0 := k.mint(later.keycloak("ann", "s9")), k.mint(later.auth0("ann"))
		now := k.clock.Now()
		k.clock.Set(at.Now())
		if err := k.judge(kc); (err == nil) != c.keycloak {
			t.Errorf("Keycloak, %v after: %v", c.after, err)
		}
		if err := k.judge(a0); (err == nil) != c.auth0 {
			t.Errorf("Auth0, %v after: %v", c.after, err)
		}
		k.clock.Set(now)
	}
}

// TestForeignSkewIsBounded: what a cut kills has ended before the store forgets the cut, and when its horizon rises to a
// forgotten one, it bars no good token of others.
func TestForeignSkewIsBounded(t *testing.T) {
	clock := newClock()
	s := newMemory(t, clock.Now)
	life := s.Capabilities().MaxTokenLife
	from := token.TrustedIssuer{
		Issuer: keycloak, Keys: foreignKeys()[keycloak].VerifyKey(), Audience: []string{api}, Types: []string{"JWT"},
		Check: token.Denylist(s), Foreign: &token.Foreign{Skew: token.MaxForeignSkewForTest},
	}
	v := must(token.NewVerifier([]token.TrustedIssuer{from}, &token.VerifierOptions{Now: clock.Now, Leeway: store.MaxLeeway}))
	k := &foreignKit{kit: &kit{t: t, clock: clock}, verifier: v}
	clock.Advance(time.Hour)
	noErr(t, must(token.NewRevoker(s, nil)).Subject(t.Context(), token.ForeignUser("", keycloak, "mallory"), "x"))
	forgotten := clock.Now().Add(life + store.MarkMargin)

	clock.Advance(token.MaxForeignSkewForTest)
	at := clock.Now().Unix()
	last := k.mint(k.keycloak("mallory", "").with(m{"sid": nil, "exp": at + int64(life/time.Second)}))
	bob := k.mint(k.keycloak("bob", "").with(m{"sid": nil, "exp": at + int64(life/time.Second)}))
	wantErr(t, k.judge(last), token.ErrRevoked)
	noErr(t, k.judge(bob))

	clock.Set(forgotten.Add(time.Second))
	wantErr(t, k.judge(last), token.ErrExpired)
	clock.Set(time.Unix(at, 0).Add(life + store.MaxLeeway - 1)) // bob's last instant
	must(s.Sweep(t.Context()))
	noErr(t, k.judge(bob))
}

// TestForeignTokensOfTheStoresFuture: nobody has revoked them.
func TestForeignTokensOfTheStoresFuture(t *testing.T) {
	behind := newClock()
	s := newMemory(t, behind.Now)
	k := newForeignKit(t, func(store.TokenStore) store.TokenStore { return s })
	behind.Set(k.clock.Now().Add(-31 * time.Second))
	raw := k.mint(k.keycloak("ann", "s1"))
	refused(t, func(raw string) (*token.Token, error) { return k.verifier.Verify(t.Context(), raw) }, raw, token.ErrNotYetValid)
	k.clock.Advance(10 * time.Second)
	behind.Advance(10 * time.Second)
	noErr(t, k.judge(raw))
}

func TestForeignTokensOfAClockAhead(t *testing.T) {
	k := newForeignKit(t, nil)
	now := k.clock.Now().Unix()
	got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(m{"iat": now + 30}))))
	if p := got.Presented(false); !p.WithoutRecord || !p.Foreign || p.Seq != 0 || p.Leeway != 30*time.Second {
		t.Errorf("it is presented as %+v", p)
	}
}

// TestForeignID: without a jti the id is of what was signed, so that no other text of the same token escapes its mark.
func TestForeignID(t *testing.T) {
	k := newForeignKit(t, nil)
	key := foreignKeys()[auth0]
	signed := b64(m{"typ": "JWT", "alg": "ES256", "kid": "a0-1"}.text()) + "." + b64(k.auth0("ann").text())
	sig := must(token.SignForTest(key, signed))
	texts := []string{signed + "." + base64.RawURLEncoding.EncodeToString(sig), signed + "." + base64.RawURLEncoding.EncodeToString(must(token.SignForTest(key, signed)))}
	first := must(k.verifier.Verify(t.Context(), texts[0]))
	noErr(t, k.revoker.Token(t.Context(), first, "leak"))
	wantErr(t, k.judge(texts[1]), token.ErrRevoked)
}

// TestForeignOutages: half an answer is none, and a proven end is one whatever becomes of the other half.
func TestForeignOutages(t *testing.T) {
	var down func(store.Subject) error
	k := newForeignKit(t, func(s store.TokenStore) store.TokenStore { return &halfDown{altered{TokenStore: s}, &down} })
	raw := k.mint(k.keycloak("ann", "s1"))
	parsed := must(k.verifier.Parse(t.Context(), raw))
	for _, kind := range []store.Kind{store.KindUser, store.KindSID} {
		down = func(s store.Subject) error {
			if s.Kind == kind {
				return store.ErrUnavailable
			}
			return nil
		}
		err := k.judge(raw)
		if wantErr(t, err, store.ErrUnavailable); errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%v: %v", kind, err)
		}
	}
	down = nil
	noErr(t, k.revoker.Session(t.Context(), parsed.Subject(), "s1", "kick"))
	down = func(s store.Subject) error {
		if s.Kind == store.KindUser {
			return store.ErrUnavailable
		}
		return nil
	}
	wantErr(t, k.judge(raw), token.ErrRevoked)
	down = nil
	raw = k.mint(k.keycloak("ann", "s2"))
	noErr(t, k.revoker.Subject(t.Context(), parsed.Subject(), "fired"))
	down = func(s store.Subject) error {
		if s.Kind == store.KindSID {
			return store.ErrUnavailable
		}
		return nil
	}
	wantErr(t, k.judge(raw), token.ErrRevoked)
}

// halfDown fails some lookups.
type halfDown struct {
	altered
	down *func(store.Subject) error
}

func (h *halfDown) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if *h.down != nil {
		if err := (*h.down)(s); err != nil {
			return store.State{}, err
		}
	}
	return h.altered.Lookup(ctx, s, ids...)
}
