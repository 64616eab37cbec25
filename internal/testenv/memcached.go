package testenv

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// MemcachedServer is one memcached process on a free loopback port. It keeps nothing over a Restart.
type MemcachedServer struct{ server }

// Memcached starts a memcached that ends with the test. Arguments are its own: "-m", "2" are two megabytes.
func Memcached(t testing.TB, args ...string) *MemcachedServer {
	t.Helper()
	m, err := newMemcached(find(t, memcached), filepath.Join(t.TempDir(), memcached), args)
	if err != nil {
		t.Fatal(err)
	}
	m.t = t
	m.endWithTest()
	return m
}

func newMemcached(path, dir string, args []string) (*MemcachedServer, error) {
	if err := mkdir(dir); err != nil {
		return nil, err
	}
	flags := func(port int) []string {
		flags := []string{"-l", loopback, "-p", strconv.Itoa(port), "-U", "0"}
		if os.Geteuid() == 0 {
			flags = append(flags, "-u", "root") // it refuses to run as root unasked
		}
		return append(flags, args...)
	}
	m := &MemcachedServer{server{process: &process{command: memcached, path: path, dir: dir, args: flags, ready: memcachedReady}}}
	return m, m.launch()
}

// memcachedReady asks for the process's id, since the port may be somebody else's.
func memcachedReady(addr string, pid int) error {
	lines, err := memcachedDo(addr, "stats")
	if err == nil && !slices.Contains(lines, fmt.Sprintf("STAT pid %d", pid)) {
		err = fmt.Errorf("another process than %d answers there", pid)
	}
	return err
}

// Try sends one command of the text protocol, with its data block if it has one ("set k 0 0 1\r\nv"), and
// returns the lines of the reply.
func (m *MemcachedServer) Try(command string) ([]string, error) {
	return memcachedDo(m.Addr(), command)
}

// Do is Try where an error fails the test.
func (m *MemcachedServer) Do(command string) []string {
	m.t.Helper()
	lines, err := m.Try(command)
	if err != nil {
		m.t.Fatalf("memcached at %s: %v", m.Addr(), err)
	}
	return lines
}

// memcachedDo ends the conversation with a command of known answer, since replies have no common end.
func memcachedDo(addr, command string) ([]string, error) {
	conn, err := net.DialTimeout("tcp", addr, replyLimit)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // its reply was read
	if err := conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\nmn\r\n", command); err != nil {
		return nil, err
	}
	var lines []string
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		if line == "MN" { // what the meta no-op says
			return lines, nil
		}
		lines = append(lines, line)
	}
}
