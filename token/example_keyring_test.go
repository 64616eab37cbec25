package token_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// Keys change without a restart and without a logout: publish the next one, wait until every verifier knows it, sign with it.
func ExampleKeyring() {
	ctx := context.Background()
	s, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	january, february := must(token.Ed25519("january", edKey(1))), must(token.Ed25519("february", edKey(2)))

	ring, err := token.NewKeyring(token.RingKeys{Signing: january}, nil)
	if err != nil {
		log.Fatal(err)
	}
	issuer := must(token.NewIssuer(s, "https://login.example", ring, nil))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: "https://login.example", Keys: ring, Check: token.Sessions(s)}}, nil))
	defer verifier.Close() //nolint:errcheck // it is nil
	old := must(issuer.Login(ctx, store.User("ann"), token.LoginOptions{}))

	// A day before the change: it verifies, and is in the JWKS.
	keys := ring.Keys()
	keys.Published = append(keys.Published, february.VerifyKey())
	if err := ring.Update(keys); err != nil {
		log.Fatal(err)
	}
	// The change. The old key verifies until its last token has ended.
	if err := ring.Update(token.RingKeys{Signing: february, Retired: []token.RetiredKey{{Key: january.VerifyKey()}}}); err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(ctx, old.Access.Reveal())
	fmt.Println(err)
	_, err = issuer.Refresh(ctx, old.Refresh.Reveal(), token.RefreshOptions{})
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

// Tokens of a server elsewhere are checked with the keys that it publishes.
func ExampleNewDiscoveredKeys() {
	keys, err := token.NewDiscoveredKeys("https://login.example", &token.RemoteOptions{
		Algorithms: []string{token.AlgES256, token.AlgEdDSA},
		Failed:     func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := keys.Fetch(ctx); err != nil { // a start that is to fail early
		log.Fatal(err)
	}
}
