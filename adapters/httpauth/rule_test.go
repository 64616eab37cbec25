package httpauth_test

import (
	"bufio"
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
		{"some servers end a segment at a semicolon", "GET", "/v1/public;x/y", "ambiguous"},
		{"a semicolon within one rule is nobody's matter", "GET", "/v1/public/x;y", "public"},
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
			"/", "//", "/admin", "/admin/", "/admin/x", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/admin%2f",
			"/admin%2Fx", "/v1/public/../admin", "/v1/public/%2e%2e/admin", "/items/7", "/items/", "/items/7%2f8",
			"/items/%37/parts/", "/items//parts/", "/v1/public", "/v1/public/", "/v1/publicX", "/v1/%70ublic/list",
			"/v1/public/list", `/v1\public`, "/files/..", "/files/%2e%2e", "/files/a%00b", "*", "x:443",
			"http://evil/admin", "http://evil", "/tunnel", "/admin?x", "/admin/..;/x", "/v1/public%5c..%5cadmin",
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
		{"Options.Rules[0].Methods[0]", "small letters", []httpauth.Rule{{Path: "/a", Methods: []string{"get"}}}},
		{"Options.Rules[0].Pattern", "small letters", []httpauth.Rule{{Pattern: "get /a"}}},
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
	for _, a := range []httpauth.Access{
		{Mode: 9}, {Mode: httpauth.Internal}, {Mode: httpauth.Public, Scopes: []string{"x"}}, {Scopes: []string{
			"",
		}},
	} {
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
