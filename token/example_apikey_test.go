package token_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"regexp"
	"strings"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// sealSecret returns the secret that seals API keys in the examples; a program reads it from where it keeps secrets.
func sealSecret() token.Secret {
	s, err := token.NewSecret(1, []byte("32 random bytes from the secrets"))
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// A program gets a key that lives for months, and the same verifier takes it beside the JWTs of logins.
func ExampleAPIKeys() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	keys, err := token.NewAPIKeys(s, "acme", []token.Secret{sealSecret()}, &token.APIKeyOptions{MaxPerOwner: 20})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{keys}}) // nil: no JWTs here
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)

	user := store.User("ann")
	bearer, key, err := keys.Create(ctx, user, token.CreateOptions{Name: "deploy job", Class: "ci", Scopes: []string{"deploys:write"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("shown once:", strings.HasPrefix(bearer.Reveal(), "acme_AQEA"), "printed:", bearer)

	t, err := verifier.Verify(ctx, bearer.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Owner().Name, t.Class(), t.Scopes(), t.HasScopes("deploys:read"))

	list, err := keys.List(ctx, user, store.Page{})
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range list.Items {
		fmt.Println(k.Name, k.Display() == "acme_…"+k.LastFour)
	}

	if err := keys.Revoke(ctx, user, key.ID, "replaced"); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, bearer.Reveal())
	fmt.Println(err)
	// Output:
	// shown once: true printed: bearer(redacted)
	// ann ci [deploys:write] false
	// deploy job true
	// jeton: token has been revoked
}

// "Log out everywhere" ends sessions and leaves API keys alone; ending both is two calls.
func ExampleAPIKeys_RevokeAll() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	keys, err := token.NewAPIKeys(s, "acme", []token.Secret{sealSecret()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{keys}})
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)
	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}

	user := store.User("ann")
	bearer, _, err := keys.Create(ctx, user, token.CreateOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := revoker.Subject(ctx, user, "password changed"); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, bearer.Reveal())
	fmt.Println("after log out everywhere:", err)

	if err := keys.RevokeAll(ctx, user, "left the company"); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, bearer.Reveal())
	fmt.Println("after RevokeAll:", err)
	// Output:
	// after log out everywhere: <nil>
	// after RevokeAll: jeton: token has been revoked
}

// A scanner found a text in a repository. Its checksum and seal tell whether it is a key, without the store, and the
// revocation needs no more than it.
func ExampleAPIKeys_Pattern() {
	ctx := context.Background()
	s := open()
	defer closing(s)
	keys, err := token.NewAPIKeys(s, "acme", []token.Secret{sealSecret()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{keys}})
	if err != nil {
		log.Fatal(err)
	}
	defer closing(verifier)
	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}
	bearer, _, err := keys.Create(ctx, store.User("ann"), token.CreateOptions{})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(keys.Pattern())
	source := "API_KEY = '" + bearer.Reveal() + "'; // and acme_AQ" + strings.Repeat("Ax", 40)
	for _, found := range regexp.MustCompile(keys.Pattern()).FindAllString(source, -1) {
		t, err := verifier.Parse(ctx, found)
		if errors.Is(err, token.ErrInvalidToken) {
			fmt.Println("no key:", token.Code(err))
			continue
		}
		fmt.Println("a key of", t.Owner().Name)
		if err := revoker.Token(ctx, t, "published"); err != nil {
			log.Fatal(err)
		}
	}
	_, err = verifier.Verify(ctx, bearer.Reveal())
	fmt.Println(err)
	// Output:
	// \bacme_A[Q-Za-f][A-Za-z0-9_-]{73,}[A-Za-z0-9]{6}\b
	// a key of ann
	// no key: malformed
	// jeton: token has been revoked
}
