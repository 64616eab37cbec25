package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// soon polls for what must come true soon.
func soon(t testing.TB, what string, limit time.Duration, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, limit, err)
}

// pair starts a master that needs a replica, and the replica.
func pair(t *testing.T, options ...testenv.Option) (master, replica *testenv.RedisServer) {
	t.Helper()
	master = testenv.Redis(t, append(options, testenv.AppendOnly("everysec"), testenv.Config("min-replicas-to-write", "1"))...)
	replica = testenv.Redis(t, append(options, testenv.ReplicaOf(master))...)
	linked(t, master)
	return master, replica
}

// linked waits until the replica has acknowledged a write: online alone, it is sent none before its first word, a second later,
// and a WAIT of that second would count nobody.
func linked(t *testing.T, master *testenv.RedisServer) {
	t.Helper()
	wrote := false
	soon(t, "replication", 10*time.Second, func() error {
		if !wrote {
			if _, err := master.Try("SET", "linked", "1"); err != nil {
				return err
			}
			wrote = true
		}
		if state := master.Info("slave0"); !strings.Contains(state, "state=online,offset="+master.Info("master_repl_offset")+",") {
			return fmt.Errorf("the replica is %q", state)
		}
		return nil
	})
	master.Do("DEL", "linked")
}

func openStore(t testing.TB, url string, o redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), url, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func signIn(t testing.TB, s store.TokenStore, who store.Subject) store.Record {
	t.Helper()
	is, err := s.Issue(t.Context(), newLogin(who))
	if err != nil {
		t.Fatal(err)
	}
	return is.Record
}

func newLogin(who store.Subject) store.IssueRequest {
	return store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: who, Link: store.NewLink(), ExpiresAt: time.Now().Add(60 * 24 * time.Hour),
	}}
}

// request is a write of the contract, as a call that can be repeated as it is.
type request struct {
	name string
	call func(ctx context.Context, s store.TokenStore) error
}

// requests are all verbs that write, each with a subject of its own that has a session.
func requests(t testing.TB, s store.TokenStore) []request {
	var who store.Subject
	var rec store.Record
	next := func() {
		who = store.User(store.NewID())
		rec = signIn(t, s, who)
	}
	next()
	issue := newLogin(who)
	next()
	rotate := store.RotateRequest{Subject: who, ID: rec.ID, Link: rec.Link, NextLink: store.NewLink(), ExpiresAt: issue.Record.ExpiresAt}
	next()
	update := store.UpdateRequest{Subject: who, ID: rec.ID, Version: rec.Version, Metadata: map[string]string{"a": "b"}}
	next()
	touch := store.TouchRequest{Subject: who, ID: rec.ID, ExpiresAt: issue.Record.ExpiresAt.Add(time.Hour)}
	next()
	ids := store.Revocation{Subject: who, IDs: []string{rec.ID}}
	next()
	all := store.Revocation{Subject: who, All: true, Op: store.NewOp()}
	next()
	others := store.Revocation{Subject: who, Others: &store.Others{Keep: rec.ID}, Op: store.NewOp()}
	next()
	forgotten := who
	return []request{
		{"issue", func(ctx context.Context, s store.TokenStore) error { _, err := s.Issue(ctx, issue); return err }},
		{"rotate", func(ctx context.Context, s store.TokenStore) error { _, err := s.Rotate(ctx, rotate); return err }},
		{"update", func(ctx context.Context, s store.TokenStore) error { _, err := s.Update(ctx, update); return err }},
		{"touch", func(ctx context.Context, s store.TokenStore) error { return s.Touch(ctx, touch) }},
		{"revoke ids", func(ctx context.Context, s store.TokenStore) error { return s.Revoke(ctx, ids) }},
		{"revoke all", func(ctx context.Context, s store.TokenStore) error { return s.Revoke(ctx, all) }},
		{"revoke others", func(ctx context.Context, s store.TokenStore) error { return s.Revoke(ctx, others) }},
		{"forget", func(ctx context.Context, s store.TokenStore) error { return s.Forget(ctx, forgotten) }},
	}
}

// TestReplicated holds every write to its replica: while that is frozen the write is ErrIndeterminate, its repeat by
// another process too (which has changed nothing: on Redis 7.2 and later a WAIT then counts what that process wrote
// before), and once the replica goes on the repeat succeeds. It kills `again` without its HSET, and a WAIT left out.
func TestReplicated(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		t.Parallel()
		master, replica := pair(t, testenv.On(build))
		still := time.Now().Add(time.Hour).Truncate(time.Second) // so that a second Touch has nothing to change
		o := redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1), Now: func() time.Time { return still }}
		one, other := openStore(t, master.URL(), o), openStore(t, master.URL(), o)
		verbs := requests(t, one)
		for _, v := range requests(t, other) { // it has written, and the replica has it; and the server knows the scripts
			if err := v.call(t.Context(), other); err != nil {
				t.Fatal(v.name, err)
			}
		}
		replica.Pause()
		for _, v := range verbs {
			short(t, v.name, v, one)
			short(t, v.name+", repeated by another", v, other)
		}
		replica.Resume()
		for _, v := range verbs {
			if err := v.call(t.Context(), other); err != nil {
				t.Errorf("%s, once the replica is back: %v", v.name, err)
			}
		}
	})
}

// short expects a write that too few replicas have.
func short(t *testing.T, what string, v request, s store.TokenStore) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 550*time.Millisecond) // 16 of them within the 10 s of min-replicas-max-lag
	defer cancel()
	if err := v.call(ctx, s); !errors.Is(err, store.ErrIndeterminate) {
		t.Errorf("%s, while the replica is frozen: %v, want ErrIndeterminate", what, err)
	}
}

// TestReplicatedRefusals: behind an error reply no WAIT counts, and what is told is the error.
func TestReplicatedRefusals(t *testing.T) {
	master, replica := pair(t)
	s := openStore(t, master.URL(), redisstore.Options{Partitions: 16, Durability: redisstore.Replicated(1)})
	who := store.User("ann")
	signIn(t, s, who)
	cases := []struct {
		name  string
		cause func()
		want  error
		never error
	}{
		{"a foreign value under the key is corrupt, although the WAIT behind it counts", func() {
			keys, _ := master.Do("KEYS", "*:s:*").([]any)
			master.Do("SET", fmt.Sprint(keys[0]), "foreign")
		}, store.ErrCorrupt, store.ErrIndeterminate},
		{"without its replica the master writes nothing", func() {
			replica.Kill()
			soon(t, "the master to notice", 5*time.Second, func() error {
				if n := master.Info("connected_slaves"); n != "0" {
					return errors.New(n + " replicas")
				}
				return nil
			})
		}, store.ErrUnavailable, store.ErrIndeterminate},
	}
	for _, c := range cases {
		c.cause()
		err := s.Revoke(t.Context(), store.Revocation{Subject: who, All: true})
		if !errors.Is(err, c.want) || errors.Is(err, c.never) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestFsynced: a write waits for the disk, where the server can be asked to, and is ErrIndeterminate while there is none.
func TestFsynced(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		t.Parallel()
		server := testenv.Redis(t, testenv.On(build), testenv.AppendOnly("everysec"))
		o := redisstore.Options{Partitions: 16, Durability: redisstore.Fsynced()}
		if build == testenv.Stable && strings.HasPrefix(build.Version(t), "7.0") {
			_, err := redisstore.Open(t.Context(), server.URL(), &o)
			refusal(t, err, store.ErrInvalid, "appendfsync always")
			server.Do("CONFIG", "SET", "appendfsync", "always")
			signIn(t, openStore(t, server.URL(), o), store.User("ann"))
			return
		}
		s := openStore(t, server.URL(), o)
		before := time.Now()
		signIn(t, s, store.User("ann"))
		t.Logf("with appendfsync everysec a write took %v", time.Since(before))
		server.Do("CONFIG", "SET", "appendfsync", "no") // the disk is synced when the kernel likes
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := store.Revocation{Subject: store.User("ann"), All: true, Op: store.NewOp()}
		if err := s.Revoke(ctx, r); !errors.Is(err, store.ErrIndeterminate) {
			t.Errorf("a write that is not on disk: %v, want ErrIndeterminate", err)
		}
		server.Do("CONFIG", "SET", "appendfsync", "always")
		if err := s.Revoke(t.Context(), r); err != nil {
			t.Errorf("its repeat: %v", err)
		}
	})
}

func refusal(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("opened: %v; want %v that says %q", err, want, text)
	}
}

// TestOpenRefusesDurability: a server that cannot keep a level is refused when the store is opened.
func TestOpenRefusesDurability(t *testing.T) {
	master, replica := pair(t)
	plain := testenv.Redis(t)
	cases := []struct {
		name   string
		server *testenv.RedisServer
		level  redisstore.Durability
		want   error
		text   string
	}{
		{"a replica", replica, redisstore.Memory(), store.ErrUnavailable, "is a replica"},
		{"no append-only file, replicated", plain, redisstore.Replicated(1), store.ErrInvalid, "appendonly yes"},
		{"no append-only file, fsynced", plain, redisstore.Fsynced(), store.ErrInvalid, "appendonly yes"},
		{"min-replicas-to-write below the level", master, redisstore.Replicated(2), store.ErrInvalid, "min-replicas-to-write to 2"},
	}
	for _, c := range cases {
		_, err := redisstore.Open(t.Context(), c.server.URL(), &redisstore.Options{Durability: c.level})
		t.Run(c.name, func(t *testing.T) { refusal(t, err, c.want, c.text) })
	}
	t.Run("too few replicas", func(t *testing.T) {
		master.Do("CONFIG", "SET", "min-replicas-to-write", "2")
		_, err := redisstore.Open(t.Context(), master.URL(), &redisstore.Options{Durability: redisstore.Replicated(2)})
		refusal(t, err, store.ErrUnavailable, "needs 2 replicas, the master has 1")
	})
}
