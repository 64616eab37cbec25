package httpauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

// The host in a Forwarded header is the client's choice, and quoted: what is within quotes is no element and no pair.
func TestForwardedQuotes(t *testing.T) {
	m := newFixture(t).middleware(t, &httpauth.Options{TrustedProxies: proxies, ForwardedHeader: "Forwarded"})
	for _, c := range []struct{ rule, sent, ip string }{
		{"a comma in a host", `for=198.51.100.1;host="x,for=8.8.8.8"`, "198.51.100.1"},
		{"a semicolon in a host", `for=198.51.100.1;host="x;for=8.8.8.8"`, "198.51.100.1"},
		{"an escaped quote in a host", `for=198.51.100.1;host="x\",for=8.8.8.8"`, "198.51.100.1"},
		{"an escaped backslash in a host", `for=1.2.3.4, for=198.51.100.1;host="x\\"`, "198.51.100.1"},
		{"a quote that the client left open", `for="8.8.8.8, for=198.51.100.1`, "198.51.100.1"},
		{"two addresses in one element", `for=8.8.8.8;for=198.51.100.1`, "10.0.0.1"},
		{"an empty pair", `for=198.51.100.1;;`, "198.51.100.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("Forwarded", c.sent)
		if got := m.ClientIP(r); got != netip.MustParseAddr(c.ip) {
			t.Errorf("%s: the address is %v, want %s", c.rule, got, c.ip)
		}
	}
}

// A line break in a path does not get around a rule.
func TestLineBreaksInPaths(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{{Regexp: "/admin/.*", Example: "/admin/x", Scopes: []string{"a"}}}})
	r := httptest.NewRequest(http.MethodGet, "/admin/x%0Ay", nil)
	r.Header.Set("Authorization", "Bearer "+f.good)
	if w := presentRequest(m.Protect(http.NotFoundHandler()), r); w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

// A watched request keeps its body for the handler, and a token that came in a body is watched although it was read.
func TestWatchLeavesTheBody(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{
		httpauth.Form("access_token"), httpauth.Header("Authorization", "Bearer"),
	}})
	for _, c := range []struct {
		rule, form, header string
		first              bool // the body is read before Watch
	}{
		{"from a form, watched first", "access_token=" + f.good, "", false},
		{"from a form, read first", "access_token=" + f.good, "", true},
		{"from a header, watched first", "a=b", "Bearer " + f.good, false},
	} {
		h := m.Required(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var body []byte
			if c.first {
				body, _ = io.ReadAll(r.Body)
			}
			ctx, stop := httpauth.Watch(r.Context())
			defer stop()
			if !c.first {
				body, _ = io.ReadAll(r.Body)
			}
			if string(body) != c.form || ctx.Err() != nil {
				t.Errorf("%s: the body is %.30q, and the watch ended for %v", c.rule, body, context.Cause(ctx))
			}
		}))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		if w := presentRequest(h, r); w.Code != http.StatusOK {
			t.Errorf("%s: got %d", c.rule, w.Code)
		}
	}
}

// A handler that has removed the token cannot watch it.
func TestWatchWithoutItsHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 0)
		ctx := w.admitted(t)
		w.request.Header.Del("Authorization")
		watched, stop := httpauth.Watch(ctx)
		defer stop()
		if !errors.Is(context.Cause(watched), httpauth.ErrNoToken) {
			t.Errorf("it goes on: %v", context.Cause(watched))
		}
	})
}

// A gate behind rules says no header twice.
func TestVaryOnce(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, nil)
	if w := present(m.Protect(m.Required(http.HandlerFunc(echo))), f.good); strings.Join(w.Header()["Vary"], ",") != "Authorization" {
		t.Errorf("Vary is %v", w.Header()["Vary"])
	}
}

// A rule for "/docs" meets no route where only "/docs/" is served.
func TestARedirectIsNoRoute(t *testing.T) {
	v := newFixture(t).verifier
	m := must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{{Path: "/docs", Mode: httpauth.Public}}}))(t)
	mux := http.NewServeMux()
	mux.Handle("/docs/", http.NotFoundHandler())
	if err := m.CheckMux(mux); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusFound)) // on purpose
	check(t, m.CheckMux(mux))
}

// A dot segment at the end leaves a slash behind for gin and by RFC 3986 §5.2.4, and so another path for an expression.
func TestAFinalDotLeavesASlash(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{
		{Prefix: "/dir", Mode: httpauth.Public}, {Regexp: "/dir/sub/", Example: "/dir/sub/", Scopes: []string{"a"}},
	}})
	for target, want := range map[string]int{"/dir/sub/.": 400, "/dir/sub/x/..": 400, "/dir/sub/": 401, "/dir/sub": 404, "/dir/x/.": 404} {
		w := presentRequest(m.Protect(http.NotFoundHandler()), httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", target, w.Code, want)
		}
	}
}

// A preflight is not signed either, and does not get to the judge of signed calls.
func TestPreflightsOfInternalRoutes(t *testing.T) {
	m := newFixture(t).middleware(t, &httpauth.Options{
		Internal: func(*http.Request) (context.Context, error) { return nil, errors.New("judged") },
		Rules:    []httpauth.Rule{{Prefix: "/internal", Mode: httpauth.Internal}},
	})
	r := httptest.NewRequest(http.MethodOptions, "/internal/x", nil)
	r.Header.Set("Origin", "https://app.test")
	r.Header.Set("Access-Control-Request-Method", "POST")
	if w := presentRequest(m.Protect(http.NotFoundHandler()), r); w.Code != http.StatusNoContent {
		t.Errorf("got %d", w.Code)
	}
}

// Of a body that says that it is too long nothing is read.
func TestALongBodyIsNotRead(t *testing.T) {
	m := newFixture(t).middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Form("access_token")}})
	body := new(endless)
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.ContentLength = 1 << 20
	if w := presentRequest(m.Required(http.NotFoundHandler()), r); w.Code != http.StatusUnauthorized || body.read != 0 {
		t.Errorf("got %d after %d bytes", w.Code, body.read)
	}
}

// An expression of mode Internal asks for a signature besides what the other rule asks for.
func TestAnInternalExpressionAdds(t *testing.T) {
	m := newFixture(t).middleware(t, &httpauth.Options{
		Internal: func(*http.Request) (context.Context, error) { return nil, errors.New("unsigned") },
		Rules: []httpauth.Rule{
			{Prefix: "/x", Mode: httpauth.Public}, {Regexp: "/x/in", Example: "/x/in", Mode: httpauth.Internal},
		},
	})
	for path, want := range map[string]int{"/x/in": http.StatusUnauthorized, "/x/out": http.StatusNotFound} {
		if w := presentRequest(m.Protect(http.NotFoundHandler()), httptest.NewRequest(http.MethodGet, path, nil)); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

// A path that would have to be read in a dozen ways is not, where it is as long as a server takes: anybody can send those. A
// plain one is of any length.
func TestLongOddPaths(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{{Prefix: "/x", Mode: httpauth.Public}}})
	for _, c := range []struct {
		path string
		want int
	}{
		{"/x" + strings.Repeat("/a", 1<<18), 404},
		{"/x/" + strings.Repeat("/a", 1<<18), 400},
		{"/x/%2f" + strings.Repeat("/a", 1<<18), 400},
		{"/x/;" + strings.Repeat("/a", 1<<18), 400},
		{"/x/%2f" + strings.Repeat("/a", 1<<11), 404},
		{"/x/;" + strings.Repeat("/a", 1<<12), 404},
	} {
		w := presentRequest(m.Protect(http.NotFoundHandler()), httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%.12s of %d bytes: got %d, want %d", c.path, len(c.path), w.Code, c.want)
		}
	}
}

// A body that somebody in front has parsed, to log it or to find a method in it, still has its token: and two tokens are two.
func TestAFormThatWasRead(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{
		httpauth.Form("access_token"), httpauth.Header("Authorization", "Bearer"),
	}})
	for header, want := range map[string]int{"": 200, "Bearer " + f.good: 400} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=b&access_token="+f.good))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		check(t, r.ParseForm())
		h := m.Required(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.PostFormValue("a") != "b" {
				t.Error("the form is lost")
			}
		}))
		if w := presentRequest(h, r); w.Code != want {
			t.Errorf("with the header %.8q: got %d %s, want %d", header, w.Code, w.Body, want)
		}
	}
}
