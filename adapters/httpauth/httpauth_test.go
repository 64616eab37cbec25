package httpauth_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// serve serves the three kinds of route over a real listener. Behind each, the handler writes whose request it is.
func serve(t *testing.T, m *httpauth.Middleware) *httptest.Server {
	t.Helper()
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if tok, ok := httpauth.Token(r.Context()); ok {
			name = tok.Subject().Name
		}
		_, _ = io.WriteString(w, name)
	})
	mux := http.NewServeMux()
	mux.Handle("/required", m.Required(who))
	mux.Handle("/optional", m.Optional(who))
	mux.Handle("/public", m.Public(who))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// bare is the challenge of RFC 6750 §3.1 for a request without a token: no error code.
const bare = `Bearer realm="api"`

func invalidToken(description string) string {
	return bare + `, error="invalid_token", error_description="` + description + `"`
}

// Each case names the rule that it is there for.
func TestRoutes(t *testing.T) {
	f := newFixture(t)
	server := serve(t, f.middleware(t, nil))
	bearer := func(raw string) []string { return []string{"Bearer " + raw} }

	for _, c := range []struct {
		rule, path string
		headers    []string
		status     int
		challenge  string
		body       string // of a success the subject, of an error its code
	}{
		{"a good token passes and tells its subject", "/required", bearer(f.good), 200, "", "ann"},
		{"the scheme's case does not count", "/required", []string{"bEaReR " + f.good}, 200, "", "ann"},
		{"spaces between scheme and token may be several", "/required", []string{"Bearer   " + f.good}, 200, "", "ann"},
		{"without credentials the challenge has no error", "/required", nil, 401, bare, "missing_token"},
		{"another scheme is no credentials", "/required", []string{"Basic YW5uOnB3"}, 401, bare, "missing_token"},
		{"a token without scheme is no credentials", "/required", []string{f.good}, 401, bare, "missing_token"},
		{"a longer scheme is another scheme", "/required", []string{"Bearers " + f.good}, 401, bare, "missing_token"},
		{"a tab does not end the scheme", "/required", []string{"Bearer\t" + f.good}, 401, bare, "missing_token"},
		{"an empty header is no credentials", "/required", []string{""}, 401, bare, "missing_token"},
		{
			"two headers are refused though one is good", "/required",
			[]string{"Bearer " + f.good, "Bearer x"},
			400,
			bare + `, error="invalid_request", error_description="send one Authorization header"`, "invalid_request",
		},
		{
			"two equal headers are two", "/required",
			[]string{"Bearer " + f.good, "Bearer " + f.good},
			400,
			bare + `, error="invalid_request", error_description="send one Authorization header"`, "invalid_request",
		},
		{
			"a bearer without token is a bad token", "/required",
			[]string{"Bearer"},
			401,
			invalidToken("token is malformed"), "invalid_token",
		},
		{
			"a comma joins no headers", "/required",
			[]string{"Bearer " + f.good + ", Bearer " + f.good},
			401,
			invalidToken("token is malformed"), "invalid_token",
		},
		{
			"nothing may follow the token", "/required",
			[]string{"Bearer " + f.good + " x"},
			401,
			invalidToken("token is malformed"), "invalid_token",
		},
		{
			"broken UTF-8 is a bad token", "/required", bearer("\xff\xfe.x.y"), 401,
			invalidToken("token is malformed"), "invalid_token",
		},
		{
			"a long token is not looked at", "/required", bearer(strings.Repeat("a", token.MaxBytes+1)), 401,
			invalidToken("token is too long"), "invalid_token",
		},
		{
			"a changed signature is told", "/required", bearer(f.good[:len(f.good)-4] + "AAAA"), 401,
			invalidToken("token has a wrong signature"), "invalid_token",
		},
		{"an expired token is told", "/required", bearer(f.expired), 401, invalidToken("token has expired"), "invalid_token"},
		{
			"a revoked token is told, its reason is not", "/required", bearer(f.revoked), 401,
			invalidToken("token has been revoked"), "invalid_token",
		},
		{
			"a token whose session is not there is told", "/required", bearer(f.lost), 401,
			invalidToken("session has ended"), "invalid_token",
		},
		{
			"a refresh token opens nothing", "/required", bearer(f.refresh), 401,
			invalidToken("token is of another type"), "invalid_token",
		},

		{"optional: a good token tells its subject", "/optional", bearer(f.good), 200, "", "ann"},
		{"optional: nobody without credentials", "/optional", nil, 200, "", "nobody"},
		{"optional: an expired token is nobody's", "/optional", bearer(f.expired), 200, "", "nobody"},
		{"optional: a revoked token is nobody's", "/optional", bearer(f.revoked), 200, "", "nobody"},
		{"optional: rubbish is nobody's", "/optional", bearer("rubbish"), 200, "", "nobody"},
		{"optional: another scheme is nobody's", "/optional", []string{"Basic YW5uOnB3"}, 200, "", "nobody"},
		{
			"optional: two headers are refused all the same", "/optional",
			[]string{"Bearer x", "Bearer y"},
			400,
			bare + `, error="invalid_request", error_description="send one Authorization header"`, "invalid_request",
		},

		{"public: a good token is not looked at", "/public", bearer(f.good), 200, "", "nobody"},
		{"public: two headers are not looked at", "/public", []string{"Bearer x", "Bearer y"}, 200, "", "nobody"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			answer := get(t, server.URL+c.path, c.headers)
			answer.expect(t, c.status, c.challenge, c.body)
			if got, want := answer.header.Get("Vary"), map[bool]string{true: "Authorization"}[c.path != "/public"]; got != want {
				t.Errorf("Vary is %q, want %q", got, want)
			}
		})
	}
}

// Whatever is no proof against the token is an outage: 503, when to come back, and no challenge that would log anybody out.
func TestOutage(t *testing.T) {
	f := newFixture(t)
	server := serve(t, f.middleware(t, &httpauth.Options{RetryAfter: 1500 * time.Millisecond}))
	for _, cause := range []error{
		store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrCorrupt, store.ErrClock, store.ErrLocked,
		context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, errors.New("anything else"),
		&store.FieldError{Field: "Subject.Name", Problem: "is bad", Remedy: "mend it"},
		// What these say to a handler, a checker does not say of the token.
		store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrLimit, store.ErrReplayLimit,
		httpauth.ErrNoToken, httpauth.ErrTwoTokens,
		&httpauth.Failure{Status: http.StatusNotFound, Code: "not_found"}, (*httpauth.Failure)(nil),
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			f.fail(&store.Error{Op: "lookup", Store: "memory", Err: cause})
			for _, path := range []string{"/required", "/optional"} {
				answer := get(t, server.URL+path, []string{"Bearer " + f.good})
				answer.expect(t, http.StatusServiceUnavailable, "", "temporarily_unavailable")
				if got := answer.header.Get("Retry-After"); got != "2" {
					t.Errorf("%s: Retry-After is %q, want 1.5s rounded up", path, got)
				}
			}
			get(t, server.URL+"/required", nil).expect(t, 401, bare, "missing_token")
			get(t, server.URL+"/required", []string{"Bearer " + f.expired}).expect(t, 401, invalidToken("token has expired"), "invalid_token")
			get(t, server.URL+"/optional", nil).expect(t, 200, "", "nobody")
			get(t, server.URL+"/public", []string{"Bearer " + f.good}).expect(t, 200, "", "nobody")
		})
	}
	f.fail(nil)
	get(t, server.URL+"/required", []string{"Bearer " + f.good}).expect(t, 200, "", "ann")
}

// What net/http's client would not send: bytes that end a header, and a header without end.
func TestRawRequests(t *testing.T) {
	f := newFixture(t)
	server := serve(t, f.middleware(t, nil))
	for _, c := range []struct{ rule, header, status string }{
		{"a NUL in the token", "Bearer a\x00b", "400"},
		{"a lone carriage return in the token", "Bearer a\rSet-Cookie: x=y", "400"},
		{"an escape in the scheme", "Bea\x1brer x", "400"},
		{"a header of 2 MiB", "Bearer " + strings.Repeat("a", 2<<20), "431"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			conn := must(net.Dial("tcp", server.Listener.Addr().String()))(t)
			defer conn.Close() //nolint:errcheck // the answer was read
			check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			go fmt.Fprintf(conn, "GET /required HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", c.header) //nolint:errcheck // the server may close first
			line := must(bufio.NewReader(conn).ReadString('\n'))(t)
			if !strings.HasPrefix(line, "HTTP/1.1 "+c.status) {
				t.Errorf("got %q, want %s", line, c.status)
			}
		})
	}
}

func TestTokenOfNobody(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"empty": t.Context(), "nil token": httpauth.WithToken(t.Context(), nil),
	} {
		if tok, ok := httpauth.Token(ctx); ok || tok != nil {
			t.Errorf("%s context: got a token", name)
		}
	}
}

func TestNewRefusesBadInput(t *testing.T) {
	v := newFixture(t).verifier
	for _, c := range []struct {
		field string
		v     *token.Verifier
		o     *httpauth.Options
	}{
		{"v", nil, nil},
		{"Options.Realm", v, &httpauth.Options{Realm: strings.Repeat("r", 257)}},
		{"Options.Realm", v, &httpauth.Options{Realm: `a"b`}},
		{"Options.Realm", v, &httpauth.Options{Realm: `a\b`}},
		{"Options.Realm", v, &httpauth.Options{Realm: "a\r\nSet-Cookie: x=y"}},
		{"Options.Realm", v, &httpauth.Options{Realm: "é"}},
		{"Options.RetryAfter", v, &httpauth.Options{RetryAfter: -1}},
		{"Options.RetryAfter", v, &httpauth.Options{RetryAfter: time.Hour + 1}},
	} {
		_, err := httpauth.New(c.v, c.o)
		var field *store.FieldError
		if !errors.As(err, &field) || field.Field != c.field || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: got %v", c.field, err)
		}
	}
	for _, o := range []*httpauth.Options{nil, {}, {Realm: strings.Repeat("r", 256), RetryAfter: time.Hour}} {
		must(httpauth.New(v, o))(t)
	}
}

// answer is an HTTP answer, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, url string, authorization []string) answer {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))(t)
	if authorization != nil {
		r.Header["Authorization"] = authorization
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) answer {
	t.Helper()
	response := must(http.DefaultClient.Do(r))(t)
	defer response.Body.Close()
	return answer{response.StatusCode, response.Header, string(must(io.ReadAll(response.Body))(t))}
}

// expect holds an answer against a status, a challenge, and a body: the text of a success, the code of an error.
func (a answer) expect(t *testing.T, status int, challenge, body string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status is %d, want %d", a.status, status)
	}
	if got := a.header.Get("WWW-Authenticate"); got != challenge {
		t.Errorf("challenge is\n %s, want\n %s", got, challenge)
	}
	if status < 400 {
		if a.body != body {
			t.Errorf("body is %q, want %q", a.body, body)
		}
		return
	}
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || said.Code != body || said.Description == "" {
		t.Errorf("body is %s (%v), want the error %q with its description", a.body, err, body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("an error may be cached, or is no JSON: %v", a.header)
	}
}
