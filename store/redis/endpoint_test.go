package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
)

// TestEndpoint: how a redirection names a node, and how go-redis does.
func TestEndpoint(t *testing.T) {
	for _, tt := range []struct{ rule, told, asked, want string }{
		{"an address", "10.0.0.7:7000", "10.0.0.1:6379", "10.0.0.7:7000"},
		{"a name", "node-7.redis:7000", "10.0.0.1:6379", "node-7.redis:7000"},
		{"an IPv6 address, which Redis tells without brackets", "2001:db8::7:7000", "10.0.0.1:6379", "[2001:db8::7]:7000"},
		{"one in brackets", "[::1]:7000", "10.0.0.1:6379", "[::1]:7000"},
		{"a port alone is on the host that was asked", ":7000", "10.0.0.1:6379", "10.0.0.1:7000"},
		{"on an IPv6 host too", ":7000", "[::1]:6379", "[::1]:7000"},
		{"no address at all leads nowhere", "7000", "10.0.0.1:6379", ""},
	} {
		asked := &try{asked: tt.asked}
		(&Store{}).judge(t.Context(), told("ASK 1 "+tt.told), asked)
		if want := (target{tt.want, true}); asked.to != want {
			t.Errorf("%s: ASK 1 %s of %s leads to %v, want %v", tt.rule, tt.told, tt.asked, asked.to, want)
		}
	}
}

// TestGuestLikesItsHost: a guest speaks TLS, trusts, logs in, names itself and ends its waits as the nodes do that it is like,
// and looks for its own name in the certificate.
func TestGuestLikesItsHost(t *testing.T) {
	const password = "Hx7unter.pw"
	server := testenv.SharedRedis(t, testenv.TLS(), testenv.Password(password))
	trust := server.TLS().RootCAs
	s := &Store{stop: make(chan struct{})}
	defer s.Close() //nolint:errcheck // the clients are the test's
	like := func(change func(*redis.Options)) *redis.Client {
		o := &redis.Options{
			Addr: "127.0.0.1:1", Protocol: 2, Password: password, ClientName: "jeton-test", MaxRetries: -1, ContextTimeoutEnabled: true,
			TLSConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}, DialTimeout: time.Second, DialerRetries: 1,
		}
		change(o)
		n := redis.NewClient(o)
		t.Cleanup(func() { _ = n.Close() })
		return n
	}
	host := like(func(*redis.Options) {})
	n := s.guest(host, server.Addr())
	if name, err := n.ClientGetName(t.Context()).Result(); err != nil || name != "jeton-test" {
		t.Errorf("a guest is %q, %v", name, err)
	}
	if s.guest(host, server.Addr()) != n {
		t.Error("the same guest was invited twice")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.BLPop(ctx, time.Minute, "guest-list").Err(); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Errorf("a guest that waits past the deadline: %v", err)
	}
	_, port, _ := net.SplitHostPort(server.Addr())
	if err := s.guest(host, "localhost:"+port).Ping(t.Context()).Err(); err != nil {
		t.Errorf("by another name of the certificate: %v", err)
	}
	for rule, change := range map[string]func(*redis.Options){
		"who trusts another authority":   func(o *redis.Options) { o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12} },
		"who expects another name":       func(o *redis.Options) { o.TLSConfig.ServerName = "other.invalid" },
		"who does not know the password": func(o *redis.Options) { o.Password = "" },
		"who does not speak TLS":         func(o *redis.Options) { o.TLSConfig = nil },
	} {
		other := &Store{stop: make(chan struct{})}
		if err := other.guest(like(change), server.Addr()).Ping(t.Context()).Err(); err == nil {
			t.Errorf("a guest of a host %s was let in", rule)
		}
		_ = other.Close()
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TestGuestAfterClose: a call that meets a redirection while the store is closed leaves no connection behind.
func TestGuestAfterClose(t *testing.T) {
	server := testenv.SharedRedis(t)
	like := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	defer like.Close() //nolint:errcheck // it is a test's
	s := &Store{stop: make(chan struct{})}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.guest(like, server.Addr()).Ping(t.Context()).Err(); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("a guest that came after Close: %v, want that its client is closed", err)
	}
}
