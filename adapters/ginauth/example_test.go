package ginauth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// A server behind rules, and one route with a gate of its own.
func Example() {
	issuer, auth := setUp()
	admins, err := auth.Gate(httpauth.Access{Scopes: []string{"admin"}})
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(ginauth.Protect(auth)) // before the first route
	e.GET("/hello", func(c *gin.Context) {
		t, _ := ginauth.Token(c)
		c.String(http.StatusOK, "hello, %s\n", t.Subject().Name)
	})
	e.GET("/news", func(c *gin.Context) { c.String(http.StatusOK, "news\n") })
	e.GET("/stats", ginauth.Protect(admins), func(c *gin.Context) { c.String(http.StatusOK, "stats\n") })
	if err := auth.CheckRoutes(ginauth.Routes(e)...); err != nil { // at the start
		log.Fatal(err)
	}

	pair, err := issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"/hello", "/news", "/stats"} {
		for _, header := range []string{"", "Bearer " + pair.Access.Reveal()} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			fmt.Print(w.Code, " ", w.Body)
		}
	}
	// Output:
	// 401 {"error":"missing_token","error_description":"send an access token: Authorization: Bearer ..."}
	// 200 hello, ann
	// 200 news
	// 200 news
	// 401 {"error":"missing_token","error_description":"send an access token: Authorization: Bearer ..."}
	// 403 {"error":"insufficient_scope","error_description":"token lacks a scope"}
}

func setUp() (*token.Issuer, *httpauth.Middleware) {
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
	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{{Path: "/news", Mode: httpauth.Public}}})
	if err != nil {
		log.Fatal(err)
	}
	return issuer, auth
}
