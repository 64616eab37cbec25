package peers_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	auth0 "github.com/auth0/go-jwt-middleware/v2"
	auth0validator "github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/jwtauth/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"

	"github.com/jetonkit/jeton/adapters/echov4auth"
	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

const issuerName = "https://login.example/"

var secret = []byte("0123456789abcdef0123456789abcdef")

// field is one token, and every middleware that knows it.
type field struct {
	b       *testing.B
	request *http.Request
	auth    *httpauth.Middleware
	reached int
}

func newField(b *testing.B) *field {
	inner := must(memstore.New(nil))(b)
	s := must(storecache.New(b.Context(), inner, nil))(b)
	b.Cleanup(func() { _ = s.Close() })
	key := must(token.HS256("2026-01", secret))(b)
	issuer := must(token.NewIssuer(s, issuerName, key, &token.IssuerOptions{AccessTTL: time.Hour}))(b)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(s)}}, nil))(b)
	b.Cleanup(func() { _ = v.Close() })
	f := &field{b: b, request: httptest.NewRequest(http.MethodGet, "/orders/7", nil)}
	f.auth = must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{
		{Path: "/login", Mode: httpauth.Public}, {Prefix: "/public", Mode: httpauth.Public}, {Pattern: "GET /orders/{id}"},
	}}))(b)
	pair := must(issuer.Login(b.Context(), store.User("ann"), token.LoginOptions{}))(b)
	f.request.Header.Set("Authorization", "Bearer "+pair.Access.Reveal())
	return f
}

func (f *field) ServeHTTP(http.ResponseWriter, *http.Request) { f.reached++ }

// side serves the request n times, and fails where one does not reach the handler.
func (f *field) side(h http.Handler) func(n int) {
	return func(n int) {
		w := discard{}
		f.reached = 0
		for range n {
			clear(w)
			h.ServeHTTP(w, f.request)
		}
		if f.reached != n {
			f.b.Fatalf("%d of %d requests passed", f.reached, n)
		}
	}
}

// discard is a ResponseWriter that keeps headers alone.
type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func (f *field) inGin(middleware ...gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Use(middleware...)
	e.GET("/orders/:id", func(*gin.Context) { f.reached++ })
	return e
}

func (f *field) inEcho(middleware ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(middleware...)
	e.GET("/orders/:id", func(echo.Context) error { f.reached++; return nil })
	return e
}

func (f *field) ginJWT() http.Handler {
	m := must(ginjwt.New(&ginjwt.GinJWTMiddleware{Realm: "api", Key: secret, IdentityKey: "sub"}))(f.b)
	return f.inGin(m.MiddlewareFunc())
}

func (f *field) jwtauth() http.Handler {
	a := jwtauth.New("HS256", secret, nil)
	return jwtauth.Verifier(a)(jwtauth.Authenticator(a)(f))
}

func (f *field) auth0() http.Handler {
	v := must(auth0validator.New(func(context.Context) (any, error) { return secret, nil }, auth0validator.HS256,
		issuerName, []string{issuerName}))(f.b)
	return auth0.New(v.ValidateToken).CheckJWT(f)
}

func BenchmarkMiddleware(b *testing.B) {
	f := newField(b)
	none, ours, rules := f.side(f), f.side(f.auth.Required(f)), f.side(f.auth.Protect(f))
	required := must(f.auth.Gate(httpauth.Access{}))(b)
	ginNone, ginOurs := f.side(f.inGin()), f.side(f.inGin(ginauth.Protect(required)))
	echoNone, echoOurs := f.side(f.inEcho()), f.side(f.inEcho(echov4auth.Protect(required)))
	ginJWT := f.side(f.ginJWT())
	echoJWT := f.side(f.inEcho(echojwt.WithConfig(echojwt.Config{SigningKey: secret})))
	row := func(name string, of, by func(int), most float64) bench.Row {
		return bench.Row{Name: name, Of: of, By: by, Ops: 3000, Most: most}
	}
	bench.Gate(b,
		row("warm middleware to gin-jwt v2", ours, ginJWT, 1.0/15),
		row("warm middleware to echo-jwt v4", ours, echoJWT, 1.0/15),
		row("warm middleware to jwtauth v5", ours, f.side(f.jwtauth()), 0),
		row("warm middleware to auth0 v2", ours, f.side(f.auth0()), 0),
		row("the same in Gin, to gin-jwt v2", ginOurs, ginJWT, 0),
		row("the same in Echo, to echo-jwt v4", echoOurs, echoJWT, 0),
	)
	bench.Tell(b,
		bench.Figure{Name: "warm middleware over no auth", Value: least(ours) - least(none), Unit: "ns", Most: 400},
		bench.Figure{Name: "warm middleware over no auth", Value: allocations(ours) - allocations(none), Unit: "allocs", Most: 2},
		bench.Figure{Name: "warm rules over no auth", Value: least(rules) - least(none), Unit: "ns", Most: -1},
		bench.Figure{Name: "warm rules over no auth", Value: allocations(rules) - allocations(none), Unit: "allocs", Most: -1},
		bench.Figure{Name: "warm middleware in Gin, over no auth", Value: least(ginOurs) - least(ginNone), Unit: "ns", Most: -1},
		bench.Figure{Name: "warm middleware in Echo, over no auth", Value: least(echoOurs) - least(echoNone), Unit: "ns", Most: -1},
	)
}

// least is the time of one operation in the quickest of many rounds: the one that others disturbed least.
func least(run func(int)) float64 {
	best := time.Duration(1 << 62)
	for range 300 {
		start := time.Now()
		run(1000)
		best = min(best, time.Since(start))
	}
	return float64(best) / 1000
}

// allocations are those of one operation, to a tenth: what runs beside it allocates now and then.
func allocations(run func(int)) float64 {
	return math.Round(testing.AllocsPerRun(100, func() { run(1000) })/100) / 10
}

// must returns the value of a call that has to succeed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(b testing.TB) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}
