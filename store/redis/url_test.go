package redisstore_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// wanted is what a client's options must say, whichever client it is.
type wanted struct {
	addrs          []string
	user, password string
	db, pool       int
	dial, read     time.Duration
	tls            string // "" for none, else the server name, "*" for that of each node
}

func optionsOf(t *testing.T, c redis.UniversalClient) wanted {
	t.Helper()
	name := func(on bool, name string) string {
		if on && name == "" {
			return "*"
		}
		return name
	}
	switch c := c.(type) {
	case *redis.ClusterClient:
		o := c.Options()
		if o.MaxRetries > 0 || o.MaxRedirects > 0 || !o.ContextTimeoutEnabled || o.ReadOnly || o.WriteTimeout != o.ReadTimeout || o.PipelinePoolSize >= 0 {
			t.Error("the client is not set up as the store needs")
		}
		w := wanted{addrs: o.Addrs, user: o.Username, password: o.Password, pool: o.PoolSize, dial: o.DialTimeout, read: o.ReadTimeout}
		if o.TLSConfig != nil {
			w.tls = name(true, o.TLSConfig.ServerName)
		}
		return w
	case *redis.Client:
		o := c.Options()
		if o.MaxRetries > 0 || !o.ContextTimeoutEnabled || o.WriteTimeout != o.ReadTimeout || o.PipelinePoolSize >= 0 {
			t.Error("the client is not set up as the store needs")
		}
		w := wanted{addrs: []string{o.Addr}, user: o.Username, password: o.Password, db: o.DB, pool: o.PoolSize, dial: o.DialTimeout, read: o.ReadTimeout}
		if o.TLSConfig != nil {
			w.tls = name(true, o.TLSConfig.ServerName)
		}
		return w
	}
	t.Fatalf("a %T", c)
	return wanted{}
}

func TestParse(t *testing.T) {
	usual := func(change func(*wanted)) wanted {
		w := wanted{addrs: []string{"h:6379"}, pool: 5, dial: 250 * time.Millisecond, read: time.Second}
		change(&w)
		return w
	}
	none := func(*wanted) {}
	ca := filepath.Join("testdata", "absent")
	if files, _ := filepath.Glob(testenv.SharedRedis(t, testenv.TLS()).CAFile()); len(files) == 1 {
		ca = files[0]
	}
	for _, c := range []struct {
		rule, url string
		client    wanted
		options   redisstore.Options
	}{
		{"a host is enough", "redis://h", usual(none), redisstore.Options{}},
		{"a slash says nothing", "redis://h/", usual(none), redisstore.Options{}},
		{"a port and a database", "redis://h:7/3", usual(func(w *wanted) { w.addrs, w.db = []string{"h:7"}, 3 }), redisstore.Options{}},
		{"an IPv4 address", "redis://192.0.2.1", usual(func(w *wanted) { w.addrs = []string{"192.0.2.1:6379"} }), redisstore.Options{}},
		{"an IPv6 address", "redis://[::1]", usual(func(w *wanted) { w.addrs = []string{"[::1]:6379"} }), redisstore.Options{}},
		{"an IPv6 address and a port", "redis://[2001:db8::1]:7", usual(func(w *wanted) { w.addrs = []string{"[2001:db8::1]:7"} }), redisstore.Options{}},
		{"user and password", "redis://app:pw@h", usual(func(w *wanted) { w.user, w.password = "app", "pw" }), redisstore.Options{}},
		{"a password alone", "redis://:pw@h", usual(func(w *wanted) { w.password = "pw" }), redisstore.Options{}},
		{"a user alone", "redis://app@h", usual(func(w *wanted) { w.user = "app" }), redisstore.Options{}},
		{"escaped characters", "redis://a%40p:p%3A%2F%3F%23%25@h", usual(func(w *wanted) { w.user, w.password = "a@p", "p:/?#%" }), redisstore.Options{}},
		{"TLS, whose name is the host's", "rediss://h", usual(func(w *wanted) { w.tls = "h" }), redisstore.Options{}},
		{"TLS with its parameters", "rediss://h?server_name=n&ca=" + url.QueryEscape(ca), usual(func(w *wanted) { w.tls = "n" }), redisstore.Options{}},
		{
			"all parameters", "redis://h?pool=9&dial_timeout=1s&read_timeout=2s&prefix=p:&partitions=16&max_token_life=2h&max_marks=9&durability=replicated-2&fenced_lookups=true&timeout=4s",
			usual(func(w *wanted) { w.pool, w.dial, w.read = 9, time.Second, 2*time.Second }),
			redisstore.Options{Prefix: "p:", Partitions: 16, MaxTokenLife: 2 * time.Hour, MaxMarks: 9, Durability: redisstore.Replicated(2), FencedLookups: true, Timeout: 4 * time.Second},
		},
		{"fsynced", "redis://h?durability=fsynced", usual(none), redisstore.Options{Durability: redisstore.Fsynced()}},
		{"memory", "redis://h?durability=memory", usual(none), redisstore.Options{}},
		{"a cluster", "redis+cluster://h", usual(none), redisstore.Options{}},
		{"a cluster's database is 0", "redis+cluster://h/0", usual(none), redisstore.Options{}},
		{"a cluster of several", "redis+cluster://a:pw@h:1?addrs=i:2,[::1]:3", usual(func(w *wanted) {
			w.addrs, w.user, w.password = []string{"h:1", "i:2", "[::1]:3"}, "a", "pw"
		}), redisstore.Options{}},
		{"a cluster with TLS, whose names are the nodes'", "redis+cluster://h?tls=true", usual(func(w *wanted) { w.tls = "*" }), redisstore.Options{}},
		{"a cluster with TLS of one name", "redis+cluster://h?tls=true&server_name=n", usual(func(w *wanted) { w.tls = "n" }), redisstore.Options{}},
		{"a cluster without TLS", "redis+cluster://h?tls=false", usual(none), redisstore.Options{}},
		{"a sentinel", "redis+sentinel://h?master=m", usual(func(w *wanted) { w.addrs = []string{"FailoverClient"} }), redisstore.Options{}},
		{
			"a sentinel with all of its parameters", "redis+sentinel://a:pw@h/2?master=m&addrs=i:2&sentinel_user=su&sentinel_password=sp&tls=true",
			usual(func(w *wanted) {
				w.addrs, w.user, w.password, w.db, w.tls = []string{"FailoverClient"}, "a", "pw", 2, "*"
			}),
			redisstore.Options{},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			u, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			client, o, err := redisstore.Parse(u, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			if got := optionsOf(t, client); !reflect.DeepEqual(got, c.client) {
				t.Errorf("the client has\n%+v, want\n%+v", got, c.client)
			}
			if !reflect.DeepEqual(*o, c.options) {
				t.Errorf("the store has\n%+v, want\n%+v", *o, c.options)
			}
		})
	}
}

// TestParseOverOptions: the URL wins, and what it does not say stays; the caller's options are not changed.
func TestParseOverOptions(t *testing.T) {
	mine := redisstore.Options{Prefix: "mine:", MaxMarks: 7, Durability: redisstore.Fsynced()}
	kept := mine
	client, o, err := redisstore.Parse(&url.URL{Scheme: "redis", Host: "h", RawQuery: "prefix=url:&durability=memory"}, &mine)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if want := (redisstore.Options{Prefix: "url:", MaxMarks: 7}); !reflect.DeepEqual(*o, want) || !reflect.DeepEqual(mine, kept) {
		t.Errorf("%+v, want %+v; mine %+v", *o, want, mine)
	}
}

func TestParseRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, url, says string }{
		{"another scheme", "http://:PW@h", "URL has an unknown scheme: begin it with redis, rediss, redis+cluster or redis+sentinel"},
		{"no host", "redis://", "URL names no host: write redis://host:6379/0"},
		{"a port and no host", "redis://:PW@:6379", "URL names no host"},
		{"an opaque URL", "redis:h", "URL names no host"},
		{"a path and no host", "redis:///0", "URL names no host"},
		{"a port out of range", "redis://:PW@h:65536", "URL has a port that is none: use 1 to 65535"},
		{"port 0", "redis://h:0", "URL has a port that is none"},
		{"a path that is no number", "redis://:PW@h/PW", "URL has a path that is no database number: end it with /0, or with nothing"},
		{"a number behind a slash too many", "redis://h/0/1", "no database number"},
		{"a database below zero", "redis://h/-1", "no database number"},
		{"a database with a sign", "redis://h/+1", "no database number"},
		{"a huge database", "redis://h/99999999999", "no database number"},
		{"a database of a cluster", "redis+cluster://h/1", "URL names a database, and a cluster has one: remove the path"},
		{"a fragment", "redis://:a@h/0#PW", "URL has a fragment: write a # in it as %23"},
		{"an unknown parameter", "redis://h?poool=6", `the URL's parameter "poool" is unknown: the known ones are ca, server_name, pool, dial_timeout`},
		{"a password that looks like one", "redis://u:1?PW@h", "a parameter of the URL is unknown"},
		{"a parameter twice", "redis://h?pool=6&pool=7", `the URL's parameter "pool" is given more than once: give it once`},
		{"a pool that is no number", "redis://h?pool=PW", `the URL's parameter "pool" does not parse: write a whole number`},
		{"a pool of two", "redis://h?pool=2", `the URL's parameter "pool" is 2, the range is 3 to 1000: leave it out for 5`},
		{"a pool of 1001", "redis://h?pool=1001", "the range is 3 to 1000"},
		{"a timeout without a unit", "redis://h?timeout=3", `the URL's parameter "timeout" does not parse: write a duration such as 90s or 24h`},
		{"a dial_timeout of zero", "redis://h?dial_timeout=0s", `the URL's parameter "dial_timeout" is 0s, the range is 1ms to 1m: leave it out for the default`},
		{"a read_timeout of an hour", "redis://h?read_timeout=1h", `the URL's parameter "read_timeout" is 1h0m0s, the range is 1ms to 1m`},
		{"an unknown level", "redis://h?durability=safe", `the URL's parameter "durability" is no level: write memory, replicated-1 (to 5) or fsynced`},
		{"no replica", "redis://h?durability=replicated-0", "is no level"},
		{"six replicas", "redis://h?durability=replicated-6", "is no level"},
		{"ten replicas", "redis://h?durability=replicated-10", "is no level"},
		{"replicas unsaid", "redis://h?durability=replicated-", "is no level"},
		{"a CA without TLS", "redis://h?ca=x", `the URL's parameter "ca" is for TLS, and the connection has none: use rediss://, or tls=true with a cluster or sentinel`},
		{"a name without TLS", "redis+cluster://h?server_name=x", `the URL's parameter "server_name" is for TLS`},
		{"a CA that is not there", "rediss://h?ca=/nowhere/PW.pem", `the URL's parameter "ca" names a file that cannot be read: check path and rights`},
		{"a CA without a certificate", "rediss://h?ca=" + url.QueryEscape(empty), `the URL's parameter "ca" names a file without a certificate in PEM: point it at the CA's certificate`},
		{"tls of one server", "redis://h?tls=true", `the URL's parameter "tls" is unknown`},
		{"tls that is neither", "redis+cluster://h?tls=yes", `the URL's parameter "tls" does not parse: write true or false`},
		{"more addresses of one server", "redis://h?addrs=i:1", `the URL's parameter "addrs" is unknown`},
		{"an address without a port", "redis+cluster://h?addrs=i:1,j", `the URL's parameter "addrs" has a part that is no host:port: write addrs=host:7000,host:7001`},
		{"an address without a host", "redis+cluster://h?addrs=:1", "no host:port"},
		{"an empty address", "redis+cluster://h?addrs=i:1,,j:1", "no host:port"},
		{"an address with a password", "redis+cluster://h?addrs=u:PW@i:1", "no host:port"},
		{"a sentinel without a master", "redis+sentinel://h", `the URL's parameter "master" is missing: name the master as the sentinels do`},
		{"a sentinel with an empty master", "redis+sentinel://h?master=", `the URL's parameter "master" is missing`},
		{"a master of a cluster", "redis+cluster://h?master=m", `the URL's parameter "master" is unknown`},
		{"a sentinel's user without a password", "redis+sentinel://h?master=m&sentinel_user=u", `the URL's parameter "sentinel_user" has no password: add sentinel_password, or remove it`},
		{"a user without a password behind a sentinel", "redis+sentinel://u@h?master=m", "URL names a user without a password: give the user one"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			u, err := url.Parse(strings.ReplaceAll(c.url, "PW", secretPassword))
			if err != nil {
				t.Fatal(err)
			}
			client, _, err := redisstore.Parse(u, nil)
			if client != nil {
				_ = client.Close()
			}
			var f *store.FieldError
			if !errors.As(err, &f) || !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %s", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), secretPassword) {
				t.Errorf("it repeats the password: %v", err)
			}
			if _, again := redisstore.Open(t.Context(), u.String(), nil); again == nil || (err != nil && again.Error() != err.Error()) {
				t.Errorf("Open says %v, Parse %v", again, err)
			}
		})
	}
	t.Run("what does not even parse", func(t *testing.T) {
		for _, raw := range []string{"redis://:" + secretPassword + "%zz@h", "redis://h:" + secretPassword, "\x7f:" + secretPassword} {
			_, err := redisstore.Open(t.Context(), raw, nil)
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), secretPassword) {
				t.Errorf("%v", err)
			}
		}
	})
}

// TestOpenByURL: what store.Open and store.OpenFeed make of a URL, on a real server.
func TestOpenByURL(t *testing.T) {
	server := testenv.SharedRedis(t, testenv.Password(secretPassword))
	raw := server.URL() + "?partitions=16&prefix=" + testenv.Prefix(t)
	s, err := store.Open(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	issueTo(t, s, secretRecord())
	feed, err := store.OpenFeed(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := feed.Partitions(t.Context()); n != 16 || err != nil {
		t.Errorf("%d partitions, %v", n, err)
	}
	if err := s.Revoke(t.Context(), store.Revocation{Subject: secretSubject(), All: true}); err != nil {
		t.Fatal(err)
	}
	batch, err := feed.Poll(t.Context(), secretSubject().Digest().Partition(16), store.Position{})
	if err != nil || len(batch.Events) != 2 || batch.Events[1].Subject != secretSubject().Digest() {
		t.Errorf("%+v, %v", batch, err)
	}
	for what, close := range map[string]func() error{"the store": s.Close, "the feed": feed.Close} {
		if err := errors.Join(close(), close()); err != nil {
			t.Errorf("closing %s twice: %v", what, err)
		}
	}
	if _, err := feed.Poll(t.Context(), 0, store.Position{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a poll of a closed feed: %v", err)
	}
	for what, open := range map[string]func() error{
		"store": func() error { _, err := store.Open(t.Context(), raw+"&nope=1"); return err },
		"feed":  func() error { _, err := store.OpenFeed(t.Context(), raw+"&nope=1"); return err },
	} {
		if err := open(); !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), secretPassword) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestUserWithoutPassword: go-redis would go on as the default user, with other rights.
func TestUserWithoutPassword(t *testing.T) {
	server := testenv.SharedRedis(t)
	name := testenv.Prefix(t)
	server.Do("ACL", "SETUSER", name, "on", "nopass", "~*", "&*", "+@all")
	u, err := url.Parse(fmt.Sprintf("redis://%s@%s", name, server.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	client, _, err := redisstore.Parse(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if who, err := client.Do(t.Context(), "acl", "whoami").Text(); who != name || err != nil {
		t.Errorf("logged in as %q, %v", who, err)
	}
}

// FuzzParse: whatever a URL says, Parse returns a client or bad input, and never repeats the password.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		"redis://h", "rediss://h:7/3?pool=9", "redis+cluster://[::1]:1?addrs=i:2&tls=true", "redis+sentinel://h?master=m&sentinel_password=x",
		"redis://h?durability=replicated-1&timeout=3s", "redis:///?%zz#x", "redis://h:0/-1?pool=1&pool=2",
	} {
		f.Add(raw, "p:/?#%@ ")
	}
	f.Fuzz(func(t *testing.T, raw, password string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		if strings.Contains(raw, "ca=") { // a file of the machine is no matter of the fuzzer's
			return
		}
		password = secretPassword + password
		u.User = url.UserPassword("app", password)
		client, o, err := redisstore.Parse(u, nil)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), secretPassword) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		defer func() { _ = client.Close() }()
		if got := optionsOf(t, client); got.password != password || got.user != "app" || o == nil {
			t.Fatalf("%q: the client has the password %q", raw, got.password)
		}
	})
}
