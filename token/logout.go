package token

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/store"
)

// typeLogout is the typ of logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).
const typeLogout = "logout+jwt"

// logoutEvent is the member of events that makes a JWT a logout token (Back-Channel Logout §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutOptions are what a [LogoutVerifier] may be told. The zero value is the safe one.
type LogoutOptions struct {
	// Realm names the tenant, as [Foreign].Realm does for the issuer's access tokens: give both the same. Defaults to "".
	Realm string
	// Types are the accepted typ headers, with and without the prefix application/. Older providers write JWT, or none, which
	// is the empty one; both must be named. Defaults to logout+jwt.
	Types []string
	// MaxAge is how long after its iat a logout token is taken, whatever its exp: 1 second to 1 hour. Defaults to 2 minutes.
	MaxAge time.Duration
	// Leeway is how far clocks may be apart: up to 2 minutes; negative means none. Defaults to 30 seconds.
	Leeway time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// LogoutVerifier judges the logout tokens that an OpenID provider sends when a user logs out there (OpenID Connect
// Back-Channel Logout 1.0). Safe for concurrent use.
type LogoutVerifier struct {
	expected expected
	opts     LogoutOptions
}

// NewLogoutVerifier makes a verifier of the logout tokens of one issuer, by its exact iss, for the ids that this program has
// as its client: the token's aud must hold one of them. keys fix the algorithms, as everywhere; take [RemoteKeys] for a
// provider's. o may be nil. Bad input is a [store.FieldError].
func NewLogoutVerifier(issuer string, keys KeySet, clientIDs []string, o *LogoutOptions) (*LogoutVerifier, error) {
	var opts LogoutOptions
	if o != nil {
		opts = *o
	}
	opts.MaxAge = cmp.Or(opts.MaxAge, 2*time.Minute)
	opts.Leeway = max(0, cmp.Or(opts.Leeway, defaultLeeway))
	opts.Now = clock(opts.Now)
	if err := checkText("issuer", issuer); err != nil {
		return nil, err
	}
	if k, ok := keys.(VerifyKey); keys == nil || ok && k.k == nil {
		return nil, invalid("keys", "is nil, or the zero key", "give the issuer's RemoteKeys, or a VerifyKey")
	}
	if len(clientIDs) == 0 {
		return nil, invalid("clientIDs", "is empty", "name this program as the issuer knows it: its client_id")
	}
	for n, id := range clientIDs {
		if err := checkText(fmt.Sprintf("clientIDs[%d]", n), id); err != nil {
			return nil, err
		}
	}
	types, err := opts.check(issuer)
	if err != nil {
		return nil, err
	}
	return &LogoutVerifier{
		expected: expected{issuer: issuer, keys: keys, audience: slices.Clone(clientIDs), types: types, anyS: true, option: "the client ids"},
		opts:     opts,
	}, nil
}

// check refuses options outside their limits, and returns the types without their prefix.
func (o *LogoutOptions) check(issuer string) ([]string, error) {
	if err := checkRange("LogoutOptions.MaxAge", o.MaxAge, time.Second, time.Hour, "leave it zero for 2 minutes"); err != nil {
		return nil, err
	}
	if err := checkRange("LogoutOptions.Leeway", o.Leeway, 0, store.MaxLeeway, "set the clocks, and allow less"); err != nil {
		return nil, err
	}
	if err := ForeignUser(o.Realm, issuer, "a").Check(); err != nil {
		return nil, atField("LogoutOptions", err)
	}
	if len(o.Types) == 0 {
		return []string{typeLogout}, nil
	}
	return trustTypes("LogoutOptions", o.Types, true)
}

// LogoutToken is a logout token that was found good. It is immutable, safe for concurrent use, and holds no bearer text.
type LogoutToken struct {
	issuer, id, sub, sid, realm string
	issuedAt, freshUntil        time.Time
}

// Issuer returns the iss.
func (t *LogoutToken) Issuer() string { return t.issuer }

// ID returns the jti, which is good once: see [store.Once].
func (t *LogoutToken) ID() string { return t.id }

// SessionID returns the sid; empty where the token ends all sessions of a user.
func (t *LogoutToken) SessionID() string { return t.sid }

// User returns the user that the token names, as [ForeignUser]. It is false where it names a session alone.
func (t *LogoutToken) User() (u store.Subject, named bool) {
	if t.sub == "" {
		return store.Subject{}, false
	}
	return ForeignUser(t.realm, t.issuer, t.sub), true
}

// Subject returns what has to end, for [Revoker.Subject]: the session where the token names one ([ForeignSession]), whether
// or not it names its user too, and else the user (Back-Channel Logout §2.7).
func (t *LogoutToken) Subject() store.Subject {
	if t.sid != "" {
		return ForeignSession(t.realm, t.issuer, t.sid)
	}
	return ForeignUser(t.realm, t.issuer, t.sub)
}

// IssuedAt returns the iat in whole seconds.
func (t *LogoutToken) IssuedAt() time.Time { return t.issuedAt }

// FreshUntil returns the time from which on the verifier refuses the token as too old. Until then its id must be remembered.
func (t *LogoutToken) FreshUntil() time.Time { return t.freshUntil }

// String returns a text without the user's name.
func (t *LogoutToken) String() string {
	return fmt.Sprintf("logout token %q of session %q", t.id, t.sid)
}

// GoString is String, for %#v.
func (t *LogoutToken) GoString() string { return t.String() }

// Format prints String, whatever the verb.
func (t *LogoutToken) Format(f fmt.State, _ rune) { printRedacted(f, t.String()) }

// LogValue shows ids and the digest of what the token ends.
func (t *LogoutToken) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("ends", t.Subject().Digest().String()),
		slog.String("session", t.sid),
		slog.String("token", t.id),
	)
}

// Verify judges a logout token (Back-Channel Logout §2.6): strict form, signature, typ, iss, aud, iat, exp and nbf if they
// are there, the event, that there is no nonce, jti, and sub or sid. Whether its jti was used before is not asked. An error
// that matches [ErrInvalidToken] is proven; any other says that the keys could not be had.
func (v *LogoutVerifier) Verify(ctx context.Context, raw string) (*LogoutToken, error) {
	j, err := decode(raw, nil)
	if err != nil {
		return nil, err
	}
	defer j.release()
	if err := j.hold(ctx, &v.expected); err != nil {
		return nil, err
	}
	if err := v.judge(j.claims); err != nil {
		return nil, err
	}
	c := j.claims
	return &LogoutToken{
		issuer: c.iss, id: c.jti, sub: c.sub, sid: c.sid, realm: v.opts.Realm,
		issuedAt: time.Unix(c.iat, 0).UTC(), freshUntil: v.freshUntil(c),
	}, nil
}

func (v *LogoutVerifier) freshUntil(c *claims) time.Time {
	return time.Unix(c.iat, 0).UTC().Add(v.opts.MaxAge + v.opts.Leeway)
}

func (v *LogoutVerifier) judge(c *claims) error {
	if c.jti == "" || len(c.jti) > store.MaxNameLen {
		return refuse(ErrMalformed, "jti is missing, or too long")
	}
	if c.sub == "" && c.sid == "" || len(c.sub) > store.MaxNameLen || len(c.sid) > store.MaxNameLen {
		return refuse(ErrMalformed, "sub and sid are missing, or too long")
	}
	if err := c.loggedOut(); err != nil {
		return err
	}
	now := v.opts.Now()
	switch {
	case c.iat <= 0:
		return refuse(ErrMalformed, "iat is missing")
	case time.Unix(c.iat, 0).After(now.Add(v.opts.Leeway)):
		return refuse(ErrNotYetValid, "it was issued in the future")
	case !now.Before(v.freshUntil(c)):
		return refuse(ErrExpired, "it was issued too long ago")
	}
	if c.exp == 0 { // older drafts had none; the age bounds it
		c.exp = maxDate
	}
	return c.current(v.opts.Leeway, now)
}

// loggedOut refuses what is no logout token whatever its type says: the event makes one, and a nonce is what an ID token has
// (Back-Channel Logout §2.4).
func (c *claims) loggedOut() error {
	var events map[string]jsontext.Value
	if json.Unmarshal([]byte(c.noted.written(notedEvents)), &events) != nil {
		return refuse(ErrMalformed, "events is missing, or no object")
	}
	if event, ok := events[logoutEvent]; !ok || event.Kind() != '{' {
		return refuse(ErrMalformed, "events has no logout event that is an object")
	}
	var others map[string]jsontext.Value
	if json.Unmarshal(c.custom, &others) != nil { // events is among them
		return refuse(ErrMalformed, "the claims do not read")
	}
	if _, ok := others["nonce"]; ok {
		return refuse(ErrType, "it has a nonce, as ID tokens have")
	}
	return nil
}
