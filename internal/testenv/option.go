package testenv

import (
	"fmt"
	"net/url"
)

// Option sets up a Redis server, or every node of a cluster.
type Option func(*config)

// config is what the options of one server or cluster say.
type config struct {
	build    Build
	flags    []string
	password string
	tls      bool
	replicas int
}

func configure(options []Option) config {
	c := config{build: Stable, replicas: 1}
	for _, option := range options {
		option(&c)
	}
	return c
}

// key is the same for options that ask for the same server.
func (c config) key() string { return fmt.Sprintf("%#v", c) }

// On runs another build. Defaults to Stable.
func On(build Build) Option { return func(c *config) { c.build = build } }

// Config sets one directive as redis.conf has it: Config("maxmemory", "8mb"). It is given last, so it wins.
func Config(directive string, values ...string) Option {
	return func(c *config) { c.flags = append(append(c.flags, "--"+directive), values...) }
}

// AppendOnly keeps data over a restart and a kill: an append-only file, synced "always", "everysec" or "no".
func AppendOnly(fsync string) Option {
	return func(c *config) {
		Config("appendonly", "yes")(c)
		Config("appendfsync", fsync)(c)
	}
}

// MaxMemory bounds the data ("8mb") and says what then happens ("noeviction", "allkeys-lru").
func MaxMemory(limit, policy string) Option {
	return func(c *config) {
		Config("maxmemory", limit)(c)
		Config("maxmemory-policy", policy)(c)
	}
}

// Password is what the default user needs. The URL and Do have it. In a cluster, replicas have it too.
func Password(password string) Option {
	return func(c *config) {
		c.password = password
		Config("requirepass", password)(c)
		Config("masterauth", password)(c)
	}
}

// User adds a user with the rules of ACL SETUSER: User("app", "on", ">secret", "~jeton:*", "+@all"). The
// default user stays, since Do is that one.
func User(name string, rules ...string) Option {
	return Config("user", append([]string{name}, rules...)...)
}

// TLS has the server speak only TLS, with a certificate made for it; RedisServer.TLS and CAFile are for its clients.
func TLS() Option { return func(c *config) { c.tls = true } }

// ReplicaOf starts the server as a replica, which may not be linked yet when it is returned.
func ReplicaOf(master *RedisServer) Option {
	return Config("replicaof", loopback, fmt.Sprint(master.Port()))
}

// Replicas says how many each master of a cluster has. Defaults to 1.
func Replicas(n int) Option { return func(c *config) { c.replicas = n } }

// flagsFor are the arguments of one server at a port: what makes tests quick and leaves no files, then the options.
func (c config) flagsFor(port int, certificate *authority) []string {
	flags := []string{
		"--bind", loopback, "--protected-mode", "no", "--daemonize", "no", "--logfile", "", "--save", "",
		"--enable-debug-command", "local", "--repl-diskless-sync-delay", "0",
	}
	listen := "--port"
	if certificate != nil {
		flags = append(flags, "--port", "0", "--tls-auth-clients", "no",
			"--tls-ca-cert-file", certificate.caFile, "--tls-cert-file", certificate.certFile, "--tls-key-file", certificate.keyFile)
		listen = "--tls-port"
	}
	flags = append(flags, listen, fmt.Sprint(port))
	return append(flags, c.flags...)
}

// url is the form of go-redis's ParseURL and of most tools.
func (c config) url(addr string) string {
	u := url.URL{Scheme: "redis", Host: addr, Path: "/0"}
	if c.tls {
		u.Scheme = "rediss"
	}
	if c.password != "" {
		u.User = url.UserPassword("", c.password)
	}
	return u.String()
}
