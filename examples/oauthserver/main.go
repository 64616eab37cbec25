// Oauthserver is an issuer with the endpoints that other software expects: refresh, revocation, introspection, keys and
// metadata, and the logins of a user. It runs on any store, in a few dozen lines; docs/endpoints.md goes through it.
//
//	go run ./examples/oauthserver
//
// At its start it prints the secret of the client "shop". POST /login logs anybody in, which is what makes it an example: a real
// server checks a password there, as examples/authserver does.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/all"
	"github.com/jetonkit/jeton/token"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8082", "listen on this `address`")
	at := flag.String("store", "memory://", "keep the logins in the store at this `URL`")
	flag.Parse()
	s, err := store.Open(context.Background(), *at)
	if err != nil {
		log.Fatal(err)
	}
	secret, hash := endpoints.NewSecret()
	handler, err := server(s, "http://"+*addr, hash)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s, client shop, secret %s\n", *addr, secret)
	log.Fatal((&http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe())
}

// server is everything on one mux. hash is the secret of the client "shop".
func server(s store.TokenStore, issuerURL string, hash endpoints.SecretHash) (http.Handler, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader) // a real server loads its key: docs/configuration.md
	if err != nil {
		return nil, err
	}
	key := must(token.Ed25519("2026-11", private))
	issuer := must(token.NewIssuer(s, issuerURL, key, &token.IssuerOptions{ClientID: "shop"}))
	revoker := must(token.NewRevoker(s, nil))
	verifier := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerURL, Keys: key.VerifyKey(), Check: token.Sessions(s)},
	}, nil))
	auth := must(httpauth.New(verifier, nil))

	registry := must(endpoints.NewRegistry(endpoints.Client{ID: "shop", Secrets: []endpoints.SecretHash{hash}}))
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(registry), endpoints.SecretPost(registry)))
	mux := http.NewServeMux()
	err = endpoints.Server{
		Issuer:        issuerURL,
		Token:         must(endpoints.NewToken(issuer, &endpoints.TokenOptions{Clients: clients})),
		Revocation:    must(endpoints.NewRevocation(issuer, verifier, revoker, clients, nil)),
		Introspection: must(endpoints.NewIntrospection(verifier, clients, nil)),
		JWKS:          must(endpoints.NewJWKS(must(endpoints.PublicKeys(key.VerifyKey())), nil)),
	}.Register(mux)
	if err != nil {
		return nil, err
	}
	sessions := must(endpoints.NewSessions(auth, revoker, nil))
	mux.Handle("/sessions", sessions)
	mux.Handle("/sessions/", sessions)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		pair, err := issuer.Login(r.Context(), store.User(r.FormValue("username")), token.LoginOptions{Class: "web"})
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(pair.Response())
	})
	return mux, nil
}

// must ends the program where a fixed value is refused.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
