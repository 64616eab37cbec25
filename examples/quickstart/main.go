// Quickstart logs a user in, verifies the token, revokes it and sees it refused, on the store of a URL (-store).
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/all" // or the one that you use
	"github.com/jetonkit/jeton/token"
)

func main() {
	url := flag.String("store", "memory://", "keep sessions in the store of this `URL`")
	flag.Parse()
	ctx := context.Background()
	s := must(store.Open(ctx, *url))
	defer s.Close()
	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	issuer := must(token.NewIssuer(s, "https://example.com", key, nil))
	revoker := must(token.NewRevoker(s, nil))
	trusted := token.TrustedIssuer{Issuer: "https://example.com", Keys: key.VerifyKey(), Check: token.Sessions(s)}
	verifier := must(token.NewVerifier([]token.TrustedIssuer{trusted}, nil))
	defer verifier.Close()
	access := must(issuer.Login(ctx, store.User("ann"), token.LoginOptions{})).Access.Reveal()
	t := must(verifier.Verify(ctx, access))
	fmt.Println("verified:", t.Subject().Name)
	must(t, revoker.Token(ctx, t, "leaked"))
	_, err := verifier.Verify(ctx, access)
	fmt.Println("refused:", err)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
