package endpoints

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/token"
)

// The reasons that revocations of this package are kept with.
const (
	reasonClient = "revoked by its client"
	reasonLogout = "logged out at its issuer"
	reasonUser   = "ended by its user"
	reasonAdmin  = "ended by an admin"
)

// RevocationOptions are what a [Revocation] may be told. The zero value is the safe one.
type RevocationOptions struct {
	// FirstParty are the clients that own what was issued to no client in particular: API keys, and JWTs whose client_id is
	// their issuer, the default of token.IssuerOptions.ClientID. Defaults to none.
	FirstParty []string
	// AccessEndsSession ends the whole session with one of its access tokens, refresh token included, as RFC 7009 §2.1 allows.
	// Defaults to false: that one token is barred, and the session can be refreshed.
	AccessEndsSession bool
	// Answers are as everywhere.
	Answers Answers
}

// Revocation is the revocation endpoint (RFC 7009): POST of a form with token, and token_type_hint, which is not needed and
// not looked at.
//
//   - 200: the token is dead. It was revoked, or it never was a living token: unknown, malformed, expired. A refresh token
//     ends its session, with every access token of it, and an older one of the same session does too; an access token is
//     barred by itself; an API key ends.
//   - 400 invalid_grant: the token is good, and another client's. Nothing has changed.
//   - 400 unsupported_token_type: the token is good, and not one that is revoked here: another issuer's, or for an audience
//     that the verifier has not.
//   - 401 invalid_client, 400 invalid_request, 405, 413: as everywhere.
//   - 503: nobody knows whether the token is dead, or it is not valid yet (nbf) and cannot be ended before. Send it again. It
//     is never 200 then.
type Revocation struct {
	answers
	owners
	issuer   *token.Issuer
	verifier *token.Verifier
	revoker  *token.Revoker
	clients  *ClientAuth
	opts     RevocationOptions
}

// NewRevocation makes a revocation endpoint: issuer reads refresh tokens, v access tokens and API keys, and r ends them. v
// must trust every audience of the issuer. o may be nil. Bad input is a store.FieldError.
func NewRevocation(
	issuer *token.Issuer, v *token.Verifier, r *token.Revoker, clients *ClientAuth, o *RevocationOptions,
) (*Revocation, error) {
	err := required(given{"issuer", issuer == nil}, given{"v", v == nil}, given{"r", r == nil}, given{"clients", clients == nil})
	if err != nil {
		return nil, err
	}
	e := &Revocation{issuer: issuer, verifier: v, revoker: r, clients: clients}
	if o != nil {
		e.opts = *o
	}
	e.firstParty = slices.Clone(e.opts.FirstParty)
	if e.answers, err = e.opts.Answers.fill(clients); err != nil {
		return nil, err
	}
	return e, nil
}

// given is a parameter of a constructor.
type given struct {
	name    string
	missing bool
}

// required refuses what is nil.
func required(all ...given) error {
	for _, g := range all {
		if g.missing {
			return invalid(g.name, "is nil", "make it first, by its constructor")
		}
	}
	return nil
}

// ServeHTTP revokes.
func (e *Revocation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.serve(w, r); err != nil {
		e.refuse(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusOK)
}

func (e *Revocation) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := e.readForm(w, r, "token", "token_type_hint")
	if err != nil {
		return err
	}
	client, err := e.clients.authenticate(r, f)
	if err != nil {
		return err
	}
	raw := f.get("token")
	if raw == "" {
		return badRequest("token is missing")
	}
	found, err := recognise(r.Context(), e.verifier, e.issuer, raw)
	switch {
	case errors.Is(err, errOtherKind):
		return notRevokedHere()
	case err != nil:
		return outage(err)
	case found.refresh != nil:
		return e.endRefresh(r.Context(), client.id, found.refresh)
	case found.access != nil:
		return e.endAccess(r.Context(), client.id, found.access)
	}
	return nil
}

func notRevokedHere() *httpauth.Failure {
	return refusal(http.StatusBadRequest, CodeUnsupportedTokenType, "tokens of this kind are not revoked here", nil)
}

// notOwner is RFC 6749 §5.2's word for a token that "was issued to another client".
func notOwner() *httpauth.Failure {
	return refusal(http.StatusBadRequest, CodeInvalidGrant, "the token is another client's", nil)
}

func (e *Revocation) endRefresh(ctx context.Context, client string, t *token.RefreshToken) error {
	if !e.own(client, t.ClientID(), t.Issuer()) {
		return notOwner()
	}
	return acknowledged(e.revoker.Session(ctx, t.Subject(), t.SessionID(), reasonClient))
}

func (e *Revocation) endAccess(ctx context.Context, client string, t *token.Token) error {
	switch {
	case t.Foreign():
		return notRevokedHere()
	case !e.own(client, t.ClientID(), t.Issuer()):
		return notOwner()
	case e.opts.AccessEndsSession && t.SessionID() != "":
		return acknowledged(e.revoker.Session(ctx, t.Subject(), t.SessionID(), reasonClient))
	}
	return acknowledged(e.revoker.Token(ctx, t, reasonClient))
}

// acknowledged makes every error of a revocation an outage: only nil says that the token is dead.
func acknowledged(err error) error {
	if err == nil {
		return nil
	}
	return outage(err)
}
