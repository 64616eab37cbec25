package token

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Pair is what a login and a refresh give: the two tokens and the session behind them. It prints and logs without the
// tokens, and does not marshal; see [Pair.Response].
type Pair struct {
	// Access is the access token, an at+jwt (RFC 9068).
	Access Bearer
	// Refresh is the refresh token, an rt+jwt of ours. Each is good for one refresh.
	Refresh Bearer
	// AccessExpiresAt is the access token's exp.
	AccessExpiresAt time.Time
	// Session is the session's record. Its ID is the sid of both tokens.
	Session store.Record
	// Evicted are the sessions that a login's limit ended, as they were.
	Evicted []store.Record

	// now is the store's time of the step that made the pair; expires_in counts from it.
	now time.Time
}

// Response is the body of a token endpoint's answer (RFC 6749 §5.1), without a scope. It marshals; printed or logged, it
// is redacted. Its fields are plain texts, though: keep it out of other structs' unexported fields, where fmt asks no
// method. Embed it to answer more.
type Response struct {
	// AccessToken is the access token's text.
	AccessToken string `json:"access_token"`
	// TokenType is "Bearer" (RFC 6750).
	TokenType string `json:"token_type"`
	// ExpiresIn is how long the access token lives, in seconds from the answer; up to one too many, as iat is rounded.
	ExpiresIn int64 `json:"expires_in"`
	// RefreshToken is the refresh token's text.
	RefreshToken string `json:"refresh_token,omitempty"`
}

// Response returns the body that tells the client its tokens. Send it with Cache-Control: no-store (RFC 6749 §5.1).
func (p Pair) Response() Response {
	return Response{
		AccessToken:  p.Access.Reveal(),
		TokenType:    "Bearer",
		ExpiresIn:    max(0, p.AccessExpiresAt.Unix()-p.now.Unix()),
		RefreshToken: p.Refresh.Reveal(),
	}
}

// MarshalJSON is an error that names [Pair.Response].
func (p Pair) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText is an error that names [Pair.Response].
func (p Pair) MarshalText() ([]byte, error) { return nil, errMarshal }

// String shows the session's id.
func (p Pair) String() string { return "pair of session " + p.Session.ID }

// GoString is String, for %#v.
func (p Pair) GoString() string { return p.String() }

// Format prints the session's id, whatever the verb: fmt would print the link of its record under some.
func (p Pair) Format(f fmt.State, _ rune) { printRedacted(f, p.String()) }

// LogValue shows the session's id and the expiry.
func (p Pair) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("session", p.Session.ID),
		slog.Uint64("rotation", p.Session.Rotation),
		slog.Time("access_expires_at", p.AccessExpiresAt),
	)
}

// String returns a text without the tokens.
func (r Response) String() string { return "response(redacted)" }

// GoString returns a text without the tokens, for %#v.
func (r Response) GoString() string { return r.String() }

// Format prints a text without the tokens, whatever the verb.
func (r Response) Format(f fmt.State, _ rune) { printRedacted(f, r.String()) }

// LogValue shows the type and the life.
func (r Response) LogValue() slog.Value {
	return slog.GroupValue(slog.String("token_type", r.TokenType), slog.Int64("expires_in", r.ExpiresIn))
}
