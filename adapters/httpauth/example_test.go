package httpauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// A protected handler, asked with a token, and again after its session was ended.
func Example() {
	issuer, verifier, revoker := setUp()
	auth, err := httpauth.New(verifier, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		_, _ = fmt.Fprintln(w, "hello,", t.Subject().Name)
	})))

	ctx := context.Background()
	pair, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, "/hello", nil)
		r.Header.Set("Authorization", "Bearer "+pair.Access.Reveal())
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	ask()
	if err := revoker.Session(ctx, pair.Session.Subject, pair.Session.ID, "logout"); err != nil {
		log.Fatal(err)
	}
	ask()
	// Output:
	// 200 hello, ann
	// 401 {"error":"invalid_token","error_description":"token has been revoked"}
}

// A refresh endpoint: every error of Refresh has its answer, 401, 409 or 503.
func ExampleMiddleware_WriteError() {
	issuer, verifier, _ := setUp()
	auth, err := httpauth.New(verifier, nil)
	if err != nil {
		log.Fatal(err)
	}
	refresh := func(w http.ResponseWriter, r *http.Request) {
		pair, err := issuer.Refresh(r.Context(), r.PostFormValue("refresh_token"), token.RefreshOptions{})
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err := json.NewEncoder(w).Encode(pair.Response()); err != nil {
			log.Print(err)
		}
	}

	r := httptest.NewRequest(http.MethodPost, "/refresh", strings.NewReader("refresh_token=rubbish"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	refresh(w, r)
	fmt.Print(w.Code, " ", w.Body)
	// Output: 401 {"error":"invalid_token","error_description":"token is malformed"}
}

// Another envelope for errors. Status and headers stay what RFC 6750 wants.
func ExampleOptions() {
	_, verifier, _ := setUp()
	auth, err := httpauth.New(verifier, &httpauth.Options{
		Realm: "shop",
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, f *httpauth.Failure) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.Status)
			_ = json.NewEncoder(w).Encode(map[string]any{"code": f.Status, "msg": f.Description, "data": nil})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	auth.Required(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Header().Get("WWW-Authenticate"))
	fmt.Print(w.Body)
	// Output:
	// Bearer realm="shop"
	// {"code":401,"data":null,"msg":"send an access token: Authorization: Bearer ..."}
}

// A route for programs: API keys and JWTs alike, each for what its scopes say.
func ExampleMiddleware_RequiredScopes() {
	ctx := context.Background()
	s, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	seal, err := token.NewSecret(1, []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewAPIKeys(s, "acme", []token.Secret{seal}, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{keys}}) // and your issuers
	if err != nil {
		log.Fatal(err)
	}
	auth, err := httpauth.New(verifier, nil)
	if err != nil {
		log.Fatal(err)
	}
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context())
		_, _ = fmt.Fprintln(w, "the orders of", t.Owner().Name)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", auth.RequiredScopes(orders, "orders:read"))
	mux.Handle("POST /orders", auth.RequiredScopes(orders, "orders:write"))

	bearer, _, err := keys.Create(ctx, store.User("ann"), token.CreateOptions{Scopes: []string{"orders:read"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := httptest.NewRequest(method, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+bearer.Reveal())
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 the orders of ann
	// 403 {"error":"insufficient_scope","error_description":"token lacks a scope"}
}

// setUp makes the three of package token over a store in memory. A service keeps its key.
func setUp() (*token.Issuer, *token.Verifier, *token.Revoker) {
	s, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := token.HS256("2026-01", []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(s, "https://issuer.example", key, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{
		{Issuer: "https://issuer.example", Keys: key.VerifyKey(), Check: token.Sessions(s)},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	revoker, err := token.NewRevoker(s, nil)
	if err != nil {
		log.Fatal(err)
	}
	return issuer, verifier, revoker
}
