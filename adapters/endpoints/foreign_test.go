package endpoints_test

import (
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// provider is the OpenID provider of the tests.
const provider = "https://sso.test/realms/shop"

func providerKey() token.VerifyKey {
	return must(token.Ed25519("sso-1", signingKey("sso"))).VerifyKey()
}

func foreignIssuer(s store.TokenStore) token.TrustedIssuer {
	return token.TrustedIssuer{
		Issuer: provider, Keys: providerKey(), Audience: []string{ownAPI}, Types: []string{"JWT"},
		Check: token.Denylist(s), Foreign: &token.Foreign{},
	}
}

// byProvider signs claims as the provider does, by a library that is not ours.
func byProvider(typ string, claims jwt.MapClaims) string {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["kid"], t.Header["typ"] = "sso-1", typ
	return must(t.SignedString(signingKey("sso")))
}

// foreignAccess is an access token of the provider.
func foreignAccess(now time.Time, sub, sid string) string {
	return byProvider("JWT", jwt.MapClaims{
		"iss": provider, "sub": sub, "aud": ownAPI, "iat": now.Unix(), "exp": now.Unix() + 300, "jti": store.NewID(), "sid": sid, "azp": "web",
	})
}

// foreignScoped is an access token of the provider with a scope.
func foreignScoped(now time.Time, scope string) string {
	return byProvider("JWT", jwt.MapClaims{
		"iss": provider, "sub": "ann", "aud": ownAPI, "iat": now.Unix(), "exp": now.Unix() + 300, "jti": store.NewID(), "scope": scope,
	})
}

// mintScope is an access token of ours with a scope.
func (k *kit) mintScope(scope string) string {
	return must(k.issuer.Login(k.t.Context(), ann, token.LoginOptions{Claims: map[string]any{"scope": scope}})).Access.Reveal()
}
