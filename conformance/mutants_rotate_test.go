package conformance

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// alwaysValid is a stamp of counters that nobody moves.
func alwaysValid() store.Stamp {
	return store.NewStamp(store.StampSource{Gen: new(atomic.Uint64), Epoch: new(atomic.Uint64), At: time.Now(), MaxAge: time.Minute})
}

// withTag is a link that has a tag.
func withTag(t store.LinkTag) (l store.Link) {
	copy(l[:], t[:])
	return l
}

var rotateMutants = []mutant{
	{"rotate/ok", "a refresh drops the metadata from its answer", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.RotateOK {
			out.Record.Metadata = nil
		}
	})},
	{"rotate/own-repeat", "a repeat is judged as a replay", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation+1 == cur.Rotation && r.NextLink == cur.Link {
			r.NextLink[15] ^= 1
		}
	})},
	{"rotate/replayed", "a replay mints another successor", rotateOut(func(_ *handle, r store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.Replayed {
			out.Record.Link = r.NextLink
		}
	})},
	{"rotate/replay-limit", "16 replays by default", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.GraceReplays == 0 {
			r.GraceReplays = store.MaxReplays
		}
	})},
	{"rotate/replays-start-anew", "replays are counted for the session's life", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		n, _ := s.w.get("replays", key(r.Subject, r.ID)).(int)
		out, err := s.w.Rotate(ctx, r)
		if out.Outcome == store.Replayed && r.GraceReplays == 1 {
			if n > 0 {
				return store.Rotated{}, store.ErrReplayLimit
			}
			s.w.set("replays", key(r.Subject, r.ID), n+1)
		}
		return out, err
	}}},
	{"rotate/late-replay", "the grace window is 5 minutes", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.Grace > 0 {
			r.Grace = max(r.Grace, store.MaxGrace)
		}
	})},
	{"rotate/grace-edge", "the end of the grace window is outside", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.Grace > time.Second {
			r.Grace -= time.Millisecond
		}
	})},
	{"rotate/clock-set-back", "a clock that was set back never ends a window", rotateIn(func(s *handle, r *store.RotateRequest, cur store.Record) {
		if cur.RotatedAt.After(s.w.clock.Now()) && r.Grace > 0 {
			r.Grace = store.MaxGrace
		}
	})},
	{"rotate/grace-off", "Grace 0 is 10 seconds", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.Grace == 0 {
			r.Grace = 10 * time.Second
		}
	})},
	{"rotate/binding", "the binding is not compared", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) { r.Binding = cur.Binding })},
	{"rotate/binding-is-for-replays", "another binding may not refresh", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if cur.Binding != "" && r.Binding != cur.Binding {
			r.Link = store.Link{1}
		}
	})},
	{"rotate/forged-link", "the link of the current rotation is not compared", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation == cur.Rotation {
			r.Link = cur.Link
		}
	})},
	{"rotate/forged-replay", "the link of a replay is not compared", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation+1 == cur.Rotation {
			r.Link = withTag(cur.PrevLink)
		}
	})},
	{"rotate/older", "every older token is a replay", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation+2 == cur.Rotation {
			r.Rotation, r.Link = r.Rotation+1, withTag(cur.PrevLink)
		}
	})},
	{"rotate/rolled-forward", "a newer token is reuse", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation > cur.Rotation && cur.ID != "" {
			r.Rotation, r.Link = cur.Rotation, store.Link{1}
		}
	})},
	{"rotate/rolled-forward-clears", "rolling forward keeps the count of replays", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		k := key(r.Subject, r.ID)
		n, _ := s.w.get("replays", k).(int)
		out, err := s.w.Rotate(ctx, r)
		switch {
		case out.Outcome == store.RotateOK:
			n = 0
		case out.Outcome == store.Replayed && r.GraceReplays == 1 && n > 0:
			return store.Rotated{}, store.ErrReplayLimit
		case out.Outcome == store.Replayed:
			n++
		}
		s.w.set("replays", k, n)
		return out, err
	}}},
	{"rotate/reuse-kills", "reuse logs out everywhere", rotateOut(func(s *handle, r store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.Reused {
			_ = s.w.Revoke(background, store.Revocation{Subject: r.Subject, All: true})
		}
	})},
	{"rotate/dead", "a dead session is always not found", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		out, err := s.w.Rotate(ctx, r)
		if errors.Is(err, store.ErrRevoked) {
			err = store.ErrNotFound
		}
		return out, err
	}}},
	{"rotate/expiry", "a refresh never shortens", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.ExpiresAt.Before(cur.ExpiresAt) {
			r.ExpiresAt = time.Time{}
		}
	})},
	{"rotate/floor", "a refresh of a session above the floor moves its Seq too", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) { out.Record.Seq++ })},
	{"rotate/one-record", "the 50th refresh leaves a copy", rotateOut(func(s *handle, r store.RotateRequest, out *store.Rotated) {
		if out.Record.Rotation == 50 {
			_, _ = s.w.Issue(background, store.IssueRequest{Record: store.Record{
				ID: r.ID + " copy", Subject: r.Subject, Link: r.Link, ExpiresAt: out.Record.ExpiresAt,
			}})
		}
	})},
	{"rotate/bad-input", "too many replays are lowered to 16", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		r.GraceReplays = min(r.GraceReplays, store.MaxReplays)
	})},
}

var updateMutants = []mutant{
	{"update/metadata", "an empty map leaves the metadata", updateIn(func(_ *handle, r *store.UpdateRequest, _ store.Record) {
		if len(r.Metadata) == 0 {
			r.Metadata = nil
		}
	})},
	{"update/version", "Touch moves Version", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		if en := s.w.peek(r.Subject, r.ID); en.Status == store.Live {
			_, _ = s.w.Update(ctx, store.UpdateRequest{Subject: r.Subject, ID: r.ID, Version: en.Record.Version})
		}
		return err
	}}},
	{"update/nothing-else", "Update touches", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		if err == nil {
			_ = s.w.Touch(ctx, store.TouchRequest{Subject: r.Subject, ID: r.ID})
		}
		return rec, err
	}}},
	{"update/conflict", "any Version will do", updateIn(func(_ *handle, r *store.UpdateRequest, cur store.Record) {
		if r.Version+1 != cur.Version {
			r.Version = cur.Version
		}
	})},
	{"update/own-repeat", "a repeat is a conflict", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		if en := s.w.peek(r.Subject, r.ID); en.Status == store.Live && en.Record.Version != r.Version {
			return store.Record{}, store.ErrConflict
		}
		return s.w.Update(ctx, r)
	}}},
	{"update/expiry", "Update never lengthens", updateIn(func(_ *handle, r *store.UpdateRequest, cur store.Record) {
		if r.ExpiresAt.After(cur.ExpiresAt) {
			r.ExpiresAt = time.Time{}
		}
	})},
	{"update/deadline", "a raised deadline is passed over", updateIn(func(_ *handle, r *store.UpdateRequest, cur store.Record) {
		if r.Deadline.After(cur.Deadline) && !r.Deadline.After(cur.IssuedAt.Add(store.MaxLife)) {
			r.Deadline = time.Time{}
		}
	})},
	{"update/dead", "a revoked record is not found", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		if errors.Is(err, store.ErrRevoked) {
			err = store.ErrNotFound
		}
		return rec, err
	}}},
	{"update/bad-input", "pairs without a key are left out", updateIn(func(_ *handle, r *store.UpdateRequest, _ store.Record) {
		r.Metadata = maps.Clone(r.Metadata)
		delete(r.Metadata, "")
	})},
}

var touchMutants = []mutant{
	{"touch/last-seen", "a Touch that slides nothing is left out", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		if r.ExpiresAt.IsZero() && r.Check(s.w.clock.Now()) == nil {
			return nil
		}
		return s.w.Touch(ctx, r)
	}}},
	{"touch/slides-up", "Touch shortens", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		if en := s.w.peek(r.Subject, r.ID); err == nil && !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(en.Record.ExpiresAt) && en.Record.Deadline.After(r.ExpiresAt) {
			_, _ = s.w.Update(ctx, store.UpdateRequest{Subject: r.Subject, ID: r.ID, Version: en.Record.Version, ExpiresAt: r.ExpiresAt})
		}
		return err
	}}},
	{"touch/deadline", "Touch slides past the deadline", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if to, ok := s.w.get("slid", key(subject, id)).(time.Time); ok && en.Status == store.Live {
				en.Record.ExpiresAt = to
			}
		})
		h.touch = func(s *handle, ctx context.Context, r store.TouchRequest) error {
			if en := s.w.peek(r.Subject, r.ID); en.Status == store.Live && r.ExpiresAt.After(en.Record.Deadline) {
				s.w.set("slid", key(r.Subject, r.ID), r.ExpiresAt)
			}
			return s.w.Touch(ctx, r)
		}
		return h
	}()},
	{"touch/never-revives", "Touch of a dead id is an error", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		if err == nil && s.w.peek(r.Subject, r.ID).Status == store.Revoked {
			return store.ErrRevoked
		}
		return err
	}}},
	{"touch/between-refreshes", "ten touches wear out a refresh token", func() hooks {
		h := hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
			n, _ := s.w.get("touches", key(r.Subject, r.ID)).(int)
			s.w.set("touches", key(r.Subject, r.ID), n+1)
			return s.w.Touch(ctx, r)
		}}
		h.rotate = func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
			if n, _ := s.w.get("touches", key(r.Subject, r.ID)).(int); n > 10 {
				return store.Rotated{}, store.ErrConflict
			}
			return s.w.Rotate(ctx, r)
		}
		return h
	}()},
}
