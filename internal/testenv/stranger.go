package testenv

import (
	"net"
	"testing"
)

// Stranger listens where a server should and is none: serve has each connection, on a goroutine of its own, and ends it by
// returning. It returns where clients connect.
func Stranger(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
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
			go func() {
				defer c.Close() //nolint:errcheck // a stranger's
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// Nobody returns an address that nobody listens at.
func Nobody(t testing.TB) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only gave its port
	return l.Addr().String()
}
