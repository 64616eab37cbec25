package testenv

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// RedisServer is one Redis (or Valkey) process on a free loopback port. Its methods fail the test that holds it
// where something goes wrong, so they belong into the test's goroutine; Try does not.
type RedisServer struct {
	server
	config      config
	certificate *authority
	id          string // in a cluster
}

// Redis starts a server that ends with the test.
func Redis(t testing.TB, options ...Option) *RedisServer {
	t.Helper()
	return redisFor(t, configure(options), "redis")
}

// redisFor starts a server whose files and log are named for what it is in the test.
func redisFor(t testing.TB, c config, name string) *RedisServer {
	t.Helper()
	path := find(t, string(c.build))
	s, err := newRedis(c, path, filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	s.endWithTest()
	return s
}

// newRedis starts a server in a new directory.
func newRedis(c config, path, dir string) (*RedisServer, error) {
	if err := mkdir(dir); err != nil {
		return nil, err
	}
	s := &RedisServer{config: c}
	if c.tls {
		var err error
		if s.certificate, err = newAuthority(dir); err != nil {
			return nil, err
		}
	}
	s.process = &process{
		command: string(c.build), path: path, dir: dir,
		args:  func(port int) []string { return c.flagsFor(port, s.certificate) },
		ready: s.ready,
	}
	return s, s.launch()
}

// ready asks for the process's id, since the port may be somebody else's, and for the end of loading.
func (s *RedisServer) ready(addr string, pid int) error {
	c, err := dial(addr, s.TLS(), s.config.password)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // its reply was read
	reply, err := c.Do("INFO")
	if err != nil {
		return err
	}
	info, _ := reply.(string)
	if got := infoField(info, "process_id"); got != fmt.Sprint(pid) {
		return fmt.Errorf("process %s answers there, not %d", got, pid)
	}
	if infoField(info, "loading") == "1" {
		return fmt.Errorf("it is loading")
	}
	return nil
}

// URL returns "redis://127.0.0.1:12345/0", with the password if there is one, and rediss with TLS.
func (s *RedisServer) URL() string { return s.config.url(s.Addr()) }

// TLS returns what a client needs to trust the server, nil without the option TLS.
func (s *RedisServer) TLS() *tls.Config {
	if s.certificate == nil {
		return nil
	}
	return s.certificate.client()
}

// CAFile returns the PEM file of the server's authority. It needs the option TLS.
func (s *RedisServer) CAFile() string { return s.certificate.caFile }

// Dial opens a connection as the default user, which the caller closes.
func (s *RedisServer) Dial() (*Conn, error) { return dial(s.Addr(), s.TLS(), s.config.password) }

// Try sends one command on a connection of its own; see Conn.Do for the reply.
func (s *RedisServer) Try(args ...string) (any, error) {
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // its reply was read
	return c.Do(args...)
}

// Do is Try where an error fails the test.
func (s *RedisServer) Do(args ...string) any {
	s.t.Helper()
	reply, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("%s at %s: %v", s.command, s.Addr(), err)
	}
	return reply
}

// Info returns one field of INFO, "" where it has none.
func (s *RedisServer) Info(field string) string {
	s.t.Helper()
	info, _ := s.Do("INFO", "everything").(string)
	return infoField(info, field)
}

// tryInfo is Info for a server that may be down.
func (s *RedisServer) tryInfo(section, field string) (string, error) {
	reply, err := s.Try("INFO", section)
	if err != nil {
		return "", err
	}
	info, _ := reply.(string)
	return infoField(info, field), nil
}

func infoField(info, field string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
