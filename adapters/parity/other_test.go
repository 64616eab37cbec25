package parity_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	echo4 "github.com/labstack/echo/v4"
	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/echoauth"
	"github.com/jetonkit/jeton/adapters/echov4auth"
	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
)

// routed are routes, each with a rule that is called like it: in net/http's words and in the others'.
var routed = []struct{ method, pattern, colons string }{
	{"GET", "/{$}", "/"},
	{"GET", "/admin", "/admin"},
	{"POST", "/admin", "/admin"},
	{"DELETE", "/items/{id}", "/items/:id"},
	{"GET", "/items/{id}", "/items/:id"},
	{"GET", "/items/{id}/parts", "/items/:id/parts"},
	{"GET", "/files/{path...}", "/files/*path"},
	{"GET", "/v1/public/a", "/v1/public/a"},
	{"GET", "/v1/{kind}", "/v1/:kind"},
	{"GET", "/deep/{a}/{b}", "/deep/:a/:b"},
	{"GET", "/dir/sub/{$}", "/dir/sub/"},
}

// router is a framework with these routes, whose handlers say which one was reached.
type router struct {
	name string
	open func(httpauth.Admitter) http.Handler
}

var routers = []router{
	{"gin", func(a httpauth.Admitter) http.Handler { return ginRoutes(a, func(*gin.Engine) {}) }},
	{"gin on raw paths", func(a httpauth.Admitter) http.Handler {
		return ginRoutes(a, func(e *gin.Engine) { e.UseRawPath = true })
	}},
	{"gin on escaped paths", func(a httpauth.Admitter) http.Handler {
		return ginRoutes(a, func(e *gin.Engine) { e.UseEscapedPath = true })
	}},
	{"gin on raw paths that it cleans", func(a httpauth.Admitter) http.Handler {
		return ginRoutes(a, func(e *gin.Engine) { e.UseRawPath, e.RemoveExtraSlash = true, true })
	}},
	{"gin that cleans", func(a httpauth.Admitter) http.Handler {
		return ginRoutes(a, func(e *gin.Engine) { e.RemoveExtraSlash = true })
	}},
	{"gin that mends", func(a httpauth.Admitter) http.Handler {
		return ginRoutes(a, func(e *gin.Engine) { e.RedirectFixedPath = true })
	}},
	{"echo v5", func(a httpauth.Admitter) http.Handler {
		e := echo.New()
		e.Use(echoauth.Protect(a))
		for _, r := range routed {
			e.Add(r.method, strings.TrimSuffix(r.colons, "path"), func(c *echo.Context) error {
				c.Response().Header().Set("Route", r.method+"+"+r.pattern)
				return nil
			})
		}
		return e
	}},
	{"echo v4", func(a httpauth.Admitter) http.Handler {
		e := echo4.New()
		e.Use(echov4auth.Protect(a))
		for _, r := range routed {
			e.Add(r.method, strings.TrimSuffix(r.colons, "path"), func(c echo4.Context) error {
				c.Response().Header().Set("Route", r.method+"+"+r.pattern)
				return nil
			})
		}
		return e
	}},
}

func ginRoutes(a httpauth.Admitter, set func(*gin.Engine)) http.Handler {
	gin.SetMode(gin.TestMode)
	e := gin.New()
	set(e)
	e.Use(ginauth.Protect(a))
	for _, r := range routed {
		e.Handle(r.method, r.colons, func(c *gin.Context) { c.Header("Route", r.method+"+"+r.pattern) })
	}
	return e
}

// targets are hostile and harmless ones. Each is asked with several methods.
func targets() []string {
	all := []string{
		"/", "//", "/.", "/admin", "/admin/", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/ADMIN", "/admin%2f",
		"/admin%2fx", "/admin%20", "/admin%00", "/admin;x", "/admin?x", "/admin#x", `/\admin`, "/items/", "/items//",
		"/items/7", "/items/7/", "/items/7/8", "/items/7%2f8", "/items/%2f", "/items/ann%40x", "/items/7/parts",
		"/items//parts", "/items/7%2fparts", "/items/7/parts/", "/items/7//parts", "/items", "/items/..", "/items/%2e%2e",
		"/items/../admin", "/files", "/files/", "/files//", "/files/a/b", "/files/../admin", "/files/%2e%2e/admin",
		"/files/..%2fadmin", `/files/..\admin`, "/v1/public/a", "/v1/public", "/v1/public/", "/v1/publi%63/a",
		"/v1/public/../x", "/v1/public%2fa", "/v1/x/y", "/deep/a/b", "/deep/a/b/c", "/deep//b", "/deep/a/",
		"/deep/a%2fb/c", "/deep/%2f/%2f", `/items/7\%2f`, `/items/\x%2F`, `/deep/%2F/\`, "/dir/sub", "/dir/sub/", "/dir/sub/.",
		"/dir/sub/./", "/dir/sub/x/..", "/dir/;/sub/", "/dir/sub;/", "/items/7|%2f", "/items/|", "*", "http://evil/admin", "http://evil",
	}
	for _, a := range []string{"/admin", "/items/7", "/files/x", "/v1/public/a"} {
		for _, b := range []string{
			"/", "//", "/.", "/..", "%2f", "%2e", "%5c", "%", "%zz", "%252f", ";/", "/;", "%09", "?", "%3f",
		} {
			all = append(all, a+b, a+b+"x", b+a)
		}
	}
	return all
}

// No request is judged by another rule than that of the route that it reaches, in any framework. A route says which it is;
// so does the rule, by a scope that the token does not have.
func TestNoOtherRule(t *testing.T) {
	auth, raw := byScopes(t)
	for _, r := range routers {
		t.Run(r.name, func(t *testing.T) {
			open, guarded := r.open(everybody{}), r.open(auth)
			reached := 0
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "CONNECT"} {
				for _, target := range targets() {
					request := func() *http.Request { return parse(method, target, raw) }
					if request() == nil {
						continue
					}
					free, held := httptest.NewRecorder(), httptest.NewRecorder()
					open.ServeHTTP(free, request())
					route := free.Header().Get("Route")
					if route == "" {
						continue
					}
					reached++
					guarded.ServeHTTP(held, request())
					_, scope, _ := strings.Cut(held.Header().Get("WWW-Authenticate"), `scope="`)
					if held.Code != http.StatusBadRequest && strings.TrimSuffix(scope, `"`) != route {
						t.Errorf("%s %s reaches %s, and was judged by %q: %d", method, target, route, scope, held.Code)
					}
				}
			}
			for _, target := range []string{"/files/a/b", "/items/7", "/items/ann%40x", "/items/7/parts", "/deep/a/b", "/"} {
				held := httptest.NewRecorder()
				if guarded.ServeHTTP(held, parse("GET", target, raw)); held.Code != http.StatusForbidden {
					t.Errorf("GET %s is refused by no rule: %d", target, held.Code)
				}
			}
			if reached < len(routed) {
				t.Errorf("only %d requests reached anything", reached)
			}
		})
	}
}

// everybody admits all.
type everybody struct{ httpauth.Admitter }

func (everybody) Admit(_ http.ResponseWriter, r *http.Request) (*http.Request, bool) { return r, true }

// byScopes is a middleware whose rules are the routes, each with a scope of its name.
func byScopes(t *testing.T) (*httpauth.Middleware, string) {
	t.Helper()
	var rules []httpauth.Rule
	for _, r := range routed {
		rules = append(rules, httpauth.Rule{Pattern: r.method + " " + r.pattern, Scopes: []string{r.method + "+" + r.pattern}})
	}
	for _, path := range []string{"/items/", "/deep/", "/dir/", "/"} { // what else is there is open, so that nothing falls back to denial
		rules = append(rules, httpauth.Rule{Pattern: path, Mode: httpauth.Public})
	}
	v, raw := login(t)
	auth, err := httpauth.New(v, &httpauth.Options{Rules: rules})
	check(t, err)
	return auth, raw
}

// parse reads a request as a server does; nil where a server answers 400 by itself.
func parse(method, target, raw string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", method, target, raw))))
	if err != nil {
		return nil
	}
	return r
}
