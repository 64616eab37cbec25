// Gin is a service on Gin behind rules: log in, see who you are, follow events until the session ends, log out.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/jetonkit/jeton/adapters/ginauth"
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
	e := gin.New()
	e.Use(ginauth.Protect(auth))            // before the first route
	e.POST("/login", func(c *gin.Context) { // check a password first
		if pair, err := issuer.Login(c.Request.Context(), store.User(c.PostForm("name")), token.LoginOptions{}); err != nil {
			auth.WriteError(c.Writer, c.Request, err)
		} else {
			c.String(http.StatusOK, pair.Access.Reveal())
		}
	})
	e.GET("/me", func(c *gin.Context) {
		t, _ := ginauth.Token(c)
		c.String(http.StatusOK, t.Subject().Name)
	})
	e.GET("/events", func(c *gin.Context) {
		ctx, stop := httpauth.Watch(c.Request.Context())
		defer stop()
		c.Writer.Flush()
		<-ctx.Done() // and whatever there is to send
		c.SSEvent("bye", context.Cause(ctx).Error())
	})
	e.POST("/logout", func(c *gin.Context) {
		t, _ := ginauth.Token(c)
		if err := revoker.Session(c.Request.Context(), t.Subject(), t.SessionID(), "logout"); err != nil {
			auth.WriteError(c.Writer, c.Request, err)
		}
	})
	return must(e, auth.CheckRoutes(ginauth.Routes(e)...)) // each rule meets a route
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
