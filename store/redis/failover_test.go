package redisstore_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// rounds is how often a fault is repeated: few times, or as JETON_RUNS says.
func rounds(t testing.TB, few int) int {
	t.Helper()
	text := os.Getenv("JETON_RUNS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("JETON_RUNS is %q, want a number", text)
	}
	return n
}

// replicated are the settings that the level Replicated wants.
var replicated = []testenv.Option{
	testenv.AppendOnly("everysec"), testenv.Config("min-replicas-to-write", "1"), testenv.Replicas(2),
}

// load is writers that log in and revoke, and what they were told.
type load struct {
	s       store.TokenStore
	subject func() store.Subject
	ended   chan struct{}
	writers []*writer
	running sync.WaitGroup
	ending  sync.Once
}

// writer knows of each login what must be true of it.
type writer struct {
	status map[store.Subject]map[string]store.Status // 0 for what nobody can know
	failed map[string]int

	mu    sync.Mutex
	times []span // of the acknowledged calls
}

type span struct{ from, to time.Time }

// run starts n writers, on subjects that are drawn from a function. They end with stop, or with the test.
func run(t testing.TB, s store.TokenStore, n int, subject func() store.Subject) *load {
	l := &load{s: s, subject: subject, ended: make(chan struct{})}
	t.Cleanup(l.stop)
	for range n {
		w := &writer{status: map[store.Subject]map[string]store.Status{}, failed: map[string]int{}}
		l.writers = append(l.writers, w)
		l.running.Go(func() {
			for !l.over() {
				w.visit(l)
			}
		})
	}
	return l
}

func (l *load) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// stop ends the writers.
func (l *load) stop() {
	l.ending.Do(func() { close(l.ended) })
	l.running.Wait()
}

// visit logs a subject in a few times and revokes every other login.
func (w *writer) visit(l *load) {
	who := l.subject()
	known := w.status[who]
	if known == nil {
		known = map[string]store.Status{}
		w.status[who] = known
	}
	for i := 0; i < 8 && !l.over(); i++ {
		r := newLogin(who)
		if !w.ask(func(ctx context.Context) error { _, err := l.s.Issue(ctx, r); return err }) {
			continue
		}
		known[r.Record.ID] = store.Live
		if i%2 == 0 {
			continue
		}
		known[r.Record.ID] = 0
		if w.ask(func(ctx context.Context) error {
			return l.s.Revoke(ctx, store.Revocation{Subject: who, IDs: []string{r.Record.ID}})
		}) {
			known[r.Record.ID] = store.Revoked
		}
	}
}

// ask calls once, and reports whether the call was acknowledged.
func (w *writer) ask(call func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	from := time.Now()
	err := call(ctx)
	if err != nil {
		w.failed[reason(err)]++
		time.Sleep(2 * time.Millisecond) // a caller would not hurry either
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.times = append(w.times, span{from, time.Now()})
	return true
}

// outage returns how long after a moment the first call begun since then was acknowledged; false where none was.
func (w *writer) outage(since time.Time) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.times, func(s span) bool { return s.from.After(since) })
	if at < 0 {
		return 0, false
	}
	return w.times[at].to.Sub(since), true
}

// reason is an error without what differs between calls.
func reason(err error) string {
	var e *store.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// lost returns how many acknowledged writes are not there, out of how many.
func (l *load) lost(t testing.TB, s store.TokenStore) (lost, acked int) {
	t.Helper()
	for _, w := range l.writers {
		acked += len(w.times)
		for who, known := range w.status {
			for ids := range slices.Chunk(slices.Collect(maps.Keys(known)), 100) {
				state, err := s.Lookup(t.Context(), who, ids...)
				if err != nil {
					t.Fatal(err)
				}
				for i, id := range ids {
					lives := state.Entries[i].Status == store.Live // a mark may have given way to the floor
					if known[id] != 0 && lives != (known[id] == store.Live) {
						lost++
					}
				}
			}
		}
	}
	return lost, acked
}

// served waits until every writer is served again after a moment, and returns how long that took each.
func (l *load) served(t testing.TB, since time.Time) (all []time.Duration) {
	t.Helper()
	for _, w := range l.writers {
		soon(t, "service", 20*time.Second, func() error {
			outage, ok := w.outage(since)
			if !ok {
				return errors.New("not served yet")
			}
			all = append(all, outage)
			return nil
		})
	}
	return all
}

// told prints what the writers met.
func (l *load) told(t testing.TB) {
	t.Helper()
	all := map[string]int{}
	for _, w := range l.writers {
		for text, n := range w.failed {
			all[text] += n
		}
	}
	for text, n := range all {
		t.Logf("%6d × %s", n, text)
	}
}

// spread is the partitions of a keyspace over the masters of a cluster.
type spread struct {
	keys    keyspace.Redis
	masters []*testenv.RedisServer // of the partitions
}

func spreadOf(c *testenv.Cluster, prefix string) spread {
	s := spread{keys: keyspace.NewRedis(prefix, 16)}
	for part := range s.keys.Partitions() {
		s.masters = append(s.masters, c.MasterOf(c.Slot(s.keys.Feed(part))))
	}
	return s
}

// on returns a function that makes subjects whose ledgers are on a master.
func (s spread) on(master *testenv.RedisServer) func() store.Subject {
	return func() store.Subject {
		for {
			who := store.User(store.NewID())
			if s.masters[who.Digest().Partition(len(s.masters))] == master {
				return who
			}
		}
	}
}

// summary prints the outages of all writers in all runs, and holds the longest to a limit.
func summary(t testing.TB, all []time.Duration, lost, acked int, limit time.Duration) {
	t.Helper()
	slices.Sort(all)
	longest := all[len(all)-1]
	t.Logf("acknowledged %d, lost %d; outage p50 %v, max %v", acked, lost, all[len(all)/2].Round(time.Millisecond), longest.Round(time.Millisecond))
	if longest > limit {
		t.Errorf("the longest outage was %v, the limit is %v", longest, limit)
	}
}

const nodeTimeout = time.Second // as testenv has it

// TestClusterFailover kills masters under load, each with as many replicas as the level waits for: nothing acknowledged is
// lost, and service is back soon. With more replicas than that it may be lost, since Redis may promote one that nobody
// waited for. The dead master is started again once it has a successor, which alone could not keep the level. It kills
// lanes that leave out their WAIT, and (by the limit) a client that does not reload the topology on errors.
func TestClusterFailover(t *testing.T) {
	c := testenv.RedisCluster(t, append(slices.Clone(replicated), testenv.Replicas(1))...)
	s := openStore(t, clusterURL(c), redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
	var outages []time.Duration
	var lost, acked int
	for n := range rounds(t, 2) {
		where := spreadOf(c, "jeton:")
		victim := where.masters[rand.N(len(where.masters))]
		heir := c.ReplicasOf(victim)[0]
		l := run(t, s, 16, where.on(victim))
		l.served(t, time.Now().Add(200*time.Millisecond))
		victim.Kill()
		killed := time.Now()
		soon(t, "the promotion", 15*time.Second, func() error {
			if role := heir.Info("role"); role != "master" {
				return errors.New(role)
			}
			return nil
		})
		promoted := time.Since(killed)
		victim.Restart()
		outages = append(outages, l.served(t, killed)...)
		l.stop()
		l.told(t)
		c.AwaitOK()
		less, more := l.lost(t, s)
		t.Logf("run %d: acknowledged %d, lost %d, a successor after %v", n, more, less, promoted.Round(time.Millisecond))
		lost, acked = lost+less, acked+more
	}
	summary(t, outages, lost, acked, nodeTimeout+5*time.Second)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, acked)
	}
}

// unlink cuts a replica off its master, for good: its password is wrong.
func unlink(t testing.TB, replica *testenv.RedisServer) {
	t.Helper()
	replica.Do("CONFIG", "SET", "masteruser", "nobody")
	replica.Do("CONFIG", "SET", "masterauth", "wrong")
	replica.Do("CLIENT", "KILL", "TYPE", "master")
	soon(t, "the link's end", 5*time.Second, func() error {
		if state := replica.Info("master_link_status"); state != "down" {
			return errors.New(state)
		}
		return nil
	})
}

// TestClusterFailoverControl shows that TestClusterFailover could fail, and why its replicas are as many as the level: a
// replica that is behind, and that nobody waited for, loses what was acknowledged when it is promoted.
func TestClusterFailoverControl(t *testing.T) {
	cases := []struct {
		level    redisstore.Durability
		replicas int
	}{
		{redisstore.Memory(), 1},
		{redisstore.Replicated(1), 2},
	}
	for _, tc := range cases {
		t.Run(tc.level.String(), func(t *testing.T) {
			t.Parallel()
			c := testenv.RedisCluster(t, testenv.AppendOnly("everysec"), testenv.Replicas(tc.replicas))
			for _, node := range c.Nodes() {
				node.Do("CONFIG", "SET", "min-replicas-to-write", strconv.Itoa(tc.replicas-1))
			}
			s := openStore(t, clusterURL(c), redisstore.Options{Partitions: 16, Durability: tc.level})
			where := spreadOf(c, "jeton:")
			victim := where.masters[0]
			behind := c.ReplicasOf(victim)[0]
			l := run(t, s, 16, where.on(victim))
			l.served(t, time.Now())
			unlink(t, behind)
			l.served(t, time.Now().Add(100*time.Millisecond))
			l.stop() // a new master without replicas would refuse them for a while
			victim.Kill()
			c.Failover(behind, "TAKEOVER")
			soon(t, "the new master", 10*time.Second, func() error { _, err := s.Lookup(t.Context(), l.subject()); return err })
			lost, acked := l.lost(t, s)
			t.Logf("acknowledged %d, lost %d", acked, lost)
			if lost == 0 {
				t.Error("nothing was lost: the test of failovers could not fail")
			}
		})
	}
}

// TestSentinelFailover is TestClusterFailover behind Sentinel.
func TestSentinelFailover(t *testing.T) {
	env := testenv.RedisSentinel(t, replicated...)
	s := openStore(t, sentinelURL(env), redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
	var outages []time.Duration
	var lost, acked int
	for left := rounds(t, 1); left > 0; left-- {
		victim := env.Master()
		l := run(t, s, 16, func() store.Subject { return store.User(store.NewID()) })
		l.served(t, time.Now().Add(200*time.Millisecond))
		victim.Kill()
		outages = append(outages, l.served(t, time.Now())...)
		l.stop()
		l.told(t)
		less, more := l.lost(t, s)
		lost, acked = lost+less, acked+more
		if left > 1 {
			victim.Restart()
			env.AwaitOK()
		}
	}
	const downAfter = time.Second // as testenv has it
	summary(t, outages, lost, acked, downAfter+5*time.Second)
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, acked)
	}
}
