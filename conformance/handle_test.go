package conformance

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// handle is one way to a world: a right store, unless its hooks say otherwise.
type handle struct {
	w      *world
	h      hooks
	number int32 // of the world's handles, in the order of their opening
	closed atomic.Bool
}

// hooks replace methods of a handle; nil ones are right.
type hooks struct {
	options    func(*memstore.Options)
	issue      func(*handle, context.Context, store.IssueRequest) (store.Issued, error)
	lookup     func(*handle, context.Context, store.Subject, []string) (store.State, error)
	list       func(*handle, context.Context, store.Subject, store.Page) (store.Records, error)
	rotate     func(*handle, context.Context, store.RotateRequest) (store.Rotated, error)
	update     func(*handle, context.Context, store.UpdateRequest) (store.Record, error)
	touch      func(*handle, context.Context, store.TouchRequest) error
	revoke     func(*handle, context.Context, store.Revocation) error
	forget     func(*handle, context.Context, store.Subject) error
	subjects   func(*handle, context.Context) iter.Seq2[store.Subject, error]
	sweep      func(*handle, context.Context) (store.Swept, error)
	ping       func(*handle, context.Context) error
	stats      func(*handle) []store.Stat
	caps       func(store.Capabilities) store.Capabilities
	partitions func(*handle) int
	poll       func(*handle, context.Context, int, store.Position) (store.Batch, error)
	listen     func(*handle, context.Context, func(store.Bell)) error
	close      func(*handle) error
	outage     func(context.Context) error // how a call fails while the backend is down
	wrap       func(*handle) store.TokenStore
}

var (
	_ store.TokenStore    = (*handle)(nil)
	_ store.Feed          = (*handle)(nil)
	_ store.SubjectLister = (*handle)(nil)
	_ store.Sweeper       = (*handle)(nil)
	_ store.Pinger        = (*handle)(nil)
	_ store.StatsReporter = (*handle)(nil)
)

// ready is what every method of a right store begins with.
func (s *handle) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed.Load():
		return store.ErrClosed
	case s.w.down.Load() && s.h.outage != nil:
		return s.h.outage(ctx)
	case s.w.down.Load():
		return store.ErrUnavailable
	}
	return nil
}

func (s *handle) Issue(ctx context.Context, r store.IssueRequest) (out store.Issued, err error) {
	if err := s.ready(ctx); err != nil {
		return out, err
	}
	if s.h.issue != nil {
		out, err = s.h.issue(s, ctx, r)
	} else {
		out, err = s.w.Issue(ctx, r)
	}
	if err == nil {
		s.w.mu.Lock()
		s.w.issued = append(s.w.issued, out.Record.Clone())
		s.w.mu.Unlock()
	}
	return out, err
}

func (s *handle) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	if err := s.ready(ctx); err != nil {
		return store.State{}, err
	}
	if s.h.lookup != nil {
		return s.h.lookup(s, ctx, subject, ids)
	}
	return s.w.Lookup(ctx, subject, ids...)
}

func (s *handle) List(ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
	if err := s.ready(ctx); err != nil {
		return store.Records{}, err
	}
	if s.h.list != nil {
		return s.h.list(s, ctx, subject, p)
	}
	return s.w.List(ctx, subject, p)
}

func (s *handle) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	if err := s.ready(ctx); err != nil {
		return store.Rotated{}, err
	}
	if s.h.rotate != nil {
		return s.h.rotate(s, ctx, r)
	}
	return s.w.Rotate(ctx, r)
}

func (s *handle) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	if err := s.ready(ctx); err != nil {
		return store.Record{}, err
	}
	if s.h.update != nil {
		return s.h.update(s, ctx, r)
	}
	return s.w.Update(ctx, r)
}

func (s *handle) Touch(ctx context.Context, r store.TouchRequest) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.h.touch != nil {
		return s.h.touch(s, ctx, r)
	}
	return s.w.Touch(ctx, r)
}

func (s *handle) Revoke(ctx context.Context, r store.Revocation) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.h.revoke != nil {
		return s.h.revoke(s, ctx, r)
	}
	return s.w.Revoke(ctx, r)
}

func (s *handle) Forget(ctx context.Context, subject store.Subject) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.h.forget != nil {
		return s.h.forget(s, ctx, subject)
	}
	return s.w.Forget(ctx, subject)
}

func (s *handle) Capabilities() store.Capabilities {
	if s.h.caps != nil {
		return s.h.caps(s.w.Capabilities())
	}
	return s.w.Capabilities()
}

// Close closes the world with its last handle.
func (s *handle) Close() error {
	if s.h.close != nil {
		return s.h.close(s)
	}
	return s.shut()
}

func (s *handle) shut() error {
	if s.closed.Swap(true) || s.w.refs.Add(-1) > 0 {
		return nil
	}
	return s.w.Close()
}

func (s *handle) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	if err := s.ready(ctx); err != nil {
		return func(yield func(store.Subject, error) bool) { yield(store.Subject{}, err) }
	}
	if s.h.subjects != nil {
		return s.h.subjects(s, ctx)
	}
	return s.w.Subjects(ctx)
}

func (s *handle) Sweep(ctx context.Context) (store.Swept, error) {
	if s.h.sweep != nil {
		return s.h.sweep(s, ctx)
	}
	if err := s.ready(ctx); err != nil {
		return store.Swept{}, err
	}
	return s.w.Sweep(ctx)
}

func (s *handle) Ping(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.h.ping != nil {
		return s.h.ping(s, ctx)
	}
	return s.w.Ping(ctx)
}

func (s *handle) Stats() []store.Stat {
	if s.h.stats != nil {
		return s.h.stats(s)
	}
	return s.w.Stats()
}

func (s *handle) Partitions(ctx context.Context) (int, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	if s.h.partitions != nil {
		return s.h.partitions(s), nil
	}
	return s.w.Partitions(ctx)
}

func (s *handle) Poll(ctx context.Context, part int, from store.Position) (store.Batch, error) {
	if err := s.ready(ctx); err != nil {
		return store.Batch{}, err
	}
	if s.h.poll != nil {
		return s.h.poll(s, ctx, part, from)
	}
	return s.w.Poll(ctx, part, from)
}

func (s *handle) Listen(ctx context.Context, ring func(store.Bell)) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.h.listen != nil {
		return s.h.listen(s, ctx, ring)
	}
	return s.w.Listen(ctx, ring)
}
