// Echo is a service on Echo v5 behind rules: log in, see who you are, follow events until the session ends, log out.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/echoauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

func main() { log.Fatal(http.ListenAndServe("127.0.0.1:8080", service(must(memstore.New(nil))))) }

func service(s store.TokenStore) http.Handler {
	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	issuer, revoker := must(token.NewIssuer(s, "me", key, nil)), must(token.NewRevoker(s, nil))
	trusted := []token.TrustedIssuer{{Issuer: "me", Keys: key.VerifyKey(), Check: token.Sessions(s)}}
	rules := []httpauth.Rule{{Path: "/login", Mode: httpauth.Public}} // all else needs a token
	auth := must(httpauth.New(must(token.NewVerifier(trusted, nil)), &httpauth.Options{Rules: rules}))
	e := echo.New()
	e.HTTPErrorHandler = func(c *echo.Context, err error) { auth.WriteError(c.Response(), c.Request(), err) }
	e.Use(echoauth.Protect(auth))
	e.POST("/login", func(c *echo.Context) error { // check a password first
		pair, err := issuer.Login(c.Request().Context(), store.User(c.FormValue("name")), token.LoginOptions{})
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, pair.Access.Reveal())
	})
	e.GET("/me", func(c *echo.Context) error {
		t, _ := echoauth.Token(c)
		return c.String(http.StatusOK, t.Subject().Name)
	})
	e.GET("/events", func(c *echo.Context) error {
		ctx, stop := httpauth.Watch(c.Request().Context())
		defer stop()
		_, _ = fmt.Fprint(c.Response(), ": hello\n\n")
		_ = http.NewResponseController(c.Response()).Flush()
		<-ctx.Done() // and whatever there is to send
		return nil
	})
	e.POST("/logout", func(c *echo.Context) error {
		t, _ := echoauth.Token(c)
		return revoker.Session(c.Request().Context(), t.Subject(), t.SessionID(), "logout")
	})
	return must(e, auth.CheckRoutes(echoauth.Routes(e)...)) // each rule meets a route
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
