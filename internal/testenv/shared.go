package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// sharing are the servers that the first test of a binary that asks for one starts and Main stops.
var sharing share

type share struct {
	mu      sync.Mutex
	dir     string // "" until Main ran
	servers map[string]func() (any, error)
	started []*process
}

// get starts what a key stands for if nobody did, and waits for it. Different keys start side by side.
func (s *share) get(key string, start func(dir string) (any, error)) (any, error) {
	s.mu.Lock()
	if s.dir == "" {
		s.mu.Unlock()
		return nil, errors.New("a package with shared servers needs: func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }")
	}
	once := s.servers[key]
	if once == nil {
		dir := filepath.Join(s.dir, fmt.Sprint(len(s.servers)))
		once = sync.OnceValues(func() (any, error) { return start(dir) })
		s.servers[key] = once
	}
	s.mu.Unlock()
	return once()
}

// stopper runs the tests of a binary and then stops what they shared.
type stopper struct{ m *testing.M }

// Main is for the TestMain of a package that uses shared servers:
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main(m)) }
func Main(m *testing.M) interface{ Run() int } { return stopper{m} }

// Run runs the tests.
func (s stopper) Run() int {
	dir, err := os.MkdirTemp("", "jeton-shared-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sharing.dir, sharing.servers = dir, map[string]func() (any, error){}
	status := s.m.Run()
	for _, p := range sharing.started {
		p.kill()
		p.release()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return status
}

// SharedRedis returns the server that all tests of this binary that give the same options share. The package
// needs Main. Tests keep apart by Prefix; they cannot stop, pause or restart it.
func SharedRedis(t testing.TB, options ...Option) *RedisServer {
	t.Helper()
	c := configure(options)
	path := find(t, string(c.build))
	s := shared(t, "redis "+c.key(), func(dir string) (*RedisServer, error) {
		return kept(newRedis(c, path, dir))
	})
	return s.lend(t)
}

// SharedCluster is SharedRedis for a cluster. Nobody can fail it over either.
func SharedCluster(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	config := clusterConfig(t, options)
	path := find(t, string(config.build))
	c := shared(t, "cluster "+config.key(), func(dir string) (*Cluster, error) {
		c := &Cluster{config: config}
		return c, c.launch(func(i int) (*RedisServer, error) {
			return kept(newRedis(config, path, filepath.Join(dir, fmt.Sprintf("node%d", i))))
		})
	})
	mine := &Cluster{t: t, config: config}
	for _, node := range c.nodes {
		mine.nodes = append(mine.nodes, node.lend(t))
	}
	return mine
}

// SharedMemcached is SharedRedis for memcached.
func SharedMemcached(t testing.TB, args ...string) *MemcachedServer {
	t.Helper()
	path := find(t, memcached)
	m := shared(t, fmt.Sprintf("memcached %q", args), func(dir string) (*MemcachedServer, error) {
		return kept(newMemcached(path, dir, args))
	})
	return &MemcachedServer{server: m.lend(t)}
}

// kept has Main stop what was started.
func kept[S interface{ self() *process }](s S, err error) (S, error) {
	if err == nil {
		sharing.mu.Lock()
		sharing.started = append(sharing.started, s.self())
		sharing.mu.Unlock()
	}
	return s, err
}

// lend returns what one test holds of a shared server.
func (s *server) lend(t testing.TB) server {
	mine := server{process: s.process, t: t, shared: true}
	t.Cleanup(mine.keepLog)
	return mine
}

func (s *RedisServer) lend(t testing.TB) *RedisServer {
	return &RedisServer{server: s.server.lend(t), config: s.config, certificate: s.certificate, id: s.id}
}

// shared starts something once for a key, for all tests: a failure too.
func shared[S any](t testing.TB, key string, start func(dir string) (S, error)) S {
	t.Helper()
	s, err := sharing.get(key, func(dir string) (any, error) { return start(dir) })
	if err != nil {
		t.Fatal(err)
	}
	return s.(S) //nolint:errcheck // what start returned
}

var prefixes atomic.Int64

// Prefix returns a short word, [a-z0-9], that no other test of this binary was given: the name of a keyspace.
func Prefix(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("t%d", prefixes.Add(1))
}
