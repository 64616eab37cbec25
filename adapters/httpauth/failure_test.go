package httpauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestFailureOf(t *testing.T) {
	own := &httpauth.Failure{Status: http.StatusTeapot, Code: "teapot"}
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{httpauth.ErrNoToken, 401, httpauth.CodeMissingToken},
		{httpauth.ErrTwoTokens, 400, httpauth.CodeInvalidRequest},
		{&token.RefusedError{Err: token.ErrExpired}, 401, httpauth.CodeInvalidToken},
		{&token.RefusedError{Err: token.ErrReused}, 401, httpauth.CodeInvalidToken},
		{fmt.Errorf("a hook says: %w", token.ErrInvalidToken), 401, httpauth.CodeInvalidToken},
		{&store.Error{Op: "rotate", Err: store.ErrReplayLimit}, 409, httpauth.CodeReplayLimit},
		{&store.Error{Op: "issue", Err: store.ErrConflict}, 409, httpauth.CodeConflict},
		{&store.Error{Op: "issue", Err: store.ErrLimit}, 409, httpauth.CodeSessionLimit},
		{&store.Error{Op: "issue", Err: store.ErrExists}, 409, httpauth.CodeConflict},
		// A store's answer about a record is not a verdict on the token of this request.
		{&store.Error{Op: "revoke", Err: store.ErrNotFound}, 404, httpauth.CodeNotFound},
		{&store.Error{Op: "revoke", Err: store.ErrRevoked}, 404, httpauth.CodeNotFound},
		{&token.RefusedError{Err: token.ErrRevoked}, 401, httpauth.CodeInvalidToken},
		{&token.RefusedError{Err: token.ErrUnknownSession}, 401, httpauth.CodeInvalidToken},
		{
			&store.Error{Op: "list", Err: &store.FieldError{Field: "Page.Limit", Problem: "is 1001"}}, 400,
			httpauth.CodeInvalidRequest,
		},
		{store.ErrInvalid, 400, httpauth.CodeInvalidRequest},
		// An outage is one, whatever else is in its chain.
		{fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrNotFound), 503, httpauth.CodeUnavailable},
		{fmt.Errorf("%w: %w", store.ErrIndeterminate, store.ErrInvalid), 503, httpauth.CodeUnavailable},
		{&store.Error{Op: "lookup", Err: store.ErrUnavailable}, 503, httpauth.CodeUnavailable},
		{nil, 503, httpauth.CodeUnavailable},
		{(*httpauth.Failure)(nil), 503, httpauth.CodeUnavailable},
		{fmt.Errorf("wrapped: %w", (*httpauth.Failure)(nil)), 503, httpauth.CodeUnavailable},
		{&httpauth.Failure{}, 500, "server_error"},
		{&httpauth.Failure{Status: 200, Code: "ok"}, 500, "ok"},
		{&httpauth.Failure{Status: 399}, 500, "server_error"},
		{&httpauth.Failure{Status: 600}, 500, "server_error"},
		{fmt.Errorf("wrapped: %w", own), http.StatusTeapot, "teapot"},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			f := httpauth.FailureOf(c.err)
			if f.Status != c.status || f.Code != c.code {
				t.Errorf("got %d %s, want %d %s", f.Status, f.Code, c.status, c.code)
			}
			if f != own && f.Err != c.err { //nolint:errorlint // the very same
				t.Error("the cause is lost")
			}
			if w := write(t, nil, c.err); w.Code != c.status {
				t.Errorf("written is %d", w.Code)
			}
			if c.status != http.StatusUnauthorized && c.err != httpauth.ErrTwoTokens && //nolint:errorlint // the very same
				write(t, nil, c.err).Header().Get("WWW-Authenticate") != "" {
				t.Error("a challenge would log somebody out")
			}
		})
	}
}

// A description says no more than the sentinel: what a hook or a key set wrote into its error may be a secret.
func TestNothingOfAnErrorIsShown(t *testing.T) {
	const secret = "s3cret"
	for _, err := range []error{
		errors.New(secret), fmt.Errorf("%s: %w", secret, token.ErrInvalidToken),
		&token.RefusedError{Err: token.ErrRevoked, Detail: secret, Reason: secret},
		&httpauth.Failure{Status: 500, Code: "broken", Description: "broken", Err: errors.New(secret)},
	} {
		w := write(t, nil, err)
		if all := w.Body.String() + fmt.Sprint(w.Header()); strings.Contains(all, secret) {
			t.Errorf("%v: the answer shows it: %s", err, all)
		}
	}
}

// What was wrong with the input is told, and never how to mend the program.
func TestBadInputIsTold(t *testing.T) {
	f := httpauth.FailureOf(&store.FieldError{Field: "Record.Class\r\n", Problem: `is 65 "bytes"`, Remedy: "remedy"})
	if want := "Record.Class?? is 65 'bytes'"; f.Description != want {
		t.Errorf("the description is %q, want %q", f.Description, want)
	}
	if f = httpauth.FailureOf(store.ErrInvalid); f.Description == "" {
		t.Error("there is no description")
	}
}

// No text can end a quoted string or a header.
func TestTextsCannotBreakAHeader(t *testing.T) {
	evil := "a\"b\\c\r\nSet-Cookie: x=y\x00\x7fé\xff"
	w := write(t, nil, &httpauth.Failure{Status: 401, Code: httpauth.CodeInvalidToken, Description: evil})
	const want = `Bearer realm="api", error="invalid_token", error_description="a'b?c??Set-Cookie: x=y????"`
	if got := w.Header().Get("WWW-Authenticate"); got != want {
		t.Errorf("challenge is\n %s, want\n %s", got, want)
	}
	if w = write(t, nil, &httpauth.Failure{Status: 401, Code: evil}); w.Header().Get("WWW-Authenticate") != bare {
		t.Errorf("an unknown code got into the challenge: %v", w.Header())
	}
	if got := w.Body.String(); got != `{"error":"a'b?c??Set-Cookie: x=y????"}`+"\n" {
		t.Errorf("body is %s", got)
	}
}

func TestOwnFailures(t *testing.T) {
	for _, c := range []struct {
		rule      string
		failure   httpauth.Failure
		challenge string
	}{
		{"401 always has a challenge (RFC 9110 §15.5.2)", httpauth.Failure{Status: 401, Code: "invalid_credentials"}, bare},
		{
			"insufficient_scope is challenged (RFC 6750 §3.1)",
			httpauth.Failure{Status: 403, Code: "insufficient_scope", Description: "d"},
			bare + `, error="insufficient_scope", error_description="d"`,
		},
		{
			"a handler's invalid_request is not about the token",
			httpauth.Failure{Status: 400, Code: httpauth.CodeInvalidRequest},
			"",
		},
		{"404 is not about the token", httpauth.Failure{Status: 404, Code: "not_found"}, ""},
	} {
		w := write(t, nil, &c.failure)
		if w.Code != c.failure.Status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: got %d %v", c.rule, w.Code, w.Header())
		}
	}
}

// An envelope of the caller's cannot lose the headers: one of the seed systems did.
func TestErrorHandlerKeepsTheHeaders(t *testing.T) {
	o := &httpauth.Options{Realm: "shop", ErrorHandler: func(w http.ResponseWriter, _ *http.Request, f *httpauth.Failure) {
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, `{"code":4%d,"message":%q}`, f.Status, f.Description)
	}}
	w := write(t, o, httpauth.ErrNoToken)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="shop"` || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	if !strings.HasPrefix(w.Body.String(), `{"code":4401,`) {
		t.Errorf("the handler's body is lost: %s", w.Body)
	}
	if w = write(t, o, store.ErrUnavailable); w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

// A handler may fail after it has described the answer that it does not give.
func TestStaleHeadersGo(t *testing.T) {
	w := httptest.NewRecorder()
	stale := map[string]string{"Content-Length": "9", "Content-Encoding": "gzip", "Etag": `"x"`, "Last-Modified": "then", "Cache-Control": "public"}
	for name, value := range stale {
		w.Header().Set(name, value)
	}
	newFixture(t).middleware(t, nil).WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), httpauth.ErrNoToken)
	for name, value := range stale {
		if w.Header().Get(name) == value {
			t.Errorf("%s stayed", name)
		}
	}
}

func write(t *testing.T, o *httpauth.Options, err error) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	newFixture(t).middleware(t, o).WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), err)
	return w
}
