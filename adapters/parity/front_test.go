package parity_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	echo4 "github.com/labstack/echo/v4"
	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/echoauth"
	"github.com/jetonkit/jeton/adapters/echov4auth"
	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
)

// With httpauth in front of a whole router the frameworks' handlers find the token too, and routes that came before any middleware
// are protected. A CORS layer in front of it has its headers on refusals.
func TestInFront(t *testing.T) {
	v, raw := login(t)
	auth, err := httpauth.New(v, nil)
	check(t, err)
	gin.SetMode(gin.TestMode)
	g, e5, e4 := gin.New(), echo.New(), echo4.New()
	g.GET("/me", func(c *gin.Context) {
		tok, _ := ginauth.Token(c)
		c.String(http.StatusOK, tok.Subject().Name)
	})
	e5.GET("/me", func(c *echo.Context) error {
		tok, _ := echoauth.Token(c)
		return c.String(http.StatusOK, tok.Subject().Name)
	})
	e4.GET("/me", func(c echo4.Context) error {
		tok, _ := echov4auth.Token(c)
		return c.String(http.StatusOK, tok.Subject().Name)
	})
	for name, router := range map[string]http.Handler{"gin": g, "echo v5": e5, "echo v4": e4} {
		h := allowAll(auth.Protect(router))
		for header, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + raw: http.StatusOK} {
			r := httptest.NewRequest(http.MethodGet, "/me", nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want || (want == http.StatusOK && w.Body.String() != "ann") {
				t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, want)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: the headers of the CORS layer are lost: %v", name, w.Header())
			}
		}
	}
}

// allowAll is a CORS layer, in short.
func allowAll(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		next.ServeHTTP(w, r)
	})
}

// Echo serves "/users/:id" for more than one segment, which rules do not know: in front of Echo they let by what its own middleware
// refuses, whether or not they stand in front as well. This is why docs/http.md says to Use it.
func TestEchoBehindProtect(t *testing.T) {
	v, _ := login(t)
	auth, err := httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{
		{Prefix: "/users", Mode: httpauth.Public}, {Pattern: "GET /users/{id}"},
	}})
	check(t, err)
	e5, e4, used5, used4 := echo.New(), echo4.New(), echo.New(), echo4.New()
	used5.Use(echoauth.Protect(auth))
	used4.Use(echov4auth.Protect(auth))
	for _, e := range []*echo.Echo{e5, used5} {
		e.GET("/users/:id", func(c *echo.Context) error { return c.String(http.StatusOK, c.Param("id")) })
	}
	for _, e := range []*echo4.Echo{e4, used4} {
		e.GET("/users/:id", func(c echo4.Context) error { return c.String(http.StatusOK, c.Param("id")) })
	}
	for _, c := range []struct {
		name     string
		h        http.Handler
		segments int // what it answers to two of them
	}{
		{"echo v5 behind Protect alone", auth.Protect(e5), http.StatusOK},
		{"echo v4 behind Protect alone", auth.Protect(e4), http.StatusOK},
		{"echo v5 that uses it", used5, http.StatusBadRequest},
		{"echo v4 that uses it", used4, http.StatusBadRequest},
		{"echo v5 with both", auth.Protect(used5), http.StatusBadRequest},
		{"echo v4 with both", auth.Protect(used4), http.StatusBadRequest},
	} {
		for path, want := range map[string]int{"/users/7": http.StatusUnauthorized, "/users/7/x": c.segments} {
			w := httptest.NewRecorder()
			c.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want || w.Code == http.StatusOK && w.Body.String() != "7/x" {
				t.Errorf("%s: %s is answered %d %s, want %d", c.name, path, w.Code, w.Body, want)
			}
		}
	}
}
