package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

// misfit is a server, a client or a setting that Open or New must refuse.
type misfit struct {
	rule  string
	is    error
	words []string // of the problem and its remedy
	open  func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error)
}

func (r misfit) check(t *testing.T) {
	t.Parallel()
	var e ear
	o := e.options(testenv.Prefix(t))
	began := time.Now()
	s, err := r.open(t, o)
	if s != nil {
		_ = s.Close()
		e.note(err, s)
	}
	e.note(err)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to find out", took)
	}
	told(t, err, r.is, r.words...)
	e.heardNoSecret(t)
}

// told fails the test unless an error is of a kind, is a *store.Error or bad input, and says what to do.
func told(t *testing.T, err, is error, words ...string) {
	t.Helper()
	var form *store.Error
	if !errors.Is(err, is) || (!errors.As(err, &form) && !errors.Is(err, store.ErrInvalid)) {
		t.Fatalf("%v (%T), want %v", err, err, is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// at opens by URL; what stands for the password is put in.
func at(format string, args ...any) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
	return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
		return redisstore.Open(t.Context(), fmt.Sprintf(format, args...), o)
	}
}

// with opens on a client, which ends with the test.
func with(client redis.UniversalClient) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
	return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
		return redisstore.New(t.Context(), client, o)
	}
}

func TestOpenRefusesServers(t *testing.T) {
	plain, secure := testenv.SharedRedis(t), testenv.SharedRedis(t, testenv.TLS())
	locked := testenv.SharedRedis(t, testenv.Password(secretPassword))
	other := testenv.SharedRedis(t, testenv.TLS(), testenv.Config("databases", "1")) // another authority's
	for _, r := range []misfit{
		{"wrong password", store.ErrUnavailable, []string{"WRONGPASS", "the user or password is wrong"}, at("redis://:no%s@%s", secretPassword, locked.Addr())},
		{"wrong user", store.ErrUnavailable, []string{"WRONGPASS", "the user or password is wrong"}, at("redis://%s:%s@%s", secretName, secretPassword, locked.Addr())},
		{"a user without a password where it has none", store.ErrUnavailable, []string{"WRONGPASS"}, at("redis://nobody@%s", plain.Addr())},
		{"no password", store.ErrUnavailable, []string{"NOAUTH", "set it in the URL"}, at("redis://%s", locked.Addr())},
		{"a closed port", store.ErrUnavailable, []string{"cannot connect to 127.0.0.1:", "start the server, or check host and port"}, at("redis://:%s@%s", secretPassword, closedPort(t))},
		{"a name that does not resolve", store.ErrUnavailable, []string{"does not resolve", "check the host"}, at("redis://:%s@redis.jeton.invalid", secretPassword)},
		{"rediss to a plain port", store.ErrUnavailable, []string{"check redis against rediss"}, at("rediss://:%s@%s", secretPassword, plain.Addr())},
		{"redis to a TLS port", store.ErrUnavailable, []string{"redis against rediss"}, at("redis://:%s@%s", secretPassword, secure.Addr())},
		{"an unknown CA", store.ErrUnavailable, []string{"certificate", "the ca parameter"}, at("rediss://:%s@%s?dial_timeout=5s", secretPassword, secure.Addr())},
		{"another CA", store.ErrUnavailable, []string{"certificate", "the ca parameter"}, at("rediss://:%s@%s?dial_timeout=5s&ca=%s", secretPassword, secure.Addr(), other.CAFile())},
		{"another name in the certificate", store.ErrUnavailable, []string{"certificate"}, at("rediss://%s?dial_timeout=5s&ca=%s&server_name=other.invalid", secure.Addr(), secure.CAFile())},
		{"a server that is no cluster", store.ErrUnavailable, []string{"no cluster", "use redis://"}, at("redis+cluster://%s", plain.Addr())},
		{"a node of a cluster", store.ErrUnavailable, []string{"part of a cluster", "use redis+cluster://"}, at("redis://%s", testenv.SharedCluster(t).Addrs()[0])},
		{"a server that is no sentinel", store.ErrUnavailable, []string{"no sentinel tells the master"}, at("redis+sentinel://:%s@%s?master=m", secretPassword, plain.Addr())},
		{"sentinels that do not know the master", store.ErrUnavailable, []string{"no sentinel tells the master", "the name that they give it"}, atSentinel(plain)},
		{"a database that is not there", store.ErrUnavailable, []string{"no database of this number"}, at("redis://%s/4000", plain.Addr())},
		{"a replica", store.ErrUnavailable, []string{"is a replica", "name the master"}, atReplica},
		{"a web server", store.ErrUnavailable, []string{"does not speak as Redis does", "check host and port"}, fromListener("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")},
		{"a server that repeats what it gets", store.ErrUnavailable, []string{"does not speak as Redis does"}, fromListener("")},
		{"one whose answer holds a secret", store.ErrUnavailable, []string{"does not speak as Redis does"}, fromListener("?" + secretPassword + "\r\n")},
		{"one that hangs up", store.ErrUnavailable, []string{"closed the connection", "check that it is Redis"}, fromListener("hang up")},
		{"one that says nothing", store.ErrUnavailable, []string{"did not answer in time"}, fromListener("nothing")},
	} {
		t.Run(r.rule, r.check)
	}
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func atReplica(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
	master := testenv.Redis(t)
	return redisstore.Open(t.Context(), testenv.Redis(t, testenv.ReplicaOf(master)).URL(), o)
}

func atSentinel(server *testenv.RedisServer) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
	return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
		p := cutProxyTo(t, server)
		p.answers(func(args []string) string {
			if args[0] == "sentinel" {
				return "*-1\r\n"
			}
			return ""
		})
		return redisstore.Open(t.Context(), "redis+sentinel://"+p.addr()+"?master=m", o)
	}
}

// fromListener opens at something that is no Redis: it answers the first bytes with a text, or repeats them for "".
func fromListener(answer string) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
	return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go misanswer(c, answer)
			}
		}()
		return redisstore.Open(t.Context(), fmt.Sprintf("redis://:%s@%s?read_timeout=200ms", secretPassword, l.Addr()), o)
	}
}

func misanswer(c net.Conn, answer string) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil || answer == "hang up" {
			return
		}
		switch answer {
		case "nothing":
		case "":
			_, _ = c.Write(buf[:n])
		default:
			_, _ = c.Write([]byte(answer))
			return
		}
	}
}

// TestOpenRefusesAnswers: what a real server says in a bad hour, and what stands where the keyspace should.
func TestOpenRefusesAnswers(t *testing.T) {
	server := testenv.SharedRedis(t)
	saying := func(command, reply string) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
		return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
			p := cutProxyTo(t, server)
			p.answers(func(args []string) string {
				if args[0] == command {
					return reply
				}
				return ""
			})
			return redisstore.Open(t.Context(), p.url(), o)
		}
	}
	info := func(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
	holding := func(args ...string) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
		return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "SPACE", o.Prefix+"space")
			}
			server.Do(args...)
			return redisstore.Open(t.Context(), server.URL(), o)
		}
	}
	for _, r := range []misfit{
		{"LOADING", store.ErrUnavailable, []string{"LOADING", "wait"}, saying("info", "-LOADING Redis is loading the dataset in memory\r\n")},
		{"protected mode", store.ErrUnavailable, []string{"DENIED", "give it a password"}, saying("info", "-DENIED Redis is running in protected mode\r\n")},
		{"too many connections", store.ErrUnavailable, []string{"raise maxclients"}, saying("info", "-ERR max number of clients reached\r\n")},
		{"an old version", store.ErrUnavailable, []string{`"6.2.14"`, "needs 7.0 or later", "upgrade"}, saying("info", info("redis_version:6.2.14\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n"))},
		{"no version", store.ErrUnavailable, []string{"needs 7.0 or later"}, saying("info", info("nothing\r\n"))},
		{"a message with a secret in it", store.ErrUnavailable, []string{"the server answered ERR", "log"}, saying("info", "-ERR unknown command for "+secretPassword+"\r\n")},
		{"a message that is a secret", store.ErrUnavailable, []string{"the server answered with an error"}, saying("info", "-"+secretPassword+"\r\n")},
		{"the keyspace's key is a list", store.ErrCorrupt, []string{"docs/keys.md"}, holding("RPUSH", "SPACE", secretName)},
		{"the keyspace's key is garbage", store.ErrCorrupt, nil, holding("SET", "SPACE", secretName)},
		{"the keyspace's key is cut short", store.ErrCorrupt, nil, holding("SET", "SPACE", "\x15")},
		{"the keyspace's key is of a later version", store.ErrCorrupt, []string{"version 15"}, holding("SET", "SPACE", "\xf5abc")},
	} {
		t.Run(r.rule, r.check)
	}
}

// TestOpenRefusesClients: settings and clients that would break a promise.
func TestOpenRefusesClients(t *testing.T) {
	server := testenv.SharedRedis(t)
	options := func(change func(*redis.Options)) redis.UniversalClient {
		o := &redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true}
		change(o)
		c := redis.NewClient(o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	nodes := func(change func(*redis.ClusterOptions)) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: []string{server.Addr()}, ContextTimeoutEnabled: true}
		change(o)
		c := redis.NewClusterClient(o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": server.Addr()}})
	t.Cleanup(func() { _ = ring.Close() })
	var none *redis.Client
	var noCluster *redis.ClusterClient
	changed := func(change func(*redisstore.Options), first ...string) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
		return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
			s, err := redisstore.Open(t.Context(), server.URL()+strings.Join(first, ""), &redisstore.Options{Prefix: o.Prefix})
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			o.Partitions = 0
			change(o)
			return redisstore.Open(t.Context(), server.URL(), o)
		}
	}
	bad := func(change func(*redisstore.Options)) func(*testing.T, *redisstore.Options) (*redisstore.Store, error) {
		return func(t *testing.T, o *redisstore.Options) (*redisstore.Store, error) {
			change(o)
			return redisstore.Open(t.Context(), server.URL(), o)
		}
	}
	set := func(o *redis.Options) { o.ContextTimeoutEnabled = false }
	for _, r := range []misfit{
		{"nil", store.ErrInvalid, []string{"client is nil", "pass a *redis.Client"}, with(nil)},
		{"a typed nil", store.ErrInvalid, []string{"client is nil"}, with(none)},
		{"a typed nil of a cluster", store.ErrInvalid, []string{"client is nil"}, with(noCluster)},
		{"a Ring", store.ErrInvalid, []string{"is a *redis.Ring", "pass a *redis.Client"}, with(ring)},
		{"without ContextTimeoutEnabled", store.ErrInvalid, []string{"outlast", "set Options.ContextTimeoutEnabled"}, with(options(set))},
		{"a cluster without it", store.ErrInvalid, []string{"set ClusterOptions.ContextTimeoutEnabled"}, with(nodes(func(o *redis.ClusterOptions) { o.ContextTimeoutEnabled = false }))},
		{"reading from replicas", store.ErrInvalid, []string{"reads from replicas", "leave ReadOnly"}, with(nodes(func(o *redis.ClusterOptions) { o.ReadOnly = true }))},
		{"reading from the nearest", store.ErrInvalid, []string{"reads from replicas", "RouteByLatency"}, with(nodes(func(o *redis.ClusterOptions) { o.RouteByLatency = true }))},
		{"reading at random", store.ErrInvalid, []string{"reads from replicas", "RouteRandomly"}, with(nodes(func(o *redis.ClusterOptions) { o.RouteRandomly = true }))},
		{"other partitions", store.ErrInvalid, []string{"is 16, the keyspace was made with 64", "use 0"}, changed(func(o *redisstore.Options) { o.Partitions = 16 })},
		{"another MaxTokenLife", store.ErrInvalid, []string{"is 1h0m0s, the keyspace was made with 24h0m0s", "use 0"}, changed(func(o *redisstore.Options) { o.MaxTokenLife = time.Hour })},
		{
			"the default MaxTokenLife, said out loud, of another keyspace", store.ErrInvalid,
			[]string{"is 24h0m0s, the keyspace was made with 2h0m0s"},
			changed(func(o *redisstore.Options) { o.MaxTokenLife = 24 * time.Hour }, "?max_token_life=2h"),
		},
		{"17 partitions", store.ErrInvalid, []string{"Options.Partitions", "16, 64 or 256"}, bad(func(o *redisstore.Options) { o.Partitions = 17 })},
		{"a prefix with a brace", store.ErrInvalid, []string{"Options.Prefix", "brace"}, bad(func(o *redisstore.Options) { o.Prefix = "a{b" })},
		{"a prefix of 65 bytes", store.ErrInvalid, []string{"Options.Prefix", "64 bytes"}, bad(func(o *redisstore.Options) { o.Prefix = strings.Repeat("x", 65) })},
		{"a timeout of an hour", store.ErrInvalid, []string{"Options.Timeout", "10ms to 1m"}, bad(func(o *redisstore.Options) { o.Timeout = time.Hour })},
		{"a timeout below zero", store.ErrInvalid, []string{"Options.Timeout"}, bad(func(o *redisstore.Options) { o.Timeout = -1 })},
		{"six replicas", store.ErrInvalid, []string{"Options.Durability", "1 to 5"}, bad(func(o *redisstore.Options) { o.Durability = redisstore.Replicated(6) })},
		{"a fence that nothing holds", store.ErrInvalid, []string{"Options.FencedLookups", "min-replicas-to-write is 0", "set min-replicas-to-write to 1"}, bad(func(o *redisstore.Options) { o.FencedLookups = true })},
		{"5000 marks", store.ErrInvalid, []string{"Options.MaxMarks", "1 to 4096"}, bad(func(o *redisstore.Options) { o.MaxMarks = 5000 })},
		{"a MaxTokenLife of a year", store.ErrInvalid, []string{"Options.MaxTokenLife"}, bad(func(o *redisstore.Options) { o.MaxTokenLife = 365 * 24 * time.Hour })},
		{"a clock of the year 2200", store.ErrClock, []string{"2200"}, bad(func(o *redisstore.Options) {
			o.Now = func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
		})},
	} {
		t.Run(r.rule, r.check)
	}
}

// TestOpenWithoutTheRights: what the ACL denies is a warning where the store can do without, and else a refusal.
func TestOpenWithoutTheRights(t *testing.T) {
	server := testenv.SharedRedis(t, testenv.Password(secretPassword), testenv.AppendOnly("everysec"))
	user := func(t *testing.T, rules ...string) string {
		name := testenv.Prefix(t)
		server.Do(append([]string{"ACL", "SETUSER", name, "on", ">" + secretPassword, "~*", "&*", "+@all"}, rules...)...)
		return (&url.URL{Scheme: "redis", User: url.UserPassword(name, secretPassword), Host: server.Addr()}).String()
	}
	for _, c := range []struct {
		rule, denied string
		level        redisstore.Durability
		refused      []string
		warned       string
		neverEvicts  bool
	}{
		{"nothing denied", "+info", redisstore.Memory(), nil, "", true},
		{"INFO denied", "-info", redisstore.Memory(), nil, "the ACL denies INFO", false},
		{"INFO denied, and a level that needs it", "-info", redisstore.Replicated(1), []string{"denies INFO", "replicated-1", "allow it"}, "", false},
		{"INFO denied, and fsynced", "-info", redisstore.Fsynced(), []string{"denies INFO", "fsynced", "allow it"}, "", false},
		{"CONFIG denied", "-config", redisstore.Memory(), nil, "", true},
		{"FCALL and EVALSHA denied, and with them the making of feeds", "-fcall -evalsha", redisstore.Memory(), nil, "have a writer open it", true},
		{"SET denied, and with it the making of the keyspace", "-set", redisstore.Memory(), []string{"the keyspace is new", "have a writer open it first"}, "", false},
		{"TIME denied", "-time", redisstore.Memory(), []string{"NOPERM", "docs/operating-redis.md"}, "", false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var e ear
			o := e.options(testenv.Prefix(t))
			o.Durability = c.level
			s, err := redisstore.Open(t.Context(), user(t, strings.Fields(c.denied)...), o)
			e.note(err)
			switch {
			case c.refused != nil:
				told(t, err, store.ErrUnavailable, c.refused...)
			case err != nil:
				t.Fatal(err)
			default:
				if s.Capabilities().NeverEvicts != c.neverEvicts {
					t.Errorf("NeverEvicts is %v", !c.neverEvicts)
				}
				e.note(s.Close(), s)
			}
			if heard := e.text(); strings.Contains(heard, "level=WARN") != (c.warned != "") || !strings.Contains(heard, c.warned) {
				t.Errorf("warnings: %s", heard)
			}
			e.heardNoSecret(t)
		})
	}
}

// TestEvictingPolicy: a server that may evict is told of and serves sessions, and a denylist refuses it.
func TestEvictingPolicy(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
		t.Run(policy, func(t *testing.T) {
			var e ear
			server := testenv.SharedRedis(t, testenv.MaxMemory("64mb", policy))
			s, err := redisstore.Open(t.Context(), server.URL(), e.options(testenv.Prefix(t)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if s.Capabilities().NeverEvicts {
				t.Error("it claims that nothing is evicted")
			}
			for _, want := range []string{"level=WARN", policy, "a denylist is refused", "set noeviction"} {
				if !strings.Contains(e.text(), want) {
					t.Errorf("the log lacks %q: %s", want, e.text())
				}
			}
			life, ok := token.Denylist(s).(interface{ MaxTokenLife() (time.Duration, error) })
			if !ok {
				t.Fatal("a denylist is never asked how long tokens may live")
			}
			if _, err := life.MaxTokenLife(); err == nil || !strings.Contains(err.Error(), "use Sessions, or a store that never evicts") {
				t.Errorf("a denylist: %v", err)
			}
			if _, err := s.Issue(t.Context(), store.IssueRequest{Record: secretRecord()}); err != nil {
				t.Errorf("a session: %v", err)
			}
			e.heardNoSecret(t)
		})
	}
}

// TestHealthSeesThePolicyChange: what was true at open is looked at again.
func TestHealthSeesThePolicyChange(t *testing.T) {
	server := testenv.Redis(t)
	var e ear
	s, err := redisstore.Open(t.Context(), server.URL(), e.options("h:"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	told(t, s.Health(t.Context()), store.ErrUnavailable, "evicts now", "set noeviction")
	server.Do("REPLICAOF", "127.0.0.1", "1")
	told(t, s.Health(t.Context()), store.ErrUnavailable, "is a replica")
	server.Kill()
	told(t, s.Health(t.Context()), store.ErrUnavailable, "cannot connect")
	told(t, s.Ping(t.Context()), store.ErrUnavailable, "cannot connect")
}

// TestTLS: the store works over TLS, with its authority in the URL or in the client.
func TestTLS(t *testing.T) {
	server := testenv.SharedRedis(t, testenv.TLS())
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), TLSConfig: server.TLS(), ContextTimeoutEnabled: true})
	defer func() { _ = client.Close() }()
	if server.TLS().MinVersion != tls.VersionTLS12 {
		t.Error("the test's own client is odd")
	}
	for rule, open := range map[string]func(context.Context, *redisstore.Options) (*redisstore.Store, error){
		"by URL": func(ctx context.Context, o *redisstore.Options) (*redisstore.Store, error) {
			return redisstore.Open(ctx, server.URL()+"?dial_timeout=5s&ca="+url.QueryEscape(server.CAFile()), o)
		},
		"by its other name": func(ctx context.Context, o *redisstore.Options) (*redisstore.Store, error) {
			return redisstore.Open(ctx, server.URL()+"?dial_timeout=5s&server_name=localhost&ca="+url.QueryEscape(server.CAFile()), o)
		},
		"by client": func(ctx context.Context, o *redisstore.Options) (*redisstore.Store, error) {
			return redisstore.New(ctx, client, o)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			var e ear
			s, err := open(t.Context(), e.options(testenv.Prefix(t)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if _, err := s.Issue(t.Context(), store.IssueRequest{Record: secretRecord()}); err != nil {
				t.Error(err)
			}
		})
	}
}
