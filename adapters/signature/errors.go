package signature

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// Scheme is the name of the scheme in challenges (RFC 9110 §11.1). Credentials come in [Header], so that a call can have
// a user's token in Authorization as well.
const Scheme = "Jeton-Signature"

// maxRealm is the largest length in bytes of a realm: every 401 carries it.
const maxRealm = 256

// Reason is why a call was refused.
type Reason string

// The reasons, with the status that each is answered with. Those from ReasonExpired on are told only to who has a key.
const (
	// ReasonMissing is a request without a signature: 401.
	ReasonMissing Reason = "missing"
	// ReasonAmbiguous is a request with a header twice, one of several missing, or signed in two versions: 400.
	ReasonAmbiguous Reason = "ambiguous"
	// ReasonMalformed is a signature, a method or a target that is not written as the package's doc says: 400.
	ReasonMalformed Reason = "malformed"
	// ReasonKey is a key that is not known, or not any more: 401.
	ReasonKey Reason = "key"
	// ReasonSignature is an HMAC that is not the key's: 401. The audience, the method, the target, the nonce, … may differ.
	ReasonSignature Reason = "signature"
	// ReasonExpired is a timestamp too long ago: 401.
	ReasonExpired Reason = "expired"
	// ReasonFuture is a timestamp too far ahead: 401.
	ReasonFuture Reason = "future"
	// ReasonTooLarge is a body over MaxBody: 413.
	ReasonTooLarge Reason = "too large"
	// ReasonIncomplete is a body that could not be read: 400.
	ReasonIncomplete Reason = "incomplete"
	// ReasonBody is a body that is not the one that was signed: 401.
	ReasonBody Reason = "body"
	// ReasonReplayed is a call that came before: 401.
	ReasonReplayed Reason = "replayed"
	// ReasonUnavailable is a store that could not say whether the call came before: 503.
	ReasonUnavailable Reason = "unavailable"
)

// The error codes of answers.
const (
	codeMissing     = "missing_signature"
	codeRequest     = "invalid_request"
	codeSignature   = "invalid_signature"
	codeTooLarge    = "request_too_large"
	codeUnavailable = "temporarily_unavailable"
)

type answer struct {
	status            int
	code, description string
}

// answers is the one place where a reason becomes an answer.
var answers = map[Reason]answer{
	ReasonMissing:     {http.StatusUnauthorized, codeMissing, "send a signed request"},
	ReasonAmbiguous:   {http.StatusBadRequest, codeRequest, "send one signature, with each of its headers once"},
	ReasonMalformed:   {http.StatusBadRequest, codeRequest, "signature is malformed"},
	ReasonKey:         {http.StatusUnauthorized, codeSignature, "signature is not valid"}, // as of a wrong one: no list of ids
	ReasonSignature:   {http.StatusUnauthorized, codeSignature, "signature is not valid"},
	ReasonExpired:     {http.StatusUnauthorized, codeSignature, "timestamp is too long ago"},
	ReasonFuture:      {http.StatusUnauthorized, codeSignature, "timestamp is in the future"},
	ReasonTooLarge:    {http.StatusRequestEntityTooLarge, codeTooLarge, "body is too large"},
	ReasonIncomplete:  {http.StatusBadRequest, codeRequest, "body is incomplete"},
	ReasonBody:        {http.StatusUnauthorized, codeSignature, "body is not the one that was signed"},
	ReasonReplayed:    {http.StatusUnauthorized, codeSignature, "request was sent before"},
	ReasonUnavailable: {http.StatusServiceUnavailable, codeUnavailable, "no answer is possible now; try again"},
}

// Error is a refused call. It holds nothing of the request.
type Error struct {
	// Reason is why.
	Reason Reason
	// Err is the cause, for logs. May be nil.
	Err error
}

func refuse(why Reason, cause error) *Error { return &Error{why, cause} }

// Error returns the reason and the cause.
func (e *Error) Error() string {
	text := "jeton: signed call refused: " + string(e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes every refusal that proves nothing about the call match [store.ErrUnavailable].
func (e *Error) Is(target error) bool {
	return target == store.ErrUnavailable && e.HTTPStatus() == http.StatusServiceUnavailable
}

// answer returns what a client is told. An unknown reason proves nothing.
func (e *Error) answer() answer {
	if a, ok := answers[e.Reason]; ok {
		return a
	}
	return answers[ReasonUnavailable]
}

// HTTPStatus returns 400, 401, 413 or 503.
func (e *Error) HTTPStatus() int { return e.answer().status }

// Code returns one word for programs: missing_signature, invalid_request, invalid_signature, request_too_large or
// temporarily_unavailable.
func (e *Error) Code() string { return e.answer().code }

// Description returns a sentence for the caller's developer.
func (e *Error) Description() string { return e.answer().description }

// Challenge returns the WWW-Authenticate header of the answer; it is empty where the answer has none. realm must be
// printable ASCII without quotes and backslashes.
func (e *Error) Challenge(realm string) string {
	a := e.answer()
	switch {
	case a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest:
		return ""
	case a.code == codeMissing:
		return Scheme + ` realm="` + realm + `"`
	}
	return Scheme + ` realm="` + realm + `", error="` + a.code + `", error_description="` + a.description + `"`
}

// WriteError answers a request with what err means: a [*Error] by its reason, and any other error as an outage.
func (v *Verifier) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	if !errors.As(err, &e) || e == nil {
		e = refuse(ReasonUnavailable, err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if challenge := e.Challenge(v.opts.Realm); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	if e.HTTPStatus() == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	v.opts.ErrorHandler(w, r, e)
}

// WriteJSON writes an error's status and the body {"error": code, "error_description": description}.
func WriteJSON(w http.ResponseWriter, _ *http.Request, e *Error) {
	body, err := json.Marshal(struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}{e.Code(), e.Description()})
	if err != nil { // two strings marshal
		body = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.HTTPStatus())
	_, _ = w.Write(append(body, '\n')) // the client may have gone
}

// printable replaces what a quoted string of a header cannot hold as it is.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == '"' || r == '\\' || r > 0x7e {
			return '?'
		}
		return r
	}, text)
}
