package httpauth

import (
	"cmp"
	"errors"
	"net/http"

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
	// CodeAmbiguousPath is a path that routers read differently: 400.
	CodeAmbiguousPath = "ambiguous_path"
	// CodeCrossOrigin is a request that another site made a browser send, with a cookie: 403.
	CodeCrossOrigin = "cross_origin"
	// CodeInvalidSignature is a call whose signature is no good, where only signed ones pass: 401.
	CodeInvalidSignature = "invalid_signature"
	// CodeMissingSignature is a call without one, where Options.Internal says so: 401.
	CodeMissingSignature = "missing_signature"
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

// Reason says in one word, for logs and counters, why: that of [token.Code] where a token was refused ("expired", "revoked",
// …), and else the Code.
func (f *Failure) Reason() string {
	if f == nil {
		return CodeUnavailable
	}
	return cmp.Or(token.Code(f.Err), f.Code)
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
	for _, a := range answers {
		if !errors.Is(err, a.to) {
			continue
		}
		f := &Failure{a.status, a.code, a.description, err}
		if a.describe != nil {
			f.Description = a.describe(err)
		}
		return f
	}
	return outage(err)
}

// answers is what each error means, the first that matches.
var answers = []struct {
	to          error
	status      int
	code        string
	description string
	describe    func(error) string // in place of description
}{
	{ErrNoToken, http.StatusUnauthorized, CodeMissingToken, "send an access token: Authorization: Bearer ...", nil},
	{errTwoPlaces, http.StatusBadRequest, CodeInvalidRequest, "send one access token, in one place", nil},
	{ErrTwoTokens, http.StatusBadRequest, CodeInvalidRequest, "send one Authorization header", nil},
	{ErrAmbiguousPath, http.StatusBadRequest, CodeAmbiguousPath, ambiguousText, nil},
	{ErrCrossOrigin, http.StatusForbidden, CodeCrossOrigin, "the request comes from another origin", nil},
	{token.ErrInvalidToken, http.StatusUnauthorized, CodeInvalidToken, "", describeRefusal},
	{errScope, http.StatusForbidden, CodeInsufficientScope, "token lacks a scope", nil},
	{errStepUp, http.StatusUnauthorized, CodeInsufficientAuthentication, "log in again for this", nil},
	// An outage is one, whatever else is in its chain.
	{store.ErrUnavailable, http.StatusServiceUnavailable, CodeUnavailable, outageText, nil},
	{store.ErrIndeterminate, http.StatusServiceUnavailable, CodeUnavailable, outageText, nil},
	{store.ErrReplayLimit, http.StatusConflict, CodeReplayLimit, replayText, nil},
	{store.ErrConflict, http.StatusConflict, CodeConflict, conflictText, nil},
	{store.ErrExists, http.StatusConflict, CodeConflict, conflictText, nil},
	{store.ErrLimit, http.StatusConflict, CodeSessionLimit, "too many sessions; end one of them first", nil},
	{store.ErrInvalid, http.StatusBadRequest, CodeInvalidRequest, "", badField},
	// Those of a token are above.
	{store.ErrNotFound, http.StatusNotFound, CodeNotFound, notFoundText, nil},
	{store.ErrRevoked, http.StatusNotFound, CodeNotFound, notFoundText, nil},
}

const (
	ambiguousText = "the path can be read in several ways; send it in its plain form"
	replayText    = "refresh token was used too often at once; use the newest one"
	outageText    = "no answer is possible now; try again"
	conflictText  = "something changed meanwhile; try again"
	notFoundText  = "there is no such session"
)

// describeRefusal tells the sentinel alone: details and reasons are for logs.
func describeRefusal(err error) string {
	if refused := (*token.RefusedError)(nil); errors.As(err, &refused) && refused.Err != nil {
		return refused.Err.Error()
	}
	return "token is not valid"
}

// outage is the answer to an error that proves nothing.
func outage(err error) *Failure {
	return &Failure{http.StatusServiceUnavailable, CodeUnavailable, outageText, err}
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
