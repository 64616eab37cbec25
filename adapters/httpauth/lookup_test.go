package httpauth_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

// A request in the words of a test: headers, form and query.
type sent struct {
	method, query, form, kind string
	headers                   []string // name, value, …
	chunked                   bool
}

// echo answers with the body that it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
	}
	_, _ = w.Write(body)
}

func (s sent) request(t *testing.T, url string) *http.Request {
	t.Helper()
	method := s.method
	if method == "" {
		method = http.MethodGet
		if s.form != "" {
			method = http.MethodPost
		}
	}
	r := must(http.NewRequestWithContext(t.Context(), method, url+"/?"+s.query, strings.NewReader(s.form)))(t)
	if s.form != "" && s.kind == "" {
		s.kind = "application/x-www-form-urlencoded"
	}
	r.Header.Set("Content-Type", s.kind)
	if s.chunked {
		r.ContentLength = -1
	}
	for n := 0; n < len(s.headers); n += 2 {
		r.Header.Add(s.headers[n], s.headers[n+1])
	}
	return r
}

// Each case names the rule that it is there for. The handler answers with the body that it got.
func TestLookups(t *testing.T) {
	f := newFixture(t)
	everywhere := []httpauth.Lookup{
		httpauth.Header("Authorization", "Token"), httpauth.Header("x-key", ""), httpauth.Cookie("sid"), httpauth.Form("access_token"),
		httpauth.Query("access_token"),
	}
	big := strings.Repeat("x", 70<<10)
	for _, c := range []struct {
		rule    string
		lookups []httpauth.Lookup
		sent    sent
		status  int
		body    string // of an error its description
	}{
		{"by default not from a query", nil, sent{query: "access_token=" + f.good}, 401, "Bearer ..."},
		{"by default not from a form", nil, sent{form: "access_token=" + f.good}, 401, "Bearer ..."},
		{"by default not from a cookie", nil, sent{headers: []string{"Cookie", "sid=" + f.good}}, 401, "Bearer ..."},
		{"nowhere", everywhere, sent{}, 401, "send an access token"},
		{"a scheme of one's own", everywhere, sent{headers: []string{"Authorization", "token " + f.good}}, 200, ""},
		{
			"Bearer is then another scheme", everywhere,
			sent{headers: []string{"Authorization", "Bearer " + f.good}},
			401, "send an access token",
		},
		{
			"another scheme leaves the other places", everywhere,
			sent{headers: []string{"Authorization", "Basic x", "X-Key", f.good}},
			200, "",
		},
		{"a header without scheme", everywhere, sent{headers: []string{"X-Key", " " + f.good + " "}}, 200, ""},
		{
			"a scheme is then part of the token", everywhere,
			sent{headers: []string{"X-Key", "Bearer " + f.good}},
			401, "malformed",
		},
		{
			"an empty header is none", everywhere,
			sent{headers: []string{"X-Key", "", "Authorization", "Token " + f.good}},
			200, "",
		},
		{"a cookie", everywhere, sent{headers: []string{"Cookie", "a=b; sid=" + f.good}}, 200, ""},
		{"a cleared cookie is none", everywhere, sent{headers: []string{"Cookie", "sid=", "X-Key", f.good}}, 200, ""},
		{
			"another cookie is none", everywhere,
			sent{headers: []string{"Cookie", "side=" + f.good}},
			401,
			"send an access token",
		},
		{"a form", everywhere, sent{form: "a=b&access_token=" + f.good}, 200, "a=b&access_token=" + f.good},
		{
			"a form with a charset", everywhere,
			sent{form: "access_token=" + f.good, kind: "application/x-www-form-urlencoded; charset=utf-8"},
			200,
			"access_token=" + f.good,
		},
		{"a form in a PATCH", everywhere, sent{method: "PATCH", form: "access_token=" + f.good}, 200, "access_token=" + f.good},
		{
			"no form in a DELETE", everywhere,
			sent{method: "DELETE", form: "access_token=" + f.good},
			401,
			"send an access token",
		},
		{
			"no form of another type", everywhere,
			sent{form: "access_token=" + f.good, kind: "text/plain"},
			401, "send an access token",
		},
		{"no form without a type", everywhere, sent{form: "access_token=" + f.good, kind: ";"}, 401, "send an access token"},
		{
			"a body of another type is not read", everywhere,
			sent{form: `{"access_token":1}`, kind: "application/json", headers: []string{"X-Key", f.good}},
			200,
			`{"access_token":1}`,
		},
		{
			"a long form is given back whole", everywhere,
			sent{form: "access_token=" + f.good + "&a=" + big, headers: []string{"X-Key", f.good}},
			200,
			"access_token=" + f.good + "&a=" + big,
		},
		{
			"a long form of unknown length is given back whole", everywhere,
			sent{form: "access_token=" + f.good + "&a=" + big, headers: []string{"X-Key", f.good}, chunked: true},
			200, "access_token=" + f.good + "&a=" + big,
		},
		{
			"a long form of unknown length is not looked at", everywhere,
			sent{form: "access_token=" + f.good + "&a=" + big, chunked: true},
			401, "send an access token",
		},
		{
			"a long form is not looked at", everywhere,
			sent{form: "access_token=" + f.good + "&a=" + big},
			401,
			"send an access token",
		},
		{
			"an empty field is none", everywhere,
			sent{form: "access_token=", headers: []string{"X-Key", f.good}},
			200, "access_token=",
		},
		{"a query", everywhere, sent{query: "access_token=" + f.good}, 200, ""},
		{"an empty parameter is none", everywhere, sent{query: "access_token=", headers: []string{"X-Key", f.good}}, 200, ""},

		{
			"two places, though one is rubbish", everywhere,
			sent{query: "access_token=x", headers: []string{"X-Key", f.good}},
			400, "in one place",
		},
		{
			"two places, though equal", everywhere,
			sent{query: "access_token=" + f.good, headers: []string{"X-Key", f.good}},
			400, "in one place",
		},
		{
			"header and cookie", everywhere,
			sent{headers: []string{"Cookie", "sid=" + f.good, "X-Key", f.good}},
			400, "in one place",
		},
		{
			"header and form", everywhere,
			sent{form: "access_token=" + f.good, headers: []string{"X-Key", f.good}},
			400, "in one place",
		},
		{
			"two headers of one's own", everywhere,
			sent{headers: []string{"X-Key", f.good, "X-Key", f.good}},
			400, "in one place",
		},
		{
			"two cookies of one name", everywhere,
			sent{headers: []string{"Cookie", "sid=" + f.good + "; sid=x"}},
			400, "in one place",
		},
		{
			"two cookie headers", everywhere,
			sent{headers: []string{"Cookie", "sid=" + f.good, "Cookie", "sid=x"}},
			400, "in one place",
		},
		{"two fields", everywhere, sent{form: "access_token=x&access_token=" + f.good}, 400, "in one place"},
		{"two parameters", everywhere, sent{query: "access_token=x&access_token=" + f.good}, 400, "in one place"},
		{
			"two Authorization headers, one of them Basic", everywhere,
			sent{headers: []string{"Authorization", "Basic x", "Authorization", "Token " + f.good}},
			400,
			"one Authorization header",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := f.middleware(t, &httpauth.Options{Lookups: c.lookups})
			server := httptest.NewServer(m.Required(http.HandlerFunc(echo)))
			t.Cleanup(server.Close)
			got := do(t, c.sent.request(t, server.URL))
			if got.status != c.status || (c.status == 200 && got.body != c.body) || !strings.Contains(got.body, c.body) {
				t.Errorf("got %d %.200s, want %d %.200s", got.status, got.body, c.status, c.body)
			}
			scheme := "Token"
			if c.lookups == nil {
				scheme = "Bearer"
			}
			if challenge := got.header.Get("WWW-Authenticate"); c.status != 200 && !strings.HasPrefix(challenge, scheme+` realm="api"`) {
				t.Errorf("the challenge is %q", challenge)
			}
			want := "Authorization"
			if c.lookups != nil {
				want = "Authorization,Cookie,X-Key"
			}
			if got := strings.Join(got.header["Vary"], ","); got != want {
				t.Errorf("Vary is %q, want %q", got, want)
			}
			if private := got.header.Get("Cache-Control") == "private"; private != (c.status == 200 && c.sent.query != "" && !strings.HasSuffix(c.sent.query, "=")) {
				t.Errorf("Cache-Control is %q", got.header.Get("Cache-Control"))
			}
		})
	}
}

// Who adds to Vary does not add to everybody's.
func TestVaryIsNotShared(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Cookie("sid"), httpauth.Header("Authorization", "Bearer")}})
	h := m.Optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Add("Vary", r.Header.Get("Add")) }))
	var answers []*httptest.ResponseRecorder
	for _, own := range []string{"A", "B", "C"} {
		w := httptest.NewRecorder()
		if own == "C" {
			w.Header().Set("Vary", "Accept")
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Add", own)
		h.ServeHTTP(w, r)
		answers = append(answers, w)
	}
	for n, want := range []string{"Authorization,Cookie,A", "Authorization,Cookie,B", "Accept,Authorization,Cookie,C"} {
		if got := strings.Join(answers[n].Header()["Vary"], ","); got != want {
			t.Errorf("Vary is %q, want %q", got, want)
		}
	}
}

// endless is a body without end that counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, strings.Repeat("a", len(p))), nil
}

func TestABodyWithoutEnd(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Form("access_token")}})
	body := new(endless)
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := presentRequest(m.Required(http.NotFoundHandler()), r); w.Code != http.StatusUnauthorized || body.read > 66<<10 {
		t.Errorf("got %d after %d bytes", w.Code, body.read)
	}
}

// brokenBody fails after some bytes.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = errors.New("cut")
	}
	return n, err
}

func TestABrokenBody(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Form("access_token")}})
	r := httptest.NewRequest(http.MethodPost, "/", brokenBody{strings.NewReader("access_token=" + f.good)})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	m.Optional(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func TestNewRefusesBadPlaces(t *testing.T) {
	v := newFixture(t).verifier
	for name, lookups := range map[string][]httpauth.Lookup{
		"none":         {{}},
		"a bad header": {httpauth.Header("X Key", "")},
		"a bad scheme": {httpauth.Header("X-Key", "a b")},
		"the cookies":  {httpauth.Header("cookie", "")},
		"a bad cookie": {httpauth.Cookie("a=b")},
		"no field":     {httpauth.Form("")},
		"no parameter": {httpauth.Query("")},
	} {
		var field *store.FieldError
		if _, err := httpauth.New(v, &httpauth.Options{Lookups: lookups}); !errors.As(err, &field) || field.Field != "Options.Lookups[0]" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	var field *store.FieldError
	twice := []httpauth.Lookup{httpauth.Header("x-key", ""), httpauth.Header("X-KEY", "")}
	if _, err := httpauth.New(v, &httpauth.Options{Lookups: twice}); !errors.As(err, &field) || field.Field != "Options.Lookups[1]" {
		t.Errorf("twice: got %v", err)
	}
}

// A cookie comes with whatever another site makes a browser send; other tokens do not.
func TestCrossOrigin(t *testing.T) {
	f := newFixture(t)
	trusting := http.NewCrossOriginProtection()
	check(t, trusting.AddTrustedOrigin("https://app.test"))
	cookie, header := []string{"Cookie", "sid=" + f.good}, []string{"Authorization", "Bearer " + f.good}
	cross, origin := []string{"Sec-Fetch-Site", "cross-site"}, []string{"Origin", "https://evil.test"}
	app := append([]string{"Origin", "https://app.test"}, cross...)
	socket := []string{"Upgrade", "WebSocket", "Connection", "Upgrade"}
	for _, c := range []struct {
		rule, method string
		protection   *http.CrossOriginProtection
		headers      [][]string
		status       int
	}{
		{"a change from another site", "POST", nil, [][]string{cookie, cross}, 403},
		{"a change from another site of the domain", "POST", nil, [][]string{cookie, {"Sec-Fetch-Site", "same-site"}}, 403},
		{"a change from another origin, by an old browser", "DELETE", nil, [][]string{cookie, origin}, 403},
		{"a change from no origin that can be named", "PUT", nil, [][]string{cookie, {"Origin", "null"}}, 403},
		{"a change from here", "POST", nil, [][]string{cookie, {"Sec-Fetch-Site", "same-origin"}}, 200},
		{"a change by the user", "POST", nil, [][]string{cookie, {"Sec-Fetch-Site", "none"}}, 200},
		{"a change by a program", "POST", nil, [][]string{cookie}, 200},
		{"a read from another site", "GET", nil, [][]string{cookie, cross}, 200},
		{"a WebSocket from another site", "GET", nil, [][]string{cookie, origin, socket}, 403},
		{"a WebSocket from here", "GET", nil, [][]string{cookie, {"Origin", "http://example.com"}, socket}, 200},
		{"a header's token from another site", "POST", nil, [][]string{header, cross, origin}, 200},
		{"a trusted origin", "POST", trusting, [][]string{cookie, app}, 200},
		{"a trusted origin is not everybody", "POST", trusting, [][]string{cookie, cross, origin}, 403},
	} {
		m := f.middleware(t, &httpauth.Options{
			CrossOrigin: c.protection, Lookups: []httpauth.Lookup{httpauth.Cookie("sid"), httpauth.Header("Authorization", "Bearer")},
		})
		for mode, h := range map[string]func(http.Handler) http.Handler{
			"required": m.Required, "optional": m.Optional, "protect": m.Protect,
		} {
			r := httptest.NewRequest(c.method, "/", nil)
			for _, pair := range c.headers {
				for n := 0; n < len(pair); n += 2 {
					r.Header.Set(pair[n], pair[n+1])
				}
			}
			w := httptest.NewRecorder()
			h(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != c.status || (w.Code == 403 && !strings.Contains(w.Body.String(), "cross_origin")) {
				t.Errorf("%s: %s is answered %d %s, want %d", mode, c.rule, w.Code, w.Body, c.status)
			}
		}
	}
}
