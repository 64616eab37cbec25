package token

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/store"
)

// RevokerOptions are what a [Revoker] may be told.
type RevokerOptions struct {
	// WriteTimeout bounds each write, which goes on when the caller's context ends: a client that hangs up does not undo
	// its logout. Defaults to 5 seconds.
	WriteTimeout time.Duration
	// Events is told what happens; it must not block. Defaults to nobody.
	Events func(context.Context, Event)
	// Now is the clock of events. Defaults to time.Now.
	Now func() time.Time
}

// defaultWriteTimeout bounds a write that goes on when its caller has gone.
const defaultWriteTimeout = 5 * time.Second

// Revoker ends tokens and sessions. It needs no key. Safe for concurrent use. Every reason is at most 64 bytes and kept
// with the revocation. Every method is idempotent and reports the store's error; nil means that the revocation is
// acknowledged.
type Revoker struct {
	store   store.TokenStore
	timeout time.Duration
	teller  teller
}

// NewRevoker makes a revoker over a store. o may be nil. Bad input is a [store.FieldError].
func NewRevoker(s store.TokenStore, o *RevokerOptions) (*Revoker, error) {
	if s == nil {
		return nil, invalid("store", "is nil", "open a store first")
	}
	var opts RevokerOptions
	if o != nil {
		opts = *o
	}
	if opts.WriteTimeout < 0 {
		return nil, invalid("RevokerOptions.WriteTimeout", "is negative", "use 0 for the default of 5 seconds")
	}
	return &Revoker{
		store:   s,
		timeout: cmp.Or(opts.WriteTimeout, defaultWriteTimeout),
		teller:  teller{events: opts.Events, now: clock(opts.Now)},
	}, nil
}

// Token bars one access token; its session lives on and can be refreshed. An API key ends. See [Verifier.Parse].
func (r *Revoker) Token(ctx context.Context, t *Token, reason string) error {
	if t == nil {
		return invalid("token", "is nil", "pass a token from Verify or Parse")
	}
	return r.revoke(ctx, store.Revocation{Subject: t.Subject(), IDs: []string{t.ID()}, Reason: reason},
		Event{Scope: ScopeToken, SessionID: t.SessionID(), TokenID: t.ID()})
}

// Session ends one session with all its tokens: a logout, or a kick-out. An id that the subject does not have is no error.
// Of a foreign subject it ends the tokens issued under that sid until now; see [ForeignSession] where the sid is all that is
// known.
func (r *Revoker) Session(ctx context.Context, subject store.Subject, sid, reason string) error {
	if subject.Issuer != "" && subject.Kind == store.KindUser {
		return r.revoke(ctx, store.Revocation{
			Subject: ForeignSession(subject.Realm, subject.Issuer, sid), All: true, Reason: reason, Op: store.NewOp(),
		}, Event{Scope: ScopeSession, SessionID: sid})
	}
	return r.revoke(ctx, store.Revocation{Subject: subject, IDs: []string{sid}, Reason: reason},
		Event{Scope: ScopeSession, SessionID: sid})
}

// Others ends every session of the subject but the one named, which must be live: store.ErrNotFound or store.ErrRevoked
// if not, and nothing has changed; the store has answered, so that no event tells of it. After a password change call
// Subject then, for the others must still end. Logins under way fail by their guard.
func (r *Revoker) Others(ctx context.Context, subject store.Subject, keepSid, reason string) error {
	if subject.Issuer != "" {
		return invalid("subject", "is another issuer's, whose sessions are not known here", "end them one by one, or all of the subject's")
	}
	return r.revoke(ctx, store.Revocation{Subject: subject, Others: &store.Others{Keep: keepSid}, Reason: reason, Op: store.NewOp()},
		Event{Scope: ScopeOthers, SessionID: keepSid})
}

// Subject ends every session and token of the subject: "log out everywhere". API keys are [KeyHolder]'s. A login after it
// lives. Logins under way fail
// by their guard.
func (r *Revoker) Subject(ctx context.Context, subject store.Subject, reason string) error {
	return r.revoke(ctx, store.Revocation{Subject: subject, All: true, Reason: reason, Op: store.NewOp()},
		Event{Scope: ScopeSubject})
}

// List returns the subject's live sessions, newest first, a page at a time.
func (r *Revoker) List(ctx context.Context, subject store.Subject, page store.Page) (store.Records, error) {
	return r.store.List(ctx, subject, page)
}

// revoke writes on a context of its own: the caller's values, and neither its end nor its deadline.
func (r *Revoker) revoke(ctx context.Context, what store.Revocation, e Event) error {
	e.Type, e.Subject, e.Reason = EventRevoked, what.Subject, what.Reason
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	err := r.store.Revoke(write, what)
	if errors.Is(err, store.ErrInvalid) { // the program's mistake, and nothing has happened
		return err
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRevoked) { // an answer: what Others keeps is not live
		return err
	}
	if err != nil {
		e.Type, e.Err = EventFailed, err
	}
	r.teller.tell(ctx, e)
	return err
}
