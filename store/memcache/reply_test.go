package memcachestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// scissors cut a connection within the reply to a write, or make replies late.
type scissors struct {
	mu    sync.Mutex
	armed bool
	after int           // the bytes of the reply that come through
	late  time.Duration // how late the next replies are
	times int           // how many of them
}

// cut arms the scissors for the next write.
func (x *scissors) cut(after int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.armed, x.after = true, after
}

// slow makes the next replies late.
func (x *scissors) slow(times int, by time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.times, x.late = times, by
}

func (x *scissors) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &thread{Conn: conn, x: x}, err
}

type thread struct {
	net.Conn
	x      *scissors
	doomed bool
}

func (c *thread) Write(b []byte) (int, error) {
	c.x.mu.Lock()
	if c.x.armed && (bytes.HasPrefix(b, []byte("cas ")) || bytes.HasPrefix(b, []byte("add "))) {
		c.x.armed, c.doomed = false, true
	}
	c.x.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *thread) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.x.mu.Lock()
	late := time.Duration(0)
	if c.x.times > 0 {
		c.x.times--
		late = c.x.late
	}
	cut := c.doomed && err == nil
	if cut {
		n = min(n, c.x.after)
	}
	c.x.mu.Unlock()
	if late > 0 {
		time.Sleep(late) // a slow server; nothing here to wait for
	}
	if cut {
		_ = c.Close()
	}
	if cut && n == 0 {
		return 0, net.ErrClosed
	}
	return n, err
}

// TestCutReplies: the reply to a write is cut at each of its bytes. The write is done, and its caller is told that nobody
// knows; a repeat of it has no second effect. Mutants: a write that is tried again by the store on a line that failed, as
// another one (an Issue is ErrExists then, a Rotate ends the session); a cut reply taken for an answer.
func TestCutReplies(t *testing.T) {
	m := testenv.SharedMemcached(t)
	x := &scissors{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Dial: x.dial}, m.Addr())
	for after := range len("STORED\r\n") {
		sub := store.User(fmt.Sprint("user ", after))
		twice := func(op string, do func() error) {
			t.Helper()
			x.cut(after)
			if err := do(); !errors.Is(err, store.ErrIndeterminate) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s, cut after %d bytes: %v", op, after, err)
			}
			if err := do(); err != nil {
				t.Errorf("the repeat of %s, cut after %d bytes: %v", op, after, err)
			}
		}
		r := session(sub)
		var rec store.Record
		twice("Issue", func() error {
			got, err := s.Issue(t.Context(), r)
			rec = got.Record
			return err
		})
		rotate := store.RotateRequest{Subject: sub, ID: rec.ID, Link: rec.Link, NextLink: store.NewLink()}
		twice("Rotate", func() error {
			got, err := s.Rotate(t.Context(), rotate)
			if err == nil && (got.Outcome != store.RotateOK || got.Record.Rotation != 1) {
				t.Errorf("%v, %d rotations", got.Outcome, got.Record.Rotation)
			}
			return err
		})
		update := store.UpdateRequest{Subject: sub, ID: rec.ID, Version: rec.Version, Metadata: map[string]string{"a": "b"}}
		twice("Update", func() error { _, err := s.Update(t.Context(), update); return err })
		if list, err := s.List(t.Context(), sub, store.Page{}); err != nil || len(list.Items) != 1 {
			t.Errorf("%d sessions, %v", len(list.Items), err)
		}
		all := store.Revocation{Subject: sub, All: true, Op: store.NewOp()}
		x.cut(after)
		if err := s.Revoke(t.Context(), all); !errors.Is(err, store.ErrIndeterminate) {
			t.Error(err)
		}
		later := login(t, s, sub)
		if err := s.Revoke(t.Context(), all); err != nil || alive(t, s, rec, false) || !alive(t, s, later, false) {
			t.Errorf("a repeat of a revocation ended a login after it, or the revocation is lost: %v", err)
		}
	}
}

// TestBusyLine: a write that had to wait for its connection is not sent more than a second after its load, either.
// Mutant: the time is looked at before the wait alone.
func TestBusyLine(t *testing.T) {
	m := testenv.SharedMemcached(t)
	x, clock, c := &scissors{}, &gatedClock{}, &cable{}
	s := opened(t, &memcachestore.Options{
		Prefix: testenv.Prefix(t), Pool: 1, Timeout: 10 * time.Second, Now: clock.now,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := x.dial(ctx, network, addr)
			return plug{conn, c}, err
		},
	}, m.Addr())
	var other sync.WaitGroup
	clock.set(func() {
		x.slow(1, 1200*time.Millisecond)
		sent := make(chan struct{})
		other.Go(func() {
			close(sent)
			_, _ = s.Lookup(t.Context(), store.User("bob")) // it holds the one connection; its answer is not the matter
		})
		<-sent
		time.Sleep(50 * time.Millisecond) // until it has the connection
	})
	said := c.listen(func() { login(t, s, store.User("ann")) })
	other.Wait()
	if gets, adds := count(said, "gets "), count(said, "add "); gets != 3 || adds != 1 {
		t.Errorf("%d gets and %d adds: ann's ledger was not loaded again", gets, adds)
	}
}

// TestSlowServer: a server that needs more than a second for an answer gets one question of a write, not sixty-four; the error
// says so, and that nothing was written. Mutant: a slow load is loaded again.
func TestSlowServer(t *testing.T) {
	m := testenv.SharedMemcached(t)
	x, c := &scissors{}, &cable{}
	s := opened(t, &memcachestore.Options{
		Prefix: testenv.Prefix(t), Timeout: 10 * time.Second,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := x.dial(ctx, network, addr)
			return plug{conn, c}, err
		},
	}, m.Addr())
	x.slow(3, 1100*time.Millisecond)
	said := c.listen(func() {
		_, err := s.Issue(t.Context(), session(store.User("ann")))
		told(t, err, store.ErrUnavailable, "took longer than 1s", "nothing was written")
		if errors.Is(err, store.ErrIndeterminate) {
			t.Errorf("%v: it is known", err)
		}
	})
	if len(said) != 1 {
		t.Errorf("%d packets were sent", len(said))
	}
}

// TestGivenUp: whoever gives up while waiting for a connection gives back what it has of the pool. Mutant: a ticket that is
// kept, after which everybody waits for ever.
func TestGivenUp(t *testing.T) {
	m := testenv.SharedMemcached(t)
	x, clock := &scissors{}, &gatedClock{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Pool: 2, Now: clock.now, Dial: x.dial}, m.Addr())
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		var other sync.WaitGroup
		clock.set(func() {
			x.slow(1, 400*time.Millisecond)
			other.Go(func() { _, _ = s.Lookup(t.Context(), store.User("bob")) }) // over the line that ann's write must have
			time.Sleep(50 * time.Millisecond)
		})
		if _, err := s.Issue(ctx, session(store.User("ann"))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v: the write did not have to wait", err)
		}
		cancel()
		other.Wait()
	}
	var other sync.WaitGroup
	x.slow(1, time.Second)
	other.Go(func() { _, _ = s.Lookup(t.Context(), store.User("bob")) })
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if _, err := s.Lookup(ctx, store.User("ann")); err != nil {
		t.Errorf("the second of two connections is gone: %v", err)
	}
	other.Wait()
}

// mute is a context that has a deadline and does not tell that it has passed, as a real one may do a moment late.
type mute struct {
	context.Context
	end time.Time
}

func (m mute) Deadline() (time.Time, bool) { return m.end, true }

// TestOwnDeadline: who waits for a connection until their own deadline has run out of time, and the pool is not to blame.
// Mutant: an empty pool is told whoever's time is over.
func TestOwnDeadline(t *testing.T) {
	m := testenv.SharedMemcached(t)
	x := &scissors{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Pool: 1, Dial: x.dial}, m.Addr())
	var other sync.WaitGroup
	x.slow(1, 500*time.Millisecond)
	other.Go(func() { _, _ = s.Lookup(t.Context(), store.User("bob")) })
	time.Sleep(50 * time.Millisecond)
	_, err := s.Lookup(mute{t.Context(), time.Now().Add(100 * time.Millisecond)}, store.User("ann"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
	other.Wait()
}

// TestDeadLine: where somebody else has ended the connection that a write is bound to, nothing is sent, the ledger is loaded
// again, and the write is no outage. Mutant: a write on a line that is dead.
func TestDeadLine(t *testing.T) {
	m := testenv.SharedMemcached(t)
	clock, x := &gatedClock{}, &scissors{}
	s := opened(t, &memcachestore.Options{Prefix: testenv.Prefix(t), Pool: 1, Now: clock.now, Dial: x.dial}, m.Addr())
	clock.set(func() {
		x.cut(0)
		_, err := s.Issue(t.Context(), session(store.User("bob")))
		told(t, err, store.ErrIndeterminate)
	})
	login(t, s, store.User("ann"))
}
