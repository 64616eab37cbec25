// Package httpauth protects net/http handlers with the access tokens and API keys of package token.
//
//	auth, err := httpauth.New(verifier, nil)
//	mux.Handle("GET /account", auth.Required(account)) // no good token: 401
//	mux.Handle("GET /articles", auth.Optional(articles)) // no good token: anonymous
//	mux.Handle("POST /login", auth.Public(login))        // tokens are not looked at
//	mux.Handle("GET /orders", auth.RequiredScopes(orders, "orders:read"))
//
// Or by rules, in front of any router; what no rule meets is required:
//
//	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{
//		{Path: "/login", Mode: httpauth.Public},
//		{Prefix: "/articles", Mode: httpauth.Optional},
//		{Pattern: "DELETE /articles/{id}", Scopes: []string{"articles:write"}, MaxAge: 5 * time.Minute},
//	}})
//	err = auth.CheckMux(mux) // each rule must meet a route
//	http.ListenAndServe(addr, auth.Protect(mux))
//
// Behind Required, and behind Optional when somebody is logged in, [Token] tells whose request it is.
//
// A token comes in the Authorization header with the scheme Bearer (RFC 6750 §2.1), and elsewhere only if [Options.Lookups]
// says so. Errors are answered as
// RFC 6750 §3 says: 401 only where the token is proven to be no good, and 503 with Retry-After where the store could not
// say. An outage never looks like a logout, and never lets anybody in.
package httpauth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
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
	// SessionsUnscoped lets our own JWTs without a scope claim pass every scope check: users' own logins may do everything,
	// and API keys and JWTs with the claim what their scopes say. A foreign issuer's token without the claim passes none:
	// it is what a client gets that asked for no scope. Defaults to false: without scopes nothing.
	SessionsUnscoped bool
	// Lookups are the places where tokens are looked for. A request with two tokens is refused (400), wherever they are.
	// Defaults to Header("Authorization", "Bearer").
	Lookups []Lookup
	// Rules say what the requests to which paths need, for [Middleware.Protect] and [Middleware.Admit]. What no rule meets
	// is Required. Defaults to none.
	Rules []Rule
	// Internal judges requests in mode [Internal], such as signed calls: the method Authenticate of adapters/signature's
	// Verifier fits. It returns the context for the handler, or nil for the request's own. Its error is answered as it says
	// if it is a [Refusal] or a [*Failure], by 503 if it is an outage of the store or the end of a context, and else by 401
	// and invalid_signature. Defaults to none, and the mode is refused.
	Internal func(r *http.Request) (context.Context, error)
	// Confirm asks whoever sends a token that is bound to a key (cnf, RFC 7800 §3.1) to prove that it has the key: without that a
	// stolen one is as good as any. [ConfirmCertificate] does so for certificates; a DPoP proof (RFC 9449 §4.3) is yours to
	// judge. It is asked behind the verifier, and for bound tokens alone; r is what came, body unread. Its error is answered as
	// it says if it is a [*Failure], by 503 if it is an outage of the store or the end of a context, and else by 401 and
	// invalid_token. Defaults to none, and bound tokens are refused.
	Confirm func(r *http.Request, t *token.Token) error
	// CrossOrigin judges requests whose token is in a cookie: those that change something and those for a WebSocket must
	// come from the same origin, or from one that it trusts. Defaults to a new one, which trusts no other origin.
	CrossOrigin *http.CrossOriginProtection
	// Preflight gets CORS preflights that come this far, unjudged: they have no credentials, ever. The place of a CORS
	// layer is in front of this package, so that refusals have its headers too; if yours is behind, give it here. Defaults
	// to an answer of 204 that allows nothing; no handler for all methods is reached without a token that way. Where a rule
	// is Public they pass like all else.
	Preflight http.Handler
	// TrustedProxies are the networks of proxies whose forwarding header is believed; see [Middleware.ClientIP]. Defaults to
	// none.
	TrustedProxies []netip.Prefix
	// ForwardedHeader is the header that these proxies write: "X-Forwarded-For" (with X-Forwarded-Proto), or "Forwarded"
	// (RFC 7239). The other one is what clients send, and is ignored. Defaults to "X-Forwarded-For".
	ForwardedHeader string
	// WatchEvery is how often [Watch] verifies a token again: 100 ms to 1 hour. Defaults to 5 seconds.
	WatchEvery time.Duration
	// WatchOutage is for how long a watched token counts as good while it cannot be verified: up to 1 hour. Defaults to 0:
	// the first failure ends what it allowed.
	WatchOutage time.Duration
	// Now is the clock that step-up compares auth_time with. Defaults to time.Now.
	Now func() time.Time
	// ErrorHandler writes the status and the body of a refusal. The headers that it must have (WWW-Authenticate,
	// Retry-After, Cache-Control) are set already. [WriteMessage] and [WriteMsg] have other
	// envelopes. Defaults to [WriteJSON].
	ErrorHandler func(w http.ResponseWriter, r *http.Request, f *Failure)
}

// Middleware protects handlers: one by one ([Middleware.Required], [Middleware.Optional], [Middleware.Public],
// [Middleware.Gate]), or all behind a router by rules ([Middleware.Protect]). It is made by [New] and safe for concurrent
// use.
type Middleware struct {
	verifier *token.Verifier
	opts     Options
	rules    *ruleSet
	// retryAfter is opts.RetryAfter as the header has it.
	retryAfter string
	// scheme is what challenges name.
	scheme string
	// places says where to send a token; empty for the usual place.
	places string
	// vary are the request's headers that a token is looked for in.
	vary []string
}

// New makes a middleware over a verifier. o may be nil. Bad input is a [store.FieldError], and so are rules that conflict.
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
	rules, err := newRuleSet(m.opts.Rules, m.opts.Internal != nil)
	if err != nil {
		return nil, err
	}
	m.rules = rules
	m.retryAfter = strconv.Itoa(int(math.Ceil(m.opts.RetryAfter.Seconds())))
	m.describe()
	return m, nil
}

// describe notes what answers say of the places that tokens are looked for in.
func (m *Middleware) describe() {
	m.scheme = "Bearer"
	for n, l := range slices.Backward(m.opts.Lookups) {
		switch l.place {
		case inHeader:
			m.vary = append(m.vary, l.name)
			if l.scheme != "" {
				m.scheme = l.scheme // the first one's
			}
		case inCookie:
			m.vary = append(m.vary, "Cookie")
		}
		if n > 0 || l != defaultLookup {
			m.places = "send an access token"
		}
	}
	slices.Sort(m.vary)
	m.vary = slices.Clip(slices.Compact(m.vary)) // no room to append into
}

func (o *Options) fill() error {
	if o.Realm == "" {
		o.Realm = "api"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	if o.WatchEvery == 0 {
		o.WatchEvery = 5 * time.Second
	}
	if o.ErrorHandler == nil {
		o.ErrorHandler = WriteJSON
	}
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.Preflight == nil {
		o.Preflight = http.HandlerFunc(noPreflight)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return errors.Join(o.checkTexts(), o.checkLookups(), o.checkProxies())
}

var defaultLookup = Header("Authorization", "Bearer")

// checkLookups judges and fills in the lookups.
func (o *Options) checkLookups() error {
	if len(o.Lookups) == 0 {
		o.Lookups = []Lookup{defaultLookup}
	}
	o.Lookups = slices.Clone(o.Lookups)
	for n, l := range o.Lookups {
		field := fmt.Sprintf("Options.Lookups[%d]", n)
		if err := l.check(field); err != nil {
			return err
		}
		if slices.Contains(o.Lookups[:n], l) {
			return invalid(field, "is there twice", "name each place once")
		}
	}
	return nil
}

func (o *Options) checkTexts() error {
	switch {
	case len(o.Realm) > maxRealm:
		return invalid("Options.Realm", fmt.Sprintf("is %d bytes, the limit is %d", len(o.Realm), maxRealm), "shorten it")
	case printable(o.Realm) != o.Realm:
		return invalid("Options.Realm", "has a character that a challenge cannot hold",
			"use ASCII without quotes, backslashes and control characters")
	case o.RetryAfter < 0 || o.RetryAfter > time.Hour:
		return invalid("Options.RetryAfter", fmt.Sprintf("is %v, the range is 0 to 1h", o.RetryAfter),
			"use 0 for the default of 1s")
	case o.WatchEvery < 100*time.Millisecond || o.WatchEvery > time.Hour:
		return invalid("Options.WatchEvery", fmt.Sprintf("is %v, the range is 100ms to 1h", o.WatchEvery),
			"use 0 for the default of 5s")
	case o.WatchOutage < 0 || o.WatchOutage > time.Hour:
		return invalid("Options.WatchOutage", fmt.Sprintf("is %v, the range is 0 to 1h", o.WatchOutage),
			"use 0 to end at the first failure")
	}
	return nil
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}
