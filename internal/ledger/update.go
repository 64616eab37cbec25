package ledger

import (
	"fmt"
	"maps"

	"github.com/jetonkit/jeton/store"
)

// Update is the verb of that name.
func Update(env Env, r Reader, req store.UpdateRequest) (store.Record, Change, error) {
	s, err := begin(env, r, req.Subject)
	if err != nil {
		return store.Record{}, Change{}, err
	}
	old, err := s.live(req.ID)
	if err != nil {
		return store.Record{}, Change{}, err
	}
	rec := edited(old.Record, req)
	switch {
	case old.Record.Version == req.Version:
	case req.Version < old.Record.Version && req.Version+1 == old.Record.Version && same(rec, old.Record): // the call's own repeat
		return rec, Change{}, nil
	default:
		return store.Record{}, Change{}, fmt.Errorf("%w: the record has version %d, not %d: look it up and try again",
			store.ErrConflict, old.Record.Version, req.Version)
	}
	if rec.Deadline.After(old.Record.Deadline) {
		return store.Record{}, Change{}, store.RaisedDeadline()
	}
	rec.Version++
	s.event = rec.ExpiresAt.Before(old.Record.ExpiresAt) || rec.Deadline.Before(old.Record.Deadline)
	s.put(old, rec, old.Replays)
	c, err := s.finish()
	return rec.Clone(), c, err
}

// edited returns the record with the request's contents.
func edited(rec store.Record, req store.UpdateRequest) store.Record {
	rec = rec.Clone()
	if req.Metadata != nil {
		rec.Metadata = nil
		if len(req.Metadata) > 0 {
			rec.Metadata = maps.Clone(req.Metadata)
		}
	}
	if !req.Deadline.IsZero() {
		rec.Deadline = roundUp(req.Deadline)
	}
	if !req.ExpiresAt.IsZero() {
		rec.ExpiresAt = roundUp(req.ExpiresAt)
	}
	rec.ExpiresAt = earlier(rec.ExpiresAt, rec.Deadline)
	return rec
}

// same reports whether two records agree in what Update may change.
func same(a, b store.Record) bool {
	return a.ExpiresAt.Equal(b.ExpiresAt) && a.Deadline.Equal(b.Deadline) && maps.Equal(a.Metadata, b.Metadata)
}

// Touch is the verb of that name.
func Touch(env Env, r Reader, req store.TouchRequest) (Change, error) {
	s, err := begin(env, r, req.Subject)
	if err != nil {
		return Change{}, err
	}
	old, err := s.live(req.ID)
	if isDead(err) {
		return Change{}, nil
	}
	if err != nil {
		return Change{}, err
	}
	rec := old.Record.Clone()
	rec.LastSeen = later(rec.LastSeen, milli(s.Now))
	if slid := earlier(roundUp(req.ExpiresAt), rec.Deadline); slid.After(rec.ExpiresAt) {
		rec.ExpiresAt = slid
	}
	if rec.LastSeen.Equal(old.Record.LastSeen) && rec.ExpiresAt.Equal(old.Record.ExpiresAt) {
		return Change{}, nil
	}
	s.put(old, rec, old.Replays)
	return s.finish()
}
