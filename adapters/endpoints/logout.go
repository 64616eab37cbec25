package endpoints

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// onceScope keeps the ids of logout tokens apart from other uses of store.Once.
const onceScope = "jeton/backchannel-logout"

// BackChannelOptions are what a [BackChannelLogout] may be told.
type BackChannelOptions struct {
	// End ends more than the issuer's own tokens, for instance sessions that this program began when the user came by that
	// issuer. It is called after those have ended and before the token counts as used, so that it is called again when it fails
	// (503): it must not mind. Defaults to nothing.
	End func(ctx context.Context, t *token.LogoutToken) error
	// Answers are as everywhere.
	Answers Answers
}

// BackChannelLogout takes the logout tokens that an OpenID provider sends when a user logs out there (OpenID Connect
// Back-Channel Logout 1.0 §2.5): POST of a form with logout_token. It ends the session that the token names or, without a
// sid, everything of its user: access tokens of the issuer that were issued until now. See docs/other-issuers.md.
//
//   - 200: it has ended.
//   - 400 invalid_request: the token is no good, or was used before (§2.8).
//   - 503: nobody knows whether it has ended; the provider may send the same token again. 405, 413.
//
// A token is used once its end is acknowledged, and not before: an outage in between does not burn it. Two copies at the
// same moment both end the same, which is done once in effect.
type BackChannelLogout struct {
	answers
	verifier *token.LogoutVerifier
	revoker  *token.Revoker
	store    store.TokenStore
	opts     BackChannelOptions
}

// NewBackChannelLogout makes the receiver. v judges the tokens, r ends what they name, and s remembers the used ones: it is
// the store of the verifiers that trust the issuer. o may be nil. Bad input is a store.FieldError.
func NewBackChannelLogout(
	v *token.LogoutVerifier, r *token.Revoker, s store.TokenStore, o *BackChannelOptions,
) (*BackChannelLogout, error) {
	if err := required(given{"v", v == nil}, given{"r", r == nil}, given{"s", s == nil}); err != nil {
		return nil, err
	}
	e := &BackChannelLogout{verifier: v, revoker: r, store: s}
	if o != nil {
		e.opts = *o
	}
	var err error
	if e.answers, err = e.opts.Answers.fill(nil); err != nil {
		return nil, err
	}
	return e, nil
}

// ServeHTTP ends what a logout token names.
func (e *BackChannelLogout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.serve(w, r); err != nil {
		e.refuse(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusOK)
}

func (e *BackChannelLogout) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := e.readForm(w, r, "logout_token")
	if err != nil {
		return err
	}
	raw := f.get("logout_token")
	if raw == "" {
		return badRequest("logout_token is missing")
	}
	t, err := e.verifier.Verify(r.Context(), raw)
	if err != nil {
		return logoutFailure(err)
	}
	return e.end(r.Context(), t)
}

// logoutFailure says why a logout token is refused.
func logoutFailure(err error) error {
	if !errors.Is(err, token.ErrInvalidToken) {
		return outage(err)
	}
	description := "the logout token is not valid"
	if refused := (*token.RefusedError)(nil); errors.As(err, &refused) && refused.Err != nil {
		description = "logout " + refused.Err.Error()
	}
	return refusal(http.StatusBadRequest, httpauth.CodeInvalidRequest, description, err)
}

// end ends what a token names, and then takes its id: in the other order a revocation that fails would have used it up.
func (e *BackChannelLogout) end(ctx context.Context, t *token.LogoutToken) error {
	nonce := nonceOf(t)
	used, err := store.Taken(ctx, e.store, onceScope, nonce)
	switch {
	case err != nil:
		return outage(err)
	case used:
		return badRequest("logout token was used before")
	}
	if err := acknowledged(e.revoker.Subject(ctx, t.Subject(), reasonLogout)); err != nil {
		return err
	}
	if e.opts.End != nil {
		if err := acknowledged(e.opts.End(ctx, t)); err != nil {
			return err
		}
	}
	err = store.Once(ctx, e.store, onceScope, nonce, t.FreshUntil().Add(store.MaxLeeway))
	if errors.Is(err, store.ErrExists) { // a copy came at the same moment, and has ended the same
		return nil
	}
	return acknowledged(err)
}

// nonceOf is a token's id among those of all issuers and tenants.
func nonceOf(t *token.LogoutToken) string {
	h := sha256.New()
	for _, part := range [...]string{t.Subject().Realm, t.Issuer(), t.ID()} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // G115: some hundred bytes
		h.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
