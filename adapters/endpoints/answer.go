package endpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
)

// The error codes of RFC 6749 §5.2 and RFC 7009 §2.2.1 that this package answers, besides those of package httpauth.
const (
	// CodeInvalidClient is a client that is not proven: 401.
	CodeInvalidClient = "invalid_client"
	// CodeInvalidGrant is a refresh token that is no good, or another client's: 400.
	CodeInvalidGrant = "invalid_grant"
	// CodeInvalidScope is a scope that is not given: 400.
	CodeInvalidScope = "invalid_scope"
	// CodeUnsupportedGrantType is a grant that the token endpoint does not know: 400.
	CodeUnsupportedGrantType = "unsupported_grant_type"
	// CodeUnsupportedTokenType is a good token of a kind that is not revoked here: 400.
	CodeUnsupportedTokenType = "unsupported_token_type"
	// CodeServerError is a mistake of this program: 500.
	CodeServerError = "server_error"
	// CodeAccessDenied is a good token that is not for this, whatever its scopes: 403.
	CodeAccessDenied = "access_denied"
)

const (
	defaultMaxBody = 32 << 10
	maxRealm       = 256
)

// Answers are what every endpoint of forms may be told. The zero value is the safe one.
type Answers struct {
	// Realm is the protection space that challenges name (RFC 9110 §11.5): at most 256 bytes of printable ASCII without
	// quotes and backslashes. Defaults to "oauth".
	Realm string
	// RetryAfter is what an answer of 503 asks clients to wait, rounded up to whole seconds: up to 1 hour.
	// Defaults to 1 second.
	RetryAfter time.Duration
	// MaxBody is the largest body in bytes that is read: 1 KiB to 1 MiB; a larger one is answered by 413.
	// Defaults to 32 KiB.
	MaxBody int64
	// Failed is told of every request that was not done, with the cause: for logs. It must not block. What it is told holds no
	// secret and no token. Defaults to nobody.
	Failed func(r *http.Request, f *httpauth.Failure)
}

// answers are Answers with every default in place.
type answers struct {
	Answers
	retryAfter string
	// challenge is the WWW-Authenticate of a 401.
	challenge string
}

// fill judges what was given. auth may be nil.
func (a Answers) fill(auth *ClientAuth) (answers, error) {
	if a.Realm == "" {
		a.Realm = "oauth"
	}
	if a.RetryAfter == 0 {
		a.RetryAfter = time.Second
	}
	if a.MaxBody == 0 {
		a.MaxBody = defaultMaxBody
	}
	switch {
	case len(a.Realm) > maxRealm || strings.IndexFunc(a.Realm, notRealm) >= 0:
		return answers{}, invalid("Answers.Realm", "is over 256 bytes, or has a character that a challenge cannot hold",
			"use ASCII without quotes, backslashes and control characters")
	case a.RetryAfter < 0 || a.RetryAfter > time.Hour:
		return answers{}, invalid("Answers.RetryAfter", fmt.Sprintf("is %v, the range is 0 to 1h", a.RetryAfter),
			"use 0 for the default of 1s")
	case a.MaxBody < 1<<10 || a.MaxBody > 1<<20:
		return answers{}, invalid("Answers.MaxBody", fmt.Sprintf("is %d, the range is 1 KiB to 1 MiB", a.MaxBody),
			"use 0 for the default of 32 KiB")
	}
	return answers{
		Answers:    a,
		retryAfter: strconv.Itoa(int(math.Ceil(a.RetryAfter.Seconds()))),
		challenge:  auth.scheme() + ` realm="` + a.Realm + `"`,
	}, nil
}

func notRealm(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}

// refusal makes a failure. Its description is one of ours, in the characters of RFC 6749 §5.2.
func refusal(status int, code, description string, cause error) *httpauth.Failure {
	return &httpauth.Failure{Status: status, Code: code, Description: description, Err: cause}
}

func badRequest(description string) *httpauth.Failure {
	return refusal(http.StatusBadRequest, httpauth.CodeInvalidRequest, description, nil)
}

// outage is the answer to an error that proves nothing.
func outage(err error) *httpauth.Failure {
	return refusal(http.StatusServiceUnavailable, httpauth.CodeUnavailable, "no answer is possible now; try again", err)
}

// failureOf returns the failure that an error is, and an outage for every other error: it proves nothing.
func failureOf(err error) *httpauth.Failure {
	var f *httpauth.Failure
	if errors.As(err, &f) && f != nil && f.Status >= 400 && f.Status <= 599 {
		return f
	}
	return outage(err)
}

// refuse answers with an error of RFC 6749 §5.2.
func (a *answers) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := failureOf(err)
	h := w.Header()
	noStore(h)
	switch f.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", a.challenge)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", a.retryAfter)
	}
	if a.Failed != nil {
		a.Failed(r, f)
	}
	httpauth.WriteJSON(w, r, f)
}

// noStore keeps an answer out of caches, those of HTTP/1.0 too (RFC 6749 §5.1).
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}

// writeJSON answers 200 with a body that no cache keeps.
func (a *answers) writeJSON(w http.ResponseWriter, r *http.Request, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		a.refuse(w, r, refusal(http.StatusInternalServerError, CodeServerError, "the answer cannot be written", err))
		return
	}
	h := w.Header()
	noStore(h)
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(text, '\n')) // the client may have gone
}
