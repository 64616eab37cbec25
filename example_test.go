package jeton_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory" // each store is one import: store/bolt, store/redis, …; store/all is every one
	"github.com/jetonkit/jeton/token"
)

func Example() {
	ctx := context.Background()
	s := must(store.Open(ctx, "memory://")) // or "bolt:tokens.db", "redis://localhost:6379"
	defer s.Close()

	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	issuer := must(token.NewIssuer(s, "https://example.com", key, nil))
	revoker := must(token.NewRevoker(s, nil))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: "https://example.com", Keys: key.VerifyKey(), Check: token.Sessions(s)},
	}, nil))
	defer verifier.Close()

	// Protect a handler.
	auth := must(httpauth.New(verifier, nil))
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		fmt.Fprintln(w, "hello,", t.Subject().Name)
	})))

	// Log a user in, once the password is checked. pair.Response() is the JSON for the client.
	ann := store.User("ann")
	pair := must(issuer.Login(ctx, ann, token.LoginOptions{Class: "web"}))
	get(mux, pair.Access)

	// List the logins, and log out everywhere.
	logins := must(revoker.List(ctx, ann, store.Page{}))
	fmt.Println(len(logins.Items), "login of class", logins.Items[0].Class)
	if err := revoker.Subject(ctx, ann, "logout"); err != nil {
		log.Fatal(err)
	}
	get(mux, pair.Access)
	// Output:
	// 200 hello, ann
	// 1 login of class web
	// 401 {"error":"invalid_token","error_description":"token has been revoked"}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// get asks for /hello with a token.
func get(h http.Handler, access token.Bearer) {
	r := httptest.NewRequest(http.MethodGet, "/hello", nil)
	r.Header.Set("Authorization", "Bearer "+access.Reveal())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
}
