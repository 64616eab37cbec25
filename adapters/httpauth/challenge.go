package httpauth

import (
	"errors"
	"net/http"
	"strings"
)

// WriteError answers a request with what [FailureOf] makes of err. It is the one place that errors become HTTP in: use it
// in the handlers of login, refresh and logout too.
func (m *Middleware) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	f := *FailureOf(err)
	if errors.Is(f.Err, ErrNoToken) && m.places != "" {
		f.Description = m.places
	}
	f.Code, f.Description = printable(f.Code), printable(f.Description)
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name) // they would describe the answer that is not given
	}
	h.Set("Cache-Control", "no-store")
	if challenge := f.challenge(m.scheme, m.opts.Realm); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
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

// challenge returns the WWW-Authenticate header; empty for none. Only the codes of RFC 6750 §3.1 and RFC 9470 §3 are told
// in it.
func (f *Failure) challenge(scheme, realm string) string {
	var own Refusal
	switch isOwn := errors.As(f.Err, &own); {
	case isOwn && own.Challenge(realm) != "":
		return own.Challenge(realm)
	case isOwn && f.Status != http.StatusUnauthorized, !f.challenged():
		return ""
	}
	if f.Code == CodeInvalidSignature || f.Code == CodeMissingSignature {
		scheme = "Signature"
	}
	text := scheme + ` realm="` + realm + `"`
	switch f.Code {
	case CodeInvalidRequest, CodeInvalidToken, CodeInsufficientScope, CodeInsufficientAuthentication:
		text += `, error="` + f.Code + `"`
		if f.Description != "" {
			text += `, error_description="` + f.Description + `"`
		}
	}
	var scope *ScopeError
	var stepUp *StepUpError
	switch {
	case f.Code == CodeInsufficientScope && errors.As(f.Err, &scope):
		text += `, scope="` + printable(strings.Join(scope.Scopes, " ")) + `"`
	case f.Code == CodeInsufficientAuthentication && errors.As(f.Err, &stepUp):
		text += stepUp.params()
	}
	return text
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
