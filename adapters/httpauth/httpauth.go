// Package httpauth protects net/http handlers with the access tokens and API keys of package token.
//
//	auth, err := httpauth.New(verifier, nil)
//	mux.Handle("GET /account", auth.Required(account)) // no good token: 401
//	mux.Handle("GET /articles", auth.Optional(articles)) // no good token: anonymous
//	mux.Handle("POST /login", auth.Public(login))        // tokens are not looked at
//	mux.Handle("GET /orders", auth.RequiredScopes(orders, "orders:read"))
//
// Behind Required, and behind Optional when somebody is logged in, [Token] tells whose request it is.
//
// A token comes in the Authorization header with the scheme Bearer and nowhere else (RFC 6750 §2.1). Errors are answered as
// RFC 6750 §3 says: 401 only where the token is proven to be no good, and 503 with Retry-After where the store could not
// say. An outage never looks like a logout, and never lets anybody in.
package httpauth

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// maxRealm is the largest length in bytes of a realm: every 401 carries it.
const maxRealm = 256

// Options are what a [Middleware] may be told. The zero value is the safe one.
type Options struct {
	// Realm is the protection space that challenges name (RFC 9110 §11.5): at most 256 bytes of printable ASCII without
	// quotes and backslashes. Defaults to "api".
	Realm string
	// RetryAfter is what an answer of 503 asks clients to wait, rounded up to whole seconds: up to 1 hour.
	// Defaults to 1 second.
	RetryAfter time.Duration
	// SessionsUnscoped lets our own JWTs without a scope claim pass every scope check: users' own logins may do everything, and
	// API keys and JWTs with the claim what their scopes say. A foreign issuer's token without the claim passes none: it is
	// what a client gets that asked for no scope. Defaults to false: without scopes nothing.
	SessionsUnscoped bool
	// ErrorHandler writes the status and the body of a refusal. The headers that it must have (WWW-Authenticate,
	// Retry-After, Cache-Control) are set already. Defaults to [WriteJSON].
	ErrorHandler func(w http.ResponseWriter, r *http.Request, f *Failure)
}

// Middleware protects handlers, each in its own way: see [Middleware.Required], [Middleware.Optional] and
// [Middleware.Public]. It is made by [New] and safe for concurrent use.
type Middleware struct {
	verifier *token.Verifier
	opts     Options
	// retryAfter is opts.RetryAfter as the header has it.
	retryAfter string
}

// New makes a middleware over a verifier. o may be nil. Bad input is a [store.FieldError].
func New(v *token.Verifier, o *Options) (*Middleware, error) {
	if v == nil {
		return nil, invalid("v", "is nil", "make a token.Verifier first")
	}
	m := &Middleware{verifier: v}
	if o != nil {
		m.opts = *o
	}
	if err := m.opts.fill(); err != nil {
		return nil, err
	}
	m.retryAfter = strconv.Itoa(int(math.Ceil(m.opts.RetryAfter.Seconds())))
	return m, nil
}

func (o *Options) fill() error {
	if o.Realm == "" {
		o.Realm = "api"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	if o.ErrorHandler == nil {
		o.ErrorHandler = WriteJSON
	}
	switch {
	case len(o.Realm) > maxRealm:
		return invalid("Options.Realm", fmt.Sprintf("is %d bytes, the limit is %d", len(o.Realm), maxRealm), "shorten it")
	case printable(o.Realm) != o.Realm:
		return invalid("Options.Realm", "has a character that a challenge cannot hold", "use ASCII without quotes, backslashes and control characters")
	case o.RetryAfter < 0 || o.RetryAfter > time.Hour:
		return invalid("Options.RetryAfter", fmt.Sprintf("is %v, the range is 0 to 1h", o.RetryAfter), "use 0 for the default of 1s")
	}
	return nil
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}

// Required lets requests with a good token through to next and answers all others with [Middleware.WriteError].
func (m *Middleware) Required(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := m.Authenticate(r)
		if err != nil {
			m.WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(WithToken(r.Context(), t)))
	})
}

// Optional lets everybody through to next: with a good token as its subject; without one, or with one that is proven to be
// no good, as nobody. An expired token on an optional route is no error.
//
// Two things are still refused, because nobody knows who asks: two Authorization headers (400), and a token that could not
// be checked (503). To serve the second as nobody would show a user the page of a stranger, and let caches keep it.
func (m *Middleware) Optional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization")
		t, err := m.Authenticate(r)
		switch {
		case err == nil:
			r = r.WithContext(WithToken(r.Context(), t))
		case err == ErrNoToken, errors.Is(err, token.ErrInvalidToken): //nolint:errorlint // ours, and not one that an outage wraps
		default:
			m.WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Public returns next: tokens are not looked at. It is there to be written, so that a route without protection was meant
// to have none.
func (m *Middleware) Public(next http.Handler) http.Handler { return next }

// Authenticate returns the good token of a request. The error is [ErrNoToken], [ErrTwoTokens], one of
// [token.Verifier.Verify] that matches [token.ErrInvalidToken], or a [*Failure] of status 503 around any other one of it,
// whatever that would mean in a handler; [Middleware.WriteError] answers all of them. It is what Required does, for
// adapters and for handlers that decide later.
func (m *Middleware) Authenticate(r *http.Request) (*token.Token, error) {
	raw, err := bearer(r.Header)
	if err != nil {
		return nil, err
	}
	t, err := m.verifier.Verify(r.Context(), raw)
	if err != nil && !errors.Is(err, token.ErrInvalidToken) {
		return nil, outage(err)
	}
	return t, err
}
