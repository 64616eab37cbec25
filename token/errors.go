package token

import (
	"errors"

	"github.com/jetonkit/jeton/store"
)

// ErrInvalidToken is the umbrella over every refusal of this package: the token is proven to be no good, and an HTTP
// server answers 401. Whatever does not match it (store.ErrUnavailable, a context's error, store.ErrCorrupt, …) says
// nothing about the token, and the answer is 503.
var ErrInvalidToken = errors.New("invalid token")

// Why a token is refused. Each matches [ErrInvalidToken] as well, and comes wrapped in a [RefusedError].
var (
	// ErrTooLong is a token of more than [MaxBytes], or an API key longer than any.
	ErrTooLong error = &refusal{code: "too_long"}
	// ErrMalformed is a text that is no compact JWS (RFC 7515 §7.1) in the one strict reading, or lacks a claim; or an API key
	// that does not read, or whose checksum is wrong.
	ErrMalformed error = &refusal{code: "malformed"}
	// ErrCritical is a header that demands an extension: crit (RFC 7515 §4.1.11) or b64 (RFC 7797).
	ErrCritical error = &refusal{code: "critical"}
	// ErrKey is a kid that no trusted key has, or an alg that is not the key's; or an API key under a [Secret] that is not
	// listed.
	ErrKey error = &refusal{code: "key"}
	// ErrSignature is a signature that is not the key's, or an API key that our secret did not seal.
	ErrSignature error = &refusal{code: "signature"}
	// ErrType is a typ that is not expected here (RFC 8725 §3.11): a refresh token is no access token.
	ErrType error = &refusal{code: "type"}
	// ErrIssuer is an iss that is not trusted.
	ErrIssuer error = &refusal{code: "issuer"}
	// ErrAudience is an aud that names nobody here.
	ErrAudience error = &refusal{code: "audience"}
	// ErrExpired is a token whose exp has passed by more than the leeway.
	ErrExpired error = &refusal{code: "expired"}
	// ErrNotYetValid is a token whose nbf has not come, or whose exp is further away than any token may live.
	ErrNotYetValid error = &refusal{code: "not_yet_valid"}
	// ErrLifetime is a token made to live longer than is allowed: revocations would be forgotten before it dies.
	ErrLifetime error = &refusal{code: "lifetime"}
	// ErrRevoked is a token that was revoked, by itself or with its session. It matches [store.ErrRevoked] too.
	ErrRevoked error = &refusal{code: "revoked", store: store.ErrRevoked}
	// ErrUnknownSession is a token whose session, or an API key whose record, is not there: expired, ended long ago, or lost
	// by its store. It matches [store.ErrNotFound] too.
	ErrUnknownSession error = &refusal{code: "unknown_session", store: store.ErrNotFound}
	// ErrReused is a refresh token that was used before; its session has been ended (RFC 9700 §4.14.2).
	ErrReused error = &refusal{code: "reused"}
	// ErrUnconfirmed is a token that is bound to a key (cnf, RFC 7800 §3.1) whose sender has not proven to have it. No verifier
	// returns it: it is for whoever sees the request, such as package httpauth.
	ErrUnconfirmed error = &refusal{code: "unconfirmed"}
)

// refusal is a sentinel: a code, and the store's error that says the same.
type refusal struct {
	code  string
	store error
}

// texts are the refusals in words. RFC 6750 §3 allows them as an error_description: no quotes, no backslash.
var texts = map[string]string{
	"too_long":        "token is too long",
	"malformed":       "token is malformed",
	"critical":        "token demands an unknown extension",
	"key":             "token has no key that fits",
	"signature":       "token has a wrong signature",
	"type":            "token is of another type",
	"issuer":          "token has another issuer",
	"audience":        "token has another audience",
	"expired":         "token has expired",
	"not_yet_valid":   "token is not valid yet",
	"lifetime":        "token lives longer than allowed",
	"revoked":         "token has been revoked",
	"unknown_session": "session has ended",
	"reused":          "refresh token was used before",
	"unconfirmed":     "token is bound to a key that was not proven",
}

// Error returns the refusal in words.
func (r *refusal) Error() string { return texts[r.code] }

// Is makes every refusal match the umbrella, and the store's error that says the same.
func (r *refusal) Is(target error) bool {
	return target == ErrInvalidToken || (r.store != nil && target == r.store)
}

// RefusedError is a refused token. It holds fixed words of this package and never a text of the token.
type RefusedError struct {
	// Err is the sentinel: [ErrExpired], [ErrRevoked], …
	Err error
	// Detail says more: "exp is missing". May be empty.
	Detail string
	// Reason is why a revoked token was revoked: the text given to the [Revoker], or a Reason constant of package store.
	// It is not part of the error's text.
	Reason string
}

// Error returns "jeton: sentinel: detail", in the characters of an error_description of RFC 6750 §3.
func (e *RefusedError) Error() string {
	text := "jeton: " + ErrInvalidToken.Error()
	if e.Err != nil {
		text = "jeton: " + e.Err.Error()
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the sentinel.
func (e *RefusedError) Unwrap() error { return e.Err }

// refuse returns a refusal with its detail.
func refuse(sentinel error, detail string) error {
	return &RefusedError{Err: sentinel, Detail: detail}
}

// Code names a refusal in one word that does not change: "expired", "revoked", "unknown_session", … It is empty for an
// error that refuses nothing.
func Code(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return ""
}

// asRefused returns the refusal in the chain of an error; nil where there is none.
func asRefused(err error) error {
	var r *RefusedError
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// refused is the refusal that a store's answer about a session proves; nil for any other error.
func refused(err error) error {
	switch {
	case errors.Is(err, store.ErrRevoked):
		return &RefusedError{Err: ErrRevoked}
	case errors.Is(err, store.ErrNotFound):
		return &RefusedError{Err: ErrUnknownSession}
	}
	return nil
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}
