package token_test

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims are those of Back-Channel Logout §2.4, issued now.
func logoutClaims(now time.Time) m {
	return m{
		"iss": keycloak, "sub": "ann", "aud": "shop-web", "iat": now.Unix(), "exp": now.Unix() + 120, "jti": "bWJq",
		"sid": "s1", "events": m{logoutEvent: m{}},
	}
}

func newLogoutVerifier(clock *storetest.Clock, change func(*token.LogoutOptions)) *token.LogoutVerifier {
	o := token.LogoutOptions{Now: clock.Now}
	if change != nil {
		change(&o)
	}
	keys := must(token.NewKeySet(foreignKeys()[keycloak].VerifyKey(), foreignKeys()[auth0].VerifyKey()))
	return must(token.NewLogoutVerifier(keycloak, keys, []string{"shop-web", "shop-app"}, &o))
}

// TestLogoutTokens: OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6, clause by clause.
func TestLogoutTokens(t *testing.T) {
	clock := newClock()
	v := newLogoutVerifier(clock, nil)
	good, now := logoutClaims(clock.Now()), clock.Now().Unix()
	typ := m{"typ": "logout+jwt"}
	for _, c := range []struct {
		name   string
		header m
		claims m
		want   error // nil: accepted
	}{
		{"as §2.4 has it", typ, good, nil},
		{"typ with its prefix", m{"typ": "application/logout+jwt"}, good, nil},
		{"aud is a list that has us", typ, good.with(m{"aud": []string{"other", "shop-app"}}), nil},
		{"sid alone", typ, good.with(m{"sub": nil}), nil},
		{"sub alone", typ, good.with(m{"sid": nil}), nil},
		{"no exp: §2.4 of older drafts", typ, good.with(m{"exp": nil}), nil},
		{"other events beside ours", typ, good.with(m{"events": m{logoutEvent: m{}, "urn:other": 1}}), nil},
		{"an event with members: §2.4 asks for an object", typ, good.with(m{"events": m{logoutEvent: m{"a": 1}}}), nil},
		{"a claim that means something in our tokens alone", typ, good.with(m{"seq": "x", "realm": "r"}), nil},
		{"iat a little ahead", typ, good.with(m{"iat": now + 30}), nil},

		{"§2.6: typ of an access token", m{"typ": "at+jwt"}, good, token.ErrType},
		{"§2.6: typ JWT, which is not named", m{"typ": "JWT"}, good, token.ErrType},
		{"§2.6: no typ", m{}, good, token.ErrType},
		{"§2.6 (3): another iss", typ, good.with(m{"iss": auth0}), token.ErrIssuer},
		{"§2.6 (3): iss but for a slash", typ, good.with(m{"iss": keycloak + "/"}), token.ErrIssuer},
		{"§2.6 (3): no iss", typ, good.with(m{"iss": nil}), token.ErrIssuer},
		{"§2.6 (3): aud is another client", typ, good.with(m{"aud": "shop-admin"}), token.ErrAudience},
		{"§2.6 (3): no aud", typ, good.with(m{"aud": nil}), token.ErrAudience},
		{"§2.6 (3): no iat", typ, good.with(m{"iat": nil}), token.ErrMalformed},
		{"§2.6 (3): iat ahead", typ, good.with(m{"iat": now + 31}), token.ErrNotYetValid},
		{"§2.6 (3): iat too long ago, exp notwithstanding", typ, good.with(m{"iat": now - 150, "exp": now + 900}), token.ErrExpired},
		{"§2.6 (3): expired", typ, good.with(m{"iat": now - 60, "exp": now - 31}), token.ErrExpired},
		{"RFC 7519 §4.1.5: not yet", typ, good.with(m{"nbf": now + 31}), token.ErrNotYetValid},
		{"§2.6 (4): neither sub nor sid", typ, good.with(m{"sub": nil, "sid": nil}), token.ErrMalformed},
		{"§2.6 (4): both empty", typ, good.with(m{"sub": "", "sid": ""}), token.ErrMalformed},
		{"§2.6 (4): sub too long", typ, good.with(m{"sub": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"§2.6 (4): sid too long", typ, good.with(m{"sid": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"§2.6 (5): no events", typ, good.with(m{"events": nil}), token.ErrMalformed},
		{"§2.6 (5): no events, nor anything that is kept for later", typ, m{"iss": keycloak, "sub": "ann", "aud": "shop-web", "iat": now, "jti": "j"}, token.ErrMalformed},
		{"§2.6 (5): events is a list", typ, good.with(m{"events": []string{logoutEvent}}), token.ErrMalformed},
		{"§2.6 (5): events is empty", typ, good.with(m{"events": m{}}), token.ErrMalformed},
		{"§2.6 (5): another event", typ, good.with(m{"events": m{"http://schemas.openid.net/event/frontchannel-logout": m{}}}), token.ErrMalformed},
		{"§2.6 (5): the event in capitals", typ, good.with(m{"events": m{strings.ToUpper(logoutEvent): m{}}}), token.ErrMalformed},
		{"§2.6 (5): the event is a text", typ, good.with(m{"events": m{logoutEvent: "{}"}}), token.ErrMalformed},
		{"§2.6 (5): the event is null", typ, good.with(m{"events": m{logoutEvent: json.RawMessage("null")}}), token.ErrMalformed},
		{"§2.6 (6): a nonce", typ, good.with(m{"nonce": "n"}), token.ErrType},
		{"§2.6 (6): a nonce that is empty", typ, good.with(m{"nonce": ""}), token.ErrType},
		{"§2.6 (6): a nonce that is null", typ, good.with(m{"nonce": json.RawMessage("null")}), token.ErrType},
		{"§2.4: no jti", typ, good.with(m{"jti": nil}), token.ErrMalformed},
		{"§2.4: jti too long", typ, good.with(m{"jti": strings.Repeat("a", 257)}), token.ErrMalformed},
		{"RFC 7515 §4.1.11: crit", typ.with(m{"crit": []string{"exp"}}), good, token.ErrCritical},
		{"an access token", m{"typ": "JWT"}, newForeignKit(t, nil).keycloak("ann", "s1"), token.ErrType},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, form := range []string{"%s", " %s"} { // read by the scanner, and by the library
				got, err := v.Verify(t.Context(), sign(foreignKeys()[keycloak], c.header, fmt.Sprintf(form, c.claims.text())))
				if !errors.Is(err, c.want) || (err == nil) != (got != nil) || err != nil && !errors.Is(err, token.ErrInvalidToken) {
					t.Errorf("%v, %v; want %v", got, err, c.want)
				}
			}
		})
	}
}

// TestLogoutTokenSignatures: §2.6 (2).
func TestLogoutTokenSignatures(t *testing.T) {
	clock := newClock()
	v := newLogoutVerifier(clock, nil)
	good := logoutClaims(clock.Now()).text()
	raw := sign(foreignKeys()[keycloak], m{"typ": "logout+jwt"}, good)
	none := b64(m{"alg": "none", "kid": "kc-1", "typ": "logout+jwt"}.text()) + "." + b64(good) + "."
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"alg none":            {none, token.ErrMalformed},
		"alg none, signed":    {none + "AA", token.ErrKey},
		"an unknown kid":      {sign(must(token.HS256("k9", secret)), m{"typ": "logout+jwt"}, good), token.ErrKey},
		"a secret's alg":      {sign(must(token.HS256("kc-1", secret)), m{"typ": "logout+jwt"}, good), token.ErrKey},
		"a wrong signature":   {raw[:len(raw)-6] + "AAAAAA", token.ErrSignature},
		"another payload":     {strings.Replace(raw, "."+b64(good)+".", "."+b64(strings.Replace(good, "ann", "bob", 1))+".", 1), token.ErrSignature},
		"nothing":             {"", token.ErrMalformed},
		"a claim twice":       {sign(foreignKeys()[keycloak], m{"typ": "logout+jwt"}, `{"sub":"bob",`+good[1:]), token.ErrMalformed},
		"longer than allowed": {raw + strings.Repeat("A", token.MaxBytes), token.ErrTooLong},
	} {
		if got, err := v.Verify(t.Context(), c.raw); got != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	t.Run("either of ECDSA's two is good", func(t *testing.T) {
		key := foreignKeys()[auth0]
		v := must(token.NewLogoutVerifier(keycloak, key.VerifyKey(), []string{"shop-web"}, &token.LogoutOptions{Now: clock.Now}))
		lower := sign(key, m{"typ": "logout+jwt"}, good)
		for _, raw := range []string{lower, otherS(lower, elliptic.P256())} {
			_, err := v.Verify(t.Context(), raw)
			noErr(t, err)
		}
	})
	t.Run("keys that cannot be had are an outage", func(t *testing.T) {
		down := must(token.NewLogoutVerifier(keycloak, noKeys{&token.RemoteError{Place: "https://sso.example", Problem: "it does not answer in time"}}, []string{"shop-web"}, &token.LogoutOptions{Now: clock.Now}))
		if _, err := down.Verify(t.Context(), raw); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%v", err)
		}
	})
}

// TestLogoutTokenSays: whom a token ends (§2.7), how long it is fresh, and that it prints nobody's name.
func TestLogoutTokenSays(t *testing.T) {
	clock := newClock()
	v := newLogoutVerifier(clock, func(o *token.LogoutOptions) { o.Realm, o.MaxAge = "eu", time.Minute })
	good := logoutClaims(clock.Now())
	verify := func(c m) *token.LogoutToken {
		t.Helper()
		return must(v.Verify(t.Context(), sign(foreignKeys()[keycloak], m{"typ": "logout+jwt"}, c.text())))
	}
	both, sub, sid := verify(good), verify(good.with(m{"sid": nil})), verify(good.with(m{"sub": nil}))
	session, user := token.ForeignSession("eu", keycloak, "s1"), token.ForeignUser("eu", keycloak, "ann")
	if both.Subject() != session || sid.Subject() != session || sub.Subject() != user {
		t.Errorf("both end %v, sid %v, sub %v", both.Subject(), sid.Subject(), sub.Subject())
	}
	if u, named := both.User(); u != user || !named {
		t.Errorf("its user is %v, %v", u, named)
	}
	if u, named := sid.User(); named || u != (store.Subject{}) {
		t.Errorf("a sid alone names %v", u)
	}
	if both.ID() != "bWJq" || both.SessionID() != "s1" || both.Issuer() != keycloak || both.IssuedAt().Unix() != clock.Now().Unix() {
		t.Errorf("%v", both)
	}
	fresh := both.FreshUntil()
	if want := both.IssuedAt().Add(90 * time.Second); !fresh.Equal(want) {
		t.Errorf("it is fresh until %v, want %v", fresh, want)
	}
	late := sign(foreignKeys()[keycloak], m{"typ": "logout+jwt"}, good.with(m{"exp": nil}).text())
	clock.Set(fresh.Add(-time.Millisecond))
	if _, err := v.Verify(t.Context(), late); err != nil {
		t.Errorf("just before: %v", err)
	}
	clock.Set(fresh)
	if _, err := v.Verify(t.Context(), late); !errors.Is(err, token.ErrExpired) {
		t.Errorf("at the end: %v", err)
	}
	for _, text := range []string{fmt.Sprint(both), fmt.Sprintf("%+v %#v %d", both, both, both), both.LogValue().String()} {
		if strings.Contains(text, "ann") {
			t.Errorf("it prints its user: %s", text)
		}
	}
}

// TestLogoutTypes: a type that is named is accepted, the empty one too, and no other.
func TestLogoutTypes(t *testing.T) {
	clock := newClock()
	v := newLogoutVerifier(clock, func(o *token.LogoutOptions) { o.Types = []string{"JWT", ""} })
	for typ, ok := range map[string]bool{"JWT": true, "": true, "logout+jwt": false} {
		_, err := v.Verify(t.Context(), sign(foreignKeys()[keycloak], m{}.with(m{"typ": typ}), logoutClaims(clock.Now()).text()))
		if (err == nil) != ok {
			t.Errorf("%q: %v", typ, err)
		}
	}
}

func TestNewLogoutVerifierRefuses(t *testing.T) {
	key, us := foreignKeys()[keycloak].VerifyKey(), []string{"shop-web"}
	for field, build := range map[string]func() (*token.LogoutVerifier, error){
		"issuer": func() (*token.LogoutVerifier, error) { return token.NewLogoutVerifier("", key, us, nil) },
		"keys":   func() (*token.LogoutVerifier, error) { return token.NewLogoutVerifier(keycloak, nil, us, nil) },
		"keys ": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, token.VerifyKey{}, us, nil)
		},
		"clientIDs": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, nil, nil)
		},
		"clientIDs[1]": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, []string{"a", ""}, nil)
		},
		"LogoutOptions.MaxAge": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, us, &token.LogoutOptions{MaxAge: 2 * time.Hour})
		},
		"LogoutOptions.Leeway": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, us, &token.LogoutOptions{Leeway: time.Hour})
		},
		"LogoutOptions.Types[0]": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, us, &token.LogoutOptions{Types: []string{"rt+jwt"}})
		},
		"LogoutOptions.Subject.Realm": func() (*token.LogoutVerifier, error) {
			return token.NewLogoutVerifier(keycloak, key, us, &token.LogoutOptions{Realm: strings.Repeat("r", 257)})
		},
	} {
		v, err := build()
		var f *store.FieldError
		if v != nil || !errors.As(err, &f) || f.Field != strings.TrimSpace(field) || f.Remedy == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}
