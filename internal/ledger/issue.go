package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// Issue is the verb of that name.
func Issue(env Env, r Reader, req store.IssueRequest) (store.Issued, Change, error) {
	s, err := begin(env, r, req.Record.Subject)
	if err != nil {
		return store.Issued{}, Change{}, err
	}
	out := store.Issued{Now: s.Now}
	old, err := s.get(keyspace.FieldOf(req.Record.ID))
	if err != nil {
		return store.Issued{}, Change{}, err
	}
	switch status, _ := s.status(&s.head, old); status {
	case store.Live:
		if old.Record.Link != req.Record.Link || old.Record.Rotation != 0 {
			return store.Issued{}, Change{}, store.ErrExists
		}
		out.Record = old.Record // the call's own repeat
		return out, Change{}, nil
	case store.Revoked:
		return store.Issued{}, Change{}, store.ErrRevoked
	case store.Unknown:
	}
	if req.IfCut != nil && *req.IfCut != s.head.Cut {
		return store.Issued{}, Change{}, fmt.Errorf("%w: the subject was logged out since the cut was read", store.ErrConflict)
	}
	if !req.Limit.IsZero() {
		if out.Evicted, err = s.enforce(req.Limit, req.Record); err != nil {
			return store.Issued{}, s.cleaning(), err
		}
	}
	out.Record = s.stamp(req.Record)
	s.head.Subject = req.Record.Subject
	s.put(old, out.Record.Clone(), nil)
	c, err := s.finish()
	return out, c, err
}

// stamp makes the new record out of what the caller may give and what the store gives. It comes after the victims of
// the limit, whose marks may have raised the floor above every seq before.
func (s *step) stamp(in store.Record) store.Record {
	rec := store.Record{
		ID: in.ID, Subject: in.Subject, Class: in.Class, Link: in.Link, Binding: in.Binding,
		Seq: s.next(), IssuedAt: s.Now, RotatedAt: milli(s.Now), LastSeen: milli(s.Now),
		ExpiresAt: roundUp(in.ExpiresAt), Deadline: roundUp(in.Deadline),
	}
	if rec.Deadline.IsZero() {
		rec.Deadline = roundUp(s.Now.Add(store.MaxLife))
	}
	rec.ExpiresAt = earlier(rec.ExpiresAt, rec.Deadline)
	if len(in.Metadata) > 0 {
		rec.Metadata = in.Clone().Metadata
	}
	return rec
}

// enforce revokes the records that must give way to rec, or refuses it.
func (s *step) enforce(l store.Limit, rec store.Record) ([]store.Record, error) {
	live, err := s.sessions()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(live, func(a, b store.Record) int {
		first := 0
		if l.Policy == store.EvictLeastRecentlyUsed {
			first = a.LastSeen.Compare(b.LastSeen)
		}
		return cmp.Or(first, a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.ID, b.ID))
	})
	victims := map[string]bool{}
	if l.MaxPerClass > 0 {
		choose(live, victims, l.MaxPerClass, func(r store.Record) bool { return r.Class == rec.Class })
	}
	if l.Max > 0 {
		choose(live, victims, l.Max, func(store.Record) bool { return true })
	}
	if len(victims) == 0 {
		return nil, nil
	}
	if l.Policy == store.Reject {
		return nil, fmt.Errorf("%w: the subject holds as many sessions as its limit allows", store.ErrLimit)
	}
	var evicted []store.Record
	var ids []string
	for _, r := range live {
		if victims[r.ID] {
			evicted = append(evicted, r.Clone())
			ids = append(ids, r.ID)
		}
	}
	return evicted, s.bar(store.ReasonEvicted, ids...)
}

// choose adds victims, the first of live first, until one more record fits into most.
func choose(live []store.Record, victims map[string]bool, most int, counts func(store.Record) bool) {
	n := 1
	for _, r := range live {
		if counts(r) && !victims[r.ID] {
			n++
		}
	}
	for _, r := range live {
		if n <= most {
			return
		}
		if counts(r) && !victims[r.ID] {
			victims[r.ID] = true
			n--
		}
	}
}

// sessions returns the live records of a ledger that is small enough to judge. From a larger one it removes what is dead
// among the entries that it may look at, records behind a young cut too: or nobody could log in for a while who had many
// sessions and has logged out everywhere.
func (s *step) sessions() ([]store.Record, error) {
	most := store.MaxLimit + s.MaxMarks
	entries, err := s.r.Scan(keyspace.Field{}, most+1)
	if err != nil {
		return nil, err
	}
	tooMany := len(entries) > most
	var live []store.Record
	for i := range entries {
		en := &entries[i]
		if status, _ := s.status(&s.head, en); status == store.Live {
			en.Record.Subject = s.subject
			live = append(live, en.Record)
		} else if s.removable(en) || (tooMany && en.Mark == nil) {
			s.set(en.Field, en, nil)
		}
	}
	if tooMany {
		return nil, fmt.Errorf("%w: the subject holds more than %d entries, too many to limit: issue without a limit, or revoke All and "+
			"try again until it passes, since each attempt removes some of the dead", store.ErrLimit, most)
	}
	return live, nil
}

// cleaning returns what a refused Issue may still change: the removal of what is dead, which nobody can see, so that a
// ledger too large to judge does not stay so.
func (s *step) cleaning() Change {
	if len(s.order) == 0 {
		return Change{}
	}
	c, err := s.finish()
	if err != nil {
		return Change{}
	}
	return c
}
