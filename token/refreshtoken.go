package token

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jetonkit/jeton/store"
)

// RefreshToken is a refresh token that was read and not used: see [Issuer.ParseRefresh]. It is immutable, safe for
// concurrent use, and holds no bearer text.
type RefreshToken struct {
	claims   *claims
	link     store.Link
	clientID string
	end      time.Time
}

// Subject says whose token it is.
func (t *RefreshToken) Subject() store.Subject { return t.claims.subject() }

// SessionID returns the id of the session that the token refreshes, its sid.
func (t *RefreshToken) SessionID() string { return t.claims.sid }

// ID returns the token's id, its jti.
func (t *RefreshToken) ID() string { return t.claims.jti }

// Issuer returns the iss.
func (t *RefreshToken) Issuer() string { return t.claims.iss }

// ClientID returns IssuerOptions.ClientID of the issuer that read it: all its tokens are that client's.
func (t *RefreshToken) ClientID() string { return t.clientID }

// IssuedAt returns the iat in whole seconds: the store's time of the login or refresh.
func (t *RefreshToken) IssuedAt() time.Time { return time.Unix(t.claims.iat, 0).UTC() }

// ExpiresAt returns the exp in whole seconds, which is the session's deadline; from [Issuer.CheckRefresh] the end of the
// session as it is now, if that comes first.
func (t *RefreshToken) ExpiresAt() time.Time { return t.end }

// String returns a text without the subject's name.
func (t *RefreshToken) String() string {
	return fmt.Sprintf("refresh token %q of session %q", t.claims.jti, t.claims.sid)
}

// GoString is String, for %#v.
func (t *RefreshToken) GoString() string { return t.String() }

// Format prints String, whatever the verb.
func (t *RefreshToken) Format(f fmt.State, _ rune) { printRedacted(f, t.String()) }

// LogValue shows ids, the subject's digest and the expiry.
func (t *RefreshToken) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("subject", t.Subject().Digest().String()),
		slog.String("session", t.claims.sid),
		slog.String("token", t.claims.jti),
		slog.Time("expires_at", t.end),
	)
}

// ParseRefresh judges signature and claims of a refresh token of this issuer, neither uses it up nor asks the store. It is
// for naming its session, to a [Revoker] for instance: an old token of a session names it as well. An error that matches
// [ErrInvalidToken] is proven; an expired token is refused.
func (i *Issuer) ParseRefresh(ctx context.Context, raw string) (*RefreshToken, error) {
	c, link, err := i.parseRefresh(ctx, raw)
	if err != nil {
		return nil, err
	}
	return &RefreshToken{claims: c, link: link, clientID: i.opts.ClientID, end: time.Unix(c.exp, 0).UTC()}, nil
}

// CheckRefresh judges a refresh token as ParseRefresh does, and then asks, in one Lookup that changes nothing, whether its
// session lives and the token is not used: [ErrRevoked], [ErrUnknownSession] or [ErrReused] if not, and the session lives on
// after the last of them. A token that a grace window would still answer counts as used.
//
// The answer is for telling, as an introspection endpoint does. Behind a cache a token may look unused as long as the cache
// keeps the record. Only [Issuer.Refresh] decides.
func (i *Issuer) CheckRefresh(ctx context.Context, raw string) (*RefreshToken, error) {
	t, err := i.ParseRefresh(ctx, raw)
	if err != nil {
		return nil, err
	}
	state, err := i.store.Lookup(ctx, t.Subject(), t.SessionID())
	if err != nil {
		return nil, fmt.Errorf("jeton: no answer about a refresh token: %w", err)
	}
	if len(state.Entries) != 1 {
		return nil, fmt.Errorf("%w: one id was asked for, and %d answers came", store.ErrCorrupt, len(state.Entries))
	}
	e := state.Entries[0]
	switch e.Status {
	case store.Live:
	case store.Revoked:
		return nil, &RefusedError{Err: ErrRevoked, Reason: e.Reason}
	default:
		return nil, &RefusedError{Err: ErrUnknownSession}
	}
	if t.claims.rot < e.Record.Rotation || t.claims.rot == e.Record.Rotation && t.link != e.Record.Link {
		return nil, &RefusedError{Err: ErrReused}
	}
	if e.Record.ExpiresAt.Before(t.end) {
		t.end = e.Record.ExpiresAt.UTC()
	}
	return t, nil
}
