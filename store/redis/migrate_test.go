package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// few returns a function that returns one of n subjects of a partition in turn, all of which have a session.
func few(t testing.TB, s store.TokenStore, part, n int) func() store.Subject {
	t.Helper()
	turn := make(chan store.Subject, n)
	for len(turn) < n {
		if who := store.User(store.NewID()); who.Digest().Partition(16) == part {
			signIn(t, s, who)
			turn <- who
		}
	}
	return func() store.Subject { // each is some writer's alone
		who := <-turn
		turn <- who
		return who
	}
}

// readers look subjects up until the writers end, and return the first error.
func readers(l *load) <-chan error {
	failed := make(chan error, 1)
	l.running.Go(func() {
		for !l.over() {
			if _, err := l.s.Lookup(context.Background(), l.subject(), "some id"); err != nil {
				failed <- err
				return
			}
		}
		close(failed)
	})
	return failed
}

// moved is one slot with the subjects in it, moved while they are written and read. Between move and finish all keys are
// on the new master, and the old one still has the slot.
func moved(t *testing.T, s *redisstore.Store, part int, move, finish func()) {
	t.Helper()
	l := run(t, s, 8, few(t, s, part, 24))
	failed := readers(l)
	l.served(t, time.Now())
	before := retries(s)
	move()
	l.served(t, time.Now())
	finish()
	l.served(t, time.Now())
	l.stop()
	if err := <-failed; err != nil {
		t.Errorf("a lookup: %v", err)
	}
	var longest time.Duration
	for _, w := range l.writers {
		for text, n := range w.failed {
			t.Errorf("%d writes: %s", n, text)
		}
		for _, call := range w.times {
			longest = max(longest, call.to.Sub(call.from))
		}
	}
	lost, acked := l.lost(t, s)
	t.Logf("acknowledged %d, lost %d, sent again %d, longest call %v", acked, lost, retries(s)-before, longest.Round(time.Millisecond))
	if lost > 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, acked)
	}
	if retries(s) == before {
		t.Error("no call met the move: nothing was shown")
	}
}

func retries(s *redisstore.Store) int64 {
	i := slices.IndexFunc(s.Stats(), func(st store.Stat) bool { return st.Name == "redis_retries" })
	return s.Stats()[i].Value
}

// TestSlotMoves moves a slot with its ledgers and their feed to another master, key by key and over more than a second,
// while they are written and read: no caller sees an error. It kills a TRYAGAIN that is not tried again, an ASK that is
// not followed, and a look at the feed that fails the lookup which it goes with.
func TestSlotMoves(t *testing.T) {
	c := testenv.RedisCluster(t, append(slices.Clone(replicated), testenv.Replicas(1))...)
	for _, level := range []redisstore.Durability{redisstore.Memory(), redisstore.Replicated(1)} {
		t.Run(level.String(), func(t *testing.T) {
			s := openStore(t, clusterURL(c), redisstore.Options{Partitions: 16, Durability: level})
			where := spreadOf(c, "jeton:")
			from := where.masters[3]
			to := where.masters[slices.IndexFunc(where.masters, func(m *testenv.RedisServer) bool { return m != from })]
			var m *testenv.Migration
			moved(t, s, 3, func() {
				m = c.Migrate(c.Slot(where.keys.Feed(3)), to)
				for m.Move(1) > 0 {
					time.Sleep(50 * time.Millisecond) // the pace of a busy cluster
				}
			}, func() { m.Finish() })
		})
	}
}

// TestSlotMovesToNewMaster moves the first slot to a master that has none, and that no topology names before the move is
// over. It kills redirections that are followed to known nodes alone.
func TestSlotMovesToNewMaster(t *testing.T) {
	c := testenv.RedisCluster(t, testenv.Replicas(0))
	s := openStore(t, clusterURL(c), redisstore.Options{Partitions: 16})
	where := spreadOf(c, "jeton:")
	from := where.masters[3]
	to := testenv.Redis(t, testenv.Config("cluster-enabled", "yes"), testenv.Config("cluster-node-timeout", "1000"))
	to.Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(from.Port()))
	slot := strconv.Itoa(c.Slot(where.keys.Feed(3)))
	toID, fromID := fmt.Sprint(to.Do("CLUSTER", "MYID")), fmt.Sprint(from.Do("CLUSTER", "MYID"))
	soon(t, "the meeting", 10*time.Second, func() error {
		for id, server := range map[string]*testenv.RedisServer{toID: from, fromID: to} {
			if nodes := fmt.Sprint(server.Do("CLUSTER", "NODES")); !strings.Contains(nodes, id) {
				return errors.New(nodes)
			}
		}
		if state := fmt.Sprint(to.Do("CLUSTER", "INFO")); !strings.Contains(state, "cluster_state:ok") {
			return errors.New(state)
		}
		return nil
	})
	moved(t, s, 3, func() {
		to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
		from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
		for {
			keys, _ := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "1").([]any)
			if len(keys) == 0 {
				break
			}
			from.Do("MIGRATE", "127.0.0.1", strconv.Itoa(to.Port()), fmt.Sprint(keys[0]), "0", "5000")
			time.Sleep(50 * time.Millisecond)
		}
	}, func() {
		to.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
		from.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	})
}
