package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetonkit/jeton/store"
)

// RefreshOptions are what a refresh may be told.
type RefreshOptions struct {
	// Binding is who presents the token, as given at login. It judges grace replays only.
	Binding string
	// Claims are custom claims for this access token instead of IssuerOptions.Claims. Claims that make the token larger than
	// [MaxBytes] are refused before anything changes. Defaults to nil.
	Claims any
}

// Refresh takes a refresh token and gives its successor, in one round trip that judges the rotation in the same step
// (RFC 9700 §4.14.2): of any number of callers one rotates, and the others get the same successor within the grace window.
//
// An error that matches [ErrInvalidToken] is proven: the token is malformed, foreign, expired, revoked, or was used before
// ([ErrReused]: its session has been ended). store.ErrReplayLimit is too many presentations within the grace window; the
// session lives (HTTP 409). Any other error says nothing about the token, and the call may be repeated: after bad input
// ([store.FieldError]) at any time, for nothing has changed. After an outage repeat it within the grace window, for the
// token may have been used already: a repeat after the window, or any with Grace off, is then reuse and ends the session.
// That is so when the store's answer is lost after its step, and whenever IssuerOptions.Claims fails or returns what no
// token can hold, because it is asked after the step.
func (i *Issuer) Refresh(ctx context.Context, raw string, o RefreshOptions) (Pair, error) {
	c, link, err := i.parseRefresh(ctx, raw)
	if err != nil {
		i.tellRefreshRefused(ctx, Event{}, err)
		return Pair{}, err
	}
	claims, err := i.judgeClaims(c.subject(), c.sid, o.Claims)
	if err != nil {
		return Pair{}, err
	}
	about := Event{Subject: c.subject(), SessionID: c.sid, Rotation: c.rot}
	rotated, err := i.store.Rotate(ctx, store.RotateRequest{
		Subject: c.subject(), ID: c.sid, Rotation: c.rot, Link: link, NextLink: store.NewLink(),
		Grace: i.opts.Grace, GraceReplays: i.opts.GraceReplays, Binding: o.Binding, ExpiresAt: i.opts.Now().Add(i.opts.IdleTTL),
	})
	if errors.Is(err, store.ErrInvalid) { // the program's mistake, and nothing has happened
		return Pair{}, err
	}
	if err != nil {
		if proven := refused(err); proven != nil {
			err = proven
		}
		i.tellRefreshRefused(ctx, about, err)
		return Pair{}, err
	}
	return i.succeed(ctx, rotated, about, claims)
}

// parseRefresh judges a refresh token up to the question whether its session lives.
func (i *Issuer) parseRefresh(ctx context.Context, raw string) (*claims, store.Link, error) {
	j, err := decode(raw, nil)
	if err != nil {
		return nil, store.Link{}, err
	}
	defer j.release()
	if err := j.hold(ctx, &i.refresh); err != nil {
		return nil, store.Link{}, err
	}
	if err := j.claims.complete(); err != nil {
		return nil, store.Link{}, err
	}
	if err := j.claims.current(defaultLeeway, i.opts.Now()); err != nil {
		return nil, store.Link{}, err
	}
	link, err := j.claims.link()
	return j.claims, link, err
}

// succeed mints what a rotation allows.
func (i *Issuer) succeed(ctx context.Context, r store.Rotated, about Event, claims givenClaims) (Pair, error) {
	about.Class = r.Record.Class
	switch r.Outcome {
	case store.RotateOK:
		about.Type = EventRefreshed
	case store.Replayed:
		about.Type = EventReplayed
	case store.RolledForward:
		about.Type = EventRolledForward
	case store.Reused:
		about.Type, about.Reason, about.Err = EventReused, Code(ErrReused), &RefusedError{Err: ErrReused}
		i.teller.tell(ctx, about)
		return Pair{}, about.Err
	default:
		return Pair{}, fmt.Errorf("jeton: refresh: %w: the store gave no outcome", store.ErrIndeterminate)
	}
	pair, err := i.pairOf(ctx, r.Record, r.Now, claims)
	if err != nil {
		i.tellRefreshRefused(ctx, about, err)
		return Pair{}, err
	}
	i.teller.tell(ctx, about)
	return pair, nil
}

func (i *Issuer) tellRefreshRefused(ctx context.Context, e Event, err error) {
	e.Type, e.Err = EventFailed, err
	switch {
	case errors.Is(err, ErrInvalidToken):
		e.Type, e.Reason = EventRefreshRefused, Code(err)
	case errors.Is(err, store.ErrReplayLimit):
		e.Type, e.Reason = EventRefreshRefused, "replay_limit"
	}
	i.teller.tell(ctx, e)
}
