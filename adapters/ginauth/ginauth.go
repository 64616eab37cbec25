// Package ginauth puts the verdicts of httpauth into Gin.
//
//	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: rules})
//	r := gin.New()
//	r.Use(ginauth.Protect(auth)) // before any route: Gin gives a route the middlewares that came before it
//	r.GET("/me", func(c *gin.Context) { t, ok := ginauth.Token(c); … })
//	err = auth.CheckRoutes(ginauth.Routes(r)...)
//
// Refusals, headers and bodies are those of package httpauth, on every framework the same. A handler finds the token by
// [Token], or by httpauth.Token in the request's context, which is also what it hands on to stores and clients.
package ginauth

import (
	"github.com/gin-gonic/gin"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/token"
)

// Key is where the token lies in a [gin.Context], as a *token.Token.
const Key = "github.com/jetonkit/jeton/token"

// Protect judges requests: all of a router by the rules of a *httpauth.Middleware, or those of one route or group by a
// *httpauth.Gate. One that does not pass is answered, and goes no further. With rules, use it before the first route is
// registered; or put httpauth's own Protect in front of the engine.
func Protect(a httpauth.Admitter) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, ok := a.Admit(c.Writer, c.Request)
		if !ok {
			c.Abort()
			return
		}
		c.Request = r
		t, ok := httpauth.Token(r.Context())
		if _, before := c.Get(Key); ok || before { // who judges last counts, nobody too
			c.Set(Key, t)
		}
		c.Next()
	}
}

// Token returns the verified token of a request, whichever of this package and httpauth judged it. It is false where the
// request is nobody's.
func Token(c *gin.Context) (*token.Token, bool) {
	value, _ := c.Get(Key)
	if t, _ := value.(*token.Token); t != nil {
		return t, true
	}
	return httpauth.Token(c.Request.Context())
}

// Routes returns the routes of an engine, for CheckRoutes and Unruled of a *httpauth.Middleware.
func Routes(e *gin.Engine) []string {
	var routes []string
	for _, r := range e.Routes() {
		routes = append(routes, r.Method+" "+r.Path)
	}
	return routes
}
