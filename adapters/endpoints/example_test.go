package endpoints_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// parts are what a program has that issues tokens; yours come from its configuration.
type parts struct {
	store    store.TokenStore
	key      token.SigningKey
	issuer   *token.Issuer
	verifier *token.Verifier
	revoker  *token.Revoker
}

const exampleIssuer = "https://login.example"

func setUp() parts {
	s := orFatal(memstore.New(&memstore.Options{SweepInterval: -1})) // nothing runs in an example
	seed := sha256.Sum256([]byte("a private key from your secrets"))
	key := orFatal(token.Ed25519("2026-11", ed25519.NewKeyFromSeed(seed[:])))
	return parts{
		store: s, key: key,
		issuer:  orFatal(token.NewIssuer(s, exampleIssuer, key, &token.IssuerOptions{ClientID: "shop"})),
		revoker: orFatal(token.NewRevoker(s, nil)),
		verifier: orFatal(token.NewVerifier(
			[]token.TrustedIssuer{{Issuer: exampleIssuer, Keys: key.VerifyKey(), Check: token.Sessions(s)}},
			&token.VerifierOptions{TouchInterval: -1})),
	}
}

// clientsOf knows one client with a secret.
func clientsOf(id, secret string) *endpoints.ClientAuth {
	registry := orFatal(endpoints.NewRegistry(endpoints.Client{ID: id, Secrets: []endpoints.SecretHash{orFatal(endpoints.HashSecret(secret))}}))
	return orFatal(endpoints.NewClientAuth(endpoints.SecretBasic(registry)))
}

const exampleSecret = "43-random-characters-of-endpoints.NewSecret"

// ask sends a form as the client "shop" and prints the answer.
func ask(h http.Handler, path string, form url.Values) {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("shop", exampleSecret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
}

// All endpoints of an issuer on one mux, with the metadata that name them. A client asks about a token, revokes it, and asks
// again.
func Example() {
	p := setUp()
	clients := clientsOf("shop", exampleSecret)
	mux := http.NewServeMux()
	err := endpoints.Server{
		Issuer:        exampleIssuer,
		Token:         orFatal(endpoints.NewToken(p.issuer, &endpoints.TokenOptions{Clients: clients})),
		Revocation:    orFatal(endpoints.NewRevocation(p.issuer, p.verifier, p.revoker, clients, nil)),
		Introspection: orFatal(endpoints.NewIntrospection(p.verifier, clients, nil)),
		JWKS:          orFatal(endpoints.NewJWKS(orFatal(endpoints.PublicKeys(p.key.VerifyKey())), nil)),
	}.Register(mux)
	if err != nil {
		log.Fatal(err)
	}
	pair := orFatal(p.issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{}))
	ask(mux, endpoints.RevocationPath, url.Values{"token": {pair.Refresh.Reveal()}}) // ends the session
	ask(mux, endpoints.IntrospectionPath, url.Values{"token": {pair.Access.Reveal()}})
	ask(mux, endpoints.TokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {pair.Refresh.Reveal()}})
	// Output:
	// 200
	// 200 {"active":false}
	// 400 {"error":"invalid_grant","error_description":"token has been revoked"}
}

// What a resource server is told of a token: what it means to that server, and a member that the program adds.
func ExampleIntrospection() {
	p := setUp()
	introspection := orFatal(endpoints.NewIntrospection(p.verifier, clientsOf("shop", exampleSecret), &endpoints.IntrospectionOptions{
		Audiences: map[string][]string{"shop": {exampleIssuer}}, // the aud of tokens, unless IssuerOptions.Audience says otherwise
		Members: func(_ context.Context, t *token.Token, _ string) (map[string]any, error) {
			return map[string]any{"username": t.Owner().Name + "@login.example"}, nil
		},
	}))
	pair := orFatal(p.issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{}))
	ask(introspection, "/", url.Values{"token": {"rubbish"}})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(url.Values{"token": {pair.Access.Reveal()}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("shop", exampleSecret)
	introspection.ServeHTTP(w, r)
	fmt.Println(strings.Contains(w.Body.String(), `"username":"ann@login.example"`))
	// Output:
	// 200 {"active":false}
	// true
}

// "My devices", behind the user's own access token.
func ExampleSessions() {
	p := setUp()
	auth := orFatal(httpauth.New(p.verifier, nil))
	sessions := orFatal(endpoints.NewSessions(auth, p.revoker, &endpoints.SessionsOptions{
		Metadata: func(r store.Record) map[string]string { return map[string]string{"device": r.Metadata["device"]} },
	}))
	mux := http.NewServeMux()
	mux.Handle("/sessions", sessions)
	mux.Handle("/sessions/", sessions)

	laptop := orFatal(p.issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{}))
	phone := orFatal(p.issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{}))
	for _, path := range []string{"/sessions/" + phone.Session.ID, "/sessions/" + phone.Session.ID} {
		r := httptest.NewRequest(http.MethodDelete, path, nil)
		r.Header.Set("Authorization", "Bearer "+laptop.Access.Reveal())
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
	}
	// Output:
	// 204
	// 404 {"error":"not_found","error_description":"there is no such session"}
}

// Keycloak tells that a user logged out there: every token of that session dies here.
func ExampleBackChannelLogout() {
	p := setUp()
	const keycloak = "https://sso.example/realms/shop"
	keys := orFatal(token.NewDiscoveredKeys(keycloak, nil)) // the same as in the verifier's TrustedIssuer
	verifier := orFatal(token.NewLogoutVerifier(keycloak, keys, []string{"shop-web"}, nil))
	logout := orFatal(endpoints.NewBackChannelLogout(verifier, p.revoker, p.store, nil))
	ask(logout, "/backchannel-logout", url.Values{"logout_token": {"rubbish"}})
	// Output:
	// 400 {"error":"invalid_request","error_description":"logout token is malformed"}
}

// orFatal ends the program where a fixed value is refused.
func orFatal[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
