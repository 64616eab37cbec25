package httpauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/jetonkit/jeton/token"
)

// Admitter judges requests. [*Gate] does so by one Access, [*Middleware] by its rules. Adapters to other frameworks take
// one.
type Admitter interface {
	// Admit returns the request for the handler, with its context, and true; or it has answered the request, and returns
	// false.
	Admit(w http.ResponseWriter, r *http.Request) (*http.Request, bool)
	// WriteError answers a request with what an error means; see [Middleware.WriteError].
	WriteError(w http.ResponseWriter, r *http.Request, err error)
}

var (
	_ Admitter = (*Gate)(nil)
	_ Admitter = (*Middleware)(nil)
)

// Gate judges requests by one Access. It is made by [Middleware.Gate] and safe for concurrent use.
type Gate struct {
	auth *Middleware
	demand
}

// Gate makes a gate, for single routes and for other frameworks. Bad input is a [store.FieldError].
func (m *Middleware) Gate(a Access) (*Gate, error) {
	if err := a.check("Access", m.opts.Internal != nil); err != nil {
		return nil, err
	}
	return &Gate{m, a.demand()}, nil
}

// Handler lets those requests through to next that the gate admits.
func (g *Gate) Handler(next http.Handler) http.Handler { return behind(g, next) }

// Admit judges a request; see [Admitter].
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	return g.auth.admit(w, r, &g.demand)
}

// WriteError is [Middleware.WriteError].
func (g *Gate) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	g.auth.WriteError(w, r, err)
}

// behind lets those requests through to next that a admits.
func behind(a Admitter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r, ok := a.Admit(w, r); ok {
			next.ServeHTTP(w, r)
		}
	})
}

// Protect judges each request by [Options.Rules] and lets it through to next, usually a router. A request whose path routers
// read differently, and for which the readings meet different rules, is refused (400).
func (m *Middleware) Protect(next http.Handler) http.Handler { return behind(m, next) }

// Admit judges a request by [Options.Rules]; see [Admitter].
func (m *Middleware) Admit(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	d, err := m.rules.judge(r)
	if err != nil {
		m.WriteError(w, r, err)
		return nil, false
	}
	return m.admit(w, r, d)
}

// Judge is Admit for transports that answer in their own way, such as gRPC: it returns the context for the handler, or an
// error that [FailureOf] explains. It knows no preflights, and the answer's headers for caches are the caller's.
func (m *Middleware) Judge(r *http.Request) (context.Context, error) {
	d, err := m.rules.judge(r)
	if err != nil {
		return nil, err
	}
	return m.pass(http.Header{}, r, d)
}

// RetryAfter is [Options.RetryAfter], with its default in place.
func (m *Middleware) RetryAfter() time.Duration { return m.opts.RetryAfter }

// Required lets requests with a good token through to next and answers all others with [Middleware.WriteError].
func (m *Middleware) Required(next http.Handler) http.Handler {
	return (&Gate{m, denied}).Handler(next)
}

// Optional lets everybody through to next: with a good token as its subject; without one, or with one that is proven to be
// no good, as nobody. An expired token on an optional route is no error.
//
// Three things are still refused. Of two tokens (400) and of a token that could not be checked (503) nobody knows who asks;
// to serve the second as nobody would show a user the page of a stranger, and let caches keep it. A cookie's good token
// from another origin (403) must change nothing.
func (m *Middleware) Optional(next http.Handler) http.Handler {
	return (&Gate{m, demand{mode: Optional}}).Handler(next)
}

// Public returns next: tokens are not looked at. It is there to be written, so that a route without protection was meant
// to have none.
func (m *Middleware) Public(next http.Handler) http.Handler { return next }

// admit judges a request, and answers it unless it passes.
func (m *Middleware) admit(w http.ResponseWriter, r *http.Request, d *demand) (*http.Request, bool) {
	if (d.internal || d.mode != Public) && isPreflight(r) {
		m.opts.Preflight.ServeHTTP(w, r)
		return nil, false
	}
	ctx, err := m.pass(w.Header(), r, d)
	if err != nil {
		m.WriteError(w, r, err)
		return nil, false
	}
	return r.WithContext(ctx), true
}

// pass returns the context for the handler of a request that passes.
func (m *Middleware) pass(h http.Header, r *http.Request, d *demand) (context.Context, error) {
	c := &call{Context: r.Context(), auth: m, request: r}
	if d.internal {
		ctx, err := m.opts.Internal(r)
		if err != nil {
			return nil, unsigned(err)
		}
		if ctx != nil {
			c.Context = ctx
		}
	}
	if d.mode == Public {
		return c, nil
	}
	m.tellCaches(h)
	raw, at, err := m.find(r)
	if err == nil && at.place == inQuery {
		h.Set("Cache-Control", "private") // RFC 6750 §2.3
	}
	if err == nil {
		var t *token.Token
		if t, err = m.authenticate(c, r, raw, at); err == nil {
			err = m.satisfies(t, d)
			c.keep(t, raw, at)
		}
	}
	proven := err == ErrNoToken || errors.Is(err, token.ErrInvalidToken) //nolint:errorlint // ours, and not one that an outage wraps
	if d.mode == Optional && proven {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// tellCaches says which headers an answer hangs on. Shared caches know of Authorization that answers behind it are not for others
// (RFC 9111 §3.5), but a browser's own cache does not, and has answers for whoever logs in next.
func (m *Middleware) tellCaches(h http.Header) {
	switch {
	case len(m.vary) == 0:
	case h["Vary"] == nil:
		h["Vary"] = m.vary // it has no room: who adds to it gets a copy
	default:
		for _, name := range m.vary { // a gate behind rules comes second
			if !slices.Contains(h["Vary"], name) {
				h["Vary"] = append(h["Vary"], name)
			}
		}
	}
}

// satisfies judges what a good token may do.
func (m *Middleware) satisfies(t *token.Token, d *demand) error {
	if len(d.scopes) > 0 {
		if err := m.CheckScopes(t, d.scopes...); err != nil {
			return err
		}
	}
	return m.checkAuthentication(t, d)
}

// Authenticate returns the good token of a request. The error is [ErrNoToken], [ErrTwoTokens], [ErrCrossOrigin], one of
// [token.Verifier.Verify] that matches [token.ErrInvalidToken], [token.ErrUnconfirmed] that matches it too, or a [*Failure]: of
// status 503 around any other one of Verify, whatever that would mean in a handler, of 400 for a body that cannot be read, and
// those of [Options.Confirm]. [Middleware.WriteError] answers
// all of them. It is what Required does, for adapters and for handlers that decide later.
func (m *Middleware) Authenticate(r *http.Request) (*token.Token, error) {
	raw, at, err := m.find(r)
	if err != nil {
		return nil, err
	}
	return m.authenticate(r.Context(), r, raw, at)
}

func (m *Middleware) authenticate(ctx context.Context, r *http.Request, raw string, at *Lookup) (*token.Token, error) {
	if err := m.sameOrigin(r, at); err != nil {
		return nil, err
	}
	t, err := m.verifier.Verify(ctx, raw)
	switch {
	case err == nil:
		err = m.confirmed(r, t)
	case !errors.Is(err, token.ErrInvalidToken):
		err = outage(err)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}
