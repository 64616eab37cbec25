package redisstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// follower reads a partition as followers do: from where it stands, and from the start where that proves nothing.
type follower struct {
	feed   store.Feed
	part   int
	at     store.Position
	barred map[store.Digest]bool // the ids that it was told of
	doubts int
}

func (f *follower) poll(t testing.TB) {
	t.Helper()
	for {
		var b store.Batch
		soon(t, "a poll", 10*time.Second, func() (err error) { b, err = f.feed.Poll(t.Context(), f.part, f.at); return err })
		events, ok := b.After(f.at)
		if !ok {
			f.doubts++
			f.at, f.barred = store.Position{}, map[store.Digest]bool{}
			continue
		}
		for _, e := range events {
			f.at = e.Position
			for _, id := range e.IDs {
				f.barred[id] = true
			}
		}
		if !b.More {
			return
		}
	}
}

// bar revokes n ids of a partition that nobody else uses, and returns their digests.
func bar(t testing.TB, s store.TokenStore, part, n int) (ids []store.Digest) {
	t.Helper()
	for len(ids) < n {
		who, id := store.User(store.NewID()), store.NewID()
		if who.Digest().Partition(16) != part {
			continue
		}
		soon(t, "a revocation", 10*time.Second, func() error {
			return s.Revoke(t.Context(), store.Revocation{Subject: who, IDs: []string{id}})
		})
		ids = append(ids, store.DigestID(id))
	}
	return ids
}

// TestFeedRollback promotes replicas that are behind: a follower that stands on a revocation which did not survive notices,
// and knows every one that did. It kills positions compared without their nonce, and a nonce that is no random number.
func TestFeedRollback(t *testing.T) {
	c := testenv.RedisCluster(t)
	where := spreadOf(c, "jeton:")
	still := time.Now().Add(time.Hour).Truncate(time.Second)
	cases := []struct {
		name  string
		now   func() time.Time
		after int // revocations after the promotion, before the follower's next poll
	}{
		{"before anything new", nil, 0},
		{"behind more that is new than was lost", nil, 5},
		{"behind new events under the ids of the lost ones", func() time.Time { return still }, 5},
	}
	masters := c.Masters()
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := openStore(t, clusterURL(c), redisstore.Options{Partitions: 16, Now: tc.now})
			part := -1
			for p, m := range where.masters {
				if m == masters[i] {
					part = p
				}
			}
			f := &follower{feed: s, part: part, barred: map[store.Digest]bool{}}
			replica := c.ReplicasOf(masters[i])[0]
			survive := bar(t, s, part, 3)
			soon(t, "replication", 5*time.Second, func() error {
				if a, b := masters[i].Info("master_repl_offset"), replica.Info("master_repl_offset"); a != b {
					return fmt.Errorf("%s, the replica %s", a, b)
				}
				return nil
			})
			unlink(t, replica)
			bar(t, s, part, 2)
			f.poll(t)
			c.Failover(replica, "TAKEOVER")
			soon(t, "the old master's fall", 10*time.Second, func() error {
				if role := masters[i].Info("role"); role != "slave" {
					return errors.New(role)
				}
				return nil
			})
			f.doubts = 0
			survive = append(survive, bar(t, s, part, tc.after)...)
			f.poll(t)
			if f.doubts == 0 {
				t.Error("the rollback went unnoticed")
			}
			for _, id := range survive {
				if !f.barred[id] {
					t.Error("a revocation that survived was missed")
				}
			}
		})
	}
}

// TestIsolatedMasterRefusesPolls: a master that lost its replicas must not tell an old feed. It kills a poll that is a plain
// read.
func TestIsolatedMasterRefusesPolls(t *testing.T) {
	master, replica := pair(t)
	follower := func(quiet int) (*redisstore.Store, store.Position) {
		s := openStore(t, master.URL(), redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
		var at store.Position
		for range 1 + quiet {
			b, err := s.Poll(t.Context(), 0, at)
			if err != nil {
				t.Fatal(err)
			}
			at = b.Events[len(b.Events)-1].Position
		}
		return s, at
	}
	tails, last := follower(0)
	feeds, _ := follower(2)
	isolate(t, master, replica)
	for _, c := range []struct {
		form string
		s    *redisstore.Store
		from store.Position
	}{{"one by one", tails, store.Position{}}, {"together, by the tails", tails, last}, {"together, by the feeds", feeds, last}} {
		if _, err := c.s.Poll(t.Context(), 0, c.from); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a poll %s of a master without replicas: %v, want ErrUnavailable", c.form, err)
		}
	}
}

// isolate cuts a master off from its replica, and waits until it knows.
func isolate(t testing.TB, master, replica *testenv.RedisServer) {
	t.Helper()
	unlink(t, replica)
	soon(t, "the master to notice", 5*time.Second, func() error {
		if n := master.Info("connected_slaves"); n != "0" {
			return errors.New(n + " replicas")
		}
		return nil
	})
}

// TestFencedLookups: with the fence a master that was cut off answers no Lookup or List, a second after it noticed at the
// latest, until it has a replica again; without it, it does. It kills a fence that is not sent, that is a plain read, whose
// refusal nobody looks at, and one that is a round trip of its own.
func TestFencedLookups(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		t.Parallel()
		fencedLookups(t, build)
	})
}

func fencedLookups(t *testing.T, build testenv.Build) {
	master, replica := pair(t, testenv.On(build))
	fenced := openStore(t, master.URL(), redisstore.Options{Partitions: 16, FencedLookups: true})
	open := openStore(t, master.URL(), redisstore.Options{Partitions: 16})
	who := store.User("ann")
	rec := signIn(t, fenced, who)
	reads := map[string]func(s *redisstore.Store) error{
		"Lookup": func(s *redisstore.Store) error { _, err := s.Lookup(t.Context(), who, rec.ID); return err },
		"List":   func(s *redisstore.Store) error { _, err := s.List(t.Context(), who, store.Page{}); return err },
	}
	each := func(when string, want error) {
		time.Sleep(1100 * time.Millisecond) // what was seen of a partition counts for a second
		for name, read := range reads {
			if err := read(open); err != nil {
				t.Errorf("%s, %s without a fence: %v", when, name, err)
			}
			before := fenced.Stats()[0].Value
			if err := read(fenced); !errors.Is(err, want) {
				t.Errorf("%s, %s: %v, want %v", when, name, err, want)
			}
			if n := fenced.Stats()[0].Value - before; want == nil && n != 1 {
				t.Errorf("%s, %s: %d round trips", when, name, n)
			}
		}
	}
	each("with its replica", nil)
	isolate(t, master, replica)
	each("cut off", store.ErrUnavailable)
	_, err := fenced.Lookup(t.Context(), who, rec.ID)
	told(t, err, store.ErrUnavailable, "NOREPLICAS", "start them")
	replica.Do("CONFIG", "SET", "masteruser", "")
	replica.Do("CONFIG", "SET", "masterauth", "")
	linkedAgain := func() error { _, err := master.Try("SET", "linked", "1"); return err }
	soon(t, "the replica to be back", 10*time.Second, linkedAgain)
	each("with its replica again", nil)
	master.Do("REPLICAOF", "127.0.0.1", "1")
	each("demoted", store.ErrUnavailable)
}

// TestRepeatBehindARollback: a write whose reply was lost is sent again, to a promoted replica that lacks it and all it told. The
// second event is another one, under another cut, and a follower that stands on the first notices at once. It kills a nonce
// that a repeat brings again, by which the tails would be as they were.
func TestRepeatBehindARollback(t *testing.T) {
	server := testenv.Redis(t)
	p := cutProxyTo(t, server)
	writer := openStore(t, p.url(), redisstore.Options{Partitions: 16})
	s := openStore(t, server.URL(), redisstore.Options{Partitions: 16})
	ann, keys := store.User("ann"), keyspace.NewRedis("jeton:", 16)
	part := ann.Digest().Partition(16)
	revoke := func() {
		if err := writer.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}); err != nil {
			t.Error(err)
		}
	}
	poll := func(from store.Position) (events []store.Event, proven bool) {
		b, err := s.Poll(t.Context(), part, from)
		if err != nil {
			t.Error(err)
		}
		return b.After(from)
	}
	revoke() // the server has the library
	replica := []string{keys.Feed(part), keys.Tails(), keys.Ledger(ann.Digest())}
	for _, key := range replica {
		server.Do("COPY", key, "replica:"+key)
	}
	var told []store.Event
	sent := 0
	p.arm(0, -1) // the first reply is lost
	p.answers(func(args []string) string {
		if args[0] == "fcall" {
			sent++
		}
		if sent == 2 {
			sent++
			told, _ = poll(store.Position{}) // the follower has heard, the replica has not
			for _, key := range replica {
				server.Do("RENAME", "replica:"+key, key)
			}
		}
		return ""
	})
	revoke()
	if len(told) != 3 {
		t.Fatalf("the follower was told %d events, want the genesis and two cuts", len(told))
	}
	if again, proven := poll(told[2].Position); proven {
		t.Errorf("the repeat passed for the event that was lost: %d are new", len(again))
	}
}
