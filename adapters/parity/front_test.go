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
