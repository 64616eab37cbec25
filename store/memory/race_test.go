package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// TestRotateRace: of twenty refreshes with one token, one rotates and the others get its successor, a new one or the
// limit; the session lives.
func TestRotateRace(t *testing.T) {
	r := newRig(t)
	rec := r.issue(ann, "s", time.Hour)
	var outcomes [8]atomic.Int32
	var limited atomic.Int32
	var links sync.Map
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			out, err := r.Rotate(t.Context(), store.RotateRequest{
				Subject: ann, ID: "s", Link: rec.Link, NextLink: store.NewLink(), Grace: time.Minute,
			})
			switch {
			case errors.Is(err, store.ErrReplayLimit):
				limited.Add(1)
			case err != nil:
				t.Error(err)
			default:
				outcomes[out.Outcome].Add(1)
				links.Store(out.Record.Link, true)
			}
		})
	}
	all.Wait()
	successors := 0
	links.Range(func(any, any) bool { successors++; return true })
	if outcomes[store.RotateOK].Load() != 1 || outcomes[store.Replayed].Load() != 3 || limited.Load() != 16 || successors != 1 {
		t.Errorf("%d rotated, %d replayed, %d limited, %d successors", outcomes[store.RotateOK].Load(), outcomes[store.Replayed].Load(), limited.Load(), successors)
	}
	if got := r.state(ann, "s").Entries[0]; got.Status != store.Live || got.Record.Rotation != 1 {
		t.Errorf("%+v", got)
	}
}

// TestLimitRace: however many log in at once, no more than the limit live.
func TestLimitRace(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := r.Issue(t.Context(), store.IssueRequest{
				Record: store.Record{ID: store.NewID(), Subject: ann, Link: store.NewLink(), ExpiresAt: noon.Add(time.Hour)},
				Limit:  store.Limit{Max: 5},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := r.List(t.Context(), ann, store.Page{})
	r.ok(err)
	if len(list.Items) != 5 {
		t.Errorf("%d sessions live", len(list.Items))
	}
}

// TestGuardRace: of a login and a password change at once, the login fails or dies.
func TestGuardRace(t *testing.T) {
	for n := range 200 {
		r := newRig(t)
		s := store.User(fmt.Sprint(n))
		cut := r.state(s).Cut
		var all sync.WaitGroup
		all.Go(func() {
			_, err := r.Issue(t.Context(), store.IssueRequest{
				Record: store.Record{ID: "s", Subject: s, Link: store.NewLink(), ExpiresAt: noon.Add(time.Hour)}, IfCut: &cut,
			})
			if err != nil && !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
		all.Go(func() { r.revokeAll(s) })
		all.Wait()
		if r.state(s, "s").Entries[0].Status == store.Live {
			t.Fatal("a login with the old password lives")
		}
	}
}

// TestEverythingAtOnce is for the race detector and goleak: all verbs, the sweeper, the feed and Close together.
func TestEverythingAtOnce(t *testing.T) {
	s, err := memstore.New(&memstore.Options{SweepInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const rounds = 100
	half := make(chan struct{})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range rounds {
				if n == 0 && i == rounds/2 {
					close(half)
				}
				if err := session(ctx, s, store.User(fmt.Sprint((n+i)%3)), i); err != nil && !errors.Is(err, store.ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() { _ = s.Listen(ctx, func(store.Bell) {}) })
	all.Go(func() {
		listed := 0
		for range rounds {
			_, _ = s.Poll(ctx, 0, store.Position{})
			_ = s.Stats()
			for _, err := range s.Subjects(ctx) {
				if err == nil {
					listed++
				}
			}
		}
	})
	all.Go(func() {
		<-half
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
}

// session logs somebody in and plays every verb on the session. Only the login must succeed: others are at it too.
func session(ctx context.Context, s *memstore.Store, who store.Subject, i int) error {
	out, err := s.Issue(ctx, store.IssueRequest{
		Record: store.Record{
			ID: store.NewID(), Subject: who, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Minute), Metadata: map[string]string{"k": "v"},
		},
		Limit: store.Limit{Max: 4},
	})
	if err != nil {
		return err
	}
	id := out.Record.ID
	_, _ = s.Rotate(ctx, store.RotateRequest{Subject: who, ID: id, Link: out.Record.Link, NextLink: store.NewLink()})
	_ = s.Touch(ctx, store.TouchRequest{Subject: who, ID: id})
	_, _ = s.Update(ctx, store.UpdateRequest{Subject: who, ID: id, Metadata: map[string]string{"k": "w"}})
	_, _ = s.Lookup(ctx, who, id, "token")
	_, _ = s.List(ctx, who, store.Page{})
	_ = s.Revoke(ctx, store.Revocation{Subject: who, IDs: []string{"token"}})
	if i%10 == 0 {
		_ = s.Revoke(ctx, store.Revocation{Subject: who, Others: &store.Others{Keep: id}})
	}
	if i%40 == 0 {
		_ = s.Forget(ctx, who)
	}
	return nil
}
