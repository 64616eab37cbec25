package token

import (
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Guard is the state of a subject's logouts before a password was checked; see [Issuer.Begin]. The zero Guard guards
// nothing.
type Guard struct {
	subject store.Subject
	cut     uint64
	set     bool
}

// Begin reads the guard of a login. Call it before the password is read and checked, and pass the guard to
// [Issuer.Login]: when everything of the subject is revoked in between, as a password change does, the login fails with
// store.ErrConflict instead of living on an old password. It never answers from a cache.
func (i *Issuer) Begin(ctx context.Context, subject store.Subject) (Guard, error) {
	if err := checkUser(subject); err != nil {
		return Guard{}, err
	}
	state, err := i.store.Lookup(ctx, subject)
	if err != nil {
		i.teller.tell(ctx, Event{Type: EventFailed, Subject: subject, Err: err})
		return Guard{}, err
	}
	return Guard{subject: subject, cut: state.Cut, set: true}, nil
}

// LoginOptions are what a login may be told.
type LoginOptions struct {
	// Guard is what [Issuer.Begin] returned for the same subject. The zero Guard guards nothing.
	Guard Guard
	// Class groups sessions ("web", "ios") for limits and lists: at most 64 bytes.
	Class string
	// TTL is the absolute life of this session: at least 1 s, at most MaxTTL. Defaults to MaxTTL.
	TTL time.Duration
	// Metadata is kept with the session, in clear (device, address): limits as in [store.Record].
	Metadata map[string]string
	// Claims are custom claims for this access token instead of IssuerOptions.Claims; refreshes ask IssuerOptions.Claims
	// again. Claims that make the token larger than [MaxBytes] are refused before anything changes. Defaults to nil.
	Claims any
	// Binding ties grace replays to whoever holds the token, a device's thumbprint for instance: at most 64 bytes.
	// [RefreshOptions] must then present it.
	Binding string
}

// Login begins a session for a subject whose credentials the caller has checked, and mints its first tokens. The subject
// is a user of our own: kind User, no Issuer, realm and name of UTF-8. One round trip. Every login has an id of its own
// ([store.NewID]) that no session had before, so that no refresh token ever meets another session than its own.
//
// It fails with store.ErrConflict when the guard does not hold any more, with store.ErrLimit when the limit rejects, with
// a [store.FieldError] on bad input, and with the store's error on an outage. All of these change nothing, but for a
// store's error that says otherwise. IssuerOptions.Claims is asked after the store's step: when it fails, or returns what
// no token can hold, the new session is ended again and its error returned, and sessions that the limit ended stay ended.
func (i *Issuer) Login(ctx context.Context, subject store.Subject, o LoginOptions) (Pair, error) {
	req, claims, err := i.loginRequest(subject, o)
	if err != nil {
		return Pair{}, err
	}
	issued, err := i.store.Issue(ctx, req)
	if err != nil {
		i.tellLoginRefused(ctx, req.Record, err)
		return Pair{}, err
	}
	for _, rec := range issued.Evicted {
		i.teller.tell(ctx, sessionEvent(EventEvicted, rec))
	}
	pair, err := i.pairOf(ctx, issued.Record, issued.Now, claims)
	if err != nil {
		i.abandon(ctx, issued.Record)
		i.teller.tell(ctx, Event{Type: EventFailed, Subject: subject, SessionID: issued.Record.ID, Err: err})
		return Pair{}, err
	}
	pair.Evicted = issued.Evicted
	i.teller.tell(ctx, sessionEvent(EventLogin, issued.Record))
	return pair, nil
}

// loginRequest judges what the store does not, so that no bad input changes anything.
func (i *Issuer) loginRequest(subject store.Subject, o LoginOptions) (store.IssueRequest, givenClaims, error) {
	if err := checkUser(subject); err != nil {
		return store.IssueRequest{}, givenClaims{}, err
	}
	if o.Guard.set && o.Guard.subject != subject {
		return store.IssueRequest{}, givenClaims{}, invalid("LoginOptions.Guard", "is another subject's", "call Begin for the subject that logs in")
	}
	ttl := i.opts.MaxTTL
	if o.TTL != 0 {
		ttl = o.TTL
	}
	if err := checkRange("LoginOptions.TTL", ttl, time.Second, i.opts.MaxTTL, "leave it zero for the issuer's MaxTTL"); err != nil {
		return store.IssueRequest{}, givenClaims{}, err
	}
	sid := store.NewID()
	claims, err := i.judgeClaims(subject, sid, o.Claims)
	if err != nil {
		return store.IssueRequest{}, givenClaims{}, err
	}
	now := i.opts.Now()
	req := store.IssueRequest{
		Record: store.Record{
			ID: sid, Subject: subject, Class: o.Class, Link: store.NewLink(), Binding: o.Binding,
			ExpiresAt: now.Add(min(i.opts.IdleTTL, ttl)), Deadline: now.Add(ttl), Metadata: o.Metadata,
		},
		Limit: i.opts.Limit,
	}
	if o.Guard.set {
		req.IfCut = &o.Guard.cut
	}
	return req, claims, nil
}

// pairOf asks for the custom claims and mints.
func (i *Issuer) pairOf(ctx context.Context, rec store.Record, now time.Time, given givenClaims) (Pair, error) {
	custom, err := i.custom(ctx, given, rec)
	if err != nil {
		return Pair{}, err
	}
	return i.mint(rec, now, custom)
}

// abandon ends a session whose tokens could not be made; should that fail too, nobody has its tokens.
func (i *Issuer) abandon(ctx context.Context, rec store.Record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultWriteTimeout)
	defer cancel()
	_ = i.store.Revoke(ctx, store.Revocation{Subject: rec.Subject, IDs: []string{rec.ID}, Reason: "login failed"})
}

func (i *Issuer) tellLoginRefused(ctx context.Context, rec store.Record, err error) {
	e := sessionEvent(EventFailed, rec)
	e.Err = err
	switch {
	case errors.Is(err, store.ErrConflict):
		e.Type, e.Reason = EventLoginRefused, "guard"
	case errors.Is(err, store.ErrLimit):
		e.Type, e.Reason = EventLoginRefused, "limit"
	case errors.Is(err, store.ErrInvalid): // the program's mistake, and nothing has happened
		return
	}
	i.teller.tell(ctx, e)
}

// checkUser refuses subjects that an issuer has no tokens for.
func checkUser(s store.Subject) error {
	if s.Kind != store.KindUser || s.Issuer != "" {
		return invalid("Subject", "is not a user of our own", "use store.User, with a Realm where there are several")
	}
	if err := checkText("Subject.Name", s.Name); err != nil {
		return err
	}
	if s.Realm == "" {
		return nil
	}
	return checkText("Subject.Realm", s.Realm)
}

// sessionEvent is an event about a session.
func sessionEvent(t EventType, rec store.Record) Event {
	return Event{Type: t, Subject: rec.Subject, SessionID: rec.ID, Class: rec.Class, Rotation: rec.Rotation}
}
