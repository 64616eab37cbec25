package testenv_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestRedisKeepsWhatItAppended(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		s := testenv.Redis(t, testenv.On(build), testenv.AppendOnly("always"))
		t.Log(build, build.Version(t))
		addr := s.Addr()
		s.Do("SET", "k", "v")
		s.Kill()
		if _, err := s.Try("PING"); err == nil {
			t.Error("a killed server answered")
		}
		s.Restart()
		if got := s.Do("GET", "k"); got != "v" || s.Addr() != addr {
			t.Errorf("after kill and restart at %s: %v at %s", addr, got, s.Addr())
		}
	})
}

// TestRedisForgets is the control: without a file the data is gone, so Restart did start a new process.
func TestRedisForgets(t *testing.T) {
	s := testenv.Redis(t)
	s.Do("SET", "k", "v")
	s.Restart()
	if got := s.Do("GET", "k"); got != nil {
		t.Errorf("GET said %v", got)
	}
}

func TestPause(t *testing.T) {
	s := testenv.Redis(t)
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's connection
	s.Pause()
	answered := make(chan error, 1)
	go func() {
		_, err := c.Do("PING")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answered (%v)", err)
	case <-time.After(50 * time.Millisecond): // for the absence of something there is nothing to wait for
	}
	s.Resume()
	if err := <-answered; err != nil {
		t.Errorf("after Resume: %v", err)
	}
}

func TestOptions(t *testing.T) {
	s := testenv.Redis(t, testenv.Password("p@ss"), testenv.MaxMemory("8mb", "noeviction"),
		testenv.User("app", "on", ">secret", "~app:*", "+get"))
	if !strings.Contains(s.URL(), "redis://:p%40ss@127.0.0.1:") {
		t.Errorf("URL is %s", s.URL())
	}
	if got := s.Info("maxmemory"); got != "8388608" {
		t.Errorf("maxmemory is %s", got)
	}
	if got := s.Do("ACL", "DRYRUN", "app", "GET", "app:1"); got != "OK" {
		t.Errorf("app may not GET app:1: %v", got)
	}
	if got := s.Do("ACL", "DRYRUN", "app", "GET", "other"); got == "OK" {
		t.Error("app may GET a key that is not its own")
	}
}

func TestTLS(t *testing.T) {
	s := testenv.Redis(t, testenv.TLS())
	if got := s.Do("PING"); got != "PONG" || !strings.HasPrefix(s.URL(), "rediss://") {
		t.Errorf("PING at %s said %v", s.URL(), got)
	}
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{MinVersion: tls.VersionTLS12})
	if err == nil {
		_ = conn.Close() // the handshake was the test
		t.Error("a client that does not know the authority trusts the server")
	}
}

func TestReplica(t *testing.T) {
	master := testenv.Redis(t)
	testenv.Redis(t, testenv.ReplicaOf(master))
	c, err := master.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's connection
	if _, err := c.Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Do("WAIT", "1", "4000"); got != int64(1) || err != nil {
		t.Errorf("WAIT said %v, %v", got, err)
	}
}

func TestSharedRedis(t *testing.T) {
	first, second := testenv.SharedRedis(t), testenv.SharedRedis(t)
	other := testenv.SharedRedis(t, testenv.AppendOnly("always"))
	if first.Addr() != second.Addr() || first.Addr() == other.Addr() {
		t.Errorf("equal options: %s and %s; others: %s", first.Addr(), second.Addr(), other.Addr())
	}
	if p, q := testenv.Prefix(t), testenv.Prefix(t); p == q {
		t.Errorf("%q was given twice", p)
	}
	said := try(t, func(t testing.TB) { testenv.SharedRedis(t).Kill() })
	if !strings.Contains(said.failure, "starts its own") {
		t.Errorf("killing a shared server: %+v", said)
	}
}
