package redisstore_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// questions are all verbs and faces that ask the server something.
func questions(t testing.TB, s *redisstore.Store) []request {
	who := store.User("ann")
	return append(requests(t, s),
		request{"lookup", func(ctx context.Context, s store.TokenStore) error { _, err := s.Lookup(ctx, who, "id"); return err }},
		request{"list", func(ctx context.Context, s store.TokenStore) error {
			_, err := s.List(ctx, who, store.Page{})
			return err
		}},
		request{"poll", func(ctx context.Context, _ store.TokenStore) error {
			_, err := s.Poll(ctx, who.Digest().Partition(16), store.Position{})
			return err
		}},
		request{"ping", func(ctx context.Context, _ store.TokenStore) error { return s.Ping(ctx) }},
		request{"health", func(ctx context.Context, _ store.TokenStore) error { return s.Health(ctx) }},
		request{"subjects", func(ctx context.Context, _ store.TokenStore) error {
			for _, err := range s.Subjects(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	)
}

// TestDeadlines: while the servers are frozen every call of many at once ends by its context's deadline, and where
// there is none by Options.Timeout. It kills a lane whose passengers do not leave, and reads without a bound.
func TestDeadlines(t *testing.T) {
	kinds := map[string]func(t *testing.T) (url string, servers []*testenv.RedisServer){
		"one server": func(t *testing.T) (string, []*testenv.RedisServer) {
			r := testenv.Redis(t)
			return r.URL(), []*testenv.RedisServer{r}
		},
		"cluster": func(t *testing.T) (string, []*testenv.RedisServer) {
			c := testenv.RedisCluster(t, testenv.Replicas(0))
			return clusterURL(c), c.Nodes()
		},
	}
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			url, servers := start(t)
			const timeout = 300 * time.Millisecond
			s := openStore(t, url, redisstore.Options{Partitions: 16, Timeout: timeout})
			asked := questions(t, s)
			for _, server := range servers {
				server.Pause()
			}
			t.Run("with a deadline", func(t *testing.T) { overrun(t, s, asked, 100*time.Millisecond, 0) })
			t.Run("without", func(t *testing.T) {
				overrun(t, s, asked[:len(asked)-1], 0, timeout) // subjects has one for each of its steps
			})
			for _, server := range servers {
				server.Resume()
			}
			soon(t, "service", 10*time.Second, func() error { return s.Ping(t.Context()) })
		})
	}
}

// overrun has 8 callers ask each question, all at once, with a deadline or without one, and expects an error in time.
func overrun(t *testing.T, s *redisstore.Store, asked []request, deadline, timeout time.Duration) {
	t.Helper()
	const most = 100 * time.Millisecond // for a machine that is busy
	var callers sync.WaitGroup
	var mu sync.Mutex
	var worst time.Duration
	for _, q := range slices.Repeat(asked, 8) {
		callers.Go(func() {
			ctx, cancel := t.Context(), func() {}
			if deadline > 0 {
				ctx, cancel = context.WithTimeout(ctx, deadline)
			}
			defer cancel()
			began := time.Now()
			err := q.call(ctx, s)
			late := time.Since(began) - deadline - timeout
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, late)
			if late > most {
				t.Errorf("%s returned %v late: %v", q.name, late, err)
			}
			outage := errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrIndeterminate)
			if !outage && (deadline == 0 || !errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("%s, of a frozen server: %v", q.name, err)
			}
		})
	}
	callers.Wait()
	t.Logf("%d calls, the latest returned %v late", 8*len(asked), worst.Round(time.Millisecond))
}
