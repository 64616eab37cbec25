package httpauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

// What each mode lets pass.
func TestModes(t *testing.T) {
	f := newFixture(t)
	signed := func(r *http.Request) (context.Context, error) {
		switch r.Header.Get("X-Signature") {
		case "good":
			return context.WithValue(r.Context(), signer{}, "billing"), nil
		case "plain":
			return nil, nil
		case "down":
			return nil, &store.Error{Op: "once", Err: store.ErrUnavailable}
		case "own":
			return nil, &httpauth.Failure{Status: 429, Code: "too_many"}
		}
		return nil, errors.New("secret reason")
	}
	m := f.middleware(t, &httpauth.Options{Internal: signed, Rules: []httpauth.Rule{
		{Path: "/public", Mode: httpauth.Public},
		{Path: "/optional", Mode: httpauth.Optional},
		{Path: "/required"},
		{Prefix: "/internal", Mode: httpauth.Internal},
		{Regexp: `/internal/both`, Example: "/internal/both"},
		{Regexp: `/p.*`, Example: "/public", Mode: httpauth.Public},
		{Regexp: `/optional`, Example: "/optional", Mode: httpauth.Public},
	}})
	server := httptest.NewServer(m.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if tok, ok := httpauth.Token(r.Context()); ok {
			name = tok.Subject().Name
		}
		by, _ := r.Context().Value(signer{}).(string)
		_, _ = w.Write([]byte(name + by))
	})))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		rule, path, token, signature string
		status                       int
		body                         string
	}{
		{"no rule, nobody", "/other", "", "", 401, "missing_token"},
		{"no rule, a token", "/other", f.good, "", 200, "ann"},
		{"no rule, a signature is nothing", "/other", "", "good", 401, "missing_token"},
		{"required, nobody", "/required", "", "", 401, "missing_token"},
		{"required, expired", "/required", f.expired, "", 401, "invalid_token"},
		{"public, nobody", "/public", "", "", 200, "nobody"},
		{"public, expired", "/public", f.expired, "", 200, "nobody"},
		{"public, a token is not looked at", "/public", f.good, "", 200, "nobody"},
		{"optional, nobody", "/optional", "", "", 200, "nobody"},
		{"optional, expired", "/optional", f.expired, "", 200, "nobody"},
		{"a public regular expression opens nothing that another rule judges", "/optional", f.good, "", 200, "ann"},
		{"a public regular expression opens what has no rule", "/pages", "", "", 200, "nobody"},
		{"internal, nobody", "/internal", "", "", 401, "invalid_signature"},
		{"internal, a token is nothing", "/internal", f.good, "", 401, "invalid_signature"},
		{"internal, signed", "/internal/x", "", "good", 200, "nobodybilling"},
		{"internal, signed, no context", "/internal/x", "", "plain", 200, "nobody"},
		{"internal, a bad signature says no more", "/internal", "", "bad", 401, "invalid_signature"},
		{"internal, an outage", "/internal", "", "down", 503, "temporarily_unavailable"},
		{"internal, a failure of its own", "/internal", "", "own", 429, "too_many"},
		{"internal and required, signed alone", "/internal/both", "", "good", 401, "missing_token"},
		{"internal and required, token alone", "/internal/both", f.good, "", 401, "invalid_signature"},
		{"internal and required, both", "/internal/both", f.good, "good", 200, "annbilling"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+c.path, nil))(t)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			r.Header.Set("X-Signature", c.signature)
			got := do(t, r)
			if got.status != c.status || !strings.Contains(got.body, c.body) || strings.Contains(got.body, "secret") {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, c.status, c.body)
			}
			if challenge := got.header.Get("WWW-Authenticate"); c.body == "invalid_signature" && challenge != `Signature realm="api"` {
				t.Errorf("the challenge is %q", challenge)
			}
		})
	}
}

type signer struct{}

// refusal is an error as those of adapters/signature.
type refusal struct {
	status    int
	challenge string
}

func (refusal) Error() string             { return "secret" }
func (r refusal) HTTPStatus() int         { return r.status }
func (refusal) Code() string              { return "missing_signature" }
func (refusal) Description() string       { return "sign it" }
func (r refusal) Challenge(string) string { return r.challenge }

// A hook's error that knows its answer is answered so.
func TestRefusals(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		err       refusal
		challenge string
		envelope  string
	}{
		{refusal{401, `Own realm="x"`}, `Own realm="x"`, `{"code":40002,"message":"sign it","data":null}`},
		{refusal{401, ""}, `Signature realm="api"`, `{"code":40002,"message":"sign it","data":null}`},
		{refusal{400, `Own realm="x"`}, `Own realm="x"`, `{"code":40002,"message":"sign it","data":null}`},
		{refusal{413, ""}, "", `{"code":40002,"message":"sign it","data":null}`},
	} {
		o := &httpauth.Options{
			Internal: func(*http.Request) (context.Context, error) { return nil, c.err }, ErrorHandler: httpauth.WriteMessage,
			Rules: []httpauth.Rule{{Prefix: "/", Mode: httpauth.Internal}},
		}
		w := present(f.middleware(t, o).Protect(http.NotFoundHandler()), f.good)
		if w.Code != c.err.status || w.Header().Get("WWW-Authenticate") != c.challenge || strings.TrimSpace(w.Body.String()) != c.envelope {
			t.Errorf("%+v is answered %d %v %s", c.err, w.Code, w.Header(), w.Body)
		}
	}
}

// A preflight has no credentials, and reaches no handler that is for all methods.
func TestPreflights(t *testing.T) {
	f := newFixture(t)
	reached := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	cors := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") })
	for _, c := range []struct {
		rule    string
		own     http.Handler
		method  string
		headers []string
		status  int
	}{
		{
			"a preflight is not refused, and reaches nothing", nil, "OPTIONS",
			[]string{"Origin", "Access-Control-Request-Method"},
			204,
		},
		{"a preflight goes to its handler", cors, "OPTIONS", []string{"Origin", "Access-Control-Request-Method"}, 200},
		{"OPTIONS alone is judged", cors, "OPTIONS", nil, 401},
		{"OPTIONS with an origin is judged", cors, "OPTIONS", []string{"Origin"}, 401},
		{"OPTIONS with a method is judged", cors, "OPTIONS", []string{"Access-Control-Request-Method"}, 401},
		{"another method is judged", cors, "POST", []string{"Origin", "Access-Control-Request-Method"}, 401},
	} {
		m := f.middleware(t, &httpauth.Options{Preflight: c.own})
		open := f.middleware(t, &httpauth.Options{Preflight: c.own, Rules: []httpauth.Rule{{Path: "/x", Mode: httpauth.Public}}})
		for name, h := range map[string]http.Handler{
			"public": open.Protect(reached), "protect": m.Protect(reached), "required": m.Required(reached),
			"optional": m.Optional(reached),
		} {
			r := httptest.NewRequest(c.method, "/x", nil)
			for _, header := range c.headers {
				r.Header.Set(header, "POST")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			want := c.status
			if name == "optional" && want == 401 {
				want = http.StatusTeapot // as nobody
			}
			if name == "public" {
				want = http.StatusTeapot // whatever it is
			}
			if w.Code != want {
				t.Errorf("%s: %s is answered %d, want %d", name, c.rule, w.Code, want)
			}
		}
	}
}
