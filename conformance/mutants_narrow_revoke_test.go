package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// revoking runs note around a Revoke that the right store took.
func revoking(note func(s *handle, r store.Revocation, before store.State)) hooks {
	return hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		ids := r.IDs
		if r.Check() != nil {
			ids = nil
		}
		before := s.before(r.Subject, ids...)
		err := s.w.Revoke(ctx, r)
		if err == nil {
			note(s, r, before)
		}
		return err
	}}
}

// spared tells a dead session as live.
func spared(s *handle, subject store.Subject, id string, en *store.Entry) {
	for _, old := range s.w.past(subject) {
		if old.ID == id {
			*en = store.Entry{Status: store.Live, Record: old}
		}
	}
}

// othersOps takes a cut for a repeat of one of the other verb.
func othersOps(of func(store.Revocation) bool) hooks {
	return hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		k := key(r.Subject, string(r.Op[:]))
		all, known := s.w.get("op", k).(bool)
		if r.Op != (store.Op{}) && known && all != r.All && of(r) {
			return nil
		}
		s.w.set("op", k, r.All)
		return s.w.Revoke(ctx, r)
	}}
}

var narrowRevokeMutants = []mutant{
	{"revoke/ids", "the reason for several sessions is not kept", revokeIn(func(s *handle, r *store.Revocation) {
		live := 0
		for _, id := range r.IDs {
			if r.Check() == nil && s.w.peek(r.Subject, id).Status == store.Live {
				live++
			}
		}
		if live > 1 {
			r.Reason = ""
		}
	})},
	{"revoke/unknown-ids", "an unknown id of a foreign subject is not marked", revokeIn(func(s *handle, r *store.Revocation) {
		if r.Check() == nil && len(r.IDs) == 1 && r.Subject.Issuer != "" && s.w.peek(r.Subject, r.IDs[0]).Status == store.Unknown {
			*r = store.Revocation{Subject: r.Subject, Others: &store.Others{Class: "nobody has this one"}}
		}
	})},
	{"revoke/many-ids", "of many ids those behind one that came twice are lost", revokeIn(func(_ *handle, r *store.Revocation) {
		for i, id := range r.IDs {
			if len(r.IDs) > 200 && r.Check() == nil && slices.Contains(r.IDs[:i], id) {
				r.IDs = r.IDs[:i]
				return
			}
		}
	})},
	{"revoke/outlives-expiry", "the mark of a reuse ends with its session", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Reason == store.ReasonReuse && !old.ExpiresAt.After(st.Now) {
				*en = store.Entry{}
			}
		}
	})},
	{"revoke/remarked", "revoking a marked id again lifts the mark a little later", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		for i, en := range before.Entries {
			if en.Status == store.Revoked && en.Reason != store.ReasonCut {
				s.w.set("remarked", key(r.Subject, r.IDs[i]), before.Now)
			}
		}
	}), entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		if at, ok := s.w.get("remarked", key(subject, id)).(time.Time); ok && st.Now.After(at.Add(time.Minute)) && en.Status == store.Revoked {
			*en = store.Entry{}
		}
	}))},
	{"revoke/all", "the time of an All with a reason is an hour early", both(revoking(func(s *handle, r store.Revocation, _ store.State) {
		if r.All && r.Reason != "" {
			s.w.set("early", key(r.Subject, ""), true)
		}
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if s.w.get("early", key(subject, "")) != nil {
			st.CutTime = st.CutTime.Add(-time.Hour)
		}
	}))},
	{"revoke/others", "Others touches the kept session", entryOut(func(_ *handle, _ store.Subject, id string, en *store.Entry, st store.State) {
		if en.Status == store.Live && id == st.Keep && en.Record.Rotation == 0 {
			en.Record.LastSeen = en.Record.LastSeen.Add(time.Second)
		}
	})},
	{"revoke/any-number", "a session that the cut killed among hundreds is listed", listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		past := s.w.past(subject)
		if len(past) > 300 && len(s.w.alive(subject)) == 0 && s.w.peek(subject, past[0].ID).Reason == store.ReasonCut {
			out.Items = past[:1]
		}
	})},
	{"revoke/others-tokens", "the kept session's mark is not told", entryOut(func(_ *handle, _ store.Subject, id string, en *store.Entry, st store.State) {
		if en.Status == store.Revoked && id == st.Keep && en.Reason != store.ReasonCut {
			*en = store.Entry{}
		}
	})},
	{"revoke/others-changed", "the session kept before lives on", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		if r.Others != nil && r.Others.Class == "" && before.Keep != "" && before.Keep != r.Others.Keep {
			s.w.set("kept before", key(r.Subject, before.Keep), true)
		}
	}), entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		if en.Reason == store.ReasonCut && st.Keep != "" && s.w.get("kept before", key(subject, id)) != nil {
			spared(s, subject, id, en)
		}
	}))},
	{"revoke/all-ends-keep", "All leaves Keep", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		if r.All && before.Keep != "" {
			s.w.set("keep", key(r.Subject, ""), before)
		}
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if was, ok := s.w.get("keep", key(subject, "")).(store.State); ok && st.Keep == "" {
			st.Keep, st.KeptCut = was.Keep, was.KeptCut
		}
	}))},
	{"revoke/class", "a class without Keep is every class", revokeIn(func(s *handle, r *store.Revocation) {
		if r.Others == nil || r.Others.Keep != "" {
			return
		}
		if slices.ContainsFunc(s.w.alive(r.Subject), func(rec store.Record) bool { return rec.Class != r.Others.Class }) && r.Others.Class == "web" {
			*r = store.Revocation{Subject: r.Subject, All: true}
		}
	})},
	{"revoke/overflow", "the session whose mark raises the floor lives on", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		if len(r.IDs) == 1 && before.Entries[0].Status == store.Live && s.before(r.Subject).Floor != before.Floor {
			s.w.set("spared", key(r.Subject, r.IDs[0]), true)
		}
	}), entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		if s.w.get("spared", key(subject, id)) != nil {
			spared(s, subject, id, en)
		}
	}))},
	{"revoke/up-to-the-bound", "an id marked again needs room", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		n, _ := s.w.get("marks", key(r.Subject, "")).(int)
		n += len(r.IDs)
		if s.w.set("marks", key(r.Subject, ""), n); n > store.DefaultMaxMarks && len(r.IDs) == 1 && before.Entries[0].Status == store.Revoked {
			s.w.set("raised", key(r.Subject, ""), true)
		}
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if st.Floor == 0 && s.w.get("raised", key(subject, "")) != nil {
			st.Floor = 1
		}
	}))},
	{"revoke/expired-marks-make-room", "marks that have ended count", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		n, _ := s.w.get("marks", key(r.Subject, "")).(int)
		for _, en := range before.Entries {
			if en.Status != store.Revoked {
				n++
			}
		}
		s.w.set("marks", key(r.Subject, ""), n)
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if n, _ := s.w.get("marks", key(subject, "")).(int); n > store.DefaultMaxMarks && st.Floor == 0 {
			st.Floor = 1
		}
	}))},
	{"revoke/times-never-fall", "CutTime follows the clock back", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		if r.All {
			s.w.set("cut at", key(r.Subject, ""), before.Now)
		}
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if at, ok := s.w.get("cut at", key(subject, "")).(time.Time); ok {
			st.CutTime = at
		}
	}))},
	{"revoke/times-never-fall", "FloorTime follows the clock back", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		if s.before(r.Subject).Floor != before.Floor {
			s.w.set("floor at", key(r.Subject, ""), before.Now)
		}
	}), lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if at, ok := s.w.get("floor at", key(subject, "")).(time.Time); ok {
			st.FloorTime = at
		}
	}))},
	{"revoke/marks-on-a-clock-set-back", "a mark lasts from the clock's time on", both(revoking(func(s *handle, r store.Revocation, before store.State) {
		for i, en := range before.Entries {
			if en.Status != store.Revoked {
				s.w.set("marked at", key(r.Subject, r.IDs[i]), before.Now)
			}
		}
	}), entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		at, ok := s.w.get("marked at", key(subject, id)).(time.Time)
		if ok && en.Status == store.Revoked && en.Reason != store.ReasonCut && st.Now.After(at.Add(store.DefaultMaxTokenLife+store.MarkMargin)) {
			*en = store.Entry{}
		}
	}))},
	{"revoke/class-repeat", "the Op of a class is known", hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		k := key(r.Subject, string(r.Op[:]))
		if r.Others != nil && r.Others.Class != "" && r.Op != (store.Op{}) {
			if s.w.get("class", k) != nil {
				return nil
			}
			s.w.set("class", k, true)
		}
		return s.w.Revoke(ctx, r)
	}}},
	{"revoke/op-of-another-verb", "All is a repeat of the Others of its Op", othersOps(func(r store.Revocation) bool { return r.All })},
	{"revoke/op-of-another-verb", "Others is a repeat of the All of its Op", othersOps(func(r store.Revocation) bool { return r.Others != nil })},
	{"forget/kills", "Forget of ann, who kept a session, forgets bob", hooks{forget: func(s *handle, ctx context.Context, subject store.Subject) error {
		bob := store.User("bob")
		if s.before(subject).Keep != "" && len(s.w.alive(bob)) > 0 {
			_ = s.w.Forget(ctx, bob)
		}
		return s.w.Forget(ctx, subject)
	}}},
	{"forget/repeat", "Forget of nobody is an error", hooks{forget: func(s *handle, ctx context.Context, subject store.Subject) error {
		if subject.Check() == nil && len(s.w.past(subject)) == 0 {
			return store.ErrNotFound
		}
		return s.w.Forget(ctx, subject)
	}}},
	{"revoke/live-is-not-enough", "of a session that lives by its record alone Lookup tells no cut", lookupOut(func(_ *handle, _ store.Subject, st *store.State) {
		if len(st.Entries) > 0 && st.Entries[0].Status == store.Live && st.Keep == "" {
			st.Cut = 0
		}
	})},
	{"revoke/live-is-not-enough", "of the kept session Lookup tells no kept cut", entryLive(func(st *store.State, rec store.Record) {
		if rec.ID == st.Keep {
			st.KeptCut = 0
		}
	})},
}
