package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// The least rights of docs/operating-redis.md, for the prefix "jeton:". TestLeastRights drops each rule in turn.
const (
	writerRights = "~jeton:* &jeton:bell +info +time +ping +get +set +setrange +scan +eval +evalsha +fcall +function|load +hmget +hget +hgetall +hset +hdel +hlen +hrandfield " +
		"+unlink +pexpireat +exists +xread +xadd +xrange +xrevrange +xtrim +publish"
	verifierRights = "%R~jeton:* +info +time +get +hmget +xrevrange"
	followerRights = "%R~jeton:space ~jeton:tails ~jeton:{*}:f &jeton:bell +info +time +get +exists +eval +evalsha +xread +xrange +xrevrange +subscribe"

	// clusterRights are for every role in a cluster.
	clusterRights = "+cluster|slots +asking"

	// fenceRights are for who looks up behind a fence.
	fenceRights = "+eval +config|get"

	// For writers at a level.
	replicatedRights = "+wait +config|get"
	fsyncedRights    = "+waitaof +config|get"
)

// role is what a user is for.
type role struct {
	name, rights string
	may          []string // of everyVerb, and listen
}

func roles() []role {
	var all []string
	for _, v := range everyVerb {
		all = append(all, v.name)
	}
	return []role{
		{"writer", writerRights, all},
		{"verifier", verifierRights, []string{"lookup"}},
		{"follower", followerRights, []string{"poll", "listen"}},
	}
}

// aclWorld is a keyspace that a writer has opened, on a clock that tests move.
type aclWorld struct {
	server *testenv.RedisServer
	at     time.Time
}

// as opens the keyspace as a new user with these rights.
func (w *aclWorld) as(t testing.TB, rights string, e *ear) (*redisstore.Store, error) {
	name := testenv.Prefix(t)
	w.server.Do(append([]string{"ACL", "SETUSER", name, "on", ">" + secretPassword, "resetchannels"}, strings.Fields(rights)...)...)
	u := url.URL{Scheme: "redis", User: url.UserPassword(name, secretPassword), Host: w.server.Addr(), RawQuery: "prefix=jeton:"}
	o := e.options("")
	o.Now = func() time.Time { return w.at }
	s, err := redisstore.Open(t.Context(), u.String(), o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func newACLWorld(t testing.TB, options ...testenv.Option) *aclWorld {
	w := &aclWorld{server: testenv.Redis(t, append(options, testenv.Password(secretPassword))...), at: time.Now().Add(time.Hour).Truncate(time.Second)}
	var e ear
	s, err := w.as(t, "~* &* +@all", &e)
	if err != nil {
		t.Fatal(err)
	}
	issueTo(t, s, w.record())
	return w
}

func (w *aclWorld) record() store.Record {
	r := secretRecord()
	r.ExpiresAt = w.at.Add(time.Hour)
	return r
}

// listens reports what became of a Listen that an event is published to.
func (w *aclWorld) listens(t testing.TB, s *redisstore.Store) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	rung, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- s.Listen(ctx, func(store.Bell) {
			select {
			case rung <- struct{}{}:
			default:
			}
		})
	}()
	for {
		select {
		case err := <-ended:
			return err
		case <-rung:
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case <-time.After(5 * time.Millisecond): // a bell that nobody hears yet is lost
			var e ear
			admin, err := redisstore.Open(ctx, w.server.URL()+"?prefix=jeton:", e.options(""))
			if err != nil {
				return err
			}
			err = admin.Revoke(ctx, store.Revocation{Subject: store.User("bell"), All: true})
			if _ = admin.Close(); err != nil {
				return err
			}
		}
	}
}

// TestLeastRights: each role does its work with the rights of the docs, and everything else is an outage that names them.
func TestLeastRights(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operating-redis.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rights := range []string{clusterRights, fenceRights, replicatedRights, fsyncedRights} {
		if !strings.Contains(string(docs), strings.ReplaceAll(rights, "|", `\|`)) {
			t.Errorf("docs/operating-redis.md lacks the rights %q", rights)
		}
	}
	for _, r := range roles() {
		t.Run(r.name, func(t *testing.T) {
			if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(string(docs), "\\\n", " ")), " "), r.rights) {
				t.Errorf("docs/operating-redis.md lacks the rights %q", r.rights)
			}
			var e ear
			w := newACLWorld(t)
			s, err := w.as(t, r.rights, &e)
			if err != nil {
				t.Fatal(err)
			}
			if !s.Capabilities().NeverEvicts || strings.Contains(e.text(), "WARN") {
				t.Errorf("opened with less than is promised: %s", e.text())
			}
			judge := func(what string, err error) {
				e.note(err, s)
				switch allowed := slices.Contains(r.may, what); {
				case allowed && err != nil && !errors.Is(err, store.ErrRevoked) && !errors.Is(err, store.ErrNotFound):
					t.Errorf("%s: %v", what, err)
				case !allowed && err == nil && what != "subjects" && what != "ping" && what != "health":
					t.Errorf("%s passed", what)
				case !allowed && err != nil:
					told(t, err, store.ErrUnavailable, "NOPERM", "docs/operating-redis.md")
				}
			}
			for _, v := range everyVerb {
				judge(v.name, v.call(t.Context(), s))
			}
			if r.name != "writer" {
				judge("listen", w.listens(t, s))
			}
			e.heardNoSecret(t)
		})
	}
}

// TestNoRightTooMany drops each rule of each role: something of its work is an outage then, or is no longer promised. It kills
// words of one server for what an ACL denies to a script, which others have in their own.
func TestNoRightTooMany(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		for _, r := range roles() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				w := newACLWorld(t, testenv.On(build))
				rights := strings.Fields(r.rights)
				for i, dropped := range rights {
					if !strings.HasPrefix(dropped, "+") {
						continue
					}
					if !w.misses(t, r, strings.Join(slices.Delete(slices.Clone(rights), i, i+1), " ")) {
						t.Errorf("%s is not needed", dropped)
					}
				}
			})
		}
	})
}

// misses reports whether a role's work needs more than these rights.
func (w *aclWorld) misses(t *testing.T, r role, rights string) bool {
	var e ear
	w.server.Do("FLUSHALL")
	w.server.Do("SCRIPT", "FLUSH")
	w.server.Do("FUNCTION", "FLUSH")
	if r.name != "writer" {
		if _, err := w.as(t, "~* &* +@all", &e); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.as(t, rights, &e)
	if err != nil || strings.Contains(e.text(), "WARN") {
		return true
	}
	if r.name == "writer" {
		err = w.everything(t.Context(), s)
	}
	for _, v := range everyVerb {
		if slices.Contains(r.may, v.name) {
			err = errors.Join(err, v.call(t.Context(), s))
		}
	}
	if err == nil && slices.Contains(r.may, "listen") {
		err = w.listens(t, s)
	}
	return errors.Is(err, store.ErrUnavailable) || strings.Contains(e.text(), "WARN")
}

// everything does all that a writer's scripts ever do, the rare things too: pruning, making room, trimming, forgetting.
func (w *aclWorld) everything(ctx context.Context, s *redisstore.Store) (err error) {
	try := func(e error) {
		if errors.Is(e, store.ErrUnavailable) {
			err = e
		}
	}
	for round := 0; round < 30 && err == nil; round++ {
		for i := range 6 {
			r := w.record()
			r.ID, r.Link = fmt.Sprintf("s%d-%d", round, i), store.NewLink()
			_, e := s.Issue(ctx, store.IssueRequest{Record: r, Limit: store.Limit{Max: 3}})
			try(e)
			try(s.Touch(ctx, store.TouchRequest{Subject: r.Subject, ID: r.ID, ExpiresAt: w.at.Add(2 * time.Hour)}))
			try(s.Revoke(ctx, store.Revocation{Subject: r.Subject, Others: &store.Others{Keep: r.ID, Class: "web"}}))
		}
		if round%10 == 9 {
			try(s.Forget(ctx, secretSubject()))
		}
		w.at = w.at.Add(26 * time.Hour)
	}
	return err
}

// TestLeastRightsOnACluster: what a cluster's client asks for comes on top.
func TestLeastRightsOnACluster(t *testing.T) {
	c := testenv.SharedCluster(t)
	name := testenv.Prefix(t)
	rights := strings.Fields(strings.ReplaceAll(writerRights, "jeton:", name) + " " + clusterRights)
	for _, n := range c.Nodes() {
		n.Do(append([]string{"ACL", "SETUSER", name, "on", ">" + secretPassword, "resetchannels"}, rights...)...)
	}
	u := url.URL{Scheme: "redis+cluster", User: url.UserPassword(name, secretPassword), Host: c.Addrs()[0]}
	var e ear
	s := openedAt(t, u.String(), e.options(name))
	for _, v := range everyVerb {
		if err := v.call(t.Context(), s); errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	if strings.Contains(e.text(), "WARN") {
		t.Errorf("opened with less than is promised: %s", e.text())
	}
	e.heardNoSecret(t)
}

// TestLeastRightsOfLevels: what durability asks of the server comes on top.
func TestLeastRightsOfLevels(t *testing.T) {
	master := testenv.Redis(t, testenv.AppendOnly("always"), testenv.Config("min-replicas-to-write", "1"))
	testenv.Redis(t, testenv.ReplicaOf(master))
	linked(t, master)
	for _, c := range []struct {
		rights string
		level  redisstore.Durability
		warned bool
		denied bool
	}{
		{replicatedRights, redisstore.Replicated(1), false, false},
		{"+wait", redisstore.Replicated(1), true, false},
		{"+config|get", redisstore.Replicated(1), false, true},
		{fsyncedRights, redisstore.Fsynced(), false, false},
		{"", redisstore.Memory(), false, false},
	} {
		t.Run(c.level.String()+" with "+c.rights, func(t *testing.T) {
			name := testenv.Prefix(t)
			words := strings.Fields(strings.ReplaceAll(writerRights, "jeton:", name) + " " + c.rights)
			words = slices.DeleteFunc(words, func(w string) bool { return w == "+waitaof" }) // unknown before 7.2, where always does without
			master.Do(append([]string{"ACL", "SETUSER", name, "on", "nopass", "resetchannels"}, words...)...)
			var e ear
			o := e.options(name)
			o.Durability = c.level
			s := openedAt(t, "redis://"+name+"@"+master.Addr(), o)
			_, err := s.Issue(t.Context(), store.IssueRequest{Record: secretRecord()})
			e.note(err, s)
			if c.denied {
				told(t, err, store.ErrIndeterminate, "NOPERM", "allow WAIT")
			} else if err != nil {
				t.Error(err)
			}
			if strings.Contains(e.text(), "level=WARN") != c.warned {
				t.Errorf("warnings: %s", e.text())
			}
			e.heardNoSecret(t)
		})
	}
}

// TestLeastRightsOfAFence: what a fence asks of the server comes on top of a verifier's rights.
func TestLeastRightsOfAFence(t *testing.T) {
	master, _ := pair(t)
	openedAt(t, master.URL(), &redisstore.Options{Prefix: "jeton:", Partitions: 16})
	for _, c := range []struct {
		rights         string
		warned, denied bool
	}{
		{fenceRights, false, false},
		{"+eval", true, false},
		{"+config|get", false, true},
	} {
		t.Run(c.rights, func(t *testing.T) {
			name := testenv.Prefix(t)
			words := strings.Fields(verifierRights + " " + c.rights)
			master.Do(append([]string{"ACL", "SETUSER", name, "on", "nopass", "resetchannels"}, words...)...)
			var e ear
			o := e.options("jeton:")
			o.FencedLookups = true
			s, err := redisstore.Open(t.Context(), "redis://"+name+"@"+master.Addr(), o)
			if err == nil {
				_, err = s.Lookup(t.Context(), secretSubject(), "sid")
				e.note(s.Close())
			}
			if e.note(err); c.denied {
				told(t, err, store.ErrUnavailable, "NOPERM", "docs/operating-redis.md")
			} else if err != nil {
				t.Error(err)
			}
			if strings.Contains(e.text(), "level=WARN") != c.warned {
				t.Errorf("warnings: %s", e.text())
			}
			e.heardNoSecret(t)
		})
	}
}

// TestFreshKeyspaceNeedsAWriter: who may only read says so, and a partition without a feed is left to those who may.
func TestFreshKeyspaceNeedsAWriter(t *testing.T) {
	w := newACLWorld(t)
	var e ear
	w.server.Do("DEL", "jeton:{"+firstTag(t)+"}:f")
	if _, err := w.as(t, verifierRights, &e); err != nil {
		t.Errorf("a partition without a feed: %v", err)
	}
	for _, want := range []string{"level=WARN", "have no feed", "have a writer open it", "partitions=1"} {
		if !strings.Contains(e.text(), want) {
			t.Errorf("the log lacks %q: %s", want, e.text())
		}
	}
	w.server.Do("FLUSHALL")
	for _, r := range roles()[1:] {
		_, err := w.as(t, r.rights, &e)
		e.note(err)
		told(t, err, store.ErrUnavailable, "NOPERM", "the keyspace is new", "have a writer open it first")
	}
	if _, err := w.as(t, writerRights, &e); err != nil {
		t.Errorf("a writer: %v", err)
	}
	e.heardNoSecret(t)
}

// firstTag is the tag of partition 0, between the braces of its keys.
func firstTag(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(keyspace.NewRedis("jeton:", 16).Feed(0), "{")
	tag, _, _ := strings.Cut(rest, "}")
	return tag
}
