package httpauth

import (
	"errors"
	"net/http"
	"strings"
)

var (
	// ErrNoToken is a request without a bearer token: there is no Authorization header, or one of another scheme.
	// It is answered by a challenge without an error code (RFC 6750 §3.1).
	ErrNoToken = errors.New("no bearer token was presented")
	// ErrTwoTokens is a request with more than one Authorization header. Which of them counts would be a guess, and a
	// proxy in front may have guessed otherwise (RFC 6750 §2: one method, one token).
	ErrTwoTokens = errors.New("more than one Authorization header was presented")
)

// bearer returns the text behind the scheme, whatever it is: judging it is the verifier's.
func bearer(h http.Header) (string, error) {
	values := h["Authorization"] // the map's key is canonical
	switch len(values) {
	case 0:
		return "", ErrNoToken
	case 1:
	default:
		return "", ErrTwoTokens
	}
	// RFC 9110 §11.4: auth-scheme 1*SP token68. The scheme's case does not count (§11.1).
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoToken
	}
	return strings.TrimLeft(text, " "), nil
}
