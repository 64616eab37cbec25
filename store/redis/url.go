package redisstore

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/store"
)

// The schemes of URLs.
const (
	plainScheme    = "redis"
	tlsScheme      = "rediss"
	clusterScheme  = "redis+cluster"
	sentinelScheme = "redis+sentinel"
)

func init() {
	for _, scheme := range []string{plainScheme, tlsScheme, clusterScheme, sentinelScheme} {
		store.Register(scheme, store.Driver{Open: openStore, OpenFeed: openFeed})
	}
}

func openStore(ctx context.Context, u *url.URL) (store.TokenStore, error) {
	s, err := openURL(ctx, u, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openFeed(ctx context.Context, u *url.URL) (store.FeedCloser, error) {
	s, err := openURL(ctx, u, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Open opens the keyspace that a URL names, with a client of its own that Close closes. A setting that stands in the URL
// and in o is taken from the URL.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // the error repeats the URL, which may hold a password
		return nil, &store.FieldError{Field: "URL", Problem: "does not parse", Remedy: "write it as redis://host:6379/0, with escapes where needed"}
	}
	return openURL(ctx, u, o)
}

func openURL(ctx context.Context, u *url.URL, o *Options) (*Store, error) {
	client, options, err := Parse(u, o)
	if err != nil {
		return nil, err
	}
	s, err := New(ctx, client, options)
	if err != nil {
		_ = client.Close() // the error at hand says more
		return nil, err
	}
	s.owned = true
	return s, nil
}

// settings are what a URL says of the client.
type settings struct {
	scheme           string
	host             string
	addrs            []string
	user, password   string
	db, pool         int
	tls              bool
	ca, name         string
	master           string
	sentinelUser     string
	sentinelPassword string
	dial, read       time.Duration
	options          Options
}

// Parse returns the client and the options that a URL asks for, over what o says. The forms are
//
//	redis://user:password@host:6379/0     one server; rediss:// for TLS
//	redis+cluster://host:7000             a cluster, found from one of its nodes
//	redis+sentinel://host:26379?master=m  the master that Sentinel calls m
//
// with the parameters addrs (more nodes or sentinels, host:port, with commas), tls (true for cluster and sentinel), ca (a
// file of certificates to trust instead of the system's), server_name (the name in the server's certificate), pool
// (connections for each node, 3 to 1000, 5 by default), dial_timeout (250ms), read_timeout (1s), sentinel_user,
// sentinel_password, prefix, partitions, max_token_life, max_marks, durability (memory, replicated-1 to replicated-5,
// fsynced), fenced_lookups (true, false), timeout. Without a port it is 6379, and 26379 of a sentinel.
func Parse(u *url.URL, o *Options) (redis.UniversalClient, *Options, error) {
	set := settings{scheme: u.Scheme, pool: 5, dial: 250 * time.Millisecond, read: time.Second}
	if o != nil {
		set.options = *o
	}
	if err := set.server(u); err != nil {
		return nil, nil, err
	}
	if err := set.parameters(u); err != nil {
		return nil, nil, err
	}
	if err := set.check(); err != nil {
		return nil, nil, err
	}
	config, err := set.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	return set.client(config), &set.options, nil
}

func malformed(problem, remedy string) error {
	return &store.FieldError{Field: "URL", Problem: problem, Remedy: remedy}
}

// server reads what stands before the parameters.
func (set *settings) server(u *url.URL) error {
	port := "6379"
	switch u.Scheme {
	case plainScheme, clusterScheme:
	case tlsScheme:
		set.tls = true
	case sentinelScheme:
		port = "26379"
	default:
		return malformed("has an unknown scheme", "begin it with redis, rediss, redis+cluster or redis+sentinel")
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return malformed("names no host", "write redis://host:6379/0")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	set.host = u.Hostname()
	set.addrs = []string{net.JoinHostPort(set.host, port)}
	if !isAddr(set.addrs[0]) {
		return malformed("has a port that is none", "use 1 to 65535")
	}
	set.user = u.User.Username()
	set.password, _ = u.User.Password()
	return set.database(strings.TrimPrefix(u.Path, "/"))
}

func (set *settings) database(text string) error {
	if text == "" {
		return nil
	}
	db, err := strconv.ParseUint(text, 10, 31)
	switch {
	case err != nil:
		return malformed("has a path that is no database number", "end it with /0, or with nothing")
	case set.scheme == clusterScheme && db != 0:
		return malformed("names a database, and a cluster has one", "remove the path")
	}
	set.db = int(db)
	return nil
}

// isAddr reports whether a text is host:port.
func isAddr(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && host != "" && n > 0
}

func (set *settings) parameters(u *url.URL) error {
	p := dsn.Read(u)
	addrs, durability := "", ""
	p.Text("ca", &set.ca)
	p.Text("server_name", &set.name)
	p.Int("pool", &set.pool)
	p.Duration("dial_timeout", &set.dial)
	p.Duration("read_timeout", &set.read)
	p.Text("prefix", &set.options.Prefix)
	p.Int("partitions", &set.options.Partitions)
	p.Duration("max_token_life", &set.options.MaxTokenLife)
	p.Int("max_marks", &set.options.MaxMarks)
	p.Text("durability", &durability)
	p.Bool("fenced_lookups", &set.options.FencedLookups)
	p.Duration("timeout", &set.options.Timeout)
	if set.scheme == clusterScheme || set.scheme == sentinelScheme {
		p.Text("addrs", &addrs)
		p.Bool("tls", &set.tls)
	}
	if set.scheme == sentinelScheme {
		p.Text("master", &set.master)
		p.Text("sentinel_user", &set.sentinelUser)
		p.Text("sentinel_password", &set.sentinelPassword)
	}
	if err := p.Err(); err != nil {
		return err
	}
	if addrs != "" {
		set.addrs = append(set.addrs, strings.Split(addrs, ",")...)
	}
	return set.durability(durability)
}

func (set *settings) durability(text string) error {
	replicas, isReplicated := strings.CutPrefix(text, "replicated-")
	switch {
	case text == "":
	case text == "memory":
		set.options.Durability = Memory()
	case text == "fsynced":
		set.options.Durability = Fsynced()
	case isReplicated && len(replicas) == 1 && replicas >= "1" && replicas <= "5":
		set.options.Durability = Replicated(int(replicas[0] - '0'))
	default:
		return dsn.Wrong("durability", "is no level", "write memory, replicated-1 (to 5) or fsynced")
	}
	return nil
}

// check refuses what parses and cannot be meant.
func (set *settings) check() error {
	for _, addr := range set.addrs {
		if !isAddr(addr) {
			return dsn.Wrong("addrs", "has a part that is no host:port", "write addrs=host:7000,host:7001")
		}
	}
	if err := cmp.Or(timeout("dial_timeout", set.dial), timeout("read_timeout", set.read)); err != nil {
		return err
	}
	switch {
	case set.pool < 3 || set.pool > 1000:
		return dsn.Wrong("pool", fmt.Sprintf("is %d, the range is 3 to 1000", set.pool), "leave it out for 5")
	case set.scheme == sentinelScheme && set.master == "":
		return dsn.Wrong("master", "is missing", "name the master as the sentinels do")
	case set.sentinelUser != "" && set.sentinelPassword == "":
		return dsn.Wrong("sentinel_user", "has no password", "add sentinel_password, or remove it")
	case set.scheme == sentinelScheme && set.user != "" && set.password == "":
		return malformed("names a user without a password", "give the user one") // go-redis would leave the user out
	case !set.tls && set.ca != "":
		return dsn.Wrong("ca", withoutTLS, useTLS)
	case !set.tls && set.name != "":
		return dsn.Wrong("server_name", withoutTLS, useTLS)
	}
	return nil
}

func timeout(name string, d time.Duration) error {
	if d < time.Millisecond || d > time.Minute {
		return dsn.Wrong(name, fmt.Sprintf("is %v, the range is 1ms to 1m", d), "leave it out for the default")
	}
	return nil
}

const (
	withoutTLS = "is for TLS, and the connection has none"
	useTLS     = "use rediss://, or tls=true with a cluster or sentinel"
)

// tlsConfig returns nil where there is no TLS. Without a ServerName go-redis takes that of the node it dials.
func (set *settings) tlsConfig() (*tls.Config, error) {
	if !set.tls {
		return nil, nil //nolint:nilnil // no TLS is no configuration
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: set.name}
	if set.name == "" && set.scheme == tlsScheme {
		config.ServerName = set.host
	}
	if set.ca == "" {
		return config, nil
	}
	var err error
	config.RootCAs, err = dsn.Authorities(set.ca)
	return config, err
}

// client makes the client. Its timeouts are short and it never retries by itself: the store does, within the caller's
// deadline. PipelinePoolSize below zero leaves out go-redis's second pool, of ten connections with large buffers for
// pipelines alone.
func (set *settings) client(config *tls.Config) redis.UniversalClient {
	switch set.scheme {
	case clusterScheme:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: set.addrs, Username: set.user, Password: set.password, OnConnect: set.login(), TLSConfig: config,
			MaxRetries: -1, MaxRedirects: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, PipelinePoolSize: -1, Protocol: 2,
			DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
		})
	case sentinelScheme:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: set.master, SentinelAddrs: set.addrs, SentinelUsername: set.sentinelUser, SentinelPassword: set.sentinelPassword,
			Username: set.user, Password: set.password, DB: set.db, TLSConfig: config,
			MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, PipelinePoolSize: -1, Protocol: 2,
			DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: set.addrs[0], Username: set.user, Password: set.password, OnConnect: set.login(), DB: set.db, TLSConfig: config,
		MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, PipelinePoolSize: -1, Protocol: 2,
		DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
	})
}

// login logs in a user who has no password: go-redis leaves such a one out, and would go on as the default user.
func (set *settings) login() func(context.Context, *redis.Conn) error {
	if set.user == "" || set.password != "" {
		return nil
	}
	return func(ctx context.Context, c *redis.Conn) error { return c.AuthACL(ctx, set.user, "").Err() }
}
