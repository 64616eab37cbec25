package conformance

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

var opsMutants = []mutant{
	{"ops/close", "the second Close is an error", hooks{close: func(s *handle) error {
		if s.closed.Load() {
			return store.ErrClosed
		}
		return s.shut()
	}}},
	{"ops/cancelled", "Sweep does not look at its context", hooks{sweep: func(s *handle, ctx context.Context) (store.Swept, error) {
		if err := s.ready(context.WithoutCancel(ctx)); err != nil {
			return store.Swept{}, err
		}
		return s.w.Sweep(context.WithoutCancel(ctx))
	}}},
	{"ops/context-first", "Revoke checks its input first", hooks{wrap: func(s *handle) store.TokenStore { return checksFirst{s} }}},
	{"ops/errors-name-the-verb", "the errors of Update are bare", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		if e := (*store.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return rec, err
	}}},
	{"ops/capabilities", "MaxTokenLife is not told", hooks{caps: func(c store.Capabilities) store.Capabilities { c.MaxTokenLife = 0; return c }}},
	{"ops/ping", "Ping is not implemented", hooks{ping: func(*handle, context.Context) error { return store.ErrUnavailable }}},
	{"ops/stats", "a counter's name has a hyphen", hooks{stats: func(*handle) []store.Stat { return []store.Stat{{Name: "memory-writes"}} }}},
	{"ops/once", "a nonce has no scope", issueIn(func(_ *handle, r *store.IssueRequest) {
		if r.Record.Subject.Kind == store.KindOnce {
			r.Record.Subject.Realm = ""
		}
	})},
	{"ops/once-unlisted", "nonces are listed", hooks{subjects: func(s *handle, _ context.Context) iter.Seq2[store.Subject, error] {
		return func(yield func(store.Subject, error) bool) {
			s.w.mu.Lock()
			issued := slices.Clone(s.w.issued)
			s.w.mu.Unlock()
			seen := map[store.Subject]bool{}
			for _, r := range issued {
				if live := len(s.w.alive(r.Subject)) > 0; live && !seen[r.Subject] && !yield(r.Subject, nil) {
					return
				}
				seen[r.Subject] = true
			}
		}
	}}},
	{"ops/subjects", "issuers are not told", hooks{subjects: func(s *handle, ctx context.Context) iter.Seq2[store.Subject, error] {
		return func(yield func(store.Subject, error) bool) {
			for subject, err := range s.w.Subjects(ctx) {
				if subject.Issuer = ""; !yield(subject, err) {
					return
				}
			}
		}
	}}},
	{"ops/sweep", "Sweep removes marks", func() hooks {
		h := entryOut(func(s *handle, _ store.Subject, _ string, en *store.Entry, _ store.State) {
			if s.w.get("swept", "") != nil && en.Status == store.Revoked && en.Reason != store.ReasonCut {
				*en = store.Entry{}
			}
		})
		h.sweep = func(s *handle, ctx context.Context) (store.Swept, error) {
			if err := s.ready(ctx); err != nil {
				return store.Swept{}, err
			}
			s.w.set("swept", "", true)
			return s.w.Sweep(ctx)
		}
		return h
	}()},
	{"ops/reopen", "the Ops of cuts are forgotten", revokeIn(func(s *handle, r *store.Revocation) {
		if s.w.wasReopened() {
			r.Op = store.NewOp()
		}
	})},
	{"ops/reopen-order", "All is forgotten", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Reason == store.ReasonCut && s.w.wasReopened() {
				*en = store.Entry{Status: store.Live, Record: old}
			}
		}
	})},
	{"ops/second-handle", "a handle sees its own revocations alone", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			by, _ := s.w.get("by", key(subject, "")).(*handle)
			for _, old := range s.w.past(subject) {
				if old.ID == id && en.Status == store.Revoked && by != nil && by != s {
					*en = store.Entry{Status: store.Live, Record: old}
				}
			}
		})
		h.revoke = func(s *handle, ctx context.Context, r store.Revocation) error {
			s.w.set("by", key(r.Subject, ""), s)
			return s.w.Revoke(ctx, r)
		}
		return h
	}()},
}

// checksFirst judges a Revocation before the context.
type checksFirst struct{ *handle }

func (s checksFirst) Revoke(ctx context.Context, r store.Revocation) error {
	if err := r.Check(); err != nil {
		return err
	}
	return s.handle.Revoke(ctx, r)
}

var expiryMutants = []mutant{
	{"expiry/edge", "a record ends a moment early", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, st store.State) {
		if en.Status == store.Live && en.Record.ExpiresAt.Sub(st.Now) <= time.Millisecond {
			*en = store.Entry{}
		}
	})},
	{"expiry/sub-second", "a life of less than a second is one second", issueIn(func(s *handle, r *store.IssueRequest) {
		if now := s.w.clock.Now(); r.Record.ExpiresAt.After(now) && r.Record.ExpiresAt.Before(now.Add(time.Second)) {
			r.Record.ExpiresAt = now.Add(time.Second)
			if !r.Record.Deadline.IsZero() {
				r.Record.Deadline = r.Record.ExpiresAt
			}
		}
	})},
	{"expiry/31-days", "a life ends after 30 days", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, st store.State) {
		if en.Status == store.Live && st.Now.Sub(en.Record.IssuedAt) > 30*24*time.Hour {
			*en = store.Entry{}
		}
	})},
	{"expiry/31-days-now", "a life of more than 30 days is a date in 1970", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, _ store.State) {
		if en.Status == store.Live && en.Record.ExpiresAt.Sub(en.Record.IssuedAt) > 30*24*time.Hour {
			*en = store.Entry{}
		}
	})},
	{"expiry/refused", "an end over ten years away is lowered to ten years", issueIn(func(s *handle, r *store.IssueRequest) {
		if most := s.w.clock.Now().Add(store.MaxLife); r.Record.ExpiresAt.After(most) {
			r.Record.ExpiresAt = most
		}
	})},
	{"expiry/refused", "an end in the past is for ever", issueIn(func(s *handle, r *store.IssueRequest) {
		if now := s.w.clock.Now(); !r.Record.ExpiresAt.After(now) && !r.Record.ExpiresAt.IsZero() {
			r.Record.ExpiresAt = now.Add(store.MaxLife)
		}
	})},
	{"expiry/rounds-up", "ends are rounded down", issueIn(func(_ *handle, r *store.IssueRequest) {
		r.Record.ExpiresAt = r.Record.ExpiresAt.Truncate(time.Millisecond)
	})},
	{"expiry/slid", "a slid record still ends when it did", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Live && old.Seq == en.Record.Seq && st.Now.After(old.ExpiresAt) && en.Record.Rotation == 0 {
				*en = store.Entry{}
			}
		}
	})},
	{"expiry/deadline", "a refresh moves the deadline", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, st store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Unknown && old.Deadline.Before(old.IssuedAt.Add(3*time.Hour)) && st.Now.Before(old.Deadline.Add(time.Hour)) {
				*en = store.Entry{Status: store.Live, Record: old}
			}
		}
	})},
}
