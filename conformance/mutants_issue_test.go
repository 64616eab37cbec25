package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
)

var issueMutants = []mutant{
	{"issue/stamps", "the Version of the request is kept", issueOut(func(_ *handle, r store.IssueRequest, out *store.Issued) { out.Record.Version = r.Record.Version })},
	{"issue/round-trip", "keys have no metadata", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Record.Subject.Kind == store.KindKey {
			r.Record.Metadata = nil
		}
	})},
	{"issue/order", "Seq is the time alone", issueOut(func(_ *handle, _ store.IssueRequest, out *store.Issued) {
		out.Record.Seq = uint64(out.Record.IssuedAt.UnixMicro())
	})},
	{"issue/default-deadline", "a zero Deadline is ExpiresAt", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Record.Deadline.IsZero() {
			r.Record.Deadline = r.Record.ExpiresAt
		}
	})},
	{"issue/held-id", "a held id is taken over", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if errors.Is(err, store.ErrExists) {
			out.Record, err = s.w.peek(r.Record.Subject, r.Record.ID).Record, nil
		}
		return out, err
	}}},
	{"issue/own-repeat", "a repeat is ErrExists", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if s.w.peek(r.Record.Subject, r.Record.ID).Status == store.Live {
			return store.Issued{}, store.ErrExists
		}
		return s.w.Issue(ctx, r)
	}}},
	{"issue/repeat-after-refresh", "a repeat is known by its Link alone", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if rec := s.w.peek(r.Record.Subject, r.Record.ID).Record; rec.Link == r.Record.Link && !rec.Link.IsZero() {
			return store.Issued{Record: rec, Now: s.w.clock.Now()}, nil
		}
		return s.w.Issue(ctx, r)
	}}},
	{"issue/marked-id", "a revoked id is ErrExists", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if errors.Is(err, store.ErrRevoked) && s.w.peek(r.Record.Subject, r.Record.ID).Reason != store.ReasonCut {
			err = store.ErrExists
		}
		return out, err
	}}},
	{"issue/cut-id", "an id that the cut killed is free at once", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if errors.Is(err, store.ErrRevoked) && s.w.peek(r.Record.Subject, r.Record.ID).Reason == store.ReasonCut {
			return store.Issued{Record: r.Record}, nil
		}
		return out, err
	}}},
	{"issue/expired-id", "an id is taken for ever", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		for _, old := range s.w.past(r.Record.Subject) {
			if old.ID == r.Record.ID && r.Record.Subject.Kind != store.KindOnce && s.w.peek(old.Subject, old.ID).Status == store.Unknown {
				return store.Issued{}, store.ErrExists
			}
		}
		return s.w.Issue(ctx, r)
	}}},
	{"issue/bad-input", "limits are lowered to 256 instead of refused", issueIn(func(_ *handle, r *store.IssueRequest) {
		r.Limit.Max, r.Limit.MaxPerClass = min(r.Limit.Max, store.MaxLimit), min(r.Limit.MaxPerClass, store.MaxLimit)
	})},
}

var limitMutants = []mutant{
	{"limit/oldest", "victims are told without their metadata", issueOut(func(_ *handle, _ store.IssueRequest, out *store.Issued) {
		for i := range out.Evicted {
			out.Evicted[i].Metadata = nil
		}
	})},
	{"limit/oldest", "victims are not told", issueOut(func(_ *handle, _ store.IssueRequest, out *store.Issued) { out.Evicted = nil })},
	{"limit/marks-victims", "victims vanish without a mark", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, _ store.State) {
		if en.Reason == store.ReasonEvicted {
			*en = store.Entry{}
		}
	})},
	{"limit/least-recently-used", "every policy is EvictOldest", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Limit.Policy == store.EvictLeastRecentlyUsed {
			r.Limit.Policy = store.EvictOldest
		}
	})},
	{"limit/reject", "Reject evicts", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Limit.Policy == store.Reject {
			r.Limit.Policy = store.EvictOldest
		}
	})},
	{"limit/per-class", "the limit of the empty class counts every class", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Record.Class == "" && r.Limit.MaxPerClass > 0 {
			r.Limit.Max = r.Limit.MaxPerClass
		}
	})},
	{"limit/class-first", "the total is applied first", issueIn(func(s *handle, r *store.IssueRequest) {
		if r.Limit.Max == 0 || r.Limit.MaxPerClass == 0 || r.Limit.Policy == store.Reject {
			return
		}
		live := s.w.alive(r.Record.Subject)
		for i := 0; i <= len(live)-r.Limit.Max; i++ {
			s.evict(live[i])
		}
	})},
	{"limit/lowered", "one victim at most", issueIn(func(s *handle, r *store.IssueRequest) {
		if n := len(s.w.alive(r.Record.Subject)); r.Limit.Max > 0 && r.Limit.MaxPerClass == 0 && n > r.Limit.Max && r.Limit.Policy != store.Reject {
			r.Limit.Max = n
		}
	})},
	{"limit/expired-do-not-count", "expired sessions count", issueIn(func(s *handle, r *store.IssueRequest) {
		for _, old := range s.w.past(r.Record.Subject) {
			if r.Limit.Max > 1 && !old.ExpiresAt.After(s.w.clock.Now()) {
				r.Limit.Max--
			}
		}
	})},
	{"limit/revoked-do-not-count", "sessions that the cut killed count", issueIn(func(s *handle, r *store.IssueRequest) {
		for _, old := range s.w.past(r.Record.Subject) {
			if r.Limit.Max > 1 && s.w.peek(old.Subject, old.ID).Reason == store.ReasonCut {
				r.Limit.Max--
			}
		}
	})},
	{"limit/ties", "the highest id gives way", issueIn(func(s *handle, r *store.IssueRequest) {
		live := s.w.alive(r.Record.Subject)
		if r.Limit.Max == 0 || len(live) < r.Limit.Max || !live[0].IssuedAt.Equal(live[len(live)-1].IssuedAt) {
			return
		}
		slices.SortFunc(live, func(a, b store.Record) int { return strings.Compare(b.ID, a.ID) })
		for i := 0; i <= len(live)-r.Limit.Max; i++ {
			s.evict(live[i])
		}
	})},
	{"limit/own-ledger", "a limit goes by the name, whatever the kind and realm", issueIn(func(s *handle, r *store.IssueRequest) {
		for subject, err := range s.w.Subjects(background) {
			if err == nil && subject.Name == r.Record.Subject.Name && subject != r.Record.Subject && r.Limit.Max == 1 {
				s.evict(s.w.alive(subject)[0])
			}
		}
	})},
	{"limit/largest", "256 is no limit", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Limit.Max == store.MaxLimit {
			r.Limit.Max = 0
		}
	})},
	{"limit/too-large-to-judge", "what is too large to judge is let through", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if errors.Is(err, store.ErrLimit) && r.Limit.Policy != store.Reject {
			r.Limit = store.Limit{}
			return s.w.Issue(ctx, r)
		}
		return out, err
	}}},
}
