package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

var feedMutants = []mutant{
	{"feed/genesis", "there is no genesis", pollOut(func(_ *handle, from store.Position, b *store.Batch) {
		if from == (store.Position{}) && len(b.Events) > 1 {
			b.Events = b.Events[1:]
		}
	})},
	{"feed/tells", "an Update that lowers the deadline is not told", hooks{
		update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
			if !r.Deadline.IsZero() {
				s.w.set("hidden", "", true)
			}
			return s.w.Update(ctx, r)
		},
		poll: func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
			b, err := s.w.Poll(ctx, part, from)
			if n := len(b.Events); n > 1 && s.w.get("hidden", "") != nil && len(b.Events[n-1].IDs) == 0 && b.Events[n-1].Cut == b.Events[n-2].Cut {
				b.Events = b.Events[:n-1]
			}
			return b, err
		},
	}},
	{"feed/ids", "ids marked before are told again", func() hooks {
		h := revokeIn(func(s *handle, r *store.Revocation) {
			if r.Check() == nil && len(r.IDs) > 0 {
				s.w.set("ids", "", slices.Clone(r.IDs))
			}
		})
		h.poll = func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
			b, err := s.w.Poll(ctx, part, from)
			if ids, ok := s.w.get("ids", "").([]string); ok && len(b.Events) > 0 {
				if last := &b.Events[len(b.Events)-1]; len(last.IDs) > 0 && slices.Contains(ids, "c") {
					last.IDs = append(last.IDs, store.DigestID("b"))
				}
			}
			return b, err
		}
		return h
	}()},
	{"feed/state", "an event does not tell Keep", pollOut(func(_ *handle, _ store.Position, b *store.Batch) {
		for i := range b.Events {
			b.Events[i].Keep = store.Digest{}
		}
	})},
	{"feed/quiet", "a login is told", issueOut(func(s *handle, r store.IssueRequest, _ *store.Issued) {
		if r.Limit.Max == 200 {
			_ = s.w.Revoke(background, store.Revocation{Subject: r.Record.Subject, IDs: []string{store.NewID()}})
		}
	})},
	{"feed/partition", "everything is in the first of four partitions", hooks{
		partitions: func(*handle) int { return 4 },
		poll: func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
			b, err := s.w.Poll(ctx, 0, from)
			if part > 0 && len(b.Events) > 1 {
				b.Events, b.More = b.Events[:1], false
			}
			return b, err
		},
	}},
	{"feed/resume", "a batch of a hundred has no More", pollOut(func(_ *handle, _ store.Position, b *store.Batch) {
		if len(b.Events) > 100 {
			b.Events = b.Events[:100]
		}
	})},
	{"feed/doubt", "nonces are not compared", pollOut(func(_ *handle, from store.Position, b *store.Batch) {
		if len(b.Events) > 0 && b.Events[0].Position.ID == from.ID {
			b.Events[0].Position = from
		}
	})},
	{"feed/many-ids", "ids past 256 are not told", pollOut(func(_ *handle, _ store.Position, b *store.Batch) {
		for i := 1; i < len(b.Events); i++ {
			if len(b.Events[i-1].IDs) == store.MaxIDs {
				b.Events[i].IDs = nil
			}
		}
	})},
	{"feed/bell", "a bell does not tell the event before", hooks{listen: func(s *handle, ctx context.Context, ring func(store.Bell)) error {
		return s.w.Listen(ctx, func(b store.Bell) { b.Prev = store.Position{}; ring(b) })
	}}},
	{"feed/kept", "events are kept for an hour", pollOut(func(s *handle, from store.Position, b *store.Batch) {
		if from == (store.Position{}) {
			b.Events = slices.DeleteFunc(b.Events, func(ev store.Event) bool { return ev.Time.Before(s.w.clock.Now().Add(-time.Hour)) })
		}
	})},
	{"feed/reopen", "a restart is a birth", pollOut(func(s *handle, _ store.Position, b *store.Batch) {
		for i := range b.Events {
			if s.w.wasReopened() {
				b.Events[i].Birth = b.Events[i].Birth.Add(time.Second)
			}
		}
	})},
	{"feed/second-handle", "a handle tells its own events alone", hooks{
		revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
			s.w.set("by", "", s)
			return s.w.Revoke(ctx, r)
		},
		poll: func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
			b, err := s.w.Poll(ctx, part, from)
			if by, _ := s.w.get("by", "").(*handle); by != nil && by != s && len(b.Events) > 1 {
				b.Events = b.Events[:1]
			}
			return b, err
		},
	}},
}

// layer is a right layer over a handle; its fields break it.
type layer struct {
	*handle
	unwrap func(*layer) store.TokenStore
	caps   func(store.Capabilities) store.Capabilities
	close  func(*layer) error
	stats  func(*layer) []store.Stat
}

func (l *layer) Unwrap() store.TokenStore {
	if l.unwrap != nil {
		return l.unwrap(l)
	}
	return l.handle
}

func (l *layer) Capabilities() store.Capabilities {
	if l.caps != nil {
		return l.caps(l.handle.Capabilities())
	}
	return l.handle.Capabilities()
}

func (l *layer) Close() error {
	if l.close != nil {
		return l.close(l)
	}
	return l.handle.Close()
}

func (l *layer) Stats() []store.Stat {
	if l.stats != nil {
		return l.stats(l)
	}
	return append([]store.Stat{{Name: "layer_calls"}}, l.handle.Stats()...)
}

// faceless forwards the verbs alone, as a struct with an embedded interface does.
type faceless struct{ store.TokenStore }

func (f faceless) Unwrap() store.TokenStore { return f.TokenStore }

func layering(l layer) hooks {
	return hooks{wrap: func(s *handle) store.TokenStore {
		l := l
		l.handle = s
		return &l
	}}
}

var layerMutants = []mutant{
	{"layer/faces", "the faces are lost", hooks{wrap: func(s *handle) store.TokenStore { return faceless{s} }}},
	{"layer/unwrap", "Unwrap is the layer itself", layering(layer{unwrap: func(l *layer) store.TokenStore { return l }})},
	{"layer/capabilities", "the layer claims to be durable", layering(layer{caps: func(c store.Capabilities) store.Capabilities { c.Durable = true; return c }})},
	{"layer/close", "the layer leaves open what it wraps", layering(layer{close: func(*layer) error { return nil }})},
	{"layer/stats", "the layer's counters hide what it wraps", layering(layer{stats: func(*layer) []store.Stat { return []store.Stat{{Name: "layer_calls"}} }})},
	{"leak/goroutines", "a goroutine outlives Close", hooks{close: func(s *handle) error {
		go func() { <-time.After(4 * time.Second) }()
		return s.shut()
	}}},
	{"model/agrees", "a refresh of a session of the class ios drops its binding", rotateOut(func(_ *handle, _ store.RotateRequest, out *store.Rotated) {
		if out.Record.Class == "ios" {
			out.Record.Binding = ""
		}
	})},
}
