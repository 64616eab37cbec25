package conformance

import (
	"context"
	"fmt"

	"github.com/jetonkit/jeton/store"
)

// The hooks below change what goes into a method or what comes out of it.

func issueIn(f func(s *handle, r *store.IssueRequest)) hooks {
	return hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		f(s, &r)
		return s.w.Issue(ctx, r)
	}}
}

func issueOut(f func(s *handle, r store.IssueRequest, out *store.Issued)) hooks {
	return hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		out, err := s.w.Issue(ctx, r)
		if err == nil {
			f(s, r, &out)
		}
		return out, err
	}}
}

func lookupOut(f func(s *handle, subject store.Subject, st *store.State)) hooks {
	return hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		st, err := s.w.Lookup(ctx, subject, ids...)
		if err == nil {
			f(s, subject, &st)
		}
		return st, err
	}}
}

// entryOut changes each entry of a Lookup's answer.
func entryOut(f func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State)) hooks {
	return hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		st, err := s.w.Lookup(ctx, subject, ids...)
		for i := range st.Entries {
			f(s, subject, ids[i], &st.Entries[i], st)
		}
		return st, err
	}}
}

// entryLive changes the answer about live records.
func entryLive(f func(st *store.State, rec store.Record)) hooks {
	return lookupOut(func(_ *handle, _ store.Subject, st *store.State) {
		for i := range st.Entries {
			if st.Entries[i].Status == store.Live {
				f(st, st.Entries[i].Record)
			}
		}
	})
}

func listOut(f func(s *handle, subject store.Subject, p store.Page, out *store.Records)) hooks {
	return hooks{list: func(s *handle, ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
		out, err := s.w.List(ctx, subject, p)
		if err == nil {
			f(s, subject, p, &out)
		}
		return out, err
	}}
}

// rotateIn also gets the record as it is; zero if it is dead.
func rotateIn(f func(s *handle, r *store.RotateRequest, cur store.Record)) hooks {
	return hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		f(s, &r, s.w.peek(r.Subject, r.ID).Record)
		return s.w.Rotate(ctx, r)
	}}
}

func rotateOut(f func(s *handle, r store.RotateRequest, out *store.Rotated)) hooks {
	return hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		out, err := s.w.Rotate(ctx, r)
		if err == nil {
			f(s, r, &out)
		}
		return out, err
	}}
}

func updateIn(f func(s *handle, r *store.UpdateRequest, cur store.Record)) hooks {
	return hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		f(s, &r, s.w.peek(r.Subject, r.ID).Record)
		return s.w.Update(ctx, r)
	}}
}

func revokeIn(f func(s *handle, r *store.Revocation)) hooks {
	return hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		f(s, &r)
		return s.w.Revoke(ctx, r)
	}}
}

func pollOut(f func(s *handle, from store.Position, b *store.Batch)) hooks {
	return hooks{poll: func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
		b, err := s.w.Poll(ctx, part, from)
		if err == nil {
			f(s, from, &b)
		}
		return b, err
	}}
}

// both joins hooks of different methods.
func both(a, b hooks) hooks {
	if b.issue != nil {
		a.issue = b.issue
	}
	if b.lookup != nil {
		a.lookup = b.lookup
	}
	if b.revoke != nil {
		a.revoke = b.revoke
	}
	if b.rotate != nil {
		a.rotate = b.rotate
	}
	if b.touch != nil {
		a.touch = b.touch
	}
	if b.forget != nil {
		a.forget = b.forget
	}
	if b.sweep != nil {
		a.sweep = b.sweep
	}
	return a
}

func key(s store.Subject, id string) string {
	return fmt.Sprintf("%d/%q/%q/%q/%q", s.Kind, s.Realm, s.Issuer, s.Name, id)
}

var background = context.Background()

// evict revokes a record as the limit does.
func (s *handle) evict(r store.Record) {
	_ = s.w.Revoke(background, store.Revocation{Subject: r.Subject, IDs: []string{r.ID}, Reason: store.ReasonEvicted})
}
