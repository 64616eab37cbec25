package storecache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// unreplied is a store whose writes wait, before they are done and before they are told of.
type unreplied struct {
	*memstore.Store
	start, reply chan struct{}
	answer       chan struct{} // nil: Lookups do not wait
}

// held does a write between its two waits.
func held[R, T any](u *unreplied, do func(context.Context, R) (T, error), ctx context.Context, r R) (T, error) { //nolint:revive // the store's own order, after what is held
	<-u.start
	out, err := do(ctx, r)
	<-u.reply
	return out, err
}

func (u *unreplied) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	return held(u, u.Store.Issue, ctx, r)
}

func (u *unreplied) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	return held(u, u.Store.Rotate, ctx, r)
}

func (u *unreplied) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	return held(u, u.Store.Update, ctx, r)
}

func (u *unreplied) Revoke(ctx context.Context, r store.Revocation) error {
	<-u.start
	defer func() { <-u.reply }()
	return u.Store.Revoke(ctx, r)
}

func (u *unreplied) Forget(ctx context.Context, s store.Subject) error {
	<-u.start
	defer func() { <-u.reply }()
	return u.Store.Forget(ctx, s)
}

func (u *unreplied) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	st, err := u.Store.Lookup(ctx, s, ids...)
	if u.answer != nil {
		<-u.answer
	}
	return st, err
}

// What a write has done may be known before its reply, by another write or a List: nothing else is told from then on.
func TestUnreplied(t *testing.T) {
	for _, tt := range []struct {
		name  string
		id    string
		write func(context.Context, *storecache.Cache, store.Record) error
		want  store.Status
	}{
		{"an Issue", "new", func(ctx context.Context, c *storecache.Cache, r store.Record) error {
			_, err := c.Issue(ctx, store.IssueRequest{Record: store.Record{ID: "new", Subject: ann, Link: store.NewLink(), ExpiresAt: r.ExpiresAt}})
			return err
		}, store.Live},
		{"an Issue with a limit", "old", func(ctx context.Context, c *storecache.Cache, r store.Record) error {
			_, err := c.Issue(ctx, store.IssueRequest{
				Record: store.Record{ID: "new", Subject: ann, Link: store.NewLink(), ExpiresAt: r.ExpiresAt}, Limit: store.Limit{Max: 1},
			})
			return err
		}, store.Revoked},
		{"a Rotate that meets a reuse", "old", func(ctx context.Context, c *storecache.Cache, r store.Record) error {
			_, err := c.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "old", Link: store.NewLink(), NextLink: store.NewLink(), ExpiresAt: r.ExpiresAt})
			return err
		}, store.Revoked},
		{"an Update of the end", "old", func(ctx context.Context, c *storecache.Cache, r store.Record) error {
			_, err := c.Update(ctx, store.UpdateRequest{Subject: ann, ID: "old", Version: r.Version, ExpiresAt: time.Now().Add(10 * time.Millisecond)})
			return err
		}, store.Unknown},
		{"a Revoke", "old", func(ctx context.Context, c *storecache.Cache, _ store.Record) error {
			return c.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{"old"}})
		}, store.Revoked},
		{"a Forget", "old", func(ctx context.Context, c *storecache.Cache, _ store.Record) error {
			return c.Forget(ctx, ann)
		}, store.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := memstore.New(nil)
				if err != nil {
					t.Fatal(err)
				}
				old, err := m.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "old", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour)}})
				if err != nil {
					t.Fatal(err)
				}
				u := &unreplied{Store: m, start: make(chan struct{}), reply: make(chan struct{})}
				c, err := storecache.New(t.Context(), deafFeed{u}, nil)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				s := stand{t: t, c: c}
				before := s.status(tt.id) // and kept
				done := make(chan error, 1)
				go func() { done <- tt.write(t.Context(), c, old.Record) }()
				synctest.Wait()
				u.answer = make(chan struct{})
				early := make(chan store.Status, 1)
				go func() { early <- s.seen(tt.id) }() // reads what was before, and does not tell yet
				synctest.Wait()
				u.start <- struct{}{}
				synctest.Wait()
				time.Sleep(20 * time.Millisecond) // no poll comes in that time
				answers := u.answer
				u.answer = nil
				if got := s.seen(tt.id); got != tt.want {
					t.Errorf("before the reply %v, want %v", got, tt.want)
				}
				close(answers)
				if got := <-early; got != before {
					t.Errorf("who asked before the write was told %v, want %v", got, before)
				}
				if got := s.seen(tt.id); got != tt.want { // the early answer was not kept
					t.Errorf("behind an answer from before %v, want %v", got, tt.want)
				}
				close(u.reply)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if got := s.seen(tt.id); got != tt.want {
					t.Errorf("after the reply %v, want %v", got, tt.want)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// seen asks the cache, and does not wait for others.
func (s stand) seen(id string) store.Status {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	st, err := s.c.Lookup(ctx, ann, id)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	return st.Entries[0].Status
}

// deafFeed is a store whose bell does not ring, so that a write is not told of before its reply.
type deafFeed struct{ *unreplied }

func (deafFeed) Listen(ctx context.Context, _ func(store.Bell)) error {
	<-ctx.Done()
	return ctx.Err()
}
