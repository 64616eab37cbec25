package redisstore_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// narrow is a store that has one connection for its writes, the WAITs behind them and its questions: go-redis would keep ten
// more for pipelines.
type narrow struct {
	*redisstore.Store
	p       *cutProxy
	replica *testenv.RedisServer
	dials   atomic.Int64
}

func newNarrow(t *testing.T) *narrow {
	t.Helper()
	master, replica := pair(t)
	n := &narrow{p: cutProxyTo(t, master), replica: replica}
	client := redis.NewClient(&redis.Options{
		Addr: n.p.addr(), PoolSize: 1, PipelinePoolSize: -1, MaxRetries: -1, ContextTimeoutEnabled: true, Protocol: 2,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			n.dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	})
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(t.Context(), client, &redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	n.Store = s
	return n
}

// one fails the test where the connection was given up for another.
func (n *narrow) one(t *testing.T) {
	t.Helper()
	if d := n.dials.Load(); d != 1 {
		t.Errorf("%d connections were dialled, the pool holds one: a WAIT was lost with the others", d)
	}
}

// waiting returns when a WAIT is under way.
func (n *narrow) waiting(t *testing.T) {
	t.Helper()
	eventually(t, "a WAIT is under way", func() bool {
		_, _, seen := n.p.traffic()
		return len(seen) > 0 && seen[len(seen)-1] == "wait"
	})
}

// TestOneConnection: with a pool of one, writers and readers get along, each write with a WAIT behind it on its
// connection, and those that came together with one for all. Kills a WAIT on a connection of its own, one for each of the
// writes that are shared, none at all, and a send that waits for a second connection while it has one.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	n := newNarrow(t)
	who := make([]store.Subject, 16)
	for i := range who {
		who[i] = store.User(store.NewID())
		signIn(t, n, who[i]) // the server knows the scripts
	}
	n.p.arm(-1, -1)
	const writes = 320
	err := crowd(0, writes, func(i int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := n.Issue(ctx, newLogin(who[i%len(who)])); err != nil {
			return err
		}
		_, err := n.Lookup(ctx, who[i%len(who)])
		return err
	})
	if err != nil {
		t.Error(err)
	}
	n.one(t)
	_, _, seen := n.p.traffic()
	waits, behind := 0, 0 // of the writes sent, how many have no WAIT behind them yet
	for i, c := range seen {
		switch c {
		case "fcall", "eval", "evalsha":
			behind++
		case "wait":
			if behind == 0 {
				t.Fatalf("a WAIT behind nothing: %v", seen[max(0, i-5):i+1])
			}
			waits, behind = waits+1, 0
		case "hmget":
			if behind > 0 {
				t.Fatalf("another's question between a write and its WAIT: %v", seen[max(0, i-5):i+1])
			}
		}
	}
	if behind > 0 {
		t.Errorf("%d writes have no WAIT behind them", behind)
	}
	if waits > writes/2 {
		t.Errorf("%d writes of 16 callers took %d WAITs: they share none", writes, waits)
	}
	t.Logf("%d writes, %d WAITs", writes, waits)
}

// TestOneConnectionOfAFrozenReplica: while the only connection waits for a replica, whoever waits for it leaves at the own
// deadline, and neither takes the connection along nor leaves it in a state where the next gets another's reply. The
// write whose WAIT it is goes on. Kills a wait for the connection that knows no deadline, and a WAIT that is ended by closing
// its connection.
func TestOneConnectionOfAFrozenReplica(t *testing.T) {
	t.Parallel()
	n := newNarrow(t)
	ann := store.User("ann")
	rec := signIn(t, n, ann)
	late := store.Revocation{Subject: ann, IDs: []string{"a token of the late"}}
	n.p.arm(-1, -1)
	n.replica.Pause()
	first := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		first <- n.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{"a token of the first"}})
	}()
	n.waiting(t)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			const most = 100 * time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), most)
			defer cancel()
			began := time.Now()
			var err error
			if i%2 == 0 {
				_, err = n.Lookup(ctx, ann, rec.ID)
			} else {
				err = n.Revoke(ctx, late)
			}
			if took := time.Since(began); took > most+promptly || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who waited for the connection got %v after %v", err, took)
			}
		})
	}
	callers.Wait()
	n.replica.Resume()
	if err := <-first; err != nil {
		t.Errorf("the write whose WAIT it was: %v", err)
	}
	if err := n.Revoke(t.Context(), late); err != nil {
		t.Errorf("the repeat of those that left: %v", err)
	}
	st, err := n.Lookup(t.Context(), ann, rec.ID, "a token of the first", "a token of the late", "of nobody")
	want := []store.Status{store.Live, store.Revoked, store.Revoked, store.Unknown}
	if err != nil || !slices.EqualFunc(st.Entries, want, func(e store.Entry, s store.Status) bool { return e.Status == s }) {
		t.Errorf("afterwards: %+v, %v", st.Entries, err)
	}
	n.one(t)
}

// TestWaitEndsBeforeItsCaller: a WAIT gives up in time for its reply to reach the caller, who learns that the write is there
// and too few have it; the connection serves the next. On a busy machine one of a few must. Kills a WAIT that lasts as long
// as the caller or longer, and one that is read for no longer than any other reply.
func TestWaitEndsBeforeItsCaller(t *testing.T) {
	t.Parallel()
	n := newNarrow(t)
	ann := store.User("ann")
	signIn(t, n, ann)
	revoke := func(ctx context.Context) error {
		return n.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{"a token"}})
	}
	if err := revoke(t.Context()); err != nil { // the server knows the script
		t.Fatal(err)
	}
	n.replica.Pause()
	missed := 0
	for _, most := range []time.Duration{400 * time.Millisecond, 700 * time.Millisecond, 0} {
		var err error
		for range 5 {
			ctx, cancel := t.Context(), func() {}
			if most > 0 {
				ctx, cancel = context.WithTimeout(ctx, most)
			}
			err = revoke(ctx)
			cancel()
			if errors.Is(err, store.ErrIndeterminate) {
				break
			}
			missed++
		}
		if !errors.Is(err, store.ErrIndeterminate) || !strings.Contains(err.Error(), "0 of 1 replicas have the write") {
			t.Errorf("with %v: %v", most, err)
		}
		if st, err := n.Lookup(t.Context(), ann, "a token"); err != nil || st.Entries[0].Status != store.Revoked {
			t.Errorf("the master has it: %+v, %v", st.Entries, err)
		}
	}
	n.replica.Resume()
	if missed == 0 {
		n.one(t)
	}
}
