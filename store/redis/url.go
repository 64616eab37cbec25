package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/store"
)

func init() {
	for _, scheme := range []string{"redis", "rediss", "redis+cluster", "redis+sentinel"} {
		store.Register(scheme, store.Driver{Open: openURL, OpenFeed: openFeed})
	}
}

func openURL(ctx context.Context, u *url.URL) (store.TokenStore, error) {
	s, err := openWith(ctx, u)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openFeed(ctx context.Context, u *url.URL) (store.FeedCloser, error) {
	s, err := openWith(ctx, u)
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

func openWith(ctx context.Context, u *url.URL) (*Store, error) { return Open(ctx, u.String(), nil) }

// settings are what a URL says of the client.
type settings struct {
	addrs              []string
	user, password     string
	db, pool           int
	tls                bool
	ca, name           string
	master             string
	sentinelUser       string
	sentinelPassword   string
	dial, read         time.Duration
	options            Options
	scheme, path, host string
}

// Parse returns the client and the options that a URL asks for, over what o says. The forms are
//
//	redis://user:password@host:6379/0     one server; rediss:// for TLS
//	redis+cluster://host:7000             a cluster, found from one of its nodes
//	redis+sentinel://host:26379?master=m  the master that Sentinel calls m
//
// with the parameters addrs (more nodes or sentinels, host:port, with commas), tls (true for cluster and sentinel), ca (a
// file of certificates to trust instead of the system's), server_name (the name in the server's certificate), pool
// (connections for each node, 6 by default), dial_timeout (250ms), read_timeout (1s), sentinel_user, sentinel_password,
// prefix, partitions, max_token_life, max_marks, durability (memory, replicated-1 to replicated-5, fsynced), timeout.
func Parse(u *url.URL, o *Options) (redis.UniversalClient, *Options, error) {
	set := settings{scheme: u.Scheme, pool: 6, dial: 250 * time.Millisecond, read: time.Second}
	if o != nil {
		set.options = *o
	}
	if err := set.address(u); err != nil {
		return nil, nil, err
	}
	if err := set.parameters(u); err != nil {
		return nil, nil, err
	}
	config, err := set.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	return set.client(config), &set.options, nil
}

func (set *settings) address(u *url.URL) error {
	if u.Opaque != "" || u.Hostname() == "" {
		return &store.FieldError{Field: "URL", Problem: "names no host", Remedy: "write redis://host:6379/0"}
	}
	port := u.Port()
	if port == "" {
		if port = "6379"; u.Scheme == "redis+sentinel" {
			port = "26379"
		}
	}
	set.addrs = []string{net.JoinHostPort(u.Hostname(), port)}
	set.host = u.Hostname()
	set.user = u.User.Username()
	set.password, _ = u.User.Password()
	set.tls = u.Scheme == "rediss"
	text := strings.TrimPrefix(u.Path, "/")
	if text == "" {
		return nil
	}
	db, err := strconv.Atoi(text)
	switch {
	case err != nil || db < 0:
		return &store.FieldError{Field: "URL", Problem: "has a path that is no database number", Remedy: "end it with /0, or with nothing"}
	case u.Scheme == "redis+cluster" && db != 0:
		return &store.FieldError{Field: "URL", Problem: "names a database, and a cluster has one", Remedy: "remove the path"}
	}
	set.db = db
	return nil
}

func (set *settings) parameters(u *url.URL) error {
	p := dsn.Read(u)
	addrs, durability := "", ""
	p.Text("addrs", &addrs)
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
	p.Duration("timeout", &set.options.Timeout)
	if u.Scheme == "redis+cluster" || u.Scheme == "redis+sentinel" {
		p.Bool("tls", &set.tls)
	}
	if u.Scheme == "redis+sentinel" {
		p.Text("master", &set.master)
		p.Text("sentinel_user", &set.sentinelUser)
		p.Text("sentinel_password", &set.sentinelPassword)
	}
	if err := p.Err(); err != nil {
		return err
	}
	if u.Scheme == "redis+sentinel" && set.master == "" {
		return parameter("master", "is missing", "name the master as the sentinels do")
	}
	if set.pool < 3 || set.pool > 1000 {
		return parameter("pool", fmt.Sprintf("is %d, the range is 3 to 1000", set.pool), "leave it out for 6")
	}
	if set.dial <= 0 || set.read <= 0 {
		return parameter("dial_timeout or read_timeout", "is not above zero", "leave it out for the default")
	}
	if err := set.more(addrs); err != nil {
		return err
	}
	return set.durability(durability)
}

func (set *settings) more(addrs string) error {
	if addrs == "" {
		return nil
	}
	if set.scheme != "redis+cluster" && set.scheme != "redis+sentinel" {
		return parameter("addrs", "names more servers than one", "use redis+cluster or redis+sentinel")
	}
	for _, addr := range strings.Split(addrs, ",") {
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return parameter("addrs", "has a part that is no host:port", "write addrs=host:7000,host:7001")
		}
		set.addrs = append(set.addrs, addr)
	}
	return nil
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
		return parameter("durability", "is no level", "write memory, replicated-1 (to 5) or fsynced")
	}
	return nil
}

func parameter(name, problem, remedy string) error {
	return &store.FieldError{Field: fmt.Sprintf("the URL's parameter %q", name), Problem: problem, Remedy: remedy}
}

func (set *settings) tlsConfig() (*tls.Config, error) {
	if !set.tls {
		if set.ca != "" || set.name != "" {
			return nil, parameter("ca or server_name", "is for TLS, and the connection has none", "use rediss://, or tls=true with a cluster or sentinel")
		}
		return nil, nil //nolint:nilnil // no TLS is no configuration
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: set.name}
	if config.ServerName == "" && set.scheme == "rediss" {
		config.ServerName = set.host
	}
	if set.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(set.ca)
	if err != nil {
		return nil, parameter("ca", "names a file that cannot be read", "check path and rights")
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, parameter("ca", "names a file without a certificate in PEM", "point it at the CA's certificate")
	}
	return config, nil
}

// client makes the client. Its timeouts are short and it never retries by itself: the store does, within the caller's
// deadline.
func (set *settings) client(config *tls.Config) redis.UniversalClient {
	switch set.scheme {
	case "redis+cluster":
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: set.addrs, Username: set.user, Password: set.password, TLSConfig: config,
			MaxRetries: -1, MaxRedirects: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, Protocol: 2,
			DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
		})
	case "redis+sentinel":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: set.master, SentinelAddrs: set.addrs, SentinelUsername: set.sentinelUser, SentinelPassword: set.sentinelPassword,
			Username: set.user, Password: set.password, DB: set.db, TLSConfig: config,
			MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, Protocol: 2,
			DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: set.addrs[0], Username: set.user, Password: set.password, DB: set.db, TLSConfig: config,
		MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: set.pool, Protocol: 2,
		DialTimeout: set.dial, DialerRetries: 1, ReadTimeout: set.read, WriteTimeout: set.read, PoolTimeout: set.read,
	})
}
