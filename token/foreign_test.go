package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
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
	k.clock.Add(time.Hour) // the store's data began before the tokens
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

// TestForeignSignatures: of the two ECDSA signatures of a text another issuer may make either.
func TestForeignSignatures(t *testing.T) {
	k := newForeignKit(t, nil)
	key := foreignKeys()[auth0]
	signed := b64(m{"typ": "JWT", "alg": "ES256", "kid": key.KeyID()}.text()) + "." + b64(k.auth0("ann").text())
	low := must(token.SignForTest(key, signed))
	high := append([]byte(nil), low...)
	s := new(big.Int).SetBytes(low[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(high[32:])
	for name, sig := range map[string][]byte{"lower s": low, "higher s": high} {
		if err := k.judge(signed + "." + base64.RawURLEncoding.EncodeToString(sig)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
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
	clock.Add(time.Hour)
	noErr(t, must(token.NewRevoker(s, nil)).Subject(t.Context(), token.ForeignUser("", keycloak, "mallory"), "x"))
	forgotten := clock.Now().Add(life + store.MarkMargin)

	clock.Add(token.MaxForeignSkewForTest)
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
	k.clock.Add(10 * time.Second)
	behind.Add(10 * time.Second)
	noErr(t, k.judge(raw))
}

// TestScopesAreParted by spaces alone, as RFC 6749 §3.3 has it.
func TestScopesAreParted(t *testing.T) {
	k := newForeignKit(t, nil)
	for text, want := range map[string]string{"a b": `["a" "b"]`, " a  b ": `["a" "b"]`, "a\tadmin": `["a\tadmin"]`, "a\u00a0admin": `["a\u00a0admin"]`, "": "[]"} {
		got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(m{"scope": text}))))
		if scopes := fmt.Sprintf("%q", got.Scopes()); scopes != want {
			t.Errorf("%q is %s, want %s", text, scopes, want)
		}
	}
}

// TestAForeignTokenPrintsOnOneLine, whatever its issuer writes.
func TestAForeignTokenPrintsOnOneLine(t *testing.T) {
	k := newForeignKit(t, nil)
	got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s\n1").with(m{"jti": "a\x1b[2J\nroot logged in"}))))
	for _, text := range []string{fmt.Sprint(got), fmt.Sprintf("%#v", got), got.String()} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("it prints as %q", text)
		}
	}
}

func TestForeignTokensOfAClockAhead(t *testing.T) {
	k := newForeignKit(t, nil)
	now := k.clock.Now().Unix()
	got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(m{"iat": now + 30}))))
	if p := got.Presented(false); !p.WithoutRecord || !p.Foreign || p.Seq != 0 || p.Leeway != 30*time.Second {
		t.Errorf("it is presented as %+v", p)
	}
}

// TestStepUpClaims: what does not read says nothing of when and how, and a binding that does not read is one.
func TestStepUpClaims(t *testing.T) {
	k := newForeignKit(t, nil)
	for _, c := range []struct {
		name     string
		claims   m
		at       int64
		acr, amr string
		jkt, x5t string
		isBound  bool
	}{
		{"as they should be", m{"auth_time": 1700000000, "acr": "2", "amr": []string{"pwd", "otp"}, "cnf": m{"jkt": "a", "x5t#S256": "b"}}, 1700000000, "2", "pwd otp", "a", "b", true},
		{"none", m{"auth_time": nil, "acr": nil}, 0, "", "", "", "", false},
		{"a text for a time", m{"auth_time": "1700000000"}, 0, "1", "", "", "", false},
		{"a time before all", m{"auth_time": -5}, 0, "1", "", "", "", false},
		{"zero", m{"auth_time": 0}, 0, "1", "", "", "", false},
		{"a time after all", m{"auth_time": int64(253402300800)}, 0, "1", "", "", "", false},
		{"a number for acr", m{"auth_time": nil, "acr": 7}, 0, "", "", "", "", false},
		{"a binding that is none", m{"auth_time": nil, "cnf": "x"}, 0, "1", "", "", "", true},
		{"a binding to what is not known", m{"auth_time": nil, "cnf": m{"jwk": m{}}}, 0, "1", "", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(c.claims))))
			at, said := got.AuthTime()
			if said != (c.at != 0) || said && at.Unix() != c.at || got.ACR() != c.acr || strings.Join(got.AMR(), " ") != c.amr {
				t.Errorf("auth_time %v, acr %q, amr %q", at, got.ACR(), got.AMR())
			}
			cnf, bound := got.Confirmation()
			if bound != c.isBound || cnf.KeyThumbprint != c.jkt || cnf.CertificateThumbprint != c.x5t {
				t.Errorf("cnf %+v, bound %v", cnf, bound)
			}
		})
	}
}

// TestForeignTypes: each issuer has its own.
func TestForeignTypes(t *testing.T) {
	k := newForeignKit(t, nil)
	for typ, accepted := range map[string][2]bool{ // Keycloak's, Auth0's
		"JWT": {true, true}, "application/JWT": {true, true}, "at+jwt": {false, true}, "": {false, true}, "rt+jwt": {}, "jwt": {}, "logout+jwt": {},
	} {
		for n, claims := range []m{k.keycloak("ann", "s1"), k.auth0("ann")} {
			header := m{"typ": typ}
			if typ == "" {
				header = m{}
			}
			err := k.judge(sign(foreignKeys()[claims["iss"].(string)], header, claims.text())) //nolint:errcheck // all have one
			if accepted[n] != (err == nil) || err != nil && !errors.Is(err, token.ErrType) {
				t.Errorf("%q of %v: %v", typ, claims["iss"], err)
			}
		}
	}
}

// TestOwnStepUpClaims: our tokens carry what RFC 9068 §2.2.1 names too, by IssuerOptions.Claims.
func TestOwnStepUpClaims(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) {
		return m{"auth_time": 1700000000, "acr": "2", "amr": []string{"otp"}, "cnf": m{"jkt": "a"}, "scope": "read"}, nil
	}}})
	got := must(k.verifier.Verify(t.Context(), k.login().Access.Reveal()))
	at, said := got.AuthTime()
	cnf, bound := got.Confirmation()
	if !said || at.Unix() != 1700000000 || got.ACR() != "2" || strings.Join(got.AMR(), " ") != "otp" || !bound || cnf.KeyThumbprint != "a" || !got.HasScopes("read") {
		t.Errorf("auth_time %v, acr %q, amr %q, cnf %v %+v, scopes %q", at, got.ACR(), got.AMR(), bound, cnf, got.Scopes())
	}
}

func TestForeignTokensThatAreRefused(t *testing.T) {
	k := newForeignKit(t, nil)
	good, key := k.keycloak("ann", "s1"), foreignKeys()[keycloak]
	now := k.clock.Now().Unix()
	jwt := m{"typ": "JWT"}
	for _, c := range []struct {
		name   string
		header m
		claims m
		want   error
	}{
		{"without sub", jwt, good.with(m{"sub": nil}), token.ErrMalformed},
		{"a long sub", jwt, good.with(m{"sub": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"a long sid", jwt, good.with(m{"sid": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"a long jti", jwt, good.with(m{"jti": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"without exp", jwt, good.with(m{"exp": nil}), token.ErrMalformed},
		{"without iat", jwt, good.with(m{"iat": nil}), token.ErrMalformed},
		{"iat beyond the leeway", jwt, good.with(m{"iat": now + 31}), token.ErrNotYetValid},
		{"a life beyond the marks'", jwt, good.with(m{"exp": now + 86401}), token.ErrLifetime},
		{"expired", jwt, good.with(m{"iat": now - 400, "exp": now - 31}), token.ErrExpired},
		{"for another API", jwt, good.with(m{"aud": "account"}), token.ErrAudience},
		{"typ of ours", m{"typ": "at+jwt"}, good, token.ErrType},
		{"no typ", m{}, good, token.ErrType},
		{"a logout token", jwt, good.with(m{"events": m{"http://schemas.openid.net/event/backchannel-logout": m{}}}), token.ErrType},
		{"Keycloak's ID token", jwt, good.with(m{"typ": "ID"}), token.ErrType},
		{"Keycloak's refresh token", jwt, good.with(m{"typ": "Refresh"}), token.ErrType},
		{"Keycloak's offline token", jwt, good.with(m{"typ": "Offline"}), token.ErrType},
		{"Keycloak's logout token", jwt, good.with(m{"typ": "Logout"}), token.ErrType},
		{"an ID token of the implicit flow", jwt, good.with(m{"at_hash": "x"}), token.ErrType},
		{"an ID token of the hybrid flow", jwt, good.with(m{"c_hash": "x"}), token.ErrType},
		{"Sub beside sub", jwt, good.with(m{"Sub": "bob"}), token.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, func(raw string) (*token.Token, error) { return k.verifier.Verify(t.Context(), raw) }, sign(key, c.header, c.claims.text()), c.want)
		})
	}
	t.Run("another issuer's key", func(t *testing.T) {
		raw := sign(foreignKeys()[auth0], jwt, good.text())
		refused(t, func(raw string) (*token.Token, error) { return k.verifier.Verify(t.Context(), raw) }, raw, token.ErrKey)
	})
}

// TestForeignClaimsWithOurNames: what our tokens say by seq, realm, rot and lnk, another issuer's cannot, whatever is in them;
// they are custom claims.
func TestForeignClaimsWithOurNames(t *testing.T) {
	k := newForeignKit(t, nil)
	for name, claims := range map[string]m{
		"as ours":     {"seq": 1 << 60, "realm": "admin", "rot": 1, "lnk": "x"},
		"seq alone":   {"seq": 7},
		"of another":  {"seq": "7/9", "realm": m{"id": 1}, "rot": -1, "lnk": []int{1}},
		"in capitals": {"Seq": "x", "REALM": "y", "Rot": 1, "LNK": nil},
	} {
		for _, form := range []string{"%s", " %s"} { // read by the scanner, and by the library
			t.Run(name+fmt.Sprintf(" %q", form), func(t *testing.T) {
				c := k.keycloak("ann", "s1")
				for n, v := range claims {
					c[n] = v
				}
				got, err := k.verifier.Verify(t.Context(), sign(foreignKeys()[keycloak], m{"typ": "JWT"}, fmt.Sprintf(form, c.text())))
				if err != nil {
					t.Fatal(err)
				}
				extra, _ := token.Extra[map[string]any](got)
				for n := range claims {
					if _, ok := extra[n]; !ok {
						t.Errorf("%s is not among the custom claims", n)
					}
				}
				if got.Subject() != token.ForeignUser("", keycloak, "ann") || got.Seq() != 0 {
					t.Errorf("the subject is %v, seq %d", got.Subject(), got.Seq())
				}
			})
		}
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

func TestForeignIssuersThatAreRefused(t *testing.T) {
	s := newMemory(t, newClock().Now)
	good := token.TrustedIssuer{
		Issuer: keycloak, Keys: foreignKeys()[keycloak].VerifyKey(), Audience: []string{api}, Check: token.Denylist(s), Foreign: &token.Foreign{},
	}
	for _, c := range []struct {
		name, field string
		change      func(*token.TrustedIssuer)
	}{
		{"no audience", "issuers[0].Audience", func(t *token.TrustedIssuer) { t.Audience = nil }},
		{"Sessions", "issuers[0].Check", func(t *token.TrustedIssuer) { t.Check = token.Sessions(s) }},
		{"a negative skew", "issuers[0].Foreign.Skew", func(t *token.TrustedIssuer) { t.Foreign = &token.Foreign{Skew: -1} }},
		{"a skew beyond what cuts are kept", "issuers[0].Foreign.Skew", func(t *token.TrustedIssuer) { t.Foreign = &token.Foreign{Skew: store.MaxLeeway + 1} }},
		{"a long realm", "issuers[0].Foreign.Subject.Realm", func(t *token.TrustedIssuer) { t.Foreign = &token.Foreign{Realm: strings.Repeat("r", 257)} }},
		{"an empty type of ours", "issuers[0].Types[0]", func(t *token.TrustedIssuer) { t.Foreign, t.Types = nil, []string{""} }},
		{"refresh tokens", "issuers[0].Types[0]", func(t *token.TrustedIssuer) { t.Types = []string{"rt+jwt"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := good
			c.change(&bad)
			v, err := token.NewVerifier([]token.TrustedIssuer{bad}, nil)
			if wantField(t, err, c.field); v != nil {
				t.Error("there is a verifier with the error")
			}
		})
	}
	wantField(t, must(token.NewRevoker(s, nil)).Others(t.Context(), token.ForeignUser("", keycloak, "ann"), "s1", ""), "subject")
}
