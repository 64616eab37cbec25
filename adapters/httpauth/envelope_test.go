package httpauth_test

import (
	"net/http"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// The envelopes of other systems keep the status and the headers, which those systems had lost.
func TestEnvelopes(t *testing.T) {
	expired := &token.RefusedError{Err: token.ErrExpired}
	for _, c := range []struct {
		err          error
		status       int
		message, msg string
	}{
		{
			expired, 401,
			`{"code":40001,"message":"token has expired","data":null}`, `{"code":401,"msg":"token has expired","data":null}`,
		},
		{
			&httpauth.Failure{Status: 401, Code: httpauth.CodeInvalidSignature, Description: "sign the call"}, 401,
			`{"code":40002,"message":"sign the call","data":null}`, `{"code":401,"msg":"sign the call","data":null}`,
		},
		{
			&httpauth.ScopeError{Scopes: []string{"a"}}, 403,
			`{"code":40300,"message":"token lacks a scope","data":null}`, `{"code":403,"msg":"token lacks a scope","data":null}`,
		},
		{
			&httpauth.Failure{Status: 500, Code: "broken"}, 500,
			`{"code":50000,"message":"broken","data":null}`, `{"code":500,"msg":"broken","data":null}`,
		},
		{
			store.ErrUnavailable, 503,
			`{"code":50300,"message":"no answer is possible now; try again","data":null}`,
			`{"code":503,"msg":"no answer is possible now; try again","data":null}`,
		},
	} {
		for name, want := range map[string]string{"message": c.message, "msg": c.msg} {
			handler := map[string]func(http.ResponseWriter, *http.Request, *httpauth.Failure){
				"message": httpauth.WriteMessage, "msg": httpauth.WriteMsg,
			}[name]
			w := write(t, &httpauth.Options{ErrorHandler: handler}, c.err)
			if w.Code != c.status || w.Body.String() != want+"\n" {
				t.Errorf("%s: got %d %s, want %d %s", name, w.Code, w.Body, c.status, want)
			}
			if (w.Header().Get("WWW-Authenticate") == "") == (c.status == 401 || c.status == 403) || w.Header().Get("Content-Type") != "application/json" ||
				w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: the headers are %v", name, w.Header())
			}
		}
	}
}

func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"expired": &token.RefusedError{Err: token.ErrExpired}, "revoked": &token.RefusedError{Err: token.ErrRevoked},
		"missing_token": httpauth.ErrNoToken, "invalid_request": httpauth.ErrTwoTokens, "ambiguous_path": httpauth.ErrAmbiguousPath,
		"cross_origin": httpauth.ErrCrossOrigin, "temporarily_unavailable": store.ErrUnavailable,
	} {
		if got := httpauth.FailureOf(err).Reason(); got != want {
			t.Errorf("%v: the reason is %q, want %q", err, got, want)
		}
	}
	if got := (*httpauth.Failure)(nil).Reason(); got != "temporarily_unavailable" {
		t.Errorf("nil: the reason is %q", got)
	}
}
