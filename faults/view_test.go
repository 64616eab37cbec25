//go:build unix

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// site is servers of several nodes, whose masters can be lost.
type site struct {
	url  string
	lose func(t testing.TB) (back func()) // kills a master, and returns when it has a successor; back brings it back
}

var kept = []testenv.Option{testenv.AppendOnly("everysec"), testenv.Config("min-replicas-to-write", "1")}

func clusterSite(t testing.TB) site {
	c := testenv.RedisCluster(t, kept...)
	addrs := c.Addrs()
	return site{
		url: "redis+cluster://" + addrs[0] + "?addrs=" + strings.Join(addrs[1:], ","),
		lose: func(t testing.TB) func() {
			victim := c.Masters()[rand.N(3)]
			heir := c.ReplicasOf(victim)[0]
			victim.Kill()
			eventually(t, "a successor", func() bool { return heir.Info("role") == "master" })
			victim.Restart() // alone, a successor could not keep the level
			return c.AwaitOK
		},
	}
}

func sentinelSite(t testing.TB) site {
	s := testenv.RedisSentinel(t, kept...)
	addrs := s.Addrs()
	return site{
		url: "redis+sentinel://" + addrs[0] + "?master=" + s.Name + "&addrs=" + strings.Join(addrs[1:], ","),
		lose: func(t testing.TB) func() {
			victim := s.Master()
			victim.Kill()
			eventually(t, "a successor", func() bool { return s.Master() != victim })
			return func() { victim.Restart(); s.AwaitOK() }
		},
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for since := clock(); !is(); time.Sleep(5 * time.Millisecond) {
		if clock()-since > 20*time.Second {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// crowd is sessions of many users, so that every partition has some, and when each was acknowledged to be revoked.
type crowd struct {
	mu      sync.Mutex
	queries []revocation.Query
	called  []time.Duration // zero for never
	acked   []time.Duration // zero for not yet
	users   []store.Record
}

func newCrowd(t testing.TB, s store.TokenStore, n int) *crowd {
	t.Helper()
	c := &crowd{queries: make([]revocation.Query, n), called: make([]time.Duration, n), acked: make([]time.Duration, n), users: make([]store.Record, n)}
	var all sync.WaitGroup
	for part := range 8 {
		all.Go(func() {
			for i := part; i < n; i += 8 {
				got, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
					ID: store.NewID(), Subject: store.User(fmt.Sprint("user", i)), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
				}})
				if err != nil {
					t.Error(err)
					return
				}
				c.users[i] = got.Record
				c.queries[i] = revocation.NewQuery(got.Record.Subject, store.Presented{SessionID: got.Record.ID, TokenID: store.NewID(), Seq: got.Record.Seq})
			}
		})
	}
	if all.Wait(); t.Failed() {
		t.FailNow()
	}
	return c
}

// revoke revokes all users but the last tenth, each until it is acknowledged.
func (c *crowd) revoke(ctx context.Context, s store.TokenStore) error {
	for i := range len(c.users) * 9 / 10 {
		r := store.Revocation{Subject: c.users[i].Subject, Op: store.NewOp()}
		if r.All = i%2 == 0; !r.All {
			r.IDs, r.Op = []string{c.users[i].ID}, store.Op{}
		}
		c.note(c.called, i)
		for {
			try, cancel := context.WithTimeout(ctx, 2*time.Second)
			err := s.Revoke(try, r)
			cancel()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		c.note(c.acked, i)
		time.Sleep(3 * time.Millisecond)
	}
	return nil
}

func (c *crowd) note(at []time.Duration, i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at[i] = clock()
}

// count is what a view said of a crowd.
type count struct {
	alive, dead, unready int
	late, wrong          int
	worst                time.Duration
}

// ask asks a view for everybody once.
func (c *crowd) ask(v *revocation.View, maxStale time.Duration, n *count) {
	for i := range c.queries {
		began := clock()
		said, err := v.Check(time.Now(), &c.queries[i])
		ended := clock()
		c.mu.Lock()
		called, acked := c.called[i], c.acked[i]
		c.mu.Unlock()
		switch {
		case err != nil:
			n.unready++
		case said.Alive:
			n.alive++
			if acked != 0 && began > acked {
				n.worst = max(n.worst, began-acked)
				if began > acked+maxStale {
					n.late++
				}
			}
		default:
			n.dead++
			if called == 0 || ended < called {
				n.wrong++
			}
		}
	}
}

// TestViewFailover: a view follows through the loss of a master. It tells no revoked token alive later than MaxStale after
// the acknowledgement and no other one dead, is not ready while it cannot know, is ready again, and then knows everything
// that was ever acknowledged. Kills a level that does not wait for replicas (revocations are lost), and a view that answers
// while its polls fail.
func TestViewFailover(t *testing.T) {
	const maxStale = 500 * time.Millisecond
	for _, tt := range []struct {
		name string
		site func(testing.TB) site
	}{{"cluster", clusterSite}, {"sentinel", sentinelSite}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			where := tt.site(t)
			o := &redisstore.Options{Prefix: testenv.Prefix(t) + ":", Partitions: 16, Durability: redisstore.Replicated(1), Timeout: time.Second, Logger: quiet}
			writer := must(redisstore.Open(t.Context(), where.url, o))(t)
			t.Cleanup(func() { _ = writer.Close() })
			feed := must(redisstore.Open(t.Context(), where.url, o))(t)
			t.Cleanup(func() { _ = feed.Close() })
			view := must(revocation.Open(t.Context(), feed, &revocation.Options{MaxStale: maxStale, Logger: quiet}))(t)
			t.Cleanup(func() { _ = view.Close() })
			c := newCrowd(t, writer, 1000)

			ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
			defer stop()
			var all sync.WaitGroup
			var failed error
			all.Go(func() { failed = c.revoke(ctx, writer) })
			done := make(chan struct{})
			var n count
			var outage time.Duration
			all.Go(func() { outage = c.watch(view, maxStale, &n, done) })
			time.Sleep(500 * time.Millisecond)
			back := where.lose(t)
			eventually(t, "a view that is ready", func() bool { return view.Ready() == nil })
			back()
			eventually(t, "the last revocation", func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.acked[len(c.acked)*9/10-1] != 0 || failed != nil
			})
			time.Sleep(maxStale)
			eventually(t, "a view that is ready", func() bool { return view.Ready() == nil })
			close(done)
			if all.Wait(); failed != nil {
				t.Fatal(failed)
			}
			var last count
			c.ask(view, maxStale, &last)
			t.Logf("revocations %d, checks: alive %d, dead %d, not ready %d; late accepts %d, wrong refusals %d, worst staleness %v; not ready for %v, doubts %v",
				len(c.users)*9/10, n.alive, n.dead, n.unready, n.late, n.wrong, n.worst.Round(time.Millisecond), outage.Round(time.Millisecond), view.Stats()[3].Value)
			if n.late+n.wrong+last.late+last.wrong > 0 {
				t.Errorf("%d late accepts, %d wrong refusals", n.late+last.late, n.wrong+last.wrong)
			}
			if n.unready == 0 {
				t.Error("it was ready all along, while the feed was away for longer than MaxStale")
			}
			if last.alive != len(c.users)/10 || last.dead != len(c.users)*9/10 {
				t.Errorf("in the end %d are alive, %d dead and %d unknown, of %d with %d revocations", last.alive, last.dead, last.unready, len(c.users), len(c.users)*9/10)
			}
		})
	}
}

// watch asks for everybody until done, and returns how long the view was not ready.
func (c *crowd) watch(v *revocation.View, maxStale time.Duration, n *count, done <-chan struct{}) (outage time.Duration) {
	for {
		select {
		case <-done:
			return outage
		default:
		}
		began := clock()
		ready := v.Ready()
		c.ask(v, maxStale, n)
		time.Sleep(2 * time.Millisecond)
		if errors.Is(ready, revocation.ErrNotReady) {
			outage += clock() - began
		}
	}
}
