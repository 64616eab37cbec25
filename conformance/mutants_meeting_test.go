package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// meetingMutants break where calls meet one another, or an outage, and nowhere else.
var meetingMutants = []mutant{
	{"concurrency/first-logins", "of two first logins at once the second takes the place of the first", firstReplaces()},
	{"concurrency/birth", "every handle begins the order where it was opened", lookupOut(func(s *handle, subject store.Subject, st *store.State) {
		if len(s.w.past(subject)) == 0 && len(st.Entries) == 0 && s.w.refs.Load() > 2 {
			st.Cut += uint64(s.number)
		}
	})},
	{"outage/in-flight", "a write that an outage meets on its way is acknowledged", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		time.Sleep(100 * time.Microsecond)
		if s.w.down.Load() {
			return store.Issued{Record: r.Record, Now: s.w.clock.Now()}, nil
		}
		return s.w.Issue(ctx, r)
	}}},
	{"outage/unavailable", "a refresh in an outage finds nothing", hooks{wrap: func(s *handle) store.TokenStore { return blunt{s} }}},
	{"outage/in-flight", "a write that an outage meets on its way is a conflict", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		time.Sleep(100 * time.Microsecond)
		if s.w.down.Load() {
			return store.Issued{}, store.ErrConflict
		}
		return s.w.Issue(ctx, r)
	}}},
}

// blunt tells a refresh in an outage that there is no session.
type blunt struct{ *handle }

func (s blunt) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	if s.w.down.Load() {
		return store.Rotated{}, store.ErrNotFound
	}
	return s.handle.Rotate(ctx, r)
}

// firstReplaces is an upsert: two writers who both found nothing under a key both succeed.
func firstReplaces() hooks {
	h := listOut(func(s *handle, subject store.Subject, _ store.Page, out *store.Records) {
		past := s.w.past(subject)
		both := len(past) == 2 && s.w.get("first", past[0].ID) == true && s.w.get("first", past[1].ID) == true
		if both && len(out.Items) == 2 {
			out.Items = slices.DeleteFunc(out.Items, func(r store.Record) bool { return r.ID == past[0].ID })
		}
	})
	h.issue = func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if len(s.w.past(r.Record.Subject)) == 0 {
			s.w.set("first", r.Record.ID, true)
			time.Sleep(100 * time.Microsecond) // the other one finds nothing too
		}
		return s.w.Issue(ctx, r)
	}
	return h
}
