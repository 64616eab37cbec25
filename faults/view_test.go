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

// kept are servers that lose nothing of what was acknowledged at Replicated(1): each master has one replica. Of two, Sentinel may
// promote the one that has not acknowledged.
var kept = []testenv.Option{testenv.AppendOnly("everysec"), testenv.Config("min-replicas-to-write", "1"), testenv.Replicas(1)}

func clusterSite(t testing.TB) site {
	c := testenv.RedisCluster(t, kept...)
	addrs := c.Addrs()
	return site{
		url: "redis+cluster://" + addrs[0] + "?dial_timeout=2s&addrs=" + strings.Join(addrs[1:], ","),
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
		url: "redis+sentinel://" + addrs[0] + "?dial_timeout=2s&master=" + s.Name + "&addrs=" + strings.Join(addrs[1:], ","),
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

// revokedOf is how many of a crowd are revoked in the end.
func revokedOf(n int) int { return n * 9 / 10 }

// revoke revokes all users but the last tenth, each until it is acknowledged.
func (c *crowd) revoke(ctx context.Context, s store.TokenStore) error {
	for i := range revokedOf(len(c.users)) {
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
func (c *crowd) ask(v *revocation.View, n *count) {
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
				if began > acked+viewStale {
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

// followed is a crowd, who revokes it, and a view that follows.
type followed struct {
	*testing.T
	where  site
	writer *redisstore.Store
	view   *revocation.View
	crowd  *crowd
}

const viewStale = 500 * time.Millisecond

func newFollowed(t *testing.T, where site) *followed {
	t.Helper()
	open := func(prefix string) *redisstore.Store {
		s := must(redisstore.Open(t.Context(), where.url, &redisstore.Options{
			Prefix: prefix, Partitions: 16, Durability: redisstore.Replicated(1), Timeout: time.Second, Logger: quiet,
		}))(t)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	prefix := testenv.Prefix(t) + ":"
	f := &followed{T: t, where: where, writer: open(prefix)}
	f.view = must(revocation.Open(t.Context(), open(prefix), &revocation.Options{MaxStale: viewStale, Logger: quiet}))(t)
	t.Cleanup(func() { _ = f.view.Close() })
	f.crowd = newCrowd(t, f.writer, 1000)
	return f
}

func (f *followed) ready() {
	f.Helper()
	eventually(f, "a view that is ready", func() bool { return f.view.Ready() == nil })
}

// lose revokes the crowd and kills a master meanwhile, and returns what the view said, and for how long it was not ready.
func (f *followed) lose() (n count, outage time.Duration) {
	f.Helper()
	ctx, stop := context.WithTimeout(f.Context(), 60*time.Second)
	defer stop()
	revoked, watched, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() { revoked <- f.crowd.revoke(ctx, f.writer) }()
	go func() {
		defer close(watched)
		outage = f.crowd.watch(f.view, &n, done)
	}()
	time.Sleep(500 * time.Millisecond)
	back := f.where.lose(f)
	f.ready()
	back()
	if err := <-revoked; err != nil {
		f.Error(err)
	}
	time.Sleep(viewStale)
	f.ready()
	close(done)
	<-watched
	return n, outage
}

// TestViewFailover: a view follows through the loss of a master. It tells no revoked token alive later than MaxStale after
// the acknowledgement and no other one dead, is not ready while it cannot know, is ready again, and then knows everything
// that was ever acknowledged. Kills a view that answers while its polls fail. (That a level must wait for replicas is shown by
// store/redis: TestClusterFailoverControl.)
func TestViewFailover(t *testing.T) {
	for name, site := range map[string]func(testing.TB) site{"cluster": clusterSite, "sentinel": sentinelSite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFollowed(t, site(t))
			n, outage := f.lose()
			var last count
			f.crowd.ask(f.view, &last)
			all := len(f.crowd.users)
			t.Logf("revocations %d, checks: alive %d, dead %d, not ready %d; late accepts %d, wrong refusals %d, worst staleness %v, not ready for %v",
				revokedOf(all), n.alive, n.dead, n.unready, n.late, n.wrong, n.worst.Round(time.Millisecond), outage.Round(time.Millisecond))
			if n.late+n.wrong+last.late+last.wrong > 0 {
				t.Errorf("%d late accepts, %d wrong refusals", n.late+last.late, n.wrong+last.wrong)
			}
			if n.unready == 0 {
				t.Error("it was ready all along, while the feed was away for longer than MaxStale")
			}
			if last.dead != revokedOf(all) || last.alive != all-revokedOf(all) {
				t.Errorf("in the end %d are alive, %d dead and %d unknown, of %d with %d revocations", last.alive, last.dead, last.unready, all, revokedOf(all))
			}
		})
	}
}

// watch asks for everybody until done, and returns how long the view was not ready.
func (c *crowd) watch(v *revocation.View, n *count, done <-chan struct{}) (outage time.Duration) {
	for {
		select {
		case <-done:
			return outage
		default:
		}
		began := clock()
		ready := v.Ready()
		c.ask(v, n)
		time.Sleep(2 * time.Millisecond)
		if errors.Is(ready, revocation.ErrNotReady) {
			outage += clock() - began
		}
	}
}
