package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// open returns a store for the examples; a program uses store.Open with the URL of its choice.
func open() *memstore.Store {
	s, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func closing(c io.Closer) {
	if err := c.Close(); err != nil {
		log.Fatal(err)
	}
}

// signingKey returns a key for the examples; a program reads its key from where it keeps secrets.
func signingKey() token.SigningKey {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := token.Ed25519("2026-01", private)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// A login reads the guard before it checks the password, and sends the tokens by Pair.Response.
func ExampleIssuer() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	issuer, err := token.NewIssuer(s, "https://login.example", signingKey(), nil)
	if err != nil {
		log.Fatal(err)
	}

	user := store.User("ann")
	guard, err := issuer.Begin(ctx, user)
	if err != nil {
		log.Fatal(err) // 503
	}
	// … read the user's password hash and check the password …
	pair, err := issuer.Login(ctx, user, token.LoginOptions{Guard: guard, Class: "web"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pair.Access, pair.Response().TokenType, pair.Response().ExpiresIn)

	next, err := issuer.Refresh(ctx, pair.Refresh.Reveal(), token.RefreshOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same session:", next.Session.ID == pair.Session.ID, "rotation:", next.Session.Rotation)

	_, err = json.Marshal(pair)
	fmt.Println("a pair marshals:", err == nil)
	// Output:
	// bearer(redacted) Bearer 900
	// same session: true rotation: 1
	// a pair marshals: false
}

// A resource server needs a key that checks signatures, and the store.
func ExampleVerifier() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	key := signingKey()
	issuer, err := token.NewIssuer(s, "https://login.example", key, nil)
	if err != nil {
		log.Fatal(err)
	}
	pair, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}

	verifier, err := token.NewVerifier([]token.TrustedIssuer{{
		Issuer: "https://login.example",
		Keys:   key.VerifyKey(),
		Check:  token.Sessions(s),
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)

	t, err := verifier.Verify(ctx, pair.Access.Reveal())
	switch {
	case errors.Is(err, token.ErrInvalidToken):
		fmt.Println("401")
	case err != nil:
		fmt.Println("503")
	default:
		fmt.Println(t.Subject().Name)
	}

	_, err = verifier.Verify(ctx, "no token at all")
	fmt.Println(token.Code(err))
	// Output:
	// ann
	// malformed
}

// Kicking somebody out takes no key, and a login afterwards is welcome.
func ExampleRevoker() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	key := signingKey()
	issuer, err := token.NewIssuer(s, "https://login.example", key, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{{
		Issuer: "https://login.example", Keys: key.VerifyKey(), Check: token.Sessions(s),
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)
	user := store.User("ann")
	pair, err := issuer.Login(ctx, user, token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}

	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := revoker.Subject(ctx, user, "log out everywhere"); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, pair.Access.Reveal())
	fmt.Println(err)

	again, err := issuer.Login(ctx, user, token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, again.Access.Reveal())
	fmt.Println(err)
	// Output:
	// jeton: token has been revoked
	// <nil>
}

// Roles are asked for at login and at every refresh, and read where the token is verified.
func ExampleExtra() {
	type access struct {
		Roles []string `json:"roles"`
	}
	ctx := context.Background()
	s := open()
	defer closing(s)
	key := signingKey()
	issuer, err := token.NewIssuer(s, "https://login.example", key, &token.IssuerOptions{
		Claims: func(context.Context, store.Record) (any, error) { return access{Roles: []string{"admin"}}, nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{{
		Issuer: "https://login.example", Keys: key.VerifyKey(), Check: token.Sessions(s), Extra: token.ExtraOf[access](),
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)

	pair, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	t, err := verifier.Verify(ctx, pair.Access.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	claims, ok := token.Extra[access](t)
	fmt.Println(claims.Roles, ok)
	// Output: [admin] true
}

// A service that only checks tokens has the issuer's public keys, here as the JWK set that the issuer publishes.
func ExampleParseJWKS() {
	signing := signingKey()
	published, err := token.MarshalJWKS(signing.VerifyKey())
	if err != nil {
		log.Fatal(err)
	}

	keys, err := token.ParseJWKS(published)
	if err != nil {
		log.Fatal(err) // names the member and what is wrong with it
	}
	for _, k := range keys.Keys() {
		fmt.Println(k.KeyID(), k.Algorithm())
	}
	for _, why := range keys.Ignored() {
		log.Print(why) // a key of a kind that is not known here
	}
	// Output: 2026-01 EdDSA
}

// A key in a KMS or an HSM signs by its crypto.Signer.
func ExampleNewSigningKey() {
	var signer crypto.Signer // of the KMS's library
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := token.NewSigningKey("2026-01", token.AlgES256, signer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Algorithm(), len(key.VerifyKey().Thumbprint()))
	// Output: ES256 43
}
