package token

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Token is an access token whose signature and claims are good, or an API key whose seal is. It is immutable, safe for
// concurrent use, and holds no bearer text. What only JWTs have (session id, seq, issuer, audience, client id) is empty for
// an API key.
type Token struct {
	*parsed
	session *store.Record // nil: none
	stale   bool
}

// parsed is what a token's text says, once it was proven. It is immutable, and shared by the Tokens of all who present it.
type parsed struct {
	claims  claims
	subject store.Subject
	extra   any
	// extraBytes is what extra takes at most.
	extraBytes int32
	isKey      bool
	foreign    bool
	// of a foreign token
	leeway, skew time.Duration
}

// Subject says whose token it is: realm and sub. For an API key it is the [KeyHolder] of its owner; see [Token.Owner].
func (t *Token) Subject() store.Subject { return t.subject }

// ID returns the token's id, its jti (RFC 7519 §4.1.7), or the id of an API key's record.
func (t *Token) ID() string { return t.claims.jti }

// SessionID returns the id of the session that the token was minted under, its sid. An API key stands by itself and has
// none.
func (t *Token) SessionID() string { return t.claims.sid }

// Seq returns the session's place in its subject's order when the token was minted.
func (t *Token) Seq() uint64 { return t.claims.seq }

// Issuer returns the iss (RFC 7519 §4.1.1).
func (t *Token) Issuer() string { return t.claims.iss }

// Audience returns a copy of the aud (RFC 7519 §4.1.3).
func (t *Token) Audience() []string { return slices.Clone(t.claims.aud) }

// ClientID returns the client_id (RFC 9068 §2.2).
func (t *Token) ClientID() string { return t.claims.clientID }

// IssuedAt returns the iat in whole seconds: the store's time of the login or refresh. For an API key it is that of its
// record, zero for one from [Verifier.Parse].
func (t *Token) IssuedAt() time.Time {
	if t.isKey {
		return t.record().IssuedAt
	}
	return time.Unix(t.claims.iat, 0).UTC()
}

// ExpiresAt returns the exp in whole seconds. Verifiers allow their leeway on top. For an API key it is that of its record,
// zero for one from [Verifier.Parse].
func (t *Token) ExpiresAt() time.Time {
	if t.isKey {
		return t.record().ExpiresAt
	}
	return time.Unix(t.claims.exp, 0).UTC()
}

// Session returns a copy of the session's record as the checker found it, or of an API key's record; [Token.APIKey] reads
// that one. It is false where the checker needed none, and for a token from [Verifier.Parse].
func (t *Token) Session() (store.Record, bool) {
	return t.record().Clone(), t.session != nil
}

// record returns the session's record; the zero one where there is none.
func (t *Token) record() *store.Record {
	if t.session == nil {
		return &store.Record{}
	}
	return t.session
}

// Stale reports whether the token was accepted during an outage, by an answer from before it; see VerifierOptions.ServeStale.
func (t *Token) Stale() bool { return t.stale }

// String returns a text without the subject's name.
func (t *Token) String() string {
	if t.isKey {
		return "API key " + t.claims.jti
	}
	return fmt.Sprintf("token %q of session %q", t.claims.jti, t.claims.sid) // a foreign issuer's texts are any
}

// GoString is String, for %#v.
func (t *Token) GoString() string { return t.String() }

// Format prints String, whatever the verb.
func (t *Token) Format(f fmt.State, _ rune) { printRedacted(f, t.String()) }

// LogValue shows ids, the subject's digest and the expiry.
func (t *Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("subject", t.subject.Digest().String()),
		slog.String("session", t.claims.sid),
		slog.String("token", t.claims.jti),
		slog.Time("expires_at", t.ExpiresAt()),
	)
}

// Extra returns the custom claims of t, read into a C while the token was verified; see [ExtraOf]. It is false unless the
// issuer was trusted with ExtraOf[C]. What C points to is shared by all callers: do not change it.
func Extra[C any](t *Token) (C, bool) {
	c, ok := t.extra.(C)
	return c, ok
}
