//go:build unix

package faults_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
)

// network is the way of one process to all servers.
type network struct {
	via     map[string]string
	proxies []*testenv.Proxy
}

func newNetwork(t testing.TB, addrs []string) *network {
	t.Helper()
	n := &network{via: map[string]string{}}
	for _, addr := range addrs {
		p := testenv.NewProxy(t, addr)
		n.proxies = append(n.proxies, p)
		n.via[addr] = p.Addr()
	}
	return n
}

func (n *network) each(do func(*testenv.Proxy)) {
	for _, p := range n.proxies {
		do(p)
	}
}

// process is a verifying process, as the test sees it.
type process struct {
	t      testing.TB
	setup  setup
	net    *network
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	orders chan order // a process that is stopped does not read
	sent   sync.WaitGroup
}

// start runs the test's binary as a verifying process, and returns when it is ready.
func start(t testing.TB, n *network, s setup) *process {
	t.Helper()
	s.Via = n.via
	p := &process{t: t, setup: s, net: n, orders: make(chan order, 1<<16), cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"=1")
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // where it has not ended
	if err := json.NewEncoder(p.in).Encode(s); err != nil {
		t.Fatal(err)
	}
	if line, err := p.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("a verifying process said %q, %v", line, err)
	}
	p.sent.Go(func() {
		enc := json.NewEncoder(p.in)
		for o := range p.orders {
			if err := enc.Encode(o); err != nil {
				t.Errorf("a verifying process does not listen: %v", err)
				return
			}
		}
	})
	return p
}

// stop freezes the process for a while.
func (p *process) stop(d time.Duration) {
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := p.cmd.Process.Signal(sig); err != nil {
			p.t.Errorf("%v: %v", sig, err)
		}
		if sig == syscall.SIGSTOP {
			time.Sleep(d)
		}
	}
}

// end has the process report, and waits for it.
func (p *process) end() (r report) {
	p.t.Helper()
	p.orders <- order{End: true}
	close(p.orders)
	p.sent.Wait()
	err := json.NewDecoder(p.out).Decode(&r)
	if ended := p.cmd.Wait(); err != nil || ended != nil {
		p.t.Errorf("a verifying process ended with %v, %v", err, ended)
	}
	return r
}

// logName is where process n writes what it did.
func logName(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("checks%d", n)) }
