package httpauth_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

// parse reads a request as a server does, whatever its target.
func parse(method, target string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
}

// asked tells by which rule a request was judged: each rule of these tests asks for a scope of its own, which the token does
// not have. A request that passes was judged by no rule.
func asked(t *testing.T, m *httpauth.Middleware, raw string, r *http.Request) string {
	t.Helper()
	r.Header.Set("Authorization", "Bearer "+raw)
	w := httptest.NewRecorder()
	if _, ok := m.Admit(w, r); ok {
		return ""
	}
	if w.Code == http.StatusBadRequest {
		return "ambiguous"
	}
	_, scope, found := strings.Cut(w.Header().Get("WWW-Authenticate"), `scope="`)
	if !found || w.Code != http.StatusForbidden {
		t.Fatalf("%s %s: the answer is %d %v", r.Method, r.URL, w.Code, w.Header())
	}
	return strings.TrimSuffix(scope, `"`)
}

func scoped(r httpauth.Rule, scope string) httpauth.Rule {
	r.Scopes = []string{scope}
	return r
}

// Each case names the rule that it is there for.
func TestRulesMeet(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{
		scoped(httpauth.Rule{Prefix: "/v1/public"}, "public"),
		scoped(httpauth.Rule{Path: "/v1/public/login"}, "login"),
		scoped(httpauth.Rule{Path: "/v1/public/login", Methods: []string{"DELETE"}}, "logout"),
		scoped(httpauth.Rule{Path: "/exact/"}, "slash"),
		scoped(httpauth.Rule{Path: "/a b{c}%"}, "odd"),
		scoped(httpauth.Rule{Path: "/"}, "home"),
		scoped(httpauth.Rule{Pattern: "GET /items/{id}"}, "item"),
		scoped(httpauth.Rule{Pattern: "/items/{id}/parts/{rest...}"}, "parts"),
		scoped(httpauth.Rule{Prefix: "/write/", Methods: []string{"POST", "PUT"}}, "write"),
		scoped(httpauth.Rule{Regexp: `/r[0-9]+|/s`, Example: "/r1"}, "re"),
		scoped(httpauth.Rule{Regexp: `/v1/public/.*\.png`, Example: "/v1/public/a.png", Methods: []string{"GET"}}, "png"),
		scoped(httpauth.Rule{Regexp: `.*/both\.png`, Example: "/both.png"}, "both"),
	}})
	for _, c := range []struct{ rule, method, target, want string }{
		{"a prefix meets itself", "GET", "/v1/public", "public"},
		{"a prefix meets what is below it", "GET", "/v1/public/x/y", "public"},
		{"a prefix meets itself with a slash", "GET", "/v1/public/", "public"},
		{"a prefix ends with a segment", "GET", "/v1/publicX", ""},
		{"a prefix ends with a segment, whatever follows", "GET", "/v1/public.html", ""},
		{"a prefix does not begin later", "GET", "/x/v1/public", ""},
		{"case counts", "GET", "/V1/public", ""},
		{"a path within a prefix is more specific", "POST", "/v1/public/login", "login"},
		{"a method is more specific", "DELETE", "/v1/public/login", "logout"},
		{"a trailing slash is another path", "GET", "/v1/public/login/", "public"},
		{"a path with a slash meets no path without", "GET", "/exact", ""},
		{"a path with a slash meets nothing below", "GET", "/exact/x", ""},
		{"a path with a slash", "GET", "/exact/", "slash"},
		{"a path means its characters", "GET", "/a%20b%7Bc%7D%25", "odd"},
		{"the root is one path", "GET", "/", "home"},
		{"the root is no prefix", "GET", "/other", ""},
		{"a pattern's method", "GET", "/items/7", "item"},
		{"GET stands for HEAD", "HEAD", "/items/7", "item"},
		{"another method has no rule", "POST", "/items/7", ""},
		{"methods have a case", "get", "/items/7", ""},
		{"a wildcard is one segment", "GET", "/items/7/8", ""},
		{"a wildcard takes an encoded at sign", "GET", "/items/ann%40x", "item"},
		{"rest wildcards", "PUT", "/items/7/parts/8/9", "parts"},
		{"a prefix with methods, the first", "POST", "/write/x", "write"},
		{"a prefix with methods, the second", "PUT", "/write", "write"},
		{"a prefix with methods, no other", "GET", "/write/x", ""},
		{"a regular expression", "GET", "/r17", "re"},
		{"a regular expression is anchored at the end", "GET", "/r17/x", ""},
		{"each branch of it is anchored at the end", "GET", "/sx", ""},
		{"and at the start", "GET", "/x/s", ""},
		{"a line break ends nothing", "GET", "/s%0Ax", ""},
		{"a regular expression adds to a prefix", "GET", "/v1/public/a.png", "public png"},
		{"for its methods", "POST", "/v1/public/a.png", "public"},
		{"HEAD among them", "HEAD", "/v1/public/a.png", "public png"},
		{"regular expressions add up", "GET", "/v1/public/both.png", "public png both"},

		{"a double slash in front of a rule", "GET", "//v1/public", "ambiguous"},
		{"a double slash within", "GET", "/v1//public/x", "ambiguous"},
		{"a dot segment", "GET", "/v1/./public", "ambiguous"},
		{"out of a prefix by dots", "GET", "/v1/public/../admin", "ambiguous"},
		{"out of a prefix by encoded dots", "GET", "/v1/public/%2e%2e/admin", "ambiguous"},
		{"out of a prefix by half encoded dots", "GET", "/v1/public/.%2E/admin", "ambiguous"},
		{"out of a prefix by encoded slashes", "GET", "/v1/public%2f..%2fadmin", "ambiguous"},
		{"out of a prefix by backslashes", "GET", `/v1/public/..\..\admin`, "ambiguous"},
		{"out of a prefix by encoded backslashes", "GET", `/v1/public/..%5c..%5cadmin`, "ambiguous"},
		{"an encoded slash between segments", "GET", "/v1%2fpublic", "ambiguous"},
		{"an encoded slash makes other segments", "GET", "/items/7%2f8", "ambiguous"},
		{"an encoded letter", "GET", "/v1/publi%63", "ambiguous"},
		{"an encoded letter in a segment that dots take away", "GET", "/v1/%70ublic/../public/x", "ambiguous"},
		{"out of a prefix by encoded slashes behind a backslash", "GET", "/v1/public/a%5cb%2f..%2f..%2fadmin", "ambiguous"},
		{"an encoded letter that is left when dots are gone", "GET", "/v1/public/../%70ublic/x", "ambiguous"},
		{"an encoded letter, and a slash that is part of a name", "GET", "/%69tems/7%2f8", "ambiguous"},
		{"the same behind dots", "GET", "/%69tems/x/../7%2f8", "ambiguous"},
		{"the same in front of dots", "GET", "/%69tems/7%2f8/parts/../x", "ambiguous"},
		{"a final dot", "GET", "/v1/public/login/.", "ambiguous"},
		{"dots within a prefix", "GET", "/v1/public/a/../b", "public"},
		{"double slashes within a prefix", "GET", "/v1/public/http://x", "public"},
		{"encoded slashes within a prefix", "GET", "/v1/public/a%2Fb", "public"},
		{"dots where no rule is", "GET", "/no/../where", ""},
		{"a name with dots is a name", "GET", "/v1/public/..x/...", "public"},
		{"a host in the target is no path", "GET", "http://evil/v1/public", "public"},
		{"a target without a path", "GET", "http://evil", "ambiguous"},
		{"an asterisk", "OPTIONS", "*", "ambiguous"},
		{"the authority of CONNECT", "CONNECT", "x:443", "ambiguous"},
		{"CONNECT with a path", "CONNECT", "/v1/public/x", "public"},
		{"CONNECT cleans nothing", "CONNECT", "/v1/public/../admin", "ambiguous"},
		{"a query is no path", "GET", "/v1/publicX?/../public", ""},
		{"semicolons are characters", "GET", "/v1/public;x/y", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := asked(t, m, f.good, must(parse(c.method, c.target))(t)); got != c.want {
				t.Errorf("%s %s was judged by %q, want %q", c.method, c.target, got, c.want)
			}
		})
	}
}

// routesAndRules are routes of net/http, each with a rule that is called like it.
var routesAndRules = []string{
	"GET /{$}", "/admin", "/admin/", "GET /items/{id}", "POST /items/{id}", "/items/{id}/parts/{rest...}", "/v1/public/",
	"/v1/{kind}", "/files/{name}", "DELETE /files/{name}", "/w/{kind}/list", "CONNECT /tunnel",
}

// No request is judged by another rule than that of the route that it reaches: FuzzNoOtherRule looks for more of them.
func FuzzNoOtherRule(f *testing.F) {
	fx := newFixture(f)
	mux := http.NewServeMux()
	var rules []httpauth.Rule
	for _, pattern := range routesAndRules {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Route", pattern) })
		rules = append(rules, scoped(httpauth.Rule{Pattern: pattern}, strings.ReplaceAll(pattern, " ", "+")))
	}
	m := must(httpauth.New(fx.verifier, &httpauth.Options{Rules: rules}))(f)
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "CONNECT", "OPTIONS", "get"} {
		for _, target := range []string{
			"/", "//", "/admin", "/admin/", "/admin/x", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/admin%2f", "/admin%2Fx",
			"/v1/public/../admin", "/v1/public/%2e%2e/admin", "/items/7", "/items/", "/items/7%2f8", "/items/%37/parts/", "/items//parts/",
			"/v1/public", "/v1/public/", "/v1/publicX", "/v1/%70ublic/list", "/v1/public/list", `/v1\public`, "/files/..", "/files/%2e%2e",
			"/files/a%00b", "*", "x:443", "http://evil/admin", "http://evil", "/tunnel", "/admin?x", "/admin/..;/x", "/v1/public%5c..%5cadmin",
		} {
			f.Add(method, target)
		}
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := parse(method, target)
		if err != nil {
			return
		}
		routed := httptest.NewRecorder()
		mux.ServeHTTP(routed, r.Clone(t.Context()))
		route := strings.ReplaceAll(routed.Header().Get("Route"), " ", "+")
		if got := asked(t, m, fx.good, r); route != "" && got != route && got != "ambiguous" {
			t.Errorf("%s %q reaches %q, and was judged by %q", method, target, route, got)
		}
	})
}

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
		{"a preflight is not refused, and reaches nothing", nil, "OPTIONS", []string{"Origin", "Access-Control-Request-Method"}, 204},
		{"a preflight goes to its handler", cors, "OPTIONS", []string{"Origin", "Access-Control-Request-Method"}, 200},
		{"OPTIONS alone is judged", cors, "OPTIONS", nil, 401},
		{"OPTIONS with an origin is judged", cors, "OPTIONS", []string{"Origin"}, 401},
		{"OPTIONS with a method is judged", cors, "OPTIONS", []string{"Access-Control-Request-Method"}, 401},
		{"another method is judged", cors, "POST", []string{"Origin", "Access-Control-Request-Method"}, 401},
	} {
		m := f.middleware(t, &httpauth.Options{Preflight: c.own})
		open := f.middleware(t, &httpauth.Options{Preflight: c.own, Rules: []httpauth.Rule{{Path: "/x", Mode: httpauth.Public}}})
		for name, h := range map[string]http.Handler{"public": open.Protect(reached), "protect": m.Protect(reached), "required": m.Required(reached), "optional": m.Optional(reached)} {
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

func TestNewRefusesBadRules(t *testing.T) {
	v := newFixture(t).verifier
	for _, c := range []struct {
		field, says string
		rules       []httpauth.Rule
	}{
		{"Options.Rules[0]", "none or several", []httpauth.Rule{{}}},
		{"Options.Rules[0]", "none or several", []httpauth.Rule{{Path: "/a", Prefix: "/a"}}},
		{"Options.Rules[1].Path", "slash", []httpauth.Rule{{Path: "/"}, {Path: "a"}}},
		{"Options.Rules[0].Path", "segment", []httpauth.Rule{{Path: "/a//b"}}},
		{"Options.Rules[0].Path", "segment", []httpauth.Rule{{Path: "/a/../b"}}},
		{"Options.Rules[0].Path", "segment", []httpauth.Rule{{Path: `/a\b`}}},
		{"Options.Rules[0].Path", "segment", []httpauth.Rule{{Path: "/a\n"}}},
		{"Options.Rules[0].Prefix", "slash", []httpauth.Rule{{Prefix: "a"}}},
		{"Options.Rules[0].Pattern", "host", []httpauth.Rule{{Pattern: "example.com/a"}}},
		{"Options.Rules[0].Pattern", "host", []httpauth.Rule{{Pattern: "GET example.com/a"}}},
		{"Options.Rules[0].Pattern", "method", []httpauth.Rule{{Pattern: "GET /a", Methods: []string{"GET"}}}},
		{"Options.Rules[0].Pattern", "no pattern", []httpauth.Rule{{Pattern: "/a/{b"}}},
		{"Options.Rules[0].Pattern", "no pattern", []httpauth.Rule{{Pattern: "G@T /a"}}},
		{"Options.Rules[0].Regexp", "no regular expression", []httpauth.Rule{{Regexp: "(", Example: "/"}}},
		{"Options.Rules[0].Regexp", "no regular expression", []httpauth.Rule{{Regexp: "/a)|(?:/b", Example: "/a"}}},
		{"Options.Rules[0].Example", "missing", []httpauth.Rule{{Regexp: "/a"}}},
		{"Options.Rules[0].Example", "not met", []httpauth.Rule{{Regexp: "/a", Example: "/ab"}}},
		{"Options.Rules[0].Example", "not met", []httpauth.Rule{{Prefix: "/a", Example: "/ab"}}},
		{"Options.Rules[0].Example", "slash", []httpauth.Rule{{Prefix: "/a", Example: "a"}}},
		{"Options.Rules[0].Methods[1]", "no method", []httpauth.Rule{{Path: "/a", Methods: []string{"GET", "PO ST"}}}},
		{"Options.Rules[0].Methods[1]", "twice", []httpauth.Rule{{Path: "/a", Methods: []string{"GET", "GET"}}}},
		{"Options.Rules[0].Mode", "no mode", []httpauth.Rule{{Path: "/a", Mode: 4}}},
		{"Options.Rules[0].Mode", "signed calls", []httpauth.Rule{{Path: "/a", Mode: httpauth.Internal}}},
		{"Options.Rules[0]", "Public", []httpauth.Rule{{Path: "/a", Mode: httpauth.Public, Scopes: []string{"x"}}}},
		{"Options.Rules[0]", "Optional", []httpauth.Rule{{Path: "/a", Mode: httpauth.Optional, MaxAge: time.Second}}},
		{"Options.Rules[0]", "Public", []httpauth.Rule{{Path: "/a", Mode: httpauth.Public, ACR: []string{"x"}}}},
		{"Options.Rules[0].MaxAge", "range", []httpauth.Rule{{Path: "/a", MaxAge: -time.Second}}},
		{"Options.Rules[0].MaxAge", "range", []httpauth.Rule{{Path: "/a", MaxAge: time.Millisecond}}},
		{"Options.Rules[0].Scopes[0]", "scope", []httpauth.Rule{{Path: "/a", Scopes: []string{"a b"}}}},
		{"Options.Rules[0].Scopes[0]", "scope", []httpauth.Rule{{Path: "/a", Scopes: []string{`a"`}}}},
		{"Options.Rules[0].ACR[0]", "acr", []httpauth.Rule{{Path: "/a", ACR: []string{""}}}},
		{"Options.Rules[1]", "Rules[0] (/a)", []httpauth.Rule{{Path: "/a"}, {Path: "/a"}}},
		{"Options.Rules[1]", "Rules[0] (/a)", []httpauth.Rule{{Path: "/a"}, {Prefix: "/a/"}}},
		{"Options.Rules[1]", "Rules[0] (GET /)", []httpauth.Rule{{Prefix: "/", Methods: []string{"GET"}}, {Path: "/a"}}},
		{"Options.Rules[2]", "Rules[0] (/{x}/b)", []httpauth.Rule{{Pattern: "/{x}/b"}, {Path: "/z"}, {Pattern: "/a/{y}"}}},
		{"Options.Rules", "limit", make([]httpauth.Rule, 1001)},
	} {
		_, err := httpauth.New(v, &httpauth.Options{Rules: c.rules})
		var field *store.FieldError
		if !errors.As(err, &field) || field.Field != c.field || !strings.Contains(field.Problem, c.says) {
			t.Errorf("%+v: got %v", c.rules[0], err)
		}
	}
	must(httpauth.New(v, &httpauth.Options{Rules: []httpauth.Rule{
		{Prefix: "/"}, {Path: "/a"}, {Path: "/a", Methods: []string{"GET"}}, {Prefix: "/a/b"}, {Pattern: "/a/{x}"},
	}}))(t)
}

// A gate for one route has the same limits.
func TestGateRefusesBadInput(t *testing.T) {
	m := newFixture(t).middleware(t, nil)
	for _, a := range []httpauth.Access{{Mode: 9}, {Mode: httpauth.Internal}, {Mode: httpauth.Public, Scopes: []string{"x"}}, {Scopes: []string{""}}} {
		if g, err := m.Gate(a); !errors.Is(err, store.ErrInvalid) || g != nil {
			t.Errorf("%+v: got %v", a, err)
		}
	}
}

func TestModeString(t *testing.T) {
	if got := httpauth.Required.String() + httpauth.Internal.String() + httpauth.Mode(7).String(); got != "RequiredInternalMode(7)" {
		t.Errorf("got %s", got)
	}
}

// Everything of a request's target but its path is left alone.
func TestJudgingChangesNothing(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{{Prefix: "/a", Mode: httpauth.Public}}})
	r := must(parse("GET", "/a//b%2Fc/../d?x=%2f"))(t)
	before := *r.URL
	if got, ok := m.Admit(httptest.NewRecorder(), r); !ok || *got.URL != before || *r.URL != before {
		t.Errorf("the URL is %v, want %v", r.URL, &before)
	}
}
