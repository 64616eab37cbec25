package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/token"
)

// IntrospectionOptions are what an [Introspection] may be told. The zero value is the safe one.
type IntrospectionOptions struct {
	// Audiences are the names that each caller, by its client id, has as a resource server: it learns only of tokens whose
	// aud holds one of them. A caller that is not named has its client id alone. Defaults to none.
	Audiences map[string][]string
	// AnyAudience lets every caller learn of every token, and of API keys, which have no audience. Defaults to false.
	AnyAudience bool
	// FirstParty is as in [RevocationOptions]. A client learns of its own tokens, whatever their audience.
	FirstParty []string
	// RefreshTokens is the issuer whose refresh tokens are told of, to the client that owns them and to nobody else: a
	// resource server must not take one for an access token. Asking does not use them up. Defaults to nil: they are inactive.
	RefreshTokens *token.Issuer
	// Members returns more members for an active access token or API key, username or roles for instance. Those that this
	// package writes are not replaced. An error of it is an outage (503). Defaults to none.
	Members func(ctx context.Context, t *token.Token, clientID string) (map[string]any, error)
	// Answers are as everywhere.
	Answers Answers
}

// Introspection is the introspection endpoint (RFC 7662): POST of a form with token, and token_type_hint, which is not
// looked at. The caller is a client that proves itself; a public one is refused (§2.1).
//
//   - 200 {"active":false}, and nothing else: unknown, malformed, expired, revoked, another issuer's, or not this caller's
//     to know. Which of them is not told (§2.2).
//   - 200 with "active":true and the members of §2.2, and sid, realm, cnf, acr, amr and auth_time where the token has them.
//   - 401 invalid_client, 400 invalid_request, 405, 413: as everywhere.
//   - 503: the store could not say. It is never "inactive" then.
//
// No answer may be kept (Cache-Control: no-store): a resource server that keeps one does not hear of a revocation.
type Introspection struct {
	answers
	owners
	verifier *token.Verifier
	clients  *ClientAuth
	opts     IntrospectionOptions
}

// NewIntrospection makes an introspection endpoint. v judges the tokens: it must trust every audience that is asked for.
// clients must have a method that proves something. o may be nil. Bad input is a store.FieldError.
func NewIntrospection(v *token.Verifier, clients *ClientAuth, o *IntrospectionOptions) (*Introspection, error) {
	if err := required(given{"v", v == nil}, given{"clients", clients == nil}); err != nil {
		return nil, err
	}
	if !clients.confidential() {
		return nil, invalid("clients", "has public clients alone, and anybody could try tokens here",
			"give it SecretBasic, or another method that proves something")
	}
	e := &Introspection{verifier: v, clients: clients}
	if o != nil {
		e.opts = *o
	}
	e.opts.Audiences = maps.Clone(e.opts.Audiences)
	for client, names := range e.opts.Audiences {
		if len(names) == 0 || slices.Contains(names, "") {
			return nil, invalid("IntrospectionOptions.Audiences", "has a client without a name, or with an empty one",
				"leave the client out, or name what it is in aud")
		}
		e.opts.Audiences[client] = slices.Clone(names)
	}
	e.firstParty = slices.Clone(e.opts.FirstParty)
	var err error
	if e.answers, err = e.opts.Answers.fill(clients); err != nil {
		return nil, err
	}
	return e, nil
}

// ServeHTTP tells of a token.
func (e *Introspection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told, err := e.serve(w, r)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	e.writeJSON(w, r, told)
}

// inactive is all that is told of a token that is not active (RFC 7662 §2.2).
func inactive() map[string]any { return map[string]any{"active": false} }

func (e *Introspection) serve(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	f, err := e.readForm(w, r, "token", "token_type_hint")
	if err != nil {
		return nil, err
	}
	client, err := e.clients.authenticate(r, f)
	switch {
	case err != nil:
		return nil, err
	case client.public:
		return nil, notProven(ErrInvalidClient)
	}
	raw := f.get("token")
	if raw == "" {
		return nil, badRequest("token is missing")
	}
	t, err := e.verifier.Verify(r.Context(), raw)
	switch {
	case err == nil:
		return e.tell(r.Context(), t, client.id)
	case !errors.Is(err, token.ErrInvalidToken):
		return nil, outage(err)
	}
	return e.tellRefresh(r.Context(), raw, client.id)
}

// mayKnow reports whether a caller is told of a token.
func (e *Introspection) mayKnow(t *token.Token, client string) bool {
	if t.Foreign() {
		return false // whoever issued it answers for it
	}
	if e.opts.AnyAudience || e.own(client, t.ClientID(), t.Issuer()) {
		return true
	}
	names, ok := e.opts.Audiences[client]
	if !ok {
		names = []string{client}
	}
	return slices.ContainsFunc(t.Audience(), func(a string) bool { return slices.Contains(names, a) })
}

func (e *Introspection) tell(ctx context.Context, t *token.Token, client string) (map[string]any, error) {
	if !e.mayKnow(t, client) {
		return inactive(), nil
	}
	told := map[string]any{}
	if e.opts.Members != nil {
		more, err := e.opts.Members(ctx, t, client)
		if err != nil {
			return nil, outage(fmt.Errorf("jeton: asking for members: %w", err))
		}
		for name, value := range more {
			if !slices.Contains(ourMembers, name) {
				told[name] = value
			}
		}
	}
	describe(told, t)
	return told, nil
}

// describe adds the members of RFC 7662 §2.2 and those of ours.
func describe(told map[string]any, t *token.Token) {
	told["active"], told["token_type"] = true, "Bearer"
	put(told, "scope", strings.Join(t.Scopes(), " "))
	put(told, "client_id", t.ClientID())
	put(told, "sub", t.Owner().Name)
	put(told, "realm", t.Owner().Realm)
	put(told, "iss", t.Issuer())
	put(told, "jti", t.ID())
	put(told, "sid", t.SessionID())
	put(told, "acr", t.ACR())
	if aud := t.Audience(); len(aud) > 0 {
		told["aud"] = aud
	}
	if amr := t.AMR(); len(amr) > 0 {
		told["amr"] = amr
	}
	told["iat"], told["exp"] = t.IssuedAt().Unix(), t.ExpiresAt().Unix()
	if at, said := t.NotBefore(); said {
		told["nbf"] = at.Unix()
	}
	if at, said := t.AuthTime(); said {
		told["auth_time"] = at.Unix()
	}
	if cnf := t.ConfirmationJSON(); cnf != nil { // as it is written: a key of a kind unknown here binds all the same
		told["cnf"] = json.RawMessage(cnf)
	}
}

// ourMembers are those that a token alone decides, also where it has none of them: a cnf from elsewhere would bind it.
var ourMembers = []string{
	"active", "token_type", "scope", "client_id", "sub", "realm", "iss", "jti", "sid", "acr", "amr", "aud", "iat", "exp", "nbf",
	"auth_time", "cnf",
}

// put adds a member that is not empty.
func put(told map[string]any, name, value string) {
	if value != "" {
		told[name] = value
	}
}

// tellRefresh tells of a refresh token to the client that owns it. It has no token_type: that is an access token's
// (RFC 6749 §5.1).
func (e *Introspection) tellRefresh(ctx context.Context, raw, client string) (map[string]any, error) {
	if e.opts.RefreshTokens == nil {
		return inactive(), nil
	}
	t, err := e.opts.RefreshTokens.CheckRefresh(ctx, raw)
	switch {
	case errors.Is(err, token.ErrInvalidToken):
		return inactive(), nil
	case err != nil:
		return nil, outage(err)
	case !e.own(client, t.ClientID(), t.Issuer()):
		return inactive(), nil
	}
	told := map[string]any{"active": true, "iat": t.IssuedAt().Unix(), "exp": t.ExpiresAt().Unix()}
	put(told, "client_id", t.ClientID())
	put(told, "sub", t.Subject().Name)
	put(told, "realm", t.Subject().Realm)
	put(told, "iss", t.Issuer())
	put(told, "jti", t.ID())
	put(told, "sid", t.SessionID())
	return told, nil
}
