package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestSwappedReplies: where the replies of one connection are out of step, everybody gets an error or the own answer, and
// nobody somebody else's; a cache keeps none that is. Kills the mutant that does not compare the check of a head or of an
// entry.
func TestSwappedReplies(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		swapReplies(t, func(s *redisstore.Store) (store.TokenStore, error) { return s, nil })
	})
	t.Run("behind a cache", func(t *testing.T) {
		swapReplies(t, func(s *redisstore.Store) (store.TokenStore, error) {
			return storecache.New(t.Context(), s, &storecache.Options{MaxAge: 10 * time.Millisecond})
		})
	})
}

func swapReplies(t *testing.T, wrap func(*redisstore.Store) (store.TokenStore, error)) {
	t.Helper()
	const callers, rounds = 48, 5
	p := cutProxyTo(t, testenv.SharedRedis(t))
	var e ear
	backend := openedAt(t, p.url()+"?read_timeout=100ms", e.options(testenv.Prefix(t)))
	s, err := wrap(backend)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	records := make([]store.Record, callers)
	for i := range records {
		is, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
			ID: fmt.Sprintf("session-%d", i%3), Subject: store.User(fmt.Sprintf("user-%d", i)), // ids meet, as hashes never would
			Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour), Metadata: map[string]string{"whose": fmt.Sprint(i)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		records[i] = is.Record
	}
	p.swapReplies(true)
	var wrong, refused, right atomic.Int64
	var callersDone sync.WaitGroup
	for i := range callers {
		callersDone.Go(func() {
			for range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
				state, err := s.Lookup(ctx, records[i].Subject, records[i].ID)
				cancel()
				switch {
				case err == nil && state.Entries[0].Record.Link == records[i].Link && state.Entries[0].Record.Metadata["whose"] == fmt.Sprint(i):
					right.Add(1)
				case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
					refused.Add(1)
				default:
					wrong.Add(1)
					t.Errorf("caller %d got %+v, %v", i, state, err)
				}
				e.note(err)
				time.Sleep(15 * time.Millisecond) // what a cache kept is old
			}
		})
	}
	callersDone.Wait()
	t.Logf("replies out of step: %d refused, %d right, %d wrong", refused.Load(), right.Load(), wrong.Load())
	if refused.Load() == 0 {
		t.Error("no reply was ever swapped: the test shows nothing")
	}
	p.swapReplies(false)
	p.cutAll()
	if _, err := s.Lookup(t.Context(), records[0].Subject, records[0].ID); err != nil {
		t.Errorf("when the replies are in step again: %v", err)
	}
	e.heardNoSecret(t)
}
