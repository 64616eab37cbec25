package statuslist_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// An issuer that publishes a list, and a service that has the list's address and the public key, and no store.
func Example() {
	ctx := context.Background()
	s, err := store.Open(ctx, "memory://") // one that never evicts: bolt, Redis with noeviction
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	key, err := token.HS256("2026-11", []byte("32 bytes of a random source ....")) // better a pair of keys, see NewSigningKey
	if err != nil {
		log.Fatal(err)
	}

	// The issuer.
	feed, err := store.FeedOf(s)
	if err != nil {
		log.Fatal(err)
	}
	view, err := revocation.Open(ctx, feed, &revocation.Options{MaxStale: 100 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	defer view.Close()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	places, err := statuslist.NewAllocator(s, server.URL+"/status/1", nil)
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := statuslist.NewPublisher(places, view, key, "https://issuer.example", nil)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/status/1", publisher)
	issuer, err := token.NewIssuer(s, "https://issuer.example", key, &token.IssuerOptions{Claims: places.Claims})
	if err != nil {
		log.Fatal(err)
	}
	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}

	// The service.
	lists, err := statuslist.NewConsumer([]statuslist.Source{
		{Issuer: "https://issuer.example", Keys: key.VerifyKey(), URI: server.URL + "/status/"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{{
		Issuer: "https://issuer.example", Keys: key.VerifyKey(),
		Extra: token.ExtraOf[statuslist.Claims](),
		Check: statuslist.Check[statuslist.Claims](lists, nil),
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	kicked, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := revoker.Session(ctx, kicked.Session.Subject, kicked.Session.ID, "kicked out"); err != nil {
		log.Fatal(err)
	}
	stays, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // MaxStale of the view
	for _, pair := range []token.Pair{kicked, stays} {
		t, err := verifier.Verify(ctx, pair.Access.Reveal())
		if err != nil {
			fmt.Println(err, errors.Is(err, token.ErrRevoked))
			continue
		}
		fmt.Println(t.Subject().Name)
	}
	// Output:
	// jeton: token has been revoked true
	// ann
}

// Custom claims beside the place: embed Claims in their type.
func ExampleCheck() {
	type claims struct {
		statuslist.Claims
		Roles []string `json:"roles"`
	}
	var places *statuslist.Allocator // of NewAllocator
	_ = token.IssuerOptions{Claims: func(ctx context.Context, session store.Record) (any, error) {
		ref, err := places.Reference(ctx, session)
		return claims{ref.Claims(), []string{"admin"}}, err
	}}
	var lists *statuslist.Consumer // of NewConsumer
	_ = token.TrustedIssuer{
		Issuer: "https://issuer.example",
		Extra:  token.ExtraOf[claims](),
		Check:  statuslist.Check[claims](lists, nil),
	}
}
