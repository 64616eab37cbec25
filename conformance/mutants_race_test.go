package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/jetonkit/jeton/store"
)

// lag is how long a mutant leaves between what it reads and what it writes: enough for another goroutine to come between on a
// machine that does many other things.
func lag() { time.Sleep(25 * time.Millisecond) }

// racyRotate reads the record, and some time later writes what it decided then.
func racyRotate(applies func(s *handle, r store.RotateRequest) bool) hooks {
	return hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		read := s.w.peek(r.Subject, r.ID)
		if !applies(s, r) || read.Status != store.Live || read.Record.Rotation != r.Rotation || read.Record.Link != r.Link {
			return s.w.Rotate(ctx, r)
		}
		lag()
		out, err := s.w.Rotate(ctx, r)
		if out.Outcome != store.RotateOK && !errors.Is(err, store.ErrInvalid) { // somebody was faster, which a plain write does not notice
			rec := read.Record
			rec.Rotation, rec.PrevLink, rec.Link = rec.Rotation+1, rec.Link.Tag(), r.NextLink
			return store.Rotated{Outcome: store.RotateOK, Record: rec, Now: out.Now}, nil
		}
		return out, err
	}}
}

// racyIssue turns a lost race for an id into a success.
func racyIssue(applies func(r store.IssueRequest) bool) hooks {
	return hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		free := s.w.peek(r.Record.Subject, r.Record.ID).Status == store.Unknown
		if !applies(r) || !free {
			return s.w.Issue(ctx, r)
		}
		lag()
		out, err := s.w.Issue(ctx, r)
		if errors.Is(err, store.ErrExists) {
			return store.Issued{Record: r.Record}, nil
		}
		return out, err
	}}
}

var concurrencyMutants = []mutant{
	{"concurrency/one-winner", "Rotate reads, and then writes", racyRotate(func(_ *handle, r store.RotateRequest) bool { return r.Grace > 0 })},
	{"concurrency/reuse", "Rotate without grace reads, and then writes", racyRotate(func(_ *handle, r store.RotateRequest) bool { return r.Grace == 0 })},
	{"concurrency/handles", "Rotate is atomic within one handle", racyRotate(func(s *handle, _ store.RotateRequest) bool { return s.w.refs.Load() > 1 })},
	{"concurrency/one-id", "Issue looks whether the id is free, and then writes", racyIssue(func(r store.IssueRequest) bool { return r.Record.Subject.Kind == store.KindUser })},
	{"concurrency/once", "a nonce is looked for, and then written", racyIssue(func(r store.IssueRequest) bool { return r.Record.Subject.Kind == store.KindOnce })},
	{"concurrency/update", "Update compares the version, and then writes", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		read := s.w.peek(r.Subject, r.ID)
		if read.Status != store.Live || read.Record.Version != r.Version {
			return s.w.Update(ctx, r)
		}
		lag()
		out, err := s.w.Update(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			return read.Record, nil
		}
		return out, err
	}}},
	{"concurrency/order", "logins at once read one Seq", func() hooks {
		h := hooks{}
		h.issue = func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
			before := s.w.alive(r.Record.Subject)
			lag()
			out, err := s.w.Issue(ctx, r)
			if n := len(before); err == nil && n > 0 && len(s.w.alive(r.Record.Subject)) > n+1 {
				out.Record.Seq = before[n-1].Seq + 1
			}
			return out, err
		}
		return h
	}()},
	{"concurrency/guard", "Issue compares the cut, and then writes", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if st, err := s.w.Lookup(ctx, r.Record.Subject); err == nil && r.IfCut != nil && *r.IfCut == st.Cut {
			lag()
			r.IfCut = nil
		}
		return s.w.Issue(ctx, r)
	}}},
	{"concurrency/histories", "Lookup may tell what it told before", hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		if len(ids) != 1 {
			return s.w.Lookup(ctx, subject, ids...)
		}
		k := key(subject, ids[0])
		if last, ok := s.w.get("told", k).(store.State); ok && time.Since(last.FloorTime) < time.Millisecond {
			return last, nil
		}
		st, err := s.w.Lookup(ctx, subject, ids...)
		told := st
		told.FloorTime = time.Now()
		s.w.set("told", k, told)
		return st, err
	}}},
}
