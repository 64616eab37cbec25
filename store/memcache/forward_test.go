package memcachestore_test

import (
	"encoding/pem"
	"io"
	"net"
	"os"
	"sync"
	"testing"
)

// forward listens, and passes each connection to a server; it ends with the test.
func forward(t *testing.T, to string, listen func() (net.Listener, error)) string {
	t.Helper()
	l, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { join(c, to) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait() // the stores are closed by now
	})
	return l.Addr().String()
}

func join(c net.Conn, to string) {
	defer c.Close() //nolint:errcheck // both ends are a test's
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(c, s) })
	_, _ = io.Copy(s, c)
	_ = s.Close()
	back.Wait()
}

func writeCertificate(t *testing.T, path string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
