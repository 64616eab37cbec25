package parity_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	echo4 "github.com/labstack/echo/v4"
	"github.com/labstack/echo/v5"

	"github.com/jetonkit/jeton/adapters/echoauth"
	"github.com/jetonkit/jeton/adapters/echov4auth"
	"github.com/jetonkit/jeton/adapters/ginauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/adapters/httpauth/httpauthtest"
)

var adapters = []httpauthtest.Adapter{
	{Name: "net/http", Handler: netHTTP},
	{
		Name:    "gin",
		Handler: func(_ *testing.T, f *httpauthtest.Fixture) http.Handler { return ginEngine(f) },
		Listed:  func(_ *testing.T, f *httpauthtest.Fixture) []string { return ginauth.Routes(ginEngine(f)) },
	},
	{
		Name:    "echo v5",
		Handler: func(_ *testing.T, f *httpauthtest.Fixture) http.Handler { return echoServer(f) },
		Listed:  func(_ *testing.T, f *httpauthtest.Fixture) []string { return echoauth.Routes(echoServer(f)) },
	},
	{
		Name:    "echo v4",
		Handler: func(_ *testing.T, f *httpauthtest.Fixture) http.Handler { return echo4Server(f) },
		Listed:  func(_ *testing.T, f *httpauthtest.Fixture) []string { return echov4auth.Routes(echo4Server(f)) },
	},
	{Name: "grpc", Ask: grpcAsk, Listed: grpcListed},
}

func TestParity(t *testing.T) { httpauthtest.Run(t, adapters...) }

func netHTTP(t *testing.T, f *httpauthtest.Fixture) http.Handler {
	mux := http.NewServeMux()
	for _, route := range f.Routes {
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tok, ok := httpauth.Token(r.Context())
			httpauthtest.Answer(w, r, tok, ok)
		})
		if route.Gate != nil {
			h = route.Gate.Handler(h)
		}
		mux.Handle(route.Method+" "+route.Path, h)
	}
	if err := f.Auth.CheckMux(mux); err != nil {
		t.Error(err)
	}
	return f.Auth.Protect(mux)
}

func ginEngine(f *httpauthtest.Fixture) *gin.Engine {
	gin.SetMode(gin.TestMode)
	r := gin.New()
	r.Use(ginauth.Protect(f.Auth))
	for _, route := range f.Routes {
		handlers := []gin.HandlerFunc{func(c *gin.Context) {
			tok, ok := ginauth.Token(c)
			httpauthtest.Answer(c.Writer, c.Request, tok, ok)
		}}
		if route.Gate != nil {
			handlers = append([]gin.HandlerFunc{ginauth.Protect(route.Gate)}, handlers...)
		}
		r.Handle(route.Method, route.Colons(), handlers...)
	}
	return r
}

func echoServer(f *httpauthtest.Fixture) *echo.Echo {
	e := echo.New()
	e.Use(echoauth.Protect(f.Auth))
	for _, route := range f.Routes {
		var gates []echo.MiddlewareFunc
		if route.Gate != nil {
			gates = append(gates, echoauth.Protect(route.Gate))
		}
		e.Add(route.Method, route.Colons(), func(c *echo.Context) error {
			tok, ok := echoauth.Token(c)
			httpauthtest.Answer(c.Response(), c.Request(), tok, ok)
			return nil
		}, gates...)
	}
	return e
}

func echo4Server(f *httpauthtest.Fixture) *echo4.Echo {
	e := echo4.New()
	e.Use(echov4auth.Protect(f.Auth))
	for _, route := range f.Routes {
		var gates []echo4.MiddlewareFunc
		if route.Gate != nil {
			gates = append(gates, echov4auth.Protect(route.Gate))
		}
		e.Add(route.Method, route.Colons(), func(c echo4.Context) error {
			tok, ok := echov4auth.Token(c)
			httpauthtest.Answer(c.Response(), c.Request(), tok, ok)
			return nil
		}, gates...)
	}
	return e
}
