package conformance

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// keepsOps lets a store know only some of the Ops of cuts: the rest it takes for new.
func keepsOps(of func(r store.Revocation) bool, behind int) hooks {
	return revokeIn(func(s *handle, r *store.Revocation) {
		ops, _ := s.w.get("ops", key(r.Subject, "")).([]store.Op)
		i := slices.Index(ops, r.Op)
		known := i >= 0 && len(ops)-1-i <= behind
		if r.Op == (store.Op{}) {
			r.Op = store.NewOp()
		}
		if len(r.IDs) == 0 && !known {
			s.w.set("ops", key(r.Subject, ""), append(ops, r.Op))
		}
		if of(*r) && i >= 0 && !known {
			r.Op = store.NewOp()
		}
	})
}

var revokeMutants = []mutant{
	{"revoke/ids", "reasons are not kept", revokeIn(func(_ *handle, r *store.Revocation) {
		if len(r.Reason) <= store.MaxReasonLen {
			r.Reason = ""
		}
	})},
	{"revoke/unknown-ids", "only sessions can be revoked", revokeIn(func(s *handle, r *store.Revocation) {
		if r.Check() == nil && len(r.IDs) == 1 && s.w.peek(r.Subject, r.IDs[0]).Status == store.Unknown {
			*r = store.Revocation{Subject: r.Subject, Others: &store.Others{Class: "nobody has this one"}}
		}
	})},
	{"revoke/first-reason", "the last reason counts", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if reason, ok := s.w.get("reason", key(subject, id)).(string); ok && en.Status == store.Revoked {
				en.Reason = reason
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			err := s.w.Revoke(ctx, r)
			for _, id := range r.IDs {
				if err == nil {
					s.w.set("reason", key(r.Subject, id), r.Reason)
				}
			}
			return err
		}
		return h
	}()},
	{"revoke/many-ids", "one call revokes 200 ids", revokeIn(func(_ *handle, r *store.Revocation) {
		if r.Check() == nil {
			r.IDs = r.IDs[:min(200, len(r.IDs))]
		}
	})},
	{"revoke/bad-input", "ids beside All are passed over", revokeIn(func(_ *handle, r *store.Revocation) {
		if r.All {
			r.IDs = nil
		}
	})},
	{"revoke/outlives-expiry", "a mark ends with its session", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Revoked && !old.ExpiresAt.After(st.Now) {
				*en = store.Entry{}
			}
		}
	})},
	{"revoke/outlives-expiry", "marks last an hour", hooks{
		options: func(o *memstore.Options) { o.MaxTokenLife /= 24 },
		caps:    func(c store.Capabilities) store.Capabilities { c.MaxTokenLife *= 24; return c },
	}},
	{"revoke/remarked", "revoking again lifts the mark a little later", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
			if at, ok := s.w.get("remarked", key(subject, id)).(int64); ok && st.Now.Unix() > at+60 && en.Status == store.Revoked {
				*en = store.Entry{}
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			for _, id := range r.IDs {
				if r.Check() == nil && s.w.peek(r.Subject, id).Status == store.Revoked {
					s.w.set("remarked", key(r.Subject, id), s.w.clock.Now().Unix())
				}
			}
			return s.w.Revoke(ctx, r)
		}
		return h
	}()},
	{"revoke/marks-end", "a mark lasts for ever", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if reason, ok := s.w.get("marks", key(subject, id)).(string); ok && en.Status == store.Unknown && s.w.get("floor", key(subject, "")) == nil {
				*en = store.Entry{Status: store.Revoked, Reason: reason}
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			err := s.w.Revoke(ctx, r)
			for _, id := range r.IDs {
				if err == nil {
					s.w.set("marks", key(r.Subject, id), r.Reason)
				}
			}
			return err
		}
		return h
	}()},
	{"revoke/all", "All spares the sessions of its own instant", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Reason == store.ReasonCut && old.IssuedAt.Equal(st.CutTime) && st.Keep == "" {
				*en = store.Entry{Status: store.Live, Record: old}
			}
		}
	})},
	{"revoke/all-tokens", "the cut is told only with sessions", lookupOut(func(_ *handle, _ store.Subject, st *store.State) {
		if len(st.Entries) == 1 && st.Entries[0].Status == store.Unknown {
			st.CutTime = st.CutTime.Add(-1 << 40)
		}
	})},
	{"revoke/order-not-clocks", "a login is compared with the cut by the clock too", entryOut(func(_ *handle, _ store.Subject, id string, en *store.Entry, st store.State) {
		if en.Status == store.Live && en.Record.IssuedAt.Before(st.CutTime) && id != st.Keep {
			*en = store.Entry{Status: store.Revoked, Reason: store.ReasonCut}
		}
	})},
	{"revoke/any-number", "All of more than 300 is too large", hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		if r.All && len(s.w.alive(r.Subject)) > 300 {
			return store.ErrTooLarge
		}
		return s.w.Revoke(ctx, r)
	}}},
	{"revoke/others", "Keep is not told", lookupOut(func(_ *handle, _ store.Subject, st *store.State) { st.Keep = "" })},
	{"revoke/others-tokens", "the kept cut is the cut", lookupOut(func(_ *handle, _ store.Subject, st *store.State) {
		if len(st.Entries) > 0 {
			st.KeptCut = st.Cut
		}
	})},
	{"revoke/others-again", "keeping again moves the kept cut", func() hooks {
		h := lookupOut(func(s *handle, subject store.Subject, st *store.State) {
			if cut, ok := s.w.get("kept", key(subject, st.Keep)).(uint64); ok && cut != 0 {
				st.KeptCut = cut
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			st, _ := s.w.Lookup(background, r.Subject)
			err := s.w.Revoke(ctx, r)
			if after, _ := s.w.Lookup(background, r.Subject); r.Others != nil && st.Keep == r.Others.Keep && after.Cut != st.Cut {
				s.w.set("kept", key(r.Subject, st.Keep), st.Cut)
			}
			return err
		}
		return h
	}()},
	{"revoke/others-changed", "keeping another leaves the kept cut", lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if first, ok := s.w.get("first", key(subject, "")).(uint64); ok && st.Keep != "" && first != st.KeptCut {
			st.KeptCut = first
		} else if st.Keep != "" {
			s.w.set("first", key(subject, ""), st.KeptCut)
		}
	})},
	{"revoke/all-ends-keep", "All leaves Keep", lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if kept, ok := s.w.get("keep", key(subject, "")).(store.State); ok && st.Keep == "" {
			st.Keep, st.KeptCut = kept.Keep, kept.KeptCut
		} else if st.Keep != "" {
			s.w.set("keep", key(subject, ""), *st)
		}
	})},
	{"revoke/others-dead-keep", "Others than an unknown session is All", hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		err := s.w.Revoke(ctx, r)
		if errors.Is(err, store.ErrNotFound) && r.Others.Class == "web" {
			_ = s.w.Revoke(ctx, store.Revocation{Subject: r.Subject, All: true})
		}
		return err
	}}},
	{"revoke/class", "a class without Keep is every class", revokeIn(func(_ *handle, r *store.Revocation) {
		if r.Others != nil && r.Others.Keep == "" && r.Others.Class == "web" {
			*r = store.Revocation{Subject: r.Subject, All: true}
		}
	})},
	{"revoke/all-repeat", "the Op of the last cut alone is known", keepsOps(func(r store.Revocation) bool { return r.All }, 0)},
	{"revoke/others-repeat", "the Ops of the last three cuts alone are known", keepsOps(func(r store.Revocation) bool { return r.Others != nil }, 2)},
	{"revoke/new-op", "the Ops of ids are known too", hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		if len(r.IDs) > 0 {
			s.w.set("ops", key(r.Subject, string(r.Op[:])), true)
		} else if r.Op != (store.Op{}) && s.w.get("ops", key(r.Subject, string(r.Op[:]))) != nil {
			return nil
		}
		return s.w.Revoke(ctx, r)
	}}},
	{"revoke/overflow", "the oldest mark gives way", lookupOut(func(_ *handle, _ store.Subject, st *store.State) { st.Floor = 0 })},
	{"revoke/overflow", "too many marks are an error", hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		before, _ := s.w.Lookup(background, r.Subject)
		err := s.w.Revoke(ctx, r)
		if after, _ := s.w.Lookup(background, r.Subject); after.Floor != before.Floor {
			return store.ErrTooLarge
		}
		return err
	}}},
	{"revoke/up-to-the-bound", "one mark less is kept", hooks{options: func(o *memstore.Options) { o.MaxMarks = store.DefaultMaxMarks - 1 }}},
	{"revoke/expired-marks-make-room", "marks that have ended count", func() hooks {
		h := lookupOut(func(s *handle, subject store.Subject, st *store.State) {
			if n, _ := s.w.get("marks", key(subject, "")).(int); n > store.DefaultMaxMarks && st.Floor == 0 {
				st.Floor = 1
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			n, _ := s.w.get("marks", key(r.Subject, "")).(int)
			s.w.set("marks", key(r.Subject, ""), n+len(r.IDs))
			return s.w.Revoke(ctx, r)
		}
		return h
	}()},
}

func forgetOut(f func(s *handle, subject store.Subject)) hooks {
	return hooks{forget: func(s *handle, ctx context.Context, subject store.Subject) error {
		err := s.w.Forget(ctx, subject)
		if err == nil {
			f(s, subject)
			s.w.set("forgotten", key(subject, ""), true)
		}
		return err
	}}
}

func nothing(*handle, store.Subject) {}

var forgetMutants = []mutant{
	{"forget/kills", "Forget of ann forgets bob", forgetOut(func(s *handle, _ store.Subject) { _ = s.w.Forget(background, store.User("bob")) })},
	{"forget/erases", "a forgotten record can be read", both(forgetOut(nothing), entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Unknown && s.w.get("forgotten", key(subject, "")) != nil {
				*en = store.Entry{Status: store.Revoked, Reason: store.ReasonCut, Record: old}
			}
		}
	}))},
	{"forget/marks-stay", "Forget forgets marks", both(forgetOut(nothing), entryOut(func(s *handle, subject store.Subject, _ string, en *store.Entry, _ store.State) {
		if en.Status == store.Revoked && s.w.get("forgotten", key(subject, "")) != nil {
			*en = store.Entry{}
		}
	}))},
	{"forget/unlisted", "a forgotten subject stays listed", hooks{
		subjects: func(s *handle, ctx context.Context) iter.Seq2[store.Subject, error] {
			return func(yield func(store.Subject, error) bool) {
				for subject, err := range s.w.Subjects(ctx) {
					if !yield(subject, err) {
						return
					}
				}
				if forgotten, ok := s.w.get("name", "").(store.Subject); ok {
					yield(forgotten, nil)
				}
			}
		},
		forget: func(s *handle, ctx context.Context, subject store.Subject) error {
			s.w.set("name", "", subject)
			return s.w.Forget(ctx, subject)
		},
	}},
	{"forget/repeat", "Forget of nobody is an error", hooks{forget: func(s *handle, ctx context.Context, subject store.Subject) error {
		if len(s.w.alive(subject)) == 0 && subject.Check() == nil && ctx.Err() == nil {
			return store.ErrNotFound
		}
		return s.w.Forget(ctx, subject)
	}}},
}
