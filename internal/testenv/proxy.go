package testenv

import (
	"context"
	"net"
	"runtime/pprof"
	"sync"
	"testing"
)

// Proxy stands between clients and a server and breaks what runs through it, as networks do. It knows nothing of what the
// bytes mean. It is safe for concurrent use and ends with its test.
type Proxy struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	holes [2]chan struct{} // by way; closed when the hole is
	conns map[net.Conn]bool
}

// The ways through a proxy.
const (
	upstream = iota
	downstream
)

// NewProxy starts a proxy to a server's address, "127.0.0.1:12345".
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{to: to, listener: l, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(p.Close)
	return p
}

// Addr returns where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Reset ends every connection by a reset. New ones pass.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset()
}

func (p *Proxy) reset() {
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it makes Close a reset
		}
		_ = c.Close()
	}
	clear(p.conns)
}

// Cut is Reset, and all that connects until Restore is ended too.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	p.reset()
}

// Restore ends a Cut.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Hole makes a black hole of either way, or of both: nothing comes through and nobody is told, until Hole is called without
// one. What was sent meanwhile then arrives, as TCP would repeat it. Connecting succeeds.
func (p *Proxy) Hole(requests, replies bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for way, swallow := range []bool{requests, replies} {
		hole := p.holes[way]
		switch {
		case swallow && hole == nil:
			p.holes[way] = make(chan struct{})
		case !swallow && hole != nil:
			close(hole)
			p.holes[way] = nil
		}
	}
}

// Close ends the proxy and what runs through it. Closing twice does nothing.
func (p *Proxy) Close() {
	_ = p.listener.Close() // again, it says so
	p.Cut()
	p.Hole(false, false)
}

func (p *Proxy) serve() {
	pprof.SetGoroutineLabels(context.Background()) // who looks for leaks by label must not take it for the caller's
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = client.Close()
		return
	}
	if !p.join(client, server) {
		_, _ = client.Close(), server.Close()
		return
	}
	go p.pass(server, client, upstream)
	p.pass(client, server, downstream)
}

// join lets two connections run, unless the proxy is cut.
func (p *Proxy) join(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	p.conns[client], p.conns[server] = true, true
	return true
}

// pass copies one way until either side ends.
func (p *Proxy) pass(to, from net.Conn, way int) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.wait(way)
		if n > 0 {
			if _, bad := to.Write(buf[:n]); bad != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		_ = c.Close() // the other way's end may have
		delete(p.conns, c)
	}
}

// wait waits for the end of a black hole.
func (p *Proxy) wait(way int) {
	p.mu.Lock()
	hole := p.holes[way]
	p.mu.Unlock()
	if hole != nil {
		<-hole
	}
}
