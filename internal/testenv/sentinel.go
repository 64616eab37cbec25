package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Sentinel is a master with replicas, and three sentinels that watch it.
type Sentinel struct {
	// Name is what the sentinels call the master.
	Name      string
	t         testing.TB
	nodes     []*RedisServer
	sentinels []*RedisServer
}

// RedisSentinel starts a master, two replicas (unless Replicas says otherwise) and three sentinels that hold a
// master for dead after a second. It returns when all know each other.
func RedisSentinel(t testing.TB, options ...Option) *Sentinel {
	t.Helper()
	c := configure(append([]Option{Replicas(2)}, options...))
	if c.tls {
		t.Fatal("testenv: TLS is for single servers only")
	}
	s := &Sentinel{Name: "jeton", t: t}
	master := redisFor(t, c, "node0")
	s.nodes = append(s.nodes, master)
	ReplicaOf(master)(&c)
	for i := range c.replicas {
		s.nodes = append(s.nodes, redisFor(t, c, fmt.Sprintf("node%d", i+1)))
	}
	s.await("replicas", s.linked) // before the sentinels ask, who ask for replicas again after ten seconds only
	for i := range 3 {
		s.sentinels = append(s.sentinels, s.watch(c, fmt.Sprintf("sentinel%d", i)))
	}
	s.AwaitOK()
	return s
}

// watch starts one sentinel.
func (s *Sentinel) watch(c config, name string) *RedisServer {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), name)
	file := filepath.Join(dir, "sentinel.conf") // it keeps its state in there
	if err := s.configure(c, dir, file); err != nil {
		s.t.Fatal(err)
	}
	watcher := &RedisServer{}
	watcher.t = s.t
	watcher.process = &process{
		command: string(c.build), path: find(s.t, string(c.build)), dir: dir, ready: watcher.ready,
		args: func(port int) []string { return []string{file, "--sentinel", "--port", strconv.Itoa(port)} },
	}
	if err := watcher.launch(); err != nil {
		s.t.Fatal(err)
	}
	watcher.endWithTest()
	return watcher
}

// configure writes what a sentinel reads at its first start.
func (s *Sentinel) configure(c config, dir, file string) error {
	text := fmt.Sprintf("bind %[1]s\nprotected-mode no\nsentinel monitor %[2]s %[1]s %[3]d 2\n"+
		"sentinel down-after-milliseconds %[2]s 1000\nsentinel failover-timeout %[2]s 5000\n", loopback, s.Name, s.nodes[0].Port())
	if c.password != "" {
		text += fmt.Sprintf("sentinel auth-pass %s %s\n", s.Name, c.password)
	}
	if err := mkdir(dir); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// Addrs returns where the sentinels listen, "127.0.0.1:12345".
func (s *Sentinel) Addrs() []string {
	addrs := make([]string, len(s.sentinels))
	for i, sentinel := range s.sentinels {
		addrs[i] = sentinel.Addr()
	}
	return addrs
}

// Nodes returns the servers that hold data, the first master first.
func (s *Sentinel) Nodes() []*RedisServer { return slices.Clone(s.nodes) }

// Sentinels returns the sentinels.
func (s *Sentinel) Sentinels() []*RedisServer { return slices.Clone(s.sentinels) }

// Master returns the node that the first sentinel that is up reports as the master.
func (s *Sentinel) Master() *RedisServer {
	s.t.Helper()
	master, err := s.reported(anyOf(s.t, s.sentinels))
	if err != nil {
		s.t.Fatal(err)
	}
	return master
}

// Failover makes the sentinels promote a replica although the master is well. It returns when all of them report
// the new master; the old one is made a replica later, see AwaitOK.
func (s *Sentinel) Failover() {
	s.t.Helper()
	old := s.Master()
	anyOf(s.t, s.sentinels).Do("SENTINEL", "FAILOVER", s.Name)
	s.await("failover", func() error {
		now, err := s.agreed()
		if err == nil && now == old {
			err = fmt.Errorf("the master is still %s", old.Addr())
		}
		return err
	})
}

// AwaitOK returns when all sentinels that are up report one master, which is up, and all other nodes that are up
// are replicas linked to it. After the kill of a master that takes about three seconds. A master that comes back
// is made a replica only after eight to ten.
func (s *Sentinel) AwaitOK() {
	s.t.Helper()
	s.await("sentinel", s.settled)
}

func (s *Sentinel) await(what string, try func() error) {
	s.t.Helper()
	if err := poll(startLimit, try); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *Sentinel) settled() error {
	for _, sentinel := range alive(s.sentinels) {
		if err := s.knowsAll(sentinel); err != nil {
			return err
		}
	}
	if _, err := s.agreed(); err != nil {
		return err
	}
	return s.linked()
}

// agreed returns the master that all sentinels that are up report, if it is one.
func (s *Sentinel) agreed() (*RedisServer, error) {
	var master *RedisServer
	for _, sentinel := range alive(s.sentinels) {
		reported, err := s.reported(sentinel)
		if err != nil {
			return nil, err
		}
		if master != nil && master != reported {
			return nil, fmt.Errorf("the sentinels differ: %s and %s", master.Addr(), reported.Addr())
		}
		master = reported
	}
	if master == nil {
		return nil, errors.New("no sentinel is up")
	}
	role, err := master.tryInfo("replication", "role")
	if err == nil && role != "master" {
		err = fmt.Errorf("%s is reported as the master and is a %s", master.Addr(), role)
	}
	return master, err
}

// linked says whether all but one of the nodes that are up follow a master.
func (s *Sentinel) linked() error {
	following := 0
	for _, node := range alive(s.nodes) {
		role, err := node.tryInfo("replication", "role")
		if err != nil {
			return err
		}
		if role == "slave" {
			following++
		}
		if err := node.linked(); err != nil {
			return err
		}
	}
	if want := len(alive(s.nodes)) - 1; following != want {
		return fmt.Errorf("%d nodes are replicas, not %d", following, want)
	}
	return nil
}

// reported returns the node that a sentinel holds for the master.
func (s *Sentinel) reported(sentinel *RedisServer) (*RedisServer, error) {
	reply, err := sentinel.Try("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Name)
	if err != nil {
		return nil, err
	}
	addr, _ := reply.([]any)
	for _, node := range s.nodes {
		if len(addr) == 2 && addr[1] == strconv.Itoa(node.Port()) {
			return node, nil
		}
	}
	return nil, fmt.Errorf("the sentinel at %s reports %v, which is none of ours", sentinel.Addr(), reply)
}

// knowsAll says whether a sentinel has found the others and all nodes.
func (s *Sentinel) knowsAll(sentinel *RedisServer) error {
	info, err := sentinel.tryInfo("sentinel", "master0")
	if err != nil {
		return err
	}
	// name=jeton,status=ok,address=127.0.0.1:6379,slaves=2,sentinels=3
	want := fmt.Sprintf(",slaves=%d,sentinels=%d", len(s.nodes)-1, len(s.sentinels))
	if !strings.Contains(info, ",status=ok,") || !strings.HasSuffix(info, want) {
		return fmt.Errorf("the sentinel at %s says %s", sentinel.Addr(), info)
	}
	return nil
}
