package token_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// A verifier with every revocation in its own memory asks no store. In another process the feed comes from store.OpenFeed.
func ExampleLocal() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := must(store.Open(ctx, "memory://"))
	defer func() { _ = s.Close() }()
	view := must(revocation.Open(ctx, must(store.FeedOf(s)), nil))
	defer func() { _ = view.Close() }()

	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	issuer := must(token.NewIssuer(s, "https://example.com", key, nil))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: "https://example.com", Keys: key.VerifyKey(), Check: token.Local(view, nil)},
	}, nil))
	defer func() { _ = verifier.Close() }()

	pair := must(issuer.Login(ctx, store.User("ann"), token.LoginOptions{}))
	fmt.Println(must(verifier.Verify(ctx, pair.Access.Reveal())).Subject().Name)

	revoker := must(token.NewRevoker(s, nil))
	if err := revoker.Subject(ctx, store.User("ann"), "logout"); err != nil {
		fmt.Println(err)
	}
	for ctx.Err() == nil { // the view hears of it within MaxStale, here at once
		if _, err := verifier.Verify(ctx, pair.Access.Reveal()); errors.Is(err, token.ErrRevoked) {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// ann
	// jeton: token has been revoked
}
