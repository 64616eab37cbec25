package revocation_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// The least rights of docs/operating-redis.md for the prefix "jeton:".
const (
	followerRights = "%R~jeton:space ~jeton:tails ~jeton:{*}:f &jeton:bell +info +time +get +exists +eval +evalsha +xread +xrange +xrevrange +subscribe"
	deafRights     = "%R~jeton:space ~jeton:tails ~jeton:{*}:f +info +time +get +exists +eval +evalsha +xread +xrange +xrevrange"
)

// remote is a Redis server that a writer writes and a read-only user follows.
type remote struct {
	*testing.T
	server *testenv.RedisServer
	writer *redisstore.Store
	view   *revocation.View
}

// newRemote opens a view that is as stale as that at most, with these rights.
func newRemote(t *testing.T, rights string, maxStale time.Duration) *remote {
	t.Helper()
	r := &remote{T: t, server: testenv.Redis(t)}
	var err error
	if r.writer, err = redisstore.Open(t.Context(), r.server.URL()+"?prefix=jeton:", &redisstore.Options{Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.writer.Close() })
	r.server.Do(append([]string{"ACL", "SETUSER", "follower", "on", ">secret", "resetchannels"}, strings.Fields(rights)...)...)
	u := url.URL{Scheme: "redis", User: url.UserPassword("follower", "secret"), Host: r.server.Addr(), RawQuery: "prefix=jeton:&read_timeout=300ms"}
	feed, err := store.OpenFeed(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	if r.view, err = revocation.Open(t.Context(), feed, &revocation.Options{MaxStale: maxStale, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.view.Close(); err != nil {
			t.Error(err)
		}
		if err := feed.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// login issues a session, and returns the query for its access token.
func (r *remote) login(s store.Subject) revocation.Query {
	r.Helper()
	got, err := r.writer.Issue(r.Context(), store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: s, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		r.Fatal(err)
	}
	return revocation.NewQuery(s, store.Presented{SessionID: got.Record.ID, TokenID: store.NewID(), Seq: got.Record.Seq})
}

func (r *remote) revokeAll(s store.Subject) {
	r.Helper()
	if err := r.writer.Revoke(r.Context(), store.Revocation{Subject: s, All: true}); err != nil {
		r.Fatal(err)
	}
}

func (r *remote) judge(q *revocation.Query) string {
	v, err := r.view.Check(time.Now(), q)
	switch {
	case err != nil:
		return "not ready"
	case v.Alive:
		return "alive"
	}
	return v.Reason
}

// becomes waits for a verdict, and returns how long that took. Others than those allowed until then are wrong.
func (r *remote) becomes(want string, q *revocation.Query, meanwhile ...string) time.Duration {
	r.Helper()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		got := r.judge(q)
		took := time.Since(start)
		switch {
		case got == want:
			return took
		case !slices.Contains(meanwhile, got):
			r.Fatalf("a token is %q, want %q", got, want)
		case took > 20*time.Second:
			r.Fatalf("a token is still %q, want %q", got, want)
		}
	}
}

// TestFollower: with the rights of a follower, which can write nothing, a view hears of what another client revokes by the
// bell, and a user who may not listen hears of it by the next poll.
func TestFollower(t *testing.T) {
	for _, tt := range []struct {
		rule, rights string
		maxStale     time.Duration
		within       time.Duration
	}{
		{"by the bell, long before the next poll", followerRights, 30 * time.Second, 8 * time.Second},
		{"by the poll", deafRights, 2 * time.Second, 15 * time.Second}, // on a busy machine; it is not ready after MaxStale
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t, tt.rights, tt.maxStale)
			var worst time.Duration
			for i := range 6 {
				s := store.User(strings.Repeat("x", i+1))
				q := r.login(s)
				if got := r.judge(&q); got != "alive" {
					t.Fatalf("a new token is %q", got)
				}
				r.revokeAll(s)
				took := r.becomes(store.ReasonCut, &q, "alive", "not ready")
				if i > 0 { // a bell that rings before the view listens is lost, and a poll tells it
					worst = max(worst, took)
				}
			}
			if t.Logf("heard of within %v", worst); worst > tt.within {
				t.Errorf("a revocation was heard of after %v, want %v", worst, tt.within)
			}
		})
	}
}

// TestServerThatHangs: a server that is there and does not answer makes the view too old, and is caught up with when it
// comes back; nothing that was revoked meanwhile is alive by then.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	r := newRemote(t, followerRights, time.Second)
	ann, bob := store.User("ann"), store.User("bob")
	dead, live := r.login(ann), r.login(bob)
	r.revokeAll(ann)
	r.becomes(store.ReasonCut, &dead, "alive")
	r.server.Pause()
	took := r.becomes("not ready", &live, "alive")
	r.server.Resume()
	if t.Logf("not ready %v after the server stopped", took); took > 2*time.Second {
		t.Errorf("a view of a server that hangs answered for %v", took)
	}
	r.becomes("alive", &live, "not ready")
	r.becomes(store.ReasonCut, &dead, "not ready")
}

// TestServerThatLosesItsData: what is older than the loss is refused, and nothing that was revoked lives again.
func TestServerThatLosesItsData(t *testing.T) {
	t.Parallel()
	r := newRemote(t, followerRights, time.Second)
	ann, bob := store.User("ann"), store.User("bob")
	dead, older := r.login(ann), r.login(bob)
	r.revokeAll(ann)
	r.becomes(store.ReasonCut, &dead, "alive")
	r.server.Do("FLUSHALL")
	r.login(store.User("carol")) // the writer's next word begins its feed anew; the rest are made as they are asked for
	for _, q := range []*revocation.Query{&dead, &older} {
		for start := time.Now(); r.judge(q) != store.ReasonCut; time.Sleep(time.Millisecond) {
			if got := r.judge(q); q == &dead && got == "alive" {
				t.Fatal("a revoked token lives again")
			}
			if time.Since(start) > 20*time.Second {
				t.Fatalf("a token from before the loss is %q", r.judge(q))
			}
			r.login(ann)
			r.login(bob)
		}
	}
	later := r.login(bob)
	r.becomes("alive", &later, "not ready", store.ReasonCut)
}
