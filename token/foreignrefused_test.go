package token_test

import (
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

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
