package conformance

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// recounting counts the replays of a session anew after a verb that has called recount.
func recounting(verb hooks) hooks {
	verb.rotate = func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		out, err := s.w.Rotate(ctx, r)
		k := key(r.Subject, r.ID)
		since, recounted := s.w.get("recounted", k).([]store.Link)
		switch {
		case err == nil && out.Outcome != store.Replayed:
			s.w.set("recounted", k, nil)
		case recounted && (err == nil || errors.Is(err, store.ErrReplayLimit)):
			if !slices.Contains(since, r.NextLink) {
				if len(since) >= r.Replays() {
					return store.Rotated{}, store.ErrReplayLimit
				}
				s.w.set("recounted", k, append(slices.Clone(since), r.NextLink))
			}
			return store.Rotated{Outcome: store.Replayed, Record: s.w.peek(r.Subject, r.ID).Record}, nil
		}
		return out, err
	}
	return verb
}

// recount forgets which replays of a session were answered.
func (s *handle) recount(subject store.Subject, id string) {
	s.w.set("recounted", key(subject, id), []store.Link{})
}

var narrowRotateMutants = []mutant{
	{"rotate/ok", "a refresh of a bound session with metadata tells a later deadline", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.RotateOK && out.Record.Binding != "" && out.Record.Metadata != nil {
			out.Record.Deadline = out.Record.Deadline.Add(time.Hour)
		}
	})},
	{"rotate/own-repeat", "a repeat tells the LastSeen of the first call", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.RotateOK {
			out.Record.LastSeen = out.Record.RotatedAt
		}
	})},
	{"rotate/replayed", "a replay does not tell the binding", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.Replayed {
			out.Record.Binding = ""
		}
	})},
	{"rotate/replays-start-anew", "the second refresh goes on counting the replays of the first", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		out, err := s.w.Rotate(ctx, r)
		if out.Outcome != store.Replayed {
			return out, err
		}
		if k := key(r.Subject, r.ID); out.Record.Rotation == 1 {
			s.w.set("replayed", k, true)
		} else if out.Record.Rotation == 2 && s.w.get("replayed", k) != nil {
			return store.Rotated{}, store.ErrReplayLimit
		}
		return out, err
	}}},
	{"rotate/late-replay", "a grace window is at least a second", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.Grace > 0 {
			r.Grace = max(r.Grace, time.Second)
		}
	})},
	{"rotate/grace-edge", "the end of the grace window is outside", rotateIn(func(_ *handle, r *store.RotateRequest, _ store.Record) {
		if r.Grace > time.Second && r.Grace <= store.MaxGrace {
			r.Grace -= time.Millisecond
		}
	})},
	{"rotate/grace-off", "a bound session always has 10 seconds of grace", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Grace == 0 && cur.Binding != "" {
			r.Grace = 10 * time.Second
		}
	})},
	{"rotate/binding", "the binding of a replay that shows none is not compared", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Binding == "" {
			r.Binding = cur.Binding
		}
	})},
	{"rotate/rolled-forward", "a newer token of a bound session is reuse", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Rotation > cur.Rotation && cur.Binding != "" {
			r.Rotation, r.Link = cur.Rotation, store.Link{1}
		}
	})},
	{"rotate/rolled-forward-clears", "rolling forward keeps the count of replays", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		k := key(r.Subject, r.ID)
		out, err := s.w.Rotate(ctx, r)
		switch {
		case out.Outcome == store.RolledForward && s.w.get("replays", k) != nil:
			s.w.set("carried", k, true)
		case out.Outcome == store.Replayed && s.w.get("carried", k) != nil:
			return store.Rotated{}, store.ErrReplayLimit
		case out.Outcome == store.Replayed:
			s.w.set("replays", k, true)
		}
		return out, err
	}}},
	{"rotate/reuse-kills", "the answer to a reuse lacks the metadata", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Outcome == store.Reused {
			out.Record.Metadata = nil
		}
	})},
	{"rotate/dead", "a session revoked without a reason is not found", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		out, err := s.w.Rotate(ctx, r)
		if errors.Is(err, store.ErrRevoked) && s.w.peek(r.Subject, r.ID).Reason == "" {
			err = store.ErrNotFound
		}
		return out, err
	}}},
	{"rotate/expiry", "a refresh never shortens", rotateIn(func(s *handle, r *store.RotateRequest, cur store.Record) {
		if r.ExpiresAt.After(s.w.clock.Now()) && r.ExpiresAt.Before(cur.ExpiresAt) {
			r.ExpiresAt = time.Time{}
		}
	})},
	{"rotate/floor", "a session above the floor gets a new Seq at each refresh", hooks{rotate: func(s *handle, ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
		st := s.before(r.Subject, r.ID)
		out, err := s.w.Rotate(ctx, r)
		if err == nil && st.Floor > 0 && st.Entries[0].Record.Seq > st.Floor {
			out.Record.Seq++
		}
		return out, err
	}}},
	{"rotate/replays-stay", "Others writes the kept record without its replays", recounting(revoking(func(s *handle, r store.Revocation, _ store.State) {
		if r.Others != nil {
			s.recount(r.Subject, r.Others.Keep)
		}
	}))},
	{"rotate/replays-stay", "Update writes the record without its replays", recounting(hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		if err == nil {
			s.recount(r.Subject, r.ID)
		}
		return rec, err
	}})},
	{"rotate/replays-stay", "a Touch that slides writes the record without its replays", recounting(hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		if err == nil && !r.ExpiresAt.IsZero() {
			s.recount(r.Subject, r.ID)
		}
		return err
	}})},
}

// keptFor is a deadline further away than those of the rules about deadlines.
const keptFor = 365 * 24 * time.Hour

var narrowUpdateMutants = []mutant{
	{"update/version", "a Touch that slides what was refreshed and edited moves Version", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		rec := s.w.peek(r.Subject, r.ID).Record
		if err == nil && !r.ExpiresAt.IsZero() && rec.Rotation > 1 && rec.Version > 0 && rec.Deadline.After(s.w.clock.Now().Add(keptFor)) {
			_, _ = s.w.Update(ctx, store.UpdateRequest{Subject: r.Subject, ID: r.ID, Version: rec.Version})
		}
		return err
	}}},
	{"update/conflict", "a Version two behind will do", updateIn(func(_ *handle, r *store.UpdateRequest, cur store.Record) {
		if r.Version+2 == cur.Version && r.ExpiresAt.IsZero() {
			r.Version = cur.Version
		}
	})},
	{"update/own-repeat", "a repeat may have another deadline", updateIn(func(_ *handle, r *store.UpdateRequest, cur store.Record) {
		if r.Version+1 == cur.Version {
			r.Deadline = time.Time{}
		}
	})},
	{"update/expiry", "an end past the deadline is passed over", updateIn(func(s *handle, r *store.UpdateRequest, cur store.Record) {
		if !cur.Deadline.IsZero() && r.ExpiresAt.After(cur.Deadline) && r.ExpiresAt.Before(s.w.clock.Now().Add(keptFor)) {
			r.ExpiresAt = time.Time{}
		}
	})},
	{"touch/last-seen", "a Touch moves RotatedAt too", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if en.Status == store.Live && en.Record.Rotation == 0 && s.w.get("touched", key(subject, id)) != nil {
				en.Record.RotatedAt = en.Record.LastSeen
			}
		})
		h.touch = func(s *handle, ctx context.Context, r store.TouchRequest) error {
			if r.ExpiresAt.IsZero() {
				s.w.set("touched", key(r.Subject, r.ID), true)
			}
			return s.w.Touch(ctx, r)
		}
		return h
	}()},
	{"touch/deadline", "Touch slides past the deadline", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if to, ok := s.w.get("slid", key(subject, id)).(time.Time); ok && en.Status == store.Live {
				en.Record.ExpiresAt = to
			}
		})
		h.touch = func(s *handle, ctx context.Context, r store.TouchRequest) error {
			was := s.w.peek(r.Subject, r.ID)
			err := s.w.Touch(ctx, r)
			if err == nil && was.Status == store.Live && r.ExpiresAt.After(was.Record.Deadline) {
				s.w.set("slid", key(r.Subject, r.ID), r.ExpiresAt)
			}
			return err
		}
		return h
	}()},
}
