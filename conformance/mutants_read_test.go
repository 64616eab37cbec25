package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// unguarded notes the cut before certain revocations, and lets a login pass that is guarded by it.
func unguarded(kind func(r store.Revocation) bool, forgets bool) hooks {
	note := func(s *handle, subject store.Subject) {
		st, _ := s.w.Lookup(background, subject)
		s.w.set("guard", key(subject, ""), st.Cut)
	}
	h := issueIn(func(s *handle, r *store.IssueRequest) {
		if old, ok := s.w.get("guard", key(r.Record.Subject, "")).(uint64); ok && r.IfCut != nil && *r.IfCut == old {
			r.IfCut = nil
		}
	})
	h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
		if kind(r) {
			note(s, r.Subject)
		}
		return s.w.Revoke(ctx, r)
	}
	if forgets {
		h.forget = func(s *handle, ctx context.Context, subject store.Subject) error {
			note(s, subject)
			return s.w.Forget(ctx, subject)
		}
	}
	return h
}

var guardMutants = []mutant{
	{"guard/fresh-subject", "the first Issue of a subject is not guarded", issueIn(func(s *handle, r *store.IssueRequest) {
		if len(s.w.past(r.Record.Subject)) == 0 {
			r.IfCut = nil
		}
	})},
	{"guard/all", "All does not trip the guard", unguarded(func(r store.Revocation) bool { return r.All }, false)},
	{"guard/others", "Others does not trip the guard", unguarded(func(r store.Revocation) bool { return r.Others != nil }, false)},
	{"guard/forget", "Forget does not trip the guard", unguarded(func(store.Revocation) bool { return false }, true)},
	{"guard/cuts-alone", "an eviction trips the guard", hooks{
		issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
			out, err := s.w.Issue(ctx, r)
			if len(out.Evicted) > 0 {
				s.w.set("evicted", key(r.Record.Subject, ""), true)
			}
			if s.w.get("evicted", key(r.Record.Subject, "")) != nil && r.IfCut != nil {
				err = store.ErrConflict
			}
			return out, err
		},
	}},
	{"guard/after-liveness", "the guard is judged first", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if st, _ := s.w.Lookup(ctx, r.Record.Subject); r.IfCut != nil && *r.IfCut != st.Cut {
			return store.Issued{}, store.ErrConflict
		}
		return s.w.Issue(ctx, r)
	}}},
	{"guard/before-limit", "the limit is applied before the guard", issueIn(func(s *handle, r *store.IssueRequest) {
		if live := s.w.alive(r.Record.Subject); r.IfCut != nil && r.Limit.Max > 0 && len(live) >= r.Limit.Max {
			s.evict(live[0])
		}
	})},
	{"guard/after-a-sweep", "a swept ledger has no guard", func() hooks {
		h := issueIn(func(s *handle, r *store.IssueRequest) {
			if s.w.get("swept", "") != nil {
				r.IfCut = nil
			}
		})
		h.sweep = func(s *handle, ctx context.Context) (store.Swept, error) {
			if err := s.ready(ctx); err != nil {
				return store.Swept{}, err
			}
			got, err := s.w.Sweep(ctx)
			if got.Ledgers > 0 {
				s.w.set("swept", "", true)
			}
			return got, err
		}
		return h
	}()},
}

var lookupMutants = []mutant{
	{"lookup/unknown", "an unknown id has a reason", entryOut(func(_ *handle, _ store.Subject, id string, en *store.Entry, _ store.State) {
		if en.Status == store.Unknown && id == "nothing" {
			en.Reason = store.ReasonUnknown
		}
	})},
	{"lookup/positions", "an id asked twice is answered once", hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		st, err := s.w.Lookup(ctx, subject, ids...)
		for i := range st.Entries {
			if slices.Contains(ids[:i], ids[i]) {
				st.Entries[i] = store.Entry{}
			}
		}
		return st, err
	}}},
	{"lookup/limits", "257 ids are asked in two calls", hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		st, err := s.w.Lookup(ctx, subject, ids[:min(len(ids), store.MaxIDs)]...)
		if len(ids) > store.MaxIDs {
			st.Entries = append(st.Entries, make([]store.Entry, len(ids)-store.MaxIDs)...)
		}
		return st, err
	}}},
	{"lookup/dead-records", "a marked id still has its record", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Revoked && en.Reason != store.ReasonCut {
				en.Record = old
			}
		}
	})},
	{"lookup/read-only", "Lookup touches", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		if en.Status == store.Live {
			_ = s.w.Touch(background, store.TouchRequest{Subject: subject, ID: id})
		}
	})},
	{"lookup/clock", "List tells no time", listOut(func(_ *handle, _ store.Subject, _ store.Page, out *store.Records) { out.Now = time.Time{} })},
	{"lookup/stamp", "an answer is good for a minute, whatever happens", lookupOut(func(_ *handle, _ store.Subject, st *store.State) { st.Stamp = alwaysValid() })},
}

var listMutants = []mutant{
	{"list/newest-first", "List goes by the last refresh", listOut(func(_ *handle, _ store.Subject, _ store.Page, out *store.Records) {
		slices.SortStableFunc(out.Items, func(a, b store.Record) int { return b.RotatedAt.Compare(a.RotatedAt) })
	})},
	{"list/pages", "the last of several pages loses its last record", listOut(func(_ *handle, _ store.Subject, p store.Page, out *store.Records) {
		if p.Cursor != "" && out.Next == "" && len(out.Items) > 0 {
			out.Items = out.Items[:len(out.Items)-1]
		}
	})},
	{"list/ties", "a cursor is a time", func() hooks {
		return listOut(func(s *handle, _ store.Subject, p store.Page, out *store.Records) {
			if at, ok := s.w.get("cursor", p.Cursor).(time.Time); ok {
				out.Items = slices.DeleteFunc(out.Items, func(r store.Record) bool { return r.IssuedAt.Equal(at) })
			}
			if n := len(out.Items); n > 0 && out.Next != "" {
				s.w.set("cursor", out.Next, out.Items[n-1].IssuedAt)
			}
		})
	}()},
	{"list/pages-meanwhile", "a cursor is a number of records", hooks{list: func(s *handle, ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
		out, err := s.w.List(ctx, subject, store.Page{Limit: p.Limit})
		var from int
		if _, scan := fmt.Sscanf(p.Cursor, "n%d", &from); err != nil || scan != nil && p.Cursor != "" {
			return s.w.List(ctx, subject, p)
		}
		all := s.w.alive(subject)
		slices.Reverse(all)
		from = min(from, len(all))
		to := min(from+p.Size(), len(all))
		out.Items, out.Next = all[from:to], ""
		if to < len(all) {
			out.Next = fmt.Sprintf("n%d", to)
		}
		return out, nil
	}}},
	{"list/live-only", "evicted sessions are listed", listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		for _, old := range s.w.past(subject) {
			if s.w.peek(subject, old.ID).Reason == store.ReasonEvicted {
				out.Items = append(out.Items, old)
			}
		}
	})},
	{"list/nothing-hidden", "the list keeps the last 14", listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		if all := s.w.alive(subject); len(all) == 15 {
			out.Items = slices.DeleteFunc(out.Items, func(r store.Record) bool { return r.ID == all[0].ID })
		}
	})},
	{"list/default-page", "the default page is 50", hooks{list: func(s *handle, ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
		if p.Limit == 0 {
			p.Limit = 50
		}
		return s.w.List(ctx, subject, p)
	}}},
	{"list/limits", "a Limit above 1000 is lowered to it", hooks{list: func(s *handle, ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
		p.Limit = min(p.Limit, store.MaxPage)
		return s.w.List(ctx, subject, p)
	}}},
}
