package memcachestore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// exchange is a way to servers of which one can take the place of another, at the same address.
type exchange struct {
	mu    sync.Mutex
	at    map[string]string
	conns []net.Conn
}

func (x *exchange) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if to := x.at[addr]; to != "" {
		addr = to
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err == nil {
		x.conns = append(x.conns, conn)
	}
	return conn, err
}

// put lets servers answer at the addresses of others, and ends the connections that there are.
func (x *exchange) put(at map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.at = at
	for _, conn := range x.conns {
		_ = conn.Close()
	}
	x.conns = nil
}

// TestServerChanges: a server that comes back and gives less than the store was opened on is refused: one that evicts while
// the store claims NeverEvicts, and one whose item_size_max is smaller, for a ledger could grow past it, and then no longer be
// revoked from. Mutants: no look at the settings of a new connection; at evictions alone.
func TestServerChanges(t *testing.T) {
	for _, c := range []struct {
		rule, flags string
		words       []string
	}{
		{"it evicts", "", []string{"evicts now", "start it with -M"}},
		{"it keeps what does not fit on a disk that may be full", "-M -o " + extstore(t), []string{"evicts now", "without ext_path"}},
		{"its items are smaller", "-M -I 32k -o slab_chunk_max=16384", []string{"item_size_max of 32768 now, less than 1048576", "start it with -I as before"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			before, after := testenv.Memcached(t, "-M"), testenv.Memcached(t, strings.Fields(c.flags)...)
			x := &exchange{}
			s := opened(t, &memcachestore.Options{Dial: x.dial}, before.Addr())
			login(t, s, store.User("ann"))
			x.put(map[string]string{before.Addr(): after.Addr()})
			_, err := s.Lookup(t.Context(), store.User("ann"))
			told(t, err, store.ErrUnavailable, c.words...)
		})
	}
}

// extstore is the flag for items on disk.
func extstore(t *testing.T) string {
	return "ext_page_size=8,ext_path=" + t.TempDir() + "/items:64m"
}

// TestNeverEvicts: it is claimed where every server says it, wherever in the list one does not, and never of one that moves
// items to disk: it says "evictions off", and drops what does not fit there.
func TestNeverEvicts(t *testing.T) {
	keeps, keepsToo := testenv.Memcached(t, "-M").Addr(), testenv.Memcached(t, "-M").Addr()
	evicts, disk := testenv.Memcached(t).Addr(), testenv.Memcached(t, "-M", "-o", extstore(t)).Addr()
	for _, c := range []struct {
		rule    string
		servers []string
		want    bool
	}{
		{"both keep", []string{keeps, keepsToo}, true},
		{"the first evicts", []string{evicts, keeps}, false},
		{"the last evicts", []string{keeps, evicts}, false},
		{"one has a disk", []string{keeps, disk}, false},
	} {
		s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t)}, c.servers...)
		if got := s.Capabilities().NeverEvicts; got != c.want {
			t.Errorf("%s: NeverEvicts is %t", c.rule, got)
		}
	}
}

// TestSmallestItems: the smallest item_size_max of the servers counts, wherever in the list it is.
func TestSmallestItems(t *testing.T) {
	large, small := testenv.Memcached(t).Addr(), testenv.Memcached(t, "-I", "32k", "-o", "slab_chunk_max=16384").Addr()
	for _, servers := range [][]string{{large, small}, {small, large}} {
		s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t)}, servers...)
		r := session(store.User("ann"))
		r.Record.Metadata = map[string]string{"agent": strings.Repeat("x", 4000)}
		var err error
		for err == nil {
			r.Record.ID = store.NewID()
			_, err = s.Issue(t.Context(), r)
		}
		told(t, err, store.ErrTooLarge, "of 32256, the rest is kept")
	}
}

// TestExchangedServers: servers that have changed places are an outage, and no bad input of whoever asks. When they are
// back, everything is as it was. Mutant: the error of the survey as it is.
func TestExchangedServers(t *testing.T) {
	a, b := testenv.Memcached(t).Addr(), testenv.Memcached(t).Addr()
	x := &exchange{}
	s := opened(t, &memcachestore.Options{Dial: x.dial}, a, b)
	rec := login(t, s, store.User("ann"))
	x.put(map[string]string{a: b, b: a})
	_, err := s.Lookup(t.Context(), rec.Subject, rec.ID)
	told(t, err, store.ErrUnavailable, "it is number", "name the same servers in the same order")
	if errors.Is(err, store.ErrInvalid) {
		t.Errorf("%v is taken for bad input", err)
	}
	x.put(nil)
	if !alive(t, s, rec, false) {
		t.Error("the session is lost")
	}
}

// TestOlderKeyspace: a server that answers after another one has, with what it held before, lacks what was revoked in
// between: it is refused until it is flushed. Mutant: a life that follows one with a later birth.
func TestOlderKeyspace(t *testing.T) {
	first, second := testenv.Memcached(t, "-M"), testenv.Memcached(t, "-M")
	x := &exchange{}
	s := opened(t, &memcachestore.Options{Dial: x.dial}, first.Addr())
	rec := login(t, s, store.User("ann"))
	x.put(map[string]string{first.Addr(): second.Addr()})
	if err := s.Revoke(t.Context(), store.Revocation{Subject: rec.Subject, All: true}); err != nil {
		t.Fatal(err)
	}
	x.put(nil)
	for range 2 {
		_, err := s.Lookup(t.Context(), rec.Subject, rec.ID)
		told(t, err, store.ErrUnavailable, "holds an older keyspace", "flush it")
	}
	first.Do("flush_all")
	if alive(t, s, rec, false) || alive(t, s, rec, true) {
		t.Error("a revoked session lives")
	}
	if rec := login(t, s, store.User("ann")); !alive(t, s, rec, true) {
		t.Error("a login after it is refused")
	}
}

// TestTokenLifeAfterLoss: where another process made the lost keyspace anew with another MaxTokenLife, which keeps marks too
// short for the tokens of this one, this one refuses every call.
func TestTokenLifeAfterLoss(t *testing.T) {
	m := testenv.Memcached(t)
	s := opened(t, &memcachestore.Options{MaxTokenLife: 48 * time.Hour}, m.Addr())
	m.Kill()
	m.Restart()
	opened(t, nil, m.Addr())
	for range 2 {
		_, err := s.Lookup(t.Context(), store.User("ann"))
		told(t, err, store.ErrUnavailable, "MaxTokenLife of 24h0m0s", "has 48h0m0s", "state the same in every process")
	}
}

// TestLossUnderSkew: a loss bars what a process whose clock is ahead has issued just before it, too.
// Mutant: a birth that does not add MaxSkew.
func TestLossUnderSkew(t *testing.T) {
	m := testenv.Memcached(t, "-M")
	ahead := opened(t, &memcachestore.Options{Now: func() time.Time { return time.Now().Add(20 * time.Second) }}, m.Addr())
	s := opened(t, nil, m.Addr())
	rec := login(t, ahead, store.User("ann"))
	revoke(t, ahead, rec)
	m.Kill()
	m.Restart()
	if alive(t, s, rec, true) {
		t.Error("a denylist accepts what a process with a clock ahead has issued and revoked before the loss")
	}
	foreign := store.Presented{TokenID: "theirs", Foreign: true, IssuedAt: time.Now().Add(-time.Second), WithoutRecord: true}
	if st, err := s.Lookup(t.Context(), store.User("bob"), foreign.IDs()...); err != nil || st.Verdict(foreign).Alive {
		t.Errorf("a denylist accepts a foreign token of before the loss: %v", err)
	}
	if rec := login(t, s, store.User("ann")); !alive(t, s, rec, true) || !alive(t, ahead, rec, false) {
		t.Error("a login after the loss is refused")
	}
}

// TestTwoLosses: the second loss comes within the difference of two clocks, and the process behind deals with it. It bars all
// that the one ahead has issued in the life between, however many steps of the order that were.
// Mutant: a birth one step behind the last one.
func TestTwoLosses(t *testing.T) {
	m := testenv.Memcached(t, "-M")
	ahead := opened(t, &memcachestore.Options{Now: func() time.Time { return time.Now().Add(20 * time.Second) }}, m.Addr())
	s := opened(t, nil, m.Addr())
	m.Do("flush_all")
	var recs []store.Record
	for range 5 {
		rec := login(t, ahead, store.User("ann"))
		revoke(t, ahead, rec)
		recs = append(recs, rec)
	}
	if alive(t, s, recs[0], true) { // it has seen that life too
		t.Error("a revoked session lives")
	}
	m.Do("flush_all")
	for i, rec := range recs {
		if alive(t, s, rec, true) || alive(t, ahead, rec, true) {
			t.Errorf("a denylist accepts the revoked session %d of a life between two losses", i)
		}
	}
	if rec := login(t, s, store.User("ann")); !alive(t, s, rec, true) || !alive(t, ahead, rec, true) {
		t.Error("a login after the losses is refused")
	}
}

// TestForeignValues: what somebody else put under a key is never taken for a ledger, or for nothing.
func TestForeignValues(t *testing.T) {
	m := testenv.Memcached(t)
	s := opened(t, nil, m.Addr())
	ann, bob := store.User("ann"), store.User("bob")
	login(t, s, ann)
	annKey, bobKey := "jeton:"+ann.Digest().String(), "jeton:"+bob.Digest().String()
	value := m.Do("get " + annKey)
	for name, text := range map[string]string{"another's ledger": value[1], "no ledger": "hello", "nothing": ""} {
		m.Do("delete " + bobKey)
		setRaw(t, m, bobKey, text)
		_, err := s.Lookup(t.Context(), bob, "id")
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	setRaw(t, m, "jeton:jeton", "")
	_, err := s.Lookup(t.Context(), ann)
	told(t, err, store.ErrCorrupt, "foreign value", "another prefix")
	_, err = memcachestore.New(t.Context(), []string{m.Addr()}, nil)
	told(t, err, store.ErrCorrupt, "foreign value")
}

// TestSwappedReplies: an answer that belongs to another question is an error, and never a session or the lack of one.
// Mutant: Load takes a key that is not in the answer for one that is not there.
func TestSwappedReplies(t *testing.T) {
	m := testenv.SharedMemcached(t)
	ann, bob := store.User("ann"), store.User("bob")
	for _, c := range []struct {
		rule     string
		from, to []byte
		is       error
	}{
		{"another subject's key", []byte(ann.Digest().String()), []byte(bob.Digest().String()), store.ErrCorrupt},
		{"another form", []byte("VALUE "), []byte("VOLUE "), store.ErrUnavailable},
		{"an error of the server's", []byte("VALUE "), []byte("ERROR\r"), store.ErrUnavailable},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cable := &cable{}
			s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Dial: cable.dial}, m.Addr())
			rec := login(t, s, ann)
			cable.spoils(func(b []byte) { copy(b, bytes.ReplaceAll(b, c.from, c.to)) })
			_, err := s.Lookup(t.Context(), ann, rec.ID)
			told(t, err, c.is)
			cable.spoils(nil)
			if !alive(t, s, rec, false) {
				t.Error("the session is lost after one bad answer")
			}
		})
	}
}

// TestVanishedLedger: a ledger that goes between its Load and the write is loaded again: the write is no outage, and what it
// built on is gone.
func TestVanishedLedger(t *testing.T) {
	m := testenv.Memcached(t)
	clock := &gatedClock{}
	s := opened(t, &memcachestore.Options{Now: clock.now}, m.Addr())
	ann := store.User("ann")
	before := login(t, s, ann)
	clock.set(func() { m.Do("delete jeton:" + ann.Digest().String()) })
	after := login(t, s, ann)
	if alive(t, s, before, false) || !alive(t, s, after, false) {
		t.Error("what was evicted lives, or what was issued after does not")
	}
}

func setRaw(t *testing.T, m *testenv.MemcachedServer, key, value string) {
	t.Helper()
	conn, err := net.Dial("tcp", m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // its answer was read
	if _, err := conn.Write([]byte("set " + key + " 0 0 " + itoa(len(value)) + "\r\n" + value + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 8)
	if _, err := conn.Read(answer); err != nil || string(answer) != "STORED\r\n" {
		t.Fatalf("%q, %v", answer, err)
	}
}

// TestClose: calls after Close are ErrClosed, and closing twice is nil.
func TestClose(t *testing.T) {
	m := testenv.SharedMemcached(t)
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t)}, m.Addr())
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Lookup(t.Context(), store.User("ann"))
	told(t, err, store.ErrClosed)
	told(t, s.Ping(t.Context()), store.ErrClosed)
}

// TestOpenFails: an open that fails leaves no connection behind. Mutant: New returns and closes nothing.
func TestOpenFails(t *testing.T) {
	m := testenv.SharedMemcached(t)
	c := &cable{}
	_, err := memcachestore.New(t.Context(), []string{m.Addr(), "127.0.0.1:1"}, &memcachestore.Options{Prefix: testenv.Prefix(t), Dial: c.dial})
	told(t, err, store.ErrUnavailable, "127.0.0.1:1")
	if c.mu.Lock(); c.dials == 0 || len(c.conns) > 0 {
		t.Errorf("%d connections are open, after %d dials", len(c.conns), c.dials)
	}
	c.mu.Unlock()
}

// TestPingAsksAll: one server of two is down. Mutant: a Ping of the first alone.
func TestPingAsksAll(t *testing.T) {
	up, down := testenv.Memcached(t), testenv.Memcached(t)
	s := opened(t, nil, up.Addr(), down.Addr())
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	down.Kill()
	told(t, s.Ping(t.Context()), store.ErrUnavailable, down.Addr())
}

// TestPool: a crowd is served over the connections that Pool allows.
func TestPool(t *testing.T) {
	m := testenv.SharedMemcached(t)
	c := &cable{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Pool: 3, Dial: c.dial}, m.Addr())
	crowd(t, s)
	if c.dials > 3 {
		t.Errorf("there were %d connections, the pool is 3", c.dials)
	}
	for _, st := range s.Stats() {
		t.Logf("%s %d", st.Name, st.Value)
	}
}
