package storecache

import (
	"context"
	"time"

	"github.com/jetonkit/jeton/store"
)

// toy is a store of one session each of ann and bob, "sid", as a story needs it: each call is one step.
type toy struct {
	store.TokenStore // nil: what a story does not need panics
	w                *world
	known            map[string]bool // by subject's name
	revoked          map[string]bool
	expires          time.Time
	fail             error // of writes, which are done all the same
}

func (s *toy) Lookup(_ context.Context, subject store.Subject, ids ...string) (store.State, error) {
	st := store.State{Cut: 1, Now: s.w.now, Entries: make([]store.Entry, len(ids))}
	if ids[0] == "sid" {
		switch {
		case s.revoked[subject.Name]:
			st.Entries[0] = store.Entry{Status: store.Revoked}
		case s.known[subject.Name] && s.expires.After(s.w.now):
			st.Entries[0] = store.Entry{Status: store.Live, Record: store.Record{ID: "sid", Subject: subject, Class: subject.Name, ExpiresAt: s.expires}}
		}
	}
	return st, nil
}

func (s *toy) revoke(name string) error {
	s.revoked[name] = true
	if s.w.listed { // from now on it may be known
		s.w.acked[name], s.w.here[name] = s.w.now, true
	}
	s.w.sched.at("written")
	return s.fail
}

func (s *toy) Revoke(_ context.Context, r store.Revocation) error { return s.revoke(r.Subject.Name) }

func (s *toy) Forget(_ context.Context, subject store.Subject) error { return s.revoke(subject.Name) }

func (s *toy) Update(_ context.Context, r store.UpdateRequest) (store.Record, error) {
	return store.Record{}, s.revoke(r.Subject.Name)
}

func (s *toy) Rotate(_ context.Context, r store.RotateRequest) (store.Rotated, error) {
	return store.Rotated{Outcome: store.Reused}, s.revoke(r.Subject.Name)
}

// Issue with a limit ends the session; without, it begins it.
func (s *toy) Issue(_ context.Context, r store.IssueRequest) (store.Issued, error) {
	if !r.Limit.IsZero() {
		return store.Issued{Evicted: []store.Record{{ID: "sid"}}}, s.revoke(r.Record.Subject.Name)
	}
	s.known[r.Record.Subject.Name] = true
	s.w.sched.at("written")
	return store.Issued{}, s.fail
}

// queue is an engine that keeps what it is given when a move says so, in any order, or never. With one place it answers one
// key's value to another, as no engine should.
type queue struct {
	waiting []pending
	kept    map[uint64]*Answer
	single  bool
}

type pending struct {
	key uint64
	a   *Answer
}

func (q *queue) Get(key uint64) (*Answer, bool) {
	if q.single {
		key = 0
	}
	a, ok := q.kept[key]
	return a, ok
}

func (q *queue) Set(key uint64, a *Answer, _ int64) bool {
	if q.single {
		key = 0
	}
	q.waiting = append(q.waiting, pending{key, a})
	return true
}

func (q *queue) Close() {}

// Del is for the mutant that trusts in it.
func (q *queue) Del() { clear(q.kept) }

// tape is the feed of the other processes.
type tape struct {
	events []store.Event
	told   int
	// trimmed: what was there is there no more, and a follower notices by its next poll.
	trimmed bool
}
