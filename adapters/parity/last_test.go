package parity_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"
	echo4 "github.com/labstack/echo/v4"
	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/echoauth"
	"github.com/jetonkit/jeton/adapters/echov4auth"
	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
)

// Of two that judge a request the inner one says whose it is, in the framework's way too: another middleware's token would be taken
// for one that it has verified. And who is refused reaches no handler, though one comes after.
func TestTheInnerOneCounts(t *testing.T) {
	v, raw := login(t)
	outer, err := httpauth.New(v, nil)
	check(t, err)
	inner, err := httpauth.New(v, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Header("X-Key", "")}})
	check(t, err)
	optional, err := inner.Gate(httpauth.Access{Mode: httpauth.Optional})
	check(t, err)
	required, err := inner.Gate(httpauth.Access{})
	check(t, err)
	reached := 0
	gin.SetMode(gin.TestMode)
	g, e5, e4 := gin.New(), echo.New(), echo4.New()
	g.Use(ginauth.Protect(outer))
	ginHandler := func(c *gin.Context) {
		tok, ok := ginauth.Token(c)
		reached++
		_, _ = c.Writer.WriteString(who(c.Request.Context()) + map[bool]string{true: " ok", false: " none"}[ok && tok != nil])
	}
	g.GET("/optional", ginauth.Protect(optional), ginHandler)
	g.GET("/required", ginauth.Protect(required), ginHandler, ginHandler)
	e5.Use(echoauth.Protect(outer))
	e5Handler := func(c *echo.Context) error {
		tok, ok := echoauth.Token(c)
		reached++
		return c.String(200, who(c.Request().Context())+map[bool]string{true: " ok", false: " none"}[ok && tok != nil])
	}
	e5.GET("/optional", e5Handler, echoauth.Protect(optional))
	e5.GET("/required", e5Handler, echoauth.Protect(required))
	e4.Use(echov4auth.Protect(outer))
	e4Handler := func(c echo4.Context) error {
		tok, ok := echov4auth.Token(c)
		reached++
		return c.String(200, who(c.Request().Context())+map[bool]string{true: " ok", false: " none"}[ok && tok != nil])
	}
	e4.GET("/optional", e4Handler, echov4auth.Protect(optional))
	e4.GET("/required", e4Handler, echov4auth.Protect(required))
	for name, h := range map[string]http.Handler{"gin": g, "echo v5": e5, "echo v4": e4} {
		for path, want := range map[string]int{"/optional": 200, "/required": 401} {
			reached = 0
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Authorization", "Bearer "+raw)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want || (want == 200) != (reached == 1) || (want == 200 && w.Body.String() != "nobody none") {
				t.Errorf("%s %s: got %d %s, reached %d", name, path, w.Code, w.Body, reached)
			}
		}
	}
}

// Echo lists what it answers 404 by, and v5 routes for all methods in words of its own: the first meet no rule, the others do.
func TestEchoRoutes(t *testing.T) {
	e5, e4 := echo.New(), echo4.New()
	g5, g4 := e5.Group("/api"), e4.Group("/api")
	g5.Use(func(next echo.HandlerFunc) echo.HandlerFunc { return next })
	g4.Use(func(next echo4.HandlerFunc) echo4.HandlerFunc { return next })
	g5.Any("/any", func(*echo.Context) error { return nil })
	g4.Any("/any", func(echo4.Context) error { return nil })
	e5.RouteNotFound("/api/gone", func(*echo.Context) error { return nil })
	e4.RouteNotFound("/api/gone", func(echo4.Context) error { return nil })
	v, _ := login(t)
	for name, routes := range map[string][]string{"echo v5": echoauth.Routes(e5), "echo v4": echov4auth.Routes(e4)} {
		meets := func(rule httpauth.Rule) bool {
			auth, err := httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{rule}})
			check(t, err)
			return auth.CheckRoutes(routes...) == nil
		}
		if !meets(httpauth.Rule{Path: "/api/any", Methods: []string{"GET"}}) || meets(httpauth.Rule{Path: "/api/gone"}) ||
			slices.Contains(routes, "") {
			t.Errorf("%s lists %v", name, routes)
		}
	}
}
