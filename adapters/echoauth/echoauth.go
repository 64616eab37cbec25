// Package echoauth puts the verdicts of httpauth into Echo v5; echov4auth does so for v4.
//
//	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: rules})
//	e := echo.New()
//	e.Use(echoauth.Protect(auth))
//	e.GET("/me", func(c *echo.Context) error { t, ok := echoauth.Token(c); … })
//	err = auth.CheckRoutes(echoauth.Routes(e)...)
//
// Refusals, headers and bodies are those of package httpauth, on every framework the same; they do not pass through Echo's
// HTTPErrorHandler. A handler finds the token by [Token], or by httpauth.Token in the request's context, which is also what
// it hands on to stores and clients.
package echoauth

import (
	"strings"

	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/token"
)

// Key is where the token lies in an [echo.Context], as a *token.Token.
const Key = "github.com/jetonkit/jeton/token"

// Protect judges requests: all of a server by the rules of a *httpauth.Middleware (Use it, so that what Pre rewrites is
// judged as the router sees it), or those of one route or group by a *httpauth.Gate. One that does not pass is answered,
// and goes no further.
//
// Echo serves "/users/:id" for "/users/7/x" too, with the id "7/x": a parameter at the end takes all that is left. No other
// router does so, and no rule expects it: by rules such a request is refused (400). Use "/users/*" where it is meant. With httpauth's own
// Protect in front of Echo nothing would refuse it, and another rule than the route's might count: Use this one.
func Protect(a httpauth.Admitter) echo.MiddlewareFunc {
	_, byRules := a.(*httpauth.Middleware)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if byRules && stretches(c) {
				a.WriteError(c.Response(), c.Request(), httpauth.ErrAmbiguousPath)
				return nil
			}
			r, ok := a.Admit(c.Response(), c.Request())
			if !ok {
				return nil
			}
			c.SetRequest(r)
			t, ok := httpauth.Token(r.Context())
			if ok || c.Get(Key) != nil { // who judges last counts, nobody too
				c.Set(Key, t)
			}
			return next(c)
		}
	}
}

// stretches reports whether the last parameter of a route takes more than one segment of the path.
func stretches(c *echo.Context) bool {
	route := c.Path()
	if route == "" || strings.Contains(route, "*") {
		return false
	}
	return strings.Count(c.Request().URL.EscapedPath(), "/") != strings.Count(route, "/")
}

// Token returns the verified token of a request, whichever of this package and httpauth judged it. It is false where the
// request is nobody's.
func Token(c *echo.Context) (*token.Token, bool) {
	if t, _ := c.Get(Key).(*token.Token); t != nil {
		return t, true
	}
	return httpauth.Token(c.Request().Context())
}

// Routes returns the routes of a server, for CheckRoutes and Unruled of a *httpauth.Middleware.
func Routes(e *echo.Echo) []string {
	var routes []string
	for _, r := range e.Router().Routes() {
		switch r.Method {
		case echo.RouteNotFound: // groups with a middleware have some
		case echo.RouteAny:
			routes = append(routes, r.Path)
		default:
			routes = append(routes, r.Method+" "+r.Path)
		}
	}
	return routes
}
