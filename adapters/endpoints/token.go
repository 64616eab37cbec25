package endpoints

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const grantRefresh = "refresh_token"

// TokenOptions are what a [Token] may be told. The zero value is the safe one.
type TokenOptions struct {
	// Clients says which client refreshes; a token that is another client's is refused. A client that is registered with a
	// secret or a certificate must prove itself, and for public ones there is the method [Public]. Defaults to nil: nobody asks
	// who the client is, for an issuer whose one client is public, and the token alone is good.
	Clients *ClientAuth
	// FirstParty is as in [RevocationOptions]. Defaults to none.
	FirstParty []string
	// Scope returns the claims of an access token of exactly the scope that the request names (RFC 6749 §6): narrower than what
	// was granted, or equal. It is asked before the token is used; the claims take the place of IssuerOptions.Claims. An error
	// that is an [httpauth.Failure] is answered as it is, for a scope that was not granted for instance; any other is an
	// outage, and no claims are a mistake (500). Defaults to nil: a request that names a scope is refused by invalid_scope, and
	// its token is not used.
	Scope func(ctx context.Context, t *token.RefreshToken, scope []string) (claims any, err error)
	// Binding returns who presents the token; see token.RefreshOptions. Defaults to none.
	Binding func(r *http.Request) string
	// Answers are as everywhere.
	Answers Answers
}

// Token is the token endpoint for the grant refresh_token (RFC 6749 §6): POST of a form with grant_type, refresh_token and
// scope. The answer is [token.Pair.Response] (§5.1); the refresh token in it takes the place of the one sent.
//
//   - 400 invalid_grant: the token is no good, or another client's. One that was used before ended its session.
//   - 400 unsupported_grant_type, invalid_request, invalid_scope; 401 invalid_client; 405, 413.
//   - 409 replay_limit: the token was sent too often within its grace window. The session lives: use the newest token.
//   - 503: the store could not say. Send it again soon, within the issuer's Grace: it may have been used.
type Token struct {
	answers
	owners
	issuer *token.Issuer
	opts   TokenOptions
}

// NewToken makes a token endpoint. o may be nil. Bad input is a store.FieldError.
func NewToken(issuer *token.Issuer, o *TokenOptions) (*Token, error) {
	if err := required(given{"issuer", issuer == nil}); err != nil {
		return nil, err
	}
	e := &Token{issuer: issuer}
	if o != nil {
		e.opts = *o
	}
	e.firstParty = slices.Clone(e.opts.FirstParty)
	var err error
	if e.answers, err = e.opts.Answers.fill(e.opts.Clients); err != nil {
		return nil, err
	}
	return e, nil
}

// ServeHTTP refreshes.
func (e *Token) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pair, err := e.serve(w, r)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	e.writeJSON(w, r, pair.Response())
}

func (e *Token) serve(w http.ResponseWriter, r *http.Request) (token.Pair, error) {
	f, err := e.readForm(w, r, "grant_type", "refresh_token", "scope")
	if err != nil {
		return token.Pair{}, err
	}
	var client caller
	if e.opts.Clients != nil {
		if client, err = e.opts.Clients.authenticate(r, f); err != nil {
			return token.Pair{}, err
		}
	}
	raw := f.get("refresh_token")
	switch grant := f.get("grant_type"); {
	case grant == "":
		return token.Pair{}, badRequest("grant_type is missing")
	case grant != grantRefresh:
		return token.Pair{}, refusal(http.StatusBadRequest, CodeUnsupportedGrantType, "the only grant here is refresh_token", nil)
	case raw == "":
		return token.Pair{}, badRequest("refresh_token is missing")
	}
	o, err := e.judge(r, client, raw, strings.Fields(f.get("scope")))
	if err != nil {
		return token.Pair{}, err
	}
	pair, err := e.issuer.Refresh(r.Context(), raw, o)
	return pair, refreshFailure(err)
}

// judge judges all that must be judged before the token is used.
func (e *Token) judge(r *http.Request, client caller, raw string, scope []string) (token.RefreshOptions, error) {
	t, err := e.issuer.ParseRefresh(r.Context(), raw)
	if err != nil {
		return token.RefreshOptions{}, refreshFailure(err)
	}
	if e.opts.Clients != nil && !e.own(client.id, t.ClientID(), t.Issuer()) {
		return token.RefreshOptions{}, notOwner()
	}
	var o token.RefreshOptions
	if e.opts.Binding != nil {
		o.Binding = e.opts.Binding(r)
	}
	switch {
	case len(scope) == 0:
		return o, nil
	case e.opts.Scope == nil:
		return o, refusal(http.StatusBadRequest, CodeInvalidScope, "scopes are not chosen here; leave scope out", nil)
	}
	o.Claims, err = e.opts.Scope(r.Context(), t, scope)
	if err == nil && o.Claims == nil { // the issuer's own would take their place: all that was granted
		err = refusal(http.StatusInternalServerError, CodeServerError, "the next tokens cannot be made", nil)
	}
	return o, err
}

// refreshFailure says what an error of Refresh means to a client; nil for nil.
func refreshFailure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, token.ErrInvalidToken):
		description := "the refresh token is not valid"
		if refused := (*token.RefusedError)(nil); errors.As(err, &refused) && refused.Err != nil {
			description = refused.Err.Error()
		}
		return refusal(http.StatusBadRequest, CodeInvalidGrant, description, err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrIndeterminate):
		return outage(err)
	case errors.Is(err, store.ErrReplayLimit):
		return refusal(http.StatusConflict, httpauth.CodeReplayLimit,
			"the refresh token was used too often at once; use the newest one", err)
	case errors.Is(err, store.ErrInvalid):
		return refusal(http.StatusInternalServerError, CodeServerError, "the next tokens cannot be made", err)
	}
	return outage(err)
}
