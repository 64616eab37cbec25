package storecache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

var (
	_ store.TokenStore    = (*Cache)(nil)
	_ store.Feed          = (*Cache)(nil)
	_ store.SubjectLister = (*Cache)(nil)
	_ store.Sweeper       = (*Cache)(nil)
	_ store.Pinger        = (*Cache)(nil)
	_ store.StatsReporter = (*Cache)(nil)
	_ store.Unwrapper     = (*Cache)(nil)
)

// Cache is a store that keeps the answers of the one it wraps. It is safe for concurrent use.
type Cache struct {
	next  store.TokenStore
	core  *core
	errs  verbs.Errors
	close func() error
}

// New returns a cache in front of next and begins to follow its feed, where it has one. o may be nil where it has. Bad
// input is a [store.FieldError] that names the field; so are a cache in front of a cache, which would keep what is stale
// already, and a store without a feed where MaxStale is zero. An error leaves next open.
func New(ctx context.Context, next store.TokenStore, o *Options) (*Cache, error) {
	if next == nil {
		return nil, &store.FieldError{Field: "next", Problem: "is nil", Remedy: "open a store first"}
	}
	if _, twice := store.As[*Cache](next); twice {
		return nil, &store.FieldError{Field: "next", Problem: "has a cache already", Remedy: "put one cache in front of a store"}
	}
	feed, parts, err := feedOf(ctx, next)
	if err != nil {
		return nil, err
	}
	opts := o.withDefaults(feed != nil)
	if err := opts.check(feed != nil); err != nil {
		return nil, err
	}
	engine, err := opts.Engine(opts.MaxBytes)
	if err != nil {
		return nil, err
	}
	c := &Cache{next: next, core: newCore(opts, parts, shards)}
	c.core.ask, c.core.engine = next.Lookup, engine
	c.errs = verbs.NewErrors("cache", c.core.closed.Load)
	stop := c.follow(feed)
	c.close = sync.OnceValue(func() error {
		stop()
		c.core.end()
		engine.Close()
		return next.Close()
	})
	return c, nil
}

// feedOf is the store's feed and how many partitions it has; nil where it has none.
func feedOf(ctx context.Context, s store.TokenStore) (store.Feed, int, error) {
	feed, err := store.FeedOf(s)
	if err == nil {
		var n int
		if n, err = feed.Partitions(ctx); err == nil && n > 0 {
			return feed, n, nil
		}
	}
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil, 0, nil
	}
	return nil, 0, err
}

// follow follows the feed until stop is called, which waits.
func (c *Cache) follow(feed store.Feed) (stop func()) {
	if feed == nil {
		return func() {}
	}
	o := &c.core.o
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	failed := func(err error) {
		c.core.count.pollErrors.Add(1)
		o.Log(err)
	}
	go func() {
		defer close(done)
		for {
			// It ends before its context only if the feed cannot say how many partitions it has, by now.
			err := follow.Run(ctx, feed, c.core, follow.Options{Poll: o.Poll, Partitions: len(c.core.parts), Now: o.Now, Log: failed})
			if ctx.Err() != nil {
				return
			}
			failed(err)
			t := time.NewTimer(o.Poll)
			select {
			case <-ctx.Done():
			case <-t.C:
			}
			t.Stop()
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// Lookup implements [store.TokenStore]. Without ids it is the guard of a login and always asks the store. The answer's
// Stamp says how long it may be used without asking again.
func (c *Cache) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if len(ids) == 0 {
		return c.next.Lookup(ctx, s)
	}
	if err := c.errs.Ready(ctx, "lookup"); err != nil {
		return store.State{}, err
	}
	now := c.core.o.Now()
	a, err := c.core.lookup(ctx, question{s, ids}, now)
	if err != nil {
		d := s.Digest()
		if errors.Is(err, store.ErrInvalid) {
			d = store.Digest{}
		}
		return store.State{}, c.errs.Fail("lookup", d, err)
	}
	return a.tell(now), nil
}

// Issue implements [store.TokenStore]. With a limit it may have revoked others, and a repeat does not tell whom.
func (c *Cache) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	defer c.core.write(r.Record.Subject)()
	out, err := c.next.Issue(ctx, r)
	if !harmless(err) && (err != nil || !r.Limit.IsZero() || len(out.Evicted) > 0) {
		c.core.changed(r.Record.Subject)
	}
	if !harmless(err) {
		c.core.issued(r.Record.Subject)
	}
	return out, err
}

// List implements [store.TokenStore]; it always asks the store.
func (c *Cache) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	return c.next.List(ctx, s, p)
}

// Rotate implements [store.TokenStore]. Only one that revoked changes what a Lookup may tell.
func (c *Cache) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	defer c.core.write(r.Subject)()
	out, err := c.next.Rotate(ctx, r)
	if !harmless(err) && (err != nil || out.Outcome == store.Reused) {
		c.core.changed(r.Subject)
	}
	return out, err
}

// Update implements [store.TokenStore].
func (c *Cache) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	defer c.core.write(r.Subject)()
	rec, err := c.next.Update(ctx, r)
	if !harmless(err) {
		c.core.changed(r.Subject)
	}
	return rec, err
}

// Touch implements [store.TokenStore]. What is kept goes on to tell the LastSeen of before.
func (c *Cache) Touch(ctx context.Context, r store.TouchRequest) error { return c.next.Touch(ctx, r) }

// Revoke implements [store.TokenStore].
func (c *Cache) Revoke(ctx context.Context, r store.Revocation) error {
	defer c.core.write(r.Subject)()
	err := c.next.Revoke(ctx, r)
	if !harmless(err) {
		c.core.changed(r.Subject)
	}
	return err
}

// Forget implements [store.TokenStore].
func (c *Cache) Forget(ctx context.Context, s store.Subject) error {
	defer c.core.write(s)()
	err := c.next.Forget(ctx, s)
	if !harmless(err) {
		c.core.changed(s)
	}
	return err
}

// harmless reports whether an error of a write says that nothing has changed. Any other may come after the write.
func harmless(err error) bool {
	return errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrClosed)
}

// Capabilities implements [store.TokenStore]: they are those of the wrapped store.
func (c *Cache) Capabilities() store.Capabilities { return c.next.Capabilities() }

// Close ends the cache and closes the wrapped store.
func (c *Cache) Close() error { return c.close() }

// Unwrap returns the wrapped store.
func (c *Cache) Unwrap() store.TokenStore { return c.next }
