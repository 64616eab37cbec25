package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// The narrow mutants break a clause only under the circumstances of the one rule that is about it, as a bug at the edge
// of a program does: so that each rule is seen to find what no other rule finds.

// sole is the one live session of a subject; zero if there are none or several.
func (w *world) sole(s store.Subject) store.Record {
	if live := w.alive(s); len(live) == 1 {
		return live[0]
	}
	return store.Record{}
}

// before is what the right store knows of a subject and its ids before a call.
func (s *handle) before(subject store.Subject, ids ...string) store.State {
	st, _ := s.w.Lookup(background, subject, ids...)
	return st
}

// oneInstant tells whether all live sessions, oldest first, were issued at once.
func oneInstant(live []store.Record) bool {
	return len(live) > 0 && live[0].IssuedAt.Equal(live[len(live)-1].IssuedAt)
}

var narrowIssueMutants = []mutant{
	{"issue/order", "from the tenth login of an instant on Seq counts down", issueOut(func(s *handle, r store.IssueRequest, out *store.Issued) {
		if live := s.w.alive(r.Record.Subject); len(live) > 10 && oneInstant(live) && r.Record.Metadata == nil {
			out.Record.Seq = 1<<62 - out.Record.Seq
		}
	})},
	{"issue/default-deadline", "a zero Deadline is a second short of ten years", issueIn(func(s *handle, r *store.IssueRequest) {
		if r.Record.Deadline.IsZero() {
			r.Record.Deadline = s.w.clock.Now().Add(store.MaxLife - time.Second)
		}
	})},
	{"issue/held-id", "an Issue refused for its id moves the Version of the record of another class", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if held := s.w.peek(r.Record.Subject, r.Record.ID).Record; errors.Is(err, store.ErrExists) && r.Record.Class != "" && held.Class != r.Record.Class {
			_, _ = s.w.Update(ctx, store.UpdateRequest{Subject: held.Subject, ID: held.ID, Version: held.Version})
		}
		return out, err
	}}},
	{"issue/own-repeat", "a repeat applies the limit once more", issueIn(func(s *handle, r *store.IssueRequest) {
		live := s.w.alive(r.Record.Subject)
		if held := s.w.peek(r.Record.Subject, r.Record.ID).Record; held.Link == r.Record.Link && r.Limit.Max > 0 && len(live) > r.Limit.Max {
			s.evict(live[0])
		}
	})},
	{"issue/marked-id", "an id that was revoked before anybody issued it is free", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		known := slices.ContainsFunc(s.w.past(r.Record.Subject), func(old store.Record) bool { return old.ID == r.Record.ID })
		if errors.Is(err, store.ErrRevoked) && !known {
			return store.Issued{Record: r.Record}, nil
		}
		return out, err
	}}},
	{"issue/expired-id", "the metadata of an expired record stay under its id", issueOut(func(s *handle, r store.IssueRequest, out *store.Issued) {
		for _, old := range s.w.past(r.Record.Subject) {
			if old.ID == r.Record.ID && old.Seq != out.Record.Seq && out.Record.Metadata == nil {
				out.Record.Metadata = old.Metadata
			}
		}
	})},
}

var narrowLimitMutants = []mutant{
	{"limit/reject", "Reject knows no classes", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Limit.Policy == store.Reject {
			r.Limit.MaxPerClass = 0
		}
	})},
	{"limit/lowered", "one Issue evicts three at most", issueIn(func(s *handle, r *store.IssueRequest) {
		live := s.w.alive(r.Record.Subject)
		if over := len(live) + 1 - r.Limit.Max; r.Limit.Max > 0 && r.Limit.Policy != store.Reject && over == 4 && !oneInstant(live) {
			r.Limit.Max++
		}
	})},
	{"limit/too-large-passes", "a ledger that was too large to judge stays so", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		was := len(s.w.past(r.Record.Subject)) > store.MaxLimit+store.DefaultMaxMarks
		if was && r.Limit.Max > 0 && len(s.w.alive(r.Record.Subject)) == 0 {
			return store.Issued{}, store.ErrLimit
		}
		return s.w.Issue(ctx, r)
	}}},
	{"limit/ties", "of several victims of one instant the highest ids give way", issueIn(func(s *handle, r *store.IssueRequest) {
		live := s.w.alive(r.Record.Subject)
		if r.Limit.Max == 0 || len(live)+1-r.Limit.Max != 3 || r.Limit.Policy == store.Reject || !oneInstant(live) {
			return
		}
		slices.SortFunc(live, func(a, b store.Record) int { return strings.Compare(b.ID, a.ID) })
		for _, victim := range live[:3] {
			s.evict(victim)
		}
	})},
	{"limit/too-large-passes", "an attempt removes one dead entry", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		k := key(r.Record.Subject, "")
		left, known := s.w.get("left", k).(int)
		if !known {
			left = len(s.w.past(r.Record.Subject)) - store.MaxLimit - store.DefaultMaxMarks
		}
		if r.Limit.Max > 0 && left > 0 && len(s.w.alive(r.Record.Subject)) == 0 {
			s.w.set("left", k, left-1)
			return store.Issued{}, store.ErrLimit
		}
		return s.w.Issue(ctx, r)
	}}},
}

// staleGuard takes the cut that a login read while one session lived for the one of now, until something else than All
// has moved it.
func staleGuard() hooks {
	const table = "stale guard"
	forget := func(s *handle) { s.w.set(table, "", nil) }
	h := lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if len(st.Entries) == 0 && len(s.w.alive(subject)) == 1 && s.w.refs.Load() == 1 {
			s.w.set(table, "", st.Cut)
		}
	})
	h.issue = func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if cut, ok := s.w.get(table, "").(uint64); ok && r.IfCut != nil && *r.IfCut == cut {
			r.IfCut = nil
		}
		return s.w.Issue(ctx, r)
	}
	h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
		if !r.All {
			forget(s)
		}
		return s.w.Revoke(ctx, r)
	}
	h.forget = func(s *handle, ctx context.Context, subject store.Subject) error {
		forget(s)
		return s.w.Forget(ctx, subject)
	}
	h.sweep = func(s *handle, ctx context.Context) (store.Swept, error) {
		if err := s.ready(ctx); err != nil {
			return store.Swept{}, err
		}
		forget(s)
		return s.w.Sweep(ctx)
	}
	return h
}

var narrowReadMutants = []mutant{
	{"guard/all", "All does not trip the guard of a login beside one session", staleGuard()},
	{"lookup/read-only", "List touches the session that is alone", listOut(func(s *handle, subject store.Subject, _ store.Page, _ *store.Records) {
		if rec := s.w.sole(subject); rec.Class == "" && rec.Rotation == 0 && rec.Version == 0 && rec.ID != "" {
			_ = s.w.Touch(background, store.TouchRequest{Subject: subject, ID: rec.ID})
		}
	})},
	{"list/pages", "the last page of seven records loses its last one", listOut(func(s *handle, subject store.Subject, p store.Page, out *store.Records) {
		live := s.w.alive(subject)
		if n := len(out.Items); p.Cursor != "" && out.Next == "" && n > 0 && len(live) == 7 && !oneInstant(live) {
			out.Items = out.Items[:n-1]
		}
	})},
	{"list/ties", "the cursor of a page of one or two is a time", listOut(func(s *handle, _ store.Subject, p store.Page, out *store.Records) {
		if at, ok := s.w.get("cursor", p.Cursor).(time.Time); ok {
			out.Items = slices.DeleteFunc(out.Items, func(r store.Record) bool { return r.IssuedAt.Equal(at) })
		}
		if n := len(out.Items); n > 0 && out.Next != "" && p.Size() <= 2 {
			s.w.set("cursor", out.Next, out.Items[n-1].IssuedAt)
		}
	})},
	{"list/live-only", "evicted sessions of a class are listed", listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		for _, old := range s.w.past(subject) {
			if old.Class != "" && s.w.peek(subject, old.ID).Reason == store.ReasonEvicted {
				out.Items = append(out.Items, old)
			}
		}
	})},
	{"list/nothing-hidden", "the list lacks the first of fifteen logins", listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		if all := s.w.alive(subject); len(all) == 15 && len(s.w.past(subject)) == 15 {
			out.Items = slices.DeleteFunc(out.Items, func(r store.Record) bool { return r.ID == all[0].ID })
		}
	})},
}
