package conformance

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// alwaysUp answers a Ping after Close too.
type alwaysUp struct{ *handle }

func (s alwaysUp) Ping(ctx context.Context) error {
	if err := s.handle.Ping(ctx); !errors.Is(err, store.ErrClosed) {
		return err
	}
	return nil
}

var narrowOpsMutants = []mutant{
	{"ops/close", "Ping of a closed store is nil", hooks{wrap: func(s *handle) store.TokenStore { return alwaysUp{s} }}},
	{"ops/ping", "Ping of an empty store fails", hooks{ping: func(s *handle, _ context.Context) error {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if len(s.w.issued) == 0 {
			return store.ErrUnavailable
		}
		return nil
	}}},
	{"ops/reopen-order", "the second restart forgets All", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		s.w.mu.Lock()
		n := s.w.reopened
		s.w.mu.Unlock()
		if en.Reason == store.ReasonCut && n > 1 {
			spared(s, subject, id, en)
		}
	})},
	{"ops/second-handle", "of two handles each sees its own revocations alone", both(hooks{revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
		s.w.set("by", key(r.Subject, ""), s)
		return s.w.Revoke(ctx, r)
	}}, entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		if by, _ := s.w.get("by", key(subject, "")).(*handle); by != nil && by != s && en.Status == store.Revoked && s.w.refs.Load() > 1 {
			spared(s, subject, id, en)
		}
	}))},
	{"expiry/sub-second", "a life of a quarter of a second and more is one second", issueIn(func(s *handle, r *store.IssueRequest) {
		now := s.w.clock.Now()
		if end := r.Record.ExpiresAt; end.After(now.Add(250*time.Millisecond)) && end.Before(now.Add(time.Second)) && r.Record.Deadline.IsZero() {
			r.Record.ExpiresAt = now.Add(time.Second)
		}
	})},
	{"expiry/31-days-now", "a life of more than nine years is none", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, _ store.State) {
		if en.Status == store.Live && en.Record.ExpiresAt.Sub(en.Record.IssuedAt) > 9*keptFor {
			*en = store.Entry{}
		}
	})},
	{"ids/parts", "a short realm is joined with the name", hooks{wrap: func(s *handle) store.TokenStore {
		return &renamed{s, func(sub store.Subject) store.Subject {
			if sub.Kind == store.KindUser && sub.Issuer == "" && len(sub.Realm) <= 3 && sub.Name != "" && len(sub.Name) < 10 {
				sub.Name, sub.Realm = sub.Realm+sub.Name, ""
			}
			return sub
		}, sameID}
	}}},
	{"ids/alike", "ids of one letter have no case", hooks{wrap: func(s *handle) store.TokenStore {
		return &renamed{s, sameSubject, func(id string) string {
			if len(id) == 1 && id[0] < 0x80 {
				return strings.ToLower(id)
			}
			return id
		}}
	}}},
	{"codec/copies-in", "the metadata of Update are the caller's map", func() hooks {
		h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if m, ok := s.w.get("map", key(subject, id)).(map[string]string); ok && en.Status == store.Live && en.Record.Version == 1 {
				en.Record.Metadata = m
			}
		})
		h.update = func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
			rec, err := s.w.Update(ctx, r)
			if err == nil && len(r.Metadata) > 0 {
				s.w.set("map", key(r.Subject, r.ID), r.Metadata)
			}
			return rec, err
		}
		return h
	}()},
	{"concurrency/one-winner", "Rotate through the one handle reads, and then writes", racyRotate(func(s *handle, r store.RotateRequest) bool {
		return r.Grace > 0 && s.w.refs.Load() == 1
	})},
	{"concurrency/limit", "a limited Issue reads the list, and then writes", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		if n := len(s.w.alive(r.Record.Subject)); r.Limit.Max > n && r.Limit.Max <= store.MaxLimit && r.Limit.Policy == store.EvictOldest {
			time.Sleep(20 * time.Millisecond) // longer than a busy machine takes to start the others
			r.Limit = store.Limit{}
		}
		return s.w.Issue(ctx, r)
	}}},
	{"concurrency/histories", "while somebody writes Lookup tells what it told before", staleWhileWritten()},
	{"outage/deadline", "a call that has little time waits for the backend", hooks{outage: func(ctx context.Context) error {
		if end, ok := ctx.Deadline(); ok && time.Until(end) < time.Second {
			time.Sleep(2200 * time.Millisecond)
		}
		return store.ErrUnavailable
	}}},
}

// staleWhileWritten answers a Lookup from a cache while a Revoke is on its way.
func staleWhileWritten() hooks {
	writes := func(s *handle) *atomic.Int64 {
		return remember(s.w, "writes", func() *atomic.Int64 { return new(atomic.Int64) })
	}
	return hooks{
		revoke: func(s *handle, ctx context.Context, r store.Revocation) error {
			writes(s).Add(1)
			defer writes(s).Add(-1)
			err := s.w.Revoke(ctx, r)
			lag()
			return err
		},
		lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
			k := key(subject, strings.Join(ids, "\x00"))
			if told, ok := s.w.get("told", k).(store.State); ok && writes(s).Load() > 0 {
				return told, nil
			}
			st, err := s.w.Lookup(ctx, subject, ids...)
			s.w.set("told", k, st)
			return st, err
		},
	}
}

// sweepless is a layer that forgot one face.
type sweepless struct{ inner *handle }

func (s sweepless) Unwrap() store.TokenStore { return s.inner }

func (s sweepless) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return s.inner.Issue(ctx, r)
}

func (s sweepless) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	return s.inner.Lookup(ctx, subject, ids...)
}

func (s sweepless) List(ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
	return s.inner.List(ctx, subject, p)
}

func (s sweepless) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return s.inner.Rotate(ctx, r)
}

func (s sweepless) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	return s.inner.Update(ctx, r)
}

func (s sweepless) Touch(ctx context.Context, r store.TouchRequest) error {
	return s.inner.Touch(ctx, r)
}

func (s sweepless) Revoke(ctx context.Context, r store.Revocation) error {
	return s.inner.Revoke(ctx, r)
}

func (s sweepless) Forget(ctx context.Context, subject store.Subject) error {
	return s.inner.Forget(ctx, subject)
}
func (s sweepless) Capabilities() store.Capabilities { return s.inner.Capabilities() }
func (s sweepless) Close() error                     { return s.inner.Close() }
func (s sweepless) Ping(ctx context.Context) error   { return s.inner.Ping(ctx) }
func (s sweepless) Stats() []store.Stat              { return s.inner.Stats() }

func (s sweepless) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return s.inner.Subjects(ctx)
}

func (s sweepless) Partitions(ctx context.Context) (int, error) { return s.inner.Partitions(ctx) }

func (s sweepless) Poll(ctx context.Context, part int, from store.Position) (store.Batch, error) {
	return s.inner.Poll(ctx, part, from)
}

func (s sweepless) Listen(ctx context.Context, ring func(store.Bell)) error {
	return s.inner.Listen(ctx, ring)
}

// halfClosed is a layer that closes itself and leaves open what it wraps.
func halfClosed(s *handle) store.TokenStore {
	inner := &handle{w: s.w, h: hooks{lookup: func(s *handle, ctx context.Context, subject store.Subject, ids []string) (store.State, error) {
		st, err := s.w.Lookup(ctx, subject, ids...)
		if errors.Is(err, store.ErrClosed) {
			return store.State{Now: s.w.clock.Now(), Entries: make([]store.Entry, len(ids))}, nil
		}
		return st, err
	}}}
	return &layer{handle: s, unwrap: func(*layer) store.TokenStore { return inner }}
}

var narrowFeedMutants = []mutant{
	{"feed/partition", "of four partitions the one of ann has all events", hooks{
		partitions: func(*handle) int { return 4 },
		poll: func(s *handle, ctx context.Context, part int, from store.Position) (store.Batch, error) {
			b, err := s.w.Poll(ctx, 0, from)
			if part != ann.Digest().Partition(4) && len(b.Events) > 1 {
				b.Events, b.More = b.Events[:1], false
			}
			return b, err
		},
		listen: func(s *handle, ctx context.Context, ring func(store.Bell)) error {
			return s.w.Listen(ctx, func(b store.Bell) { b.Partition = b.Event.Subject.Partition(4); ring(b) })
		},
	}},
	{"feed/last-kept", "all events end", pollOut(func(s *handle, _ store.Position, b *store.Batch) {
		end := s.w.clock.Now().Add(-store.DefaultMaxTokenLife - store.MarkMargin)
		b.Events = slices.DeleteFunc(b.Events, func(ev store.Event) bool { return ev.Time.Before(end) })
	})},
	{"layer/faces", "the layer cannot sweep", hooks{wrap: func(s *handle) store.TokenStore { return sweepless{s} }}},
	{"layer/close", "the layer leaves open what it wraps", hooks{wrap: halfClosed}},
}
