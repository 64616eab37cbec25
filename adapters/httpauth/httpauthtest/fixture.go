// Package httpauthtest holds the adapters of httpauth to one behaviour: a table of cases, each with the requirement that it
// is there for, which every adapter answers over a real listener. The adapters of this repository run it in
// adapters/parity; yours can too.
package httpauthtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// Route is one that an adapter must serve, with [Answer] as its handler.
type Route struct {
	// Method is the method.
	Method string
	// Path is the path in net/http's words: "/items/{id}".
	Path string
	// Gate, if there is one, judges this route besides the rules.
	Gate *httpauth.Gate
}

// Colons is the path in the words of Gin and Echo: "/items/:id".
func (r Route) Colons() string {
	return strings.NewReplacer("{", ":", "}", "").Replace(r.Path)
}

// Fixture is what the cases ask for: a middleware with rules, the routes behind it, and tokens in every condition.
type Fixture struct {
	// Auth is the middleware. An adapter judges every request by its rules.
	Auth *httpauth.Middleware
	// Routes are those to serve.
	Routes []Route

	verifier *token.Verifier
	tokens   []string // name, text, …
	down     atomic.Bool
}

// Service is the first segment of the paths that are methods of a gRPC service too.
const Service = "/parity.Routes/"

const issuerName = "https://issuer.test"

// rules are those of Fixture.Auth.
var rules = []httpauth.Rule{
	{Path: Service + "Optional", Mode: httpauth.Optional},
	{Prefix: Service + "Public", Mode: httpauth.Public},
	{Path: Service + "Scoped", Scopes: []string{"orders:read"}},
	{Path: Service + "StepUp", MaxAge: 5 * time.Minute, ACR: []string{"mfa"}},
	{Path: Service + "Internal", Mode: httpauth.Internal},
	{Pattern: "DELETE /items/{id}", Scopes: []string{"items:write"}},
	{Pattern: "GET /items/{id}", Mode: httpauth.Optional},
	{Regexp: `/v[0-9]+/status`, Example: "/v1/status", Mode: httpauth.Public},
	{Prefix: "/gate", Mode: httpauth.Public, Example: "/gate/open"},
}

// New makes a fixture on a store in memory.
func New(t testing.TB) *Fixture {
	t.Helper()
	now := time.Now()
	clock := func() time.Time { return now }
	s := must(memstore.New(&memstore.Options{Now: clock}))(t)
	t.Cleanup(func() { _ = s.Close() })
	key := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)
	f := &Fixture{}
	issuer := must(token.NewIssuer(s, issuerName, key, &token.IssuerOptions{AccessTTL: time.Minute, Now: clock}))(t)
	revoker := must(token.NewRevoker(s, nil))(t)
	f.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: key.VerifyKey(), Check: brittle{token.Sessions(s), &f.down}},
	}, &token.VerifierOptions{Now: clock, TouchInterval: -1}))(t)
	login := func(name string, claims any) token.Pair {
		p := must(issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{Claims: claims}))(t)
		f.tokens = append(f.tokens, "{"+name+"}", p.Access.Reveal(), "{"+name+":refresh}", p.Refresh.Reveal())
		return p
	}
	login("expired", nil)
	now = now.Add(time.Hour)
	revoked := login("revoked", nil)
	if err := revoker.Session(t.Context(), revoked.Session.Subject, revoked.Session.ID, "kicked out"); err != nil {
		t.Fatal(err)
	}
	login("good", nil)
	login("scoped", map[string]string{"scope": "orders:read items:write"})
	login("fresh", map[string]any{"auth_time": now.Unix(), "acr": "mfa"})
	login("stale", map[string]any{"auth_time": now.Add(-time.Hour).Unix(), "acr": "mfa"})
	f.Auth = must(httpauth.New(f.verifier, f.options(clock)))(t)
	f.Routes = f.routes(t)
	return f
}

func (f *Fixture) options(clock func() time.Time) *httpauth.Options {
	return &httpauth.Options{
		Rules: rules, Now: clock, RetryAfter: 3 * time.Second,
		Lookups: []httpauth.Lookup{
			httpauth.Header("Authorization", "Bearer"), httpauth.Header("X-Token", ""), httpauth.Cookie("sid"),
			httpauth.Form("access_token"), httpauth.Query("access_token"),
		},
		Internal: func(r *http.Request) (context.Context, error) {
			switch r.Header.Get("X-Signature") {
			case "good":
				return nil, nil
			case "down":
				return nil, store.ErrUnavailable
			case "evil":
				return nil, &httpauth.Failure{
					Status: http.StatusUnauthorized, Code: httpauth.CodeInvalidToken, Description: "a\"b\\c\r\nSet-Cookie: x=y",
				}
			}
			return nil, errors.New("the signature is not good")
		},
	}
}

func (f *Fixture) routes(t testing.TB) []Route {
	var routes []Route
	for _, name := range []string{"Required", "Optional", "Public", "Scoped", "StepUp", "Internal"} {
		path := Service + name
		routes = append(routes, Route{Method: http.MethodGet, Path: path}, Route{Method: http.MethodPost, Path: path})
	}
	gate := func(a httpauth.Access) *httpauth.Gate { return must(f.Auth.Gate(a))(t) }
	return append(routes,
		Route{Method: http.MethodGet, Path: Service + "PublicX"},
		Route{Method: http.MethodGet, Path: "/items/{id}"},
		Route{Method: http.MethodDelete, Path: "/items/{id}"},
		Route{Method: http.MethodGet, Path: "/v1/status"},
		Route{Method: http.MethodGet, Path: "/v1/statusX"},
		Route{Method: http.MethodGet, Path: "/gate/open"},
		Route{Method: http.MethodGet, Path: "/gate/required", Gate: gate(httpauth.Access{})},
		Route{Method: http.MethodGet, Path: "/gate/optional", Gate: gate(httpauth.Access{Mode: httpauth.Optional})},
		Route{Method: http.MethodGet, Path: "/gate/scoped", Gate: gate(httpauth.Access{Scopes: []string{"orders:read"}})},
	)
}

// Answer is the handler of every route: it says whose request it is. The token is what the adapter found in the framework's
// own way, which must be that of the request's context.
func Answer(w http.ResponseWriter, r *http.Request, t *token.Token, ok bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, Who(r.Context(), t, ok))
}

// Who is the text of Answer.
func Who(ctx context.Context, t *token.Token, ok bool) string {
	same, there := httpauth.Token(ctx)
	switch {
	case same != t || there != ok:
		return "the framework and the context have different tokens"
	case !ok:
		return "nobody"
	}
	return t.Subject().Name
}

// brittle is a checker with an outage at will.
type brittle struct {
	token.Checker
	down *atomic.Bool
}

// Check asks the checker, unless the store is down.
func (b brittle) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	if b.down.Load() {
		return token.Answer{}, store.ErrUnavailable
	}
	return b.Checker.Check(ctx, t)
}

// must returns the value of a call that has to succeed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
