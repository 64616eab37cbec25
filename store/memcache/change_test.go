package memcachestore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// TestServerChanges: a server that comes back and evicts, where it did not, is refused while the store claims NeverEvicts.
// Mutant: no look at the settings of a new connection.
func TestServerChanges(t *testing.T) {
	keeps, evicts := testenv.Memcached(t, "-M"), testenv.Memcached(t)
	var moved atomic.Bool
	s := opened(t, &memcachestore.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if moved.Load() {
			addr = evicts.Addr()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}, keeps.Addr())
	login(t, s, store.User("ann"))
	moved.Store(true)
	keeps.Kill()
	_, err := s.Lookup(t.Context(), store.User("ann"))
	told(t, err, store.ErrUnavailable, "evicts now", "start it with -M")
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
