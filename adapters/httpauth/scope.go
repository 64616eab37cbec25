package httpauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/token"
)

// CodeInsufficientScope is a good token that may not do this: 403 (RFC 6750 §3.1).
const CodeInsufficientScope = "insufficient_scope"

// ScopeError is a good token without a scope that the route needs. It is answered by 403 and a challenge that names all
// that are needed.
type ScopeError struct {
	// Scopes are all that the route needs.
	Scopes []string
}

// Error names the scopes.
func (e *ScopeError) Error() string {
	return "token lacks a scope; needed: " + strings.Join(e.Scopes, " ")
}

var (
	errScope  = errors.New("a scope is missing")
	errStepUp = errors.New("a new authentication is needed")
)

// Is matches the errors of its kind.
func (*ScopeError) Is(target error) bool { return target == errScope }

// Is matches the errors of its kind.
func (*StepUpError) Is(target error) bool { return target == errStepUp }

// RequiredScopes lets requests through to next whose token is good, as Required does, and has all of these scopes
// ([token.Token.Scopes]); a good token without one of them is answered by 403 and insufficient_scope.
//
// A JWT without a scope claim has no scopes and is refused too, unless Options.SessionsUnscoped says that users' own logins
// may do everything. A foreign issuer's are refused all the same.
func (m *Middleware) RequiredScopes(next http.Handler, scopes ...string) http.Handler {
	return (&Gate{m, demand{scopes: slices.Clone(scopes)}}).Handler(next)
}

// CheckScopes returns nil where a token has all of these scopes, and else a [*ScopeError], for [Middleware.WriteError]. It
// is what RequiredScopes does, for handlers that decide later. A nil token is nobody's, and has none.
func (m *Middleware) CheckScopes(t *token.Token, scopes ...string) error {
	if t != nil && (t.HasScopes(scopes...) || m.opts.SessionsUnscoped && t.Unscoped() && !t.Foreign()) {
		return nil
	}
	return &ScopeError{Scopes: slices.Clone(scopes)}
}
