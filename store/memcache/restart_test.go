package memcachestore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// losses are the ways in which a server loses everything.
var losses = []struct {
	rule string
	lose func(t *testing.T, m *testenv.MemcachedServer)
}{
	{"killed and started again", func(_ *testing.T, m *testenv.MemcachedServer) { m.Kill(); m.Restart() }},
	{"flushed, with its connections standing", func(t *testing.T, m *testenv.MemcachedServer) {
		if got := m.Do("flush_all"); strings.Join(got, "") != "OK" {
			t.Fatalf("flush_all said %q", got)
		}
	}},
}

// TestLoss: when a server loses its data everything issued before is refused from the first answer on, by records and by a
// denylist, in the process that was open and in one that comes later; what was revoked stays so; and new logins work.
// Mutants: Load without the comparison of spaces: the denylist then accepts what was revoked; the earliest birth of all
// servers in place of the latest.
func TestLoss(t *testing.T) {
	for _, loss := range losses {
		for servers := 1; servers <= 2; servers++ {
			for n := range servers {
				t.Run(fmt.Sprint(loss.rule, ", number ", n+1, " of ", servers), func(t *testing.T) {
					t.Parallel()
					loseOne(t, servers, n, loss.lose)
				})
			}
		}
	}
}

func loseOne(t *testing.T, servers, which int, lose func(*testing.T, *testenv.MemcachedServer)) {
	var all []*testenv.MemcachedServer
	var addrs []string
	for range servers {
		m := testenv.Memcached(t, "-M")
		all, addrs = append(all, m), append(addrs, m.Addr())
	}
	s := opened(t, nil, addrs...)
	if !s.Capabilities().NeverEvicts {
		t.Fatal("servers with -M are said to evict")
	}
	var live, revoked []store.Record
	for i := range 40 { // enough for every server to have some
		rec := login(t, s, store.User(fmt.Sprint("user ", i)))
		if i%2 == 0 {
			live = append(live, rec)
			continue
		}
		revoked = append(revoked, rec)
		if err := s.Revoke(t.Context(), store.Revocation{Subject: rec.Subject, IDs: []string{rec.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	lose(t, all[which])
	later := opened(t, nil, addrs...)
	for name, each := range map[string]*memcachestore.Store{"the open store": s, "one opened later": later} {
		lost := 0
		for _, rec := range revoked {
			if alive(t, each, rec, false) || alive(t, each, rec, true) {
				t.Errorf("%s accepts a revoked session", name)
			}
		}
		for _, rec := range live {
			if !alive(t, each, rec, false) {
				lost++
				if alive(t, each, rec, true) {
					t.Errorf("%s accepts by the denylist what was lost", name)
				}
			}
		}
		if lost == 0 || (servers == 1) != (lost == len(live)) {
			t.Errorf("%s: %d of %d sessions are gone with one of %d servers", name, lost, len(live), servers)
		}
	}
	if rec := login(t, s, store.User("user 0")); !alive(t, later, rec, false) || !alive(t, later, rec, true) || !alive(t, s, rec, true) {
		t.Error("a login after the loss is refused")
	}
}

// TestGuardAcrossLoss: a login that began before a loss trips its guard, since the cut that it should have seen may be lost.
func TestGuardAcrossLoss(t *testing.T) {
	m := testenv.Memcached(t)
	s := opened(t, nil, m.Addr())
	ann := store.User("ann")
	st, err := s.Lookup(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil { // the password was changed
		t.Fatal(err)
	}
	m.Kill()
	m.Restart()
	r := session(ann)
	r.IfCut = &st.Cut
	if _, err := s.Issue(t.Context(), r); !errors.Is(err, store.ErrConflict) {
		t.Errorf("%v, want ErrConflict", err)
	}
}

// TestNonceAfterLoss: the one thing that a loss opens, as docs/operating-memcache.md says: a nonce is forgotten.
func TestNonceAfterLoss(t *testing.T) {
	m := testenv.Memcached(t)
	s := opened(t, nil, m.Addr())
	take := func() error { return store.Once(t.Context(), s, "login", "nonce", time.Now().Add(time.Hour)) }
	if err := take(); err != nil {
		t.Fatal(err)
	}
	if err := take(); !errors.Is(err, store.ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	m.Do("flush_all")
	if err := take(); err != nil {
		t.Errorf("%v: the page says otherwise", err)
	}
}

// gatedClock is a store's clock, which a document store asks between a ledger's Load and its write.
type gatedClock struct {
	mu   sync.Mutex
	once func()
}

func (c *gatedClock) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.once = f
}

func (c *gatedClock) now() time.Time {
	c.mu.Lock()
	f := c.once
	c.once = nil
	c.mu.Unlock()
	if f != nil {
		f()
	}
	return time.Now()
}

// casOf returns the cas id that a server has for a key; 0 where there is nothing.
func casOf(t *testing.T, m *testenv.MemcachedServer, key string) uint64 {
	t.Helper()
	lines := m.Do("gets " + key)
	if len(lines) < 2 {
		return 0
	}
	fields := strings.Fields(lines[0])
	id, err := strconv.ParseUint(fields[len(fields)-1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestDelayedWrite builds what made conditional writes unsafe: a process has loaded a ledger and is about to write; the
// server dies and starts again, and another process logs ann in, until the ledger's cas id is the very number that the first
// one holds, and revokes what it has. The first one's write must not be stored over that.
// Mutant: CompareAndSwap over any connection (the control shows that the server would take it).
func TestDelayedWrite(t *testing.T) {
	for _, c := range []struct {
		rule  string
		there bool // whether the ledger is there when it is loaded
	}{{"compare-and-swap", true}, {"add", false}} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			m := testenv.Memcached(t, "-M")
			clock := &gatedClock{}
			s, other := opened(t, &memcachestore.Options{Now: clock.now}, m.Addr()), opened(t, nil, m.Addr())
			ann := store.User("ann")
			key := "jeton:" + ann.Digest().String()
			var held uint64
			if c.there {
				login(t, other, ann)
				login(t, other, ann)
				held = casOf(t, m, key)
			}
			var barred store.Record
			clock.set(func() {
				if !c.there {
					barred = login(t, other, ann)
					revoke(t, other, barred)
				}
				m.Kill()
				m.Restart()
				if c.there {
					barred = meet(t, m, other, key, held)
				}
			})
			mine := session(ann)
			got, err := s.Issue(t.Context(), mine)
			if err != nil && !errors.Is(err, store.ErrIndeterminate) {
				t.Fatal(err)
			}
			for name, each := range map[string]*memcachestore.Store{"the writer": s, "the other": other} {
				if alive(t, each, barred, false) || alive(t, each, barred, true) {
					t.Errorf("%s accepts a revoked session: a delayed write took the revocation back", name)
				}
			}
			if err == nil && !alive(t, other, got.Record, true) {
				t.Error("an acknowledged login is not there")
			}
		})
	}
}

func revoke(t *testing.T, s store.TokenStore, rec store.Record) {
	t.Helper()
	if err := s.Revoke(t.Context(), store.Revocation{Subject: rec.Subject, IDs: []string{rec.ID, "jti-" + rec.ID}}); err != nil {
		t.Fatal(err)
	}
}

// meet brings a ledger to a cas id, the last write being a revocation, and returns what it revoked.
func meet(t *testing.T, m *testenv.MemcachedServer, s store.TokenStore, key string, cas uint64) store.Record {
	t.Helper()
	rec := login(t, s, store.User("ann"))
	for at := casOf(t, m, key); at < cas-1; at++ {
		m.Do("set filler 0 0 1\r\nx") // each write of the server takes the next id
	}
	revoke(t, s, rec)
	if at := casOf(t, m, key); at != cas {
		t.Fatalf("the ledger's cas id is %d, not %d: the interleaving is not the one to be shown", at, cas)
	}
	return rec
}

// TestCasIDsRestart is the control of TestDelayedWrite: the server takes a cas id of before its restart, over a newer value.
func TestCasIDsRestart(t *testing.T) {
	m := testenv.Memcached(t)
	m.Do("set k 0 0 3\r\nold")
	stale := casOf(t, m, "k")
	m.Kill()
	m.Restart()
	for m.Do("set k 0 0 5\r\nnewer"); casOf(t, m, "k") < stale; {
		m.Do("set k 0 0 5\r\nnewer")
	}
	if at := casOf(t, m, "k"); at != stale {
		t.Skipf("the server's cas ids went from %d to %d: they do not restart any more", stale, at)
	}
	if got := m.Do(fmt.Sprintf("cas k 0 0 3 %d\r\nold", stale)); strings.Join(got, "") != "STORED" {
		t.Errorf("a stale cas was answered by %q: what TestDelayedWrite builds is no danger any more", got)
	}
}

// TestLateWrite: a write goes out within a second of its Load, or loads again.
func TestLateWrite(t *testing.T) {
	m := testenv.SharedMemcached(t)
	clock, c := &gatedClock{}, &cable{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Now: clock.now, Dial: c.dial}, m.Addr())
	pause := time.NewTimer(1100 * time.Millisecond)
	clock.set(func() { <-pause.C })
	said := c.listen(func() { login(t, s, store.User("ann")) })
	if gets := count(said, "gets "); gets != 2 {
		t.Errorf("after a pause of more than a second the ledger was loaded %d times, want again", gets)
	}
}

// TestServerDown: while one of two servers is down its subjects are unavailable and nothing moves to the other; when it is
// back they are logged out, and the others never noticed.
func TestServerDown(t *testing.T) {
	up, down := testenv.Memcached(t), testenv.Memcached(t)
	s := opened(t, nil, up.Addr(), down.Addr())
	var recs []store.Record
	for i := range 32 {
		recs = append(recs, login(t, s, store.User(fmt.Sprint("user ", i))))
	}
	down.Kill()
	there := map[string]bool{}
	for _, rec := range recs {
		st, err := s.Lookup(t.Context(), rec.Subject, rec.ID)
		if err == nil && st.Entries[0].Status != store.Live {
			t.Error("an outage looks like a logout")
		}
		if err != nil {
			told(t, err, store.ErrUnavailable, "cannot connect to "+down.Addr(), "start the server")
			_, err = s.Issue(t.Context(), session(rec.Subject))
			told(t, err, store.ErrUnavailable)
		}
		there[rec.ID] = err == nil
	}
	down.Restart()
	n := 0
	for _, rec := range recs {
		if there[rec.ID] != alive(t, s, rec, false) {
			t.Error("a session moved to another server, or was lost without need")
		}
		if there[rec.ID] {
			n++
		}
	}
	if n < 8 || n > 24 {
		t.Errorf("%d of 32 subjects are on the first server", n)
	}
}

// TestLossWhileAnotherIsDown: a loss is dealt with by asking the server that had it, whatever has become of the others.
func TestLossWhileAnotherIsDown(t *testing.T) {
	first, down := testenv.Memcached(t), testenv.Memcached(t)
	s := opened(t, nil, first.Addr(), down.Addr())
	down.Kill()
	first.Kill()
	first.Restart()
	n := 0
	for i := range 32 {
		if _, err := s.Issue(t.Context(), session(store.User(fmt.Sprint("user ", i)))); err == nil {
			n++
		} else {
			told(t, err, store.ErrUnavailable, down.Addr())
		}
	}
	if n < 8 || n > 24 {
		t.Errorf("%d of 32 subjects got in", n)
	}
}

// TestDeadlines: a server that does not answer holds nobody beyond the deadline, its cancellation, or Timeout.
// Mutant: no deadline of the context on the connection.
func TestDeadlines(t *testing.T) {
	m := testenv.Memcached(t)
	patient := opened(t, &memcachestore.Options{Timeout: 20 * time.Second, Pool: 1}, m.Addr())
	brief := opened(t, &memcachestore.Options{Timeout: 300 * time.Millisecond, Pool: 1}, m.Addr())
	m.Pause()
	defer m.Resume()
	for _, c := range []struct {
		rule string
		s    *memcachestore.Store
		ctx  func() (context.Context, context.CancelFunc)
		is   error
	}{
		{"a deadline", patient, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 60*time.Millisecond)
		}, context.DeadlineExceeded},
		{"a cancellation", patient, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(60*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled},
		{"neither", brief, func() (context.Context, context.CancelFunc) { return t.Context(), func() {} }, store.ErrUnavailable},
	} {
		s := c.s
		for _, op := range []struct {
			name string
			do   func(ctx context.Context) error
		}{
			{"Lookup", func(ctx context.Context) error { _, err := s.Lookup(ctx, store.User("ann")); return err }},
			{"Issue", func(ctx context.Context) error { _, err := s.Issue(ctx, session(store.User("ann"))); return err }},
			{"Ping", s.Ping},
			{"four at once on one connection", func(ctx context.Context) error {
				errs := make([]error, 4)
				var all sync.WaitGroup
				for i := range errs {
					all.Go(func() { _, errs[i] = s.Lookup(ctx, store.User("ann")) })
				}
				all.Wait()
				return errors.Join(errs...)
			}},
		} {
			t.Run(c.rule+"/"+op.name, func(t *testing.T) {
				ctx, cancel := c.ctx()
				defer cancel()
				began := time.Now()
				err := op.do(ctx)
				if took := time.Since(began); !errors.Is(err, c.is) || took > 2*time.Second {
					t.Errorf("%v after %v, want %v", err, took, c.is)
				}
			})
		}
	}
}
