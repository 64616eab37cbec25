package redisstore_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// asking is a cluster of one node whose every slot is being moved to another that no topology names. Both are proxies to one
// server, so that what one of them knows the other does too.
type asking struct {
	t         *testing.T
	here      *cutProxy
	client    *redis.ClusterClient
	s         *redisstore.Store
	to        string      // where the slots are being moved to
	down      atomic.Bool // nobody listens there
	mu        sync.Mutex
	redirects int // how often a call was sent on
}

func askingFrom(t *testing.T, server *testenv.RedisServer, to string) *asking {
	t.Helper()
	a := &asking{t: t, here: cutProxyTo(t, server), to: to}
	a.client = redis.NewClusterClient(&redis.ClusterOptions{
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: a.here.addr()}}}}, nil
		},
		Password: passwordOf(t, server), ContextTimeoutEnabled: true, MaxRetries: -1, MaxRedirects: -1, Protocol: 2, PoolSize: 20,
		DialTimeout: time.Second, DialerRetries: 1, Dialer: a.dial,
	})
	t.Cleanup(func() { _ = a.client.Close() })
	s, err := redisstore.New(t.Context(), a.client, &redisstore.Options{Prefix: testenv.Prefix(t), Partitions: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a.s = s
	a.here.answers(func(args []string) string {
		if !slices.Contains([]string{"hmget", "fcall", "evalsha", "eval", "xrevrange"}, args[0]) {
			return ""
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.redirects++
		return "-ASK 1 " + a.to + "\r\n"
	})
	return a
}

func (a *asking) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr == a.to && a.down.Load() {
		where, _ := net.ResolveTCPAddr(network, addr)
		return nil, &net.OpError{Op: "dial", Net: network, Addr: where, Err: syscall.ECONNREFUSED}
	}
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

func passwordOf(t *testing.T, server *testenv.RedisServer) string {
	t.Helper()
	if strings.Contains(server.URL(), secretPassword) {
		return secretPassword
	}
	return ""
}

func (a *asking) redirected() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.redirects
}

// importing is where the slots are being moved to: it answers those alone who ask first.
func importing(t *testing.T, server *testenv.RedisServer) *cutProxy {
	p := cutProxyTo(t, server)
	p.answers(func(args []string) string {
		if args[0] == "asking" {
			return "+OK\r\n" // the server is no cluster
		}
		return ""
	})
	return p
}

// TestGuests: a call is sent on to a node that no topology names, over connections that the calls share, log in as the
// others do and end with the store. The caller's client stays. Kills guests that are made anew for each call, that Close
// forgets, that know no password, and a call that does not say ASKING.
func TestGuests(t *testing.T) {
	t.Parallel()
	server := testenv.SharedRedis(t, testenv.Password(secretPassword))
	there := importing(t, server)
	a := askingFrom(t, server, there.addr())
	ann := store.User("ann")
	rec := signIn(t, a.s, ann)
	for range 10 {
		if st, err := a.s.Lookup(t.Context(), ann, rec.ID); err != nil || st.Entries[0].Status != store.Live {
			t.Fatalf("sent on: %+v, %v", st, err)
		}
	}
	if n := there.open() / 2; n > 2 {
		t.Errorf("a lone caller has %d connections there: they are not used again", n)
	}
	err := crowd(0, 320, func(int) error { _, err := a.s.Lookup(t.Context(), ann, rec.ID); return err })
	if err != nil {
		t.Error(err)
	}
	if n := there.open() / 2; n > 7 { // two of questions, two of writes, and what go-redis dialled meanwhile
		t.Errorf("16 callers have %d connections there: they share none", n)
	}
	if n := a.redirected(); n < 20 {
		t.Errorf("%d calls were sent on: nothing was shown", n)
	}
	_, _, commands := there.traffic()
	if i := slices.Index(commands, "hmget"); i < 1 || commands[i-1] != "asking" {
		t.Errorf("it was not asked: %v", commands[:max(0, i)+1])
	}
	if err := a.s.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the connections there end with the store", func() bool { return there.open() == 0 })
	if err := a.client.ForEachMaster(t.Context(), func(ctx context.Context, n *redis.Client) error { return n.Ping(ctx).Err() }); err != nil {
		t.Errorf("the caller's client: %v", err)
	}
}

// TestGuestsThatAreDown: a redirection to where nobody listens is an outage that names the place, and says of a write that it
// did not happen; once somebody listens there calls pass. Kills a redirection that is tried for ever, and a guest that
// stays broken.
func TestGuestsThatAreDown(t *testing.T) {
	t.Parallel()
	server := testenv.SharedRedis(t)
	there := importing(t, server)
	a := askingFrom(t, server, there.addr())
	a.down.Store(true)
	ann := store.User("ann")
	for verb, call := range map[string]func() error{
		"lookup": func() error { _, err := a.s.Lookup(t.Context(), ann, "id"); return err },
		"issue":  func() error { _, err := a.s.Issue(t.Context(), newLogin(ann)); return err },
		"revoke": func() error { return a.s.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}) },
	} {
		began := time.Now()
		err := call()
		told(t, err, store.ErrUnavailable, "cannot connect to "+there.addr(), "start the server")
		if errors.Is(err, store.ErrIndeterminate) {
			t.Errorf("%s reached nobody, and is said to be in doubt: %v", verb, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s took %v", verb, took)
		}
	}
	a.down.Store(false)
	rec := signIn(t, a.s, ann)
	if st, err := a.s.Lookup(t.Context(), ann, rec.ID); err != nil || st.Entries[0].Status != store.Live {
		t.Errorf("once somebody listens there: %+v, %v", st, err)
	}
}
