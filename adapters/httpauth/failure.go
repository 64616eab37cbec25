package httpauth

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// The error codes that this package answers.
const (
	// CodeInvalidRequest is a request that cannot be understood, or holds what nobody accepts: 400 (RFC 6750 §3.1).
	CodeInvalidRequest = "invalid_request"
	// CodeInvalidToken is a token proven to be no good: 401 (RFC 6750 §3.1).
	CodeInvalidToken = "invalid_token"
	// CodeMissingToken is a request without a bearer token: 401. Bodies have it, challenges do not.
	CodeMissingToken = "missing_token"
	// CodeReplayLimit is a refresh token presented too often within its grace window: 409. The session lives.
	CodeReplayLimit = "replay_limit"
	// CodeNotFound is a session that is not there, or not any more: 404.
	CodeNotFound = "not_found"
	// CodeConflict is a login that met a logout of its subject, a change that met another, or an id that is taken: 409.
	CodeConflict = "conflict"
	// CodeSessionLimit is a login refused because its subject has as many sessions as it may: 409.
	CodeSessionLimit = "session_limit"
	// CodeUnavailable is no answer at all: 503 (the word is that of RFC 6749 §4.1.2.1).
	CodeUnavailable = "temporarily_unavailable"

	codeServerError = "server_error" // RFC 6749 §4.1.2.1
)

// Failure is a refusal as the client is told it. It is an error, so that a handler can have its own refusals answered in
// the same form: WriteError(w, r, &Failure{Status: 404, Code: "not_found", Description: "there is no such order"}).
type Failure struct {
	// Status is the HTTP status: 400 to 599. Anything else is a mistake of the program, and answered as 500.
	Status int
	// Code is one word for programs: a Code constant, or a handler's own.
	Code string
	// Description is a sentence for the client's developer. Characters that RFC 6750 §3 does not allow in an
	// error_description are replaced when it is written.
	Description string
	// Err is the cause, for logs. It is not shown to the client. May be nil.
	Err error
}

// Error returns the code, the description and the cause. Nil has a text as well.
func (f *Failure) Error() string {
	if f == nil {
		return "a nil Failure"
	}
	text := f.Code + ": " + f.Description
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error {
	if f == nil {
		return nil
	}
	return f.Err
}

// FailureOf says what an error of packages token, store or this one means to an HTTP client. An error that it does not
// know, nil too, is an outage: it proves nothing about the token. A [*Failure] in the error's chain is returned as it is,
// unless it has no status of an error.
//
// It is for what handlers call. There store.ErrInvalid is bad input of the client (400), and store.ErrNotFound and
// store.ErrRevoked are about a session that the request names (404). From the verifier they are outages like any other
// error that proves nothing: [Middleware.Authenticate] makes them so.
func FailureOf(err error) *Failure {
	var own *Failure
	if errors.As(err, &own) {
		return own.answerable(err)
	}
	var refused *token.RefusedError
	var scope *ScopeError
	switch {
	case errors.Is(err, ErrNoToken):
		return &Failure{http.StatusUnauthorized, CodeMissingToken, "send an access token: Authorization: Bearer ...", err}
	case errors.Is(err, ErrTwoTokens):
		return &Failure{http.StatusBadRequest, CodeInvalidRequest, "send one Authorization header", err}
	case errors.Is(err, token.ErrInvalidToken):
		// The sentinel alone: details and reasons are for logs.
		description := "token is not valid"
		if errors.As(err, &refused) && refused.Err != nil {
			description = refused.Err.Error()
		}
		return &Failure{http.StatusUnauthorized, CodeInvalidToken, description, err}
	case errors.As(err, &scope):
		return &Failure{http.StatusForbidden, CodeInsufficientScope, "token lacks a scope", err}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrIndeterminate): // whatever else it is
		return outage(err)
	case errors.Is(err, store.ErrReplayLimit):
		return &Failure{http.StatusConflict, CodeReplayLimit, "refresh token was used too often at once; use the newest one", err}
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
		return &Failure{http.StatusConflict, CodeConflict, "something changed meanwhile; try again", err}
	case errors.Is(err, store.ErrLimit):
		return &Failure{http.StatusConflict, CodeSessionLimit, "too many sessions; end one of them first", err}
	case errors.Is(err, store.ErrInvalid):
		return &Failure{http.StatusBadRequest, CodeInvalidRequest, badField(err), err}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrRevoked): // those of a token are above
		return &Failure{http.StatusNotFound, CodeNotFound, "there is no such session", err}
	}
	return outage(err)
}

// outage is the answer to an error that proves nothing.
func outage(err error) *Failure {
	return &Failure{http.StatusServiceUnavailable, CodeUnavailable, "no answer is possible now; try again", err}
}

// badField says which field is bad, and why. A FieldError never holds the value.
func badField(err error) string {
	var f *store.FieldError
	if !errors.As(err, &f) || f == nil {
		return "input is not valid"
	}
	return printable(f.Field + " " + f.Problem)
}

// answerable returns f, found in err, or what can be answered in its place: net/http panics at a status that is none.
func (f *Failure) answerable(err error) *Failure {
	switch {
	case f == nil:
		return outage(err)
	case f.Status >= 400 && f.Status <= 599:
		return f
	}
	return &Failure{http.StatusInternalServerError, cmp.Or(f.Code, codeServerError), f.Description, err}
}

// WriteError answers a request with what [FailureOf] makes of err. It is the one place that errors become HTTP in: use it
// in the handlers of login, refresh and logout too.
func (m *Middleware) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	f := *FailureOf(err)
	f.Code, f.Description = printable(f.Code), printable(f.Description)
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name) // they would describe the answer that is not given
	}
	h.Set("Cache-Control", "no-store")
	if f.challenged() {
		h.Set("WWW-Authenticate", f.challenge(m.opts.Realm))
	}
	if f.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", m.retryAfter)
	}
	m.opts.ErrorHandler(w, r, &f)
}

// challenged reports whether the answer tells how to authenticate: always with 401 (RFC 9110 §15.5.2), and where the token
// is what is wrong with the request (RFC 6750 §3).
func (f *Failure) challenged() bool {
	return f.Status == http.StatusUnauthorized || f.Code == CodeInsufficientScope ||
		(f.Code == CodeInvalidRequest && errors.Is(f.Err, ErrTwoTokens))
}

// challenge returns the WWW-Authenticate header. Only the codes of RFC 6750 §3.1 are told in it.
func (f *Failure) challenge(realm string) string {
	text := `Bearer realm="` + realm + `"`
	switch f.Code {
	case CodeInvalidRequest, CodeInvalidToken, CodeInsufficientScope:
		text += `, error="` + f.Code + `"`
		if f.Description != "" {
			text += `, error_description="` + f.Description + `"`
		}
	}
	if scope := (*ScopeError)(nil); f.Code == CodeInsufficientScope && errors.As(f.Err, &scope) {
		text += `, scope="` + printable(strings.Join(scope.Scopes, " ")) + `"`
	}
	return text
}

// WriteJSON writes a failure's status and the body {"error": code, "error_description": description}.
func WriteJSON(w http.ResponseWriter, _ *http.Request, f *Failure) {
	body, err := json.Marshal(struct {
		Code        string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.Code, f.Description})
	if err != nil { // two strings marshal
		body = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// printable replaces what RFC 6750 §3 does not allow in an error_description: all but %x20-21 / %x23-5B / %x5D-7E.
// A line break in a header would begin another header.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r == '\\' || r > 0x7e:
			return '?'
		}
		return r
	}, text)
}
