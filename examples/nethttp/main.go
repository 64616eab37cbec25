// Nethttp is a service on net/http behind rules: log in, see who you are, follow events until the session ends, log out.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", service(must(store.Open(context.Background(), "memory://")))))
}

func service(s store.TokenStore) http.Handler {
	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	issuer, revoker := must(token.NewIssuer(s, "me", key, nil)), must(token.NewRevoker(s, nil))
	trusted := token.TrustedIssuer{Issuer: "me", Keys: key.VerifyKey(), Check: token.Sessions(s)}
	rules := []httpauth.Rule{{Path: "/login", Mode: httpauth.Public}} // all else needs a token
	auth := must(httpauth.New(must(token.NewVerifier([]token.TrustedIssuer{trusted}, nil)), &httpauth.Options{Rules: rules}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { // check a password first
		pair, err := issuer.Login(r.Context(), store.User(r.PostFormValue("name")), token.LoginOptions{})
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_, _ = fmt.Fprintln(w, pair.Access.Reveal())
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		_, _ = fmt.Fprintln(w, t.Subject().Name)
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := httpauth.Watch(r.Context())
		defer stop()
		_ = http.NewResponseController(w).Flush()
		<-ctx.Done() // and whatever there is to send
		_, _ = fmt.Fprintf(w, "event: bye\ndata: %v\n\n", context.Cause(ctx))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		if err := revoker.Session(r.Context(), t.Subject(), t.SessionID(), "logout"); err != nil {
			auth.WriteError(w, r, err)
		}
	})
	return must(auth.Protect(mux), auth.CheckMux(mux)) // each rule meets a route
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
