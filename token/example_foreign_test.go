package token_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// realmKeys are those of the realm, as token.ParseJWKS reads them from what it publishes.
func realmKeys() token.KeySet { return foreignKeys()[keycloak].VerifyKey() }

// realmToken is what the realm gives a client.
func realmToken(sub, sid string) string {
	now := time.Now().Unix()
	return sign(foreignKeys()[keycloak], m{"typ": "JWT"}, m{
		"iss": keycloak, "sub": sub, "sid": sid, "aud": "https://api.example", "iat": now, "exp": now + 300, "scope": "openid orders:read",
	}.text())
}

// A service accepts the tokens of a Keycloak realm, and ends one of its sessions knowing nothing but the sid.
func ExampleForeign() {
	ctx := context.Background()
	clock := time.Now().Add(-time.Hour)
	s, err := memstore.New(&memstore.Options{Now: func() time.Time { return clock }})
	if err != nil {
		log.Fatal(err)
	}
	defer closing(s)
	clock = time.Now() // the store has been there for an hour: it answers for tokens that are younger than it
	const realm = "https://sso.example/realms/shop"
	verifier, err := token.NewVerifier([]token.TrustedIssuer{{
		Issuer: realm, Keys: realmKeys(),
		Audience: []string{"https://api.example"}, Types: []string{"JWT"},
		Check: token.Denylist(s), Foreign: &token.Foreign{},
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)
	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}

	raw := realmToken("ann", "session-1")
	t, err := verifier.Verify(ctx, raw)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Subject().Name, "of", t.Subject().Issuer, t.HasScopes("orders:read"))

	if err := revoker.Subject(ctx, token.ForeignSession("", realm, "session-1"), "logout"); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, raw)
	fmt.Println(errors.Is(err, store.ErrRevoked))
	// Output:
	// ann of https://sso.example/realms/shop true
	// true
}
