package ledger

import (
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Rotate is the verb of that name. The cases are judged in the order of the semantics.
func Rotate(env Env, r Reader, req store.RotateRequest) (store.Rotated, Change, error) {
	s, err := begin(env, r, req.Subject)
	if err != nil {
		return store.Rotated{}, Change{}, err
	}
	old, err := s.live(req.ID)
	if err != nil {
		return store.Rotated{}, Change{}, err
	}
	rec := &old.Record
	switch {
	case req.Rotation == rec.Rotation && req.Link == rec.Link:
		return s.advance(store.RotateOK, old, req)
	case req.Rotation+1 == rec.Rotation && req.NextLink == rec.Link: // the call's own repeat
		return s.answer(store.RotateOK, old)
	case s.replays(rec, req):
		return s.replay(old, req)
	case req.Rotation > rec.Rotation:
		return s.advance(store.RolledForward, old, req)
	}
	if err := s.bar(store.ReasonReuse, req.ID); err != nil {
		return store.Rotated{}, Change{}, err
	}
	c, err := s.finishRevoking()
	return store.Rotated{Outcome: store.Reused, Record: rec.Clone(), Now: s.Now}, c, err
}

// answer tells an outcome that changes nothing.
func (s *step) answer(o store.Outcome, en *Entry) (store.Rotated, Change, error) {
	return store.Rotated{Outcome: o, Record: en.Record, Now: s.Now}, Change{}, nil
}

// advance moves the record on to the rotation behind the presented one.
func (s *step) advance(o store.Outcome, old *Entry, req store.RotateRequest) (store.Rotated, Change, error) {
	rec := old.Record.Clone()
	rec.Rotation = req.Rotation + 1
	rec.PrevLink, rec.Link = req.Link.Tag(), req.NextLink
	rec.RotatedAt, rec.LastSeen = milli(s.Now), milli(s.Now)
	if !req.ExpiresAt.IsZero() {
		rec.ExpiresAt = earlier(roundUp(req.ExpiresAt), rec.Deadline)
	}
	if rec.Seq <= s.head.Floor { // its access tokens live again, from here on
		rec.Seq = s.next()
	}
	s.put(old, rec, nil)
	c, err := s.finish()
	return store.Rotated{Outcome: o, Record: rec.Clone(), Now: s.Now}, c, err
}

// replays reports whether the token is the one before the current, presented within the grace window by whoever the
// record is bound to.
func (s *step) replays(rec *store.Record, req store.RotateRequest) bool {
	return req.Rotation+1 == rec.Rotation && req.Link.Tag() == rec.PrevLink &&
		req.Grace > 0 && s.Now.Sub(rec.RotatedAt).Abs() < req.Grace+time.Microsecond && // whole microseconds, up
		(rec.Binding == "" || rec.Binding == req.Binding)
}

// replay answers with the same successor, for as many distinct calls as the request allows.
func (s *step) replay(old *Entry, req store.RotateRequest) (store.Rotated, Change, error) {
	tag := Replay(req.NextLink[:2])
	if slices.Contains(old.Replays, tag) {
		return s.answer(store.Replayed, old)
	}
	if len(old.Replays) >= req.Replays() {
		return store.Rotated{}, Change{}, store.ErrReplayLimit
	}
	rec := old.Record.Clone()
	s.put(old, rec, append(slices.Clone(old.Replays), tag))
	c, err := s.finish()
	return store.Rotated{Outcome: store.Replayed, Record: rec.Clone(), Now: s.Now}, c, err
}
