package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Foreign describes an issuer that is not of this package. Its tokens are judged by time instead of by order, since they
// have no seq: "log out everywhere" ends those that were issued up to Skew after it.
//
// The subject of such a token is the user of its realm, issuer and sub ([ForeignUser]), its id is its jti, or a digest of
// what was signed where it has none, and its sid is a subject of its own ([ForeignSession]), so that a logout which names
// nothing else still ends it. What the store has lost it cannot judge: tokens from before its data
// began are refused.
type Foreign struct {
	// Realm is the tenant of the issuer's subjects. A token cannot choose it. Defaults to "".
	Realm string
	// Skew is how much later than a cut a token must be issued to live: at least the verifier's leeway, at most
	// [store.MaxLeeway]. Defaults to the leeway.
	Skew time.Duration
}

// maxForeignSkew keeps a cut until the last token that it kills has ended: with the leeway it is within [store.MarkMargin],
// by which the store's memory is longer than any token's life.
const maxForeignSkew = store.MaxLeeway

// ForeignUser is the subject of a foreign issuer's tokens. Two issuers' "ann" are two subjects.
func ForeignUser(realm, issuer, name string) store.Subject {
	return store.Subject{Kind: store.KindUser, Realm: realm, Issuer: issuer, Name: name}
}

// ForeignSession is the subject that a foreign issuer's session id is. Revoking it ends the session's tokens.
func ForeignSession(realm, issuer, sid string) store.Subject {
	return store.Subject{Kind: store.KindSID, Realm: realm, Issuer: issuer, Name: sid}
}

// trustForeign judges what is said of a foreign issuer.
func (t *trusted) trustForeign(field string, from TrustedIssuer) error {
	if from.Foreign == nil {
		return nil
	}
	f := *from.Foreign
	t.foreign, t.anyS = &f, true
	if len(from.Audience) == 0 {
		return invalid(field+".Audience", "is empty, and the issuer is foreign", "name your API as the issuer knows it: its other tokens are for others")
	}
	if err := checkRange(field+".Foreign.Skew", f.Skew, 0, maxForeignSkew, "set the clocks, and allow less"); err != nil {
		return err
	}
	if err := ForeignUser(f.Realm, from.Issuer, "a").Check(); err != nil {
		return atField(field+".Foreign", err)
	}
	return nil
}

// parseForeign judges what only its issuer can have written: the claims of RFC 7519 and OpenID Connect.
func (t *trusted) parseForeign(j *jws, leeway time.Duration, now time.Time) (*parsed, error) {
	if err := j.readOthers(); err != nil {
		return nil, err
	}
	c := j.claims
	if err := c.foreign(t.life); err != nil {
		return nil, err
	}
	if err := t.timely(c, leeway, now); err != nil {
		return nil, err
	}
	if c.jti == "" { // of what was signed, since of one token there may be many texts
		sum := sha256.Sum256([]byte(j.signed))
		c.jti = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if c.clientID == "" {
		c.clientID = c.noted.text(notedParty)
	}
	p := j.parsed
	p.subject = ForeignUser(t.foreign.Realm, c.iss, c.sub)
	p.foreign, p.leeway, p.skew = true, leeway, max(t.foreign.Skew, leeway)
	return p, t.readExtra(p)
}

// foreign refuses a foreign access token that lacks what it is judged by, or may outlive the marks that bar it.
func (c *claims) foreign(life time.Duration) error {
	for _, t := range [...]struct {
		name, text string
		required   bool
	}{{"sub", c.sub, true}, {"jti", c.jti, false}, {"sid", c.sid, false}} {
		if t.text == "" && t.required || len(t.text) > store.MaxNameLen {
			return refuse(ErrMalformed, t.name+" is missing, or too long")
		}
	}
	if err := c.dated(); err != nil {
		return err
	}
	switch {
	case c.noted.other():
		return refuse(ErrType, "it is no access token")
	case c.exp-c.iat > int64(life/time.Second):
		return refuse(ErrLifetime, "exp is too long after iat")
	}
	return nil
}

// Foreign reports whether the token is of an issuer that is not of this package.
func (t *Token) Foreign() bool { return t.foreign }

// Presented returns what [store.State.Verdict] must know of the token, for who writes a [Checker]: without a record it is
// judged by marks and cuts alone, as a foreign token always is.
func (t *Token) Presented(withoutRecord bool) store.Presented {
	p := store.Presented{TokenID: t.ID(), SessionID: t.SessionID(), Seq: t.Seq(), WithoutRecord: withoutRecord}
	if t.Foreign() {
		p.Seq, p.WithoutRecord = 0, true
		p.Foreign, p.IssuedAt, p.Leeway, p.ForeignSkew = true, t.IssuedAt(), t.leeway, t.skew
	}
	return p
}

// lookupForeign asks for a foreign token's user and its session, which are two subjects, in two questions sent together.
func lookupForeign(ctx context.Context, s store.TokenStore, t *Token) (Answer, error) {
	p := t.Presented(true)
	if p.SessionID == "" {
		return lookup(ctx, s, t.subject, p)
	}
	type result struct {
		Answer
		err error
	}
	other := make(chan result, 1)
	go func() {
		a, err := lookup(ctx, s, ForeignSession(t.subject.Realm, t.subject.Issuer, p.SessionID), p)
		other <- result{a, err}
	}()
	a, err := lookup(ctx, s, t.subject, p)
	session := <-other
	switch {
	case err == nil && !a.Alive: // proven, whatever became of the other question
		return a, nil
	case session.err == nil && !session.Alive:
		return session.Answer, nil
	case err != nil:
		return Answer{}, err
	}
	a.Stamp = a.Stamp.And(session.Stamp)
	return a, session.err
}
