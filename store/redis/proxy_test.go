package redisstore_test

import (
	"context"
	"io"
	"net"
	"runtime/pprof"
	"sync"
	"testing"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// gate stands between a client and a server, and can cut what runs through it.
type gate struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &gate{to: to, listener: l}
	go p.serve()
	return p
}

func (p *gate) addr() string { return p.listener.Addr().String() }

func (p *gate) serve() {
	pprof.SetGoroutineLabels(context.Background()) // the suite must not take it for the store's
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil || !p.join(client, server) {
			_ = client.Close()
			continue
		}
		go pass(client, server)
		go pass(server, client)
	}
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends when either is closed
	_, _ = to.Close(), from.Close()
}

// join lets two connections run, unless the gate is cut.
func (p *gate) join(pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		_ = pair[1].Close()
		return false
	}
	p.conns = append(p.conns, pair...)
	return true
}

// cut ends what runs through the gate, and all that comes until restore.
func (p *gate) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *gate) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

func (p *gate) close() {
	_ = p.listener.Close()
	p.cut()
}

// loaded returns what a map holds under a key; the zero value for nothing.
func loaded[V any](m *sync.Map, key any) V {
	v, _ := m.Load(key)
	got, _ := v.(V)
	return got
}

// faulty is harness for one server, where each store has a connection of its own that can be cut.
func faulty(t testing.TB, server *testenv.RedisServer) conformance.Harness {
	var gates sync.Map // prefix -> *gate, store -> prefix
	h := harness(t, nil)
	clock := h.Clock
	openAt := func(ctx context.Context, prefix string) (store.TokenStore, error) {
		s, err := redisstore.Open(ctx, "redis://"+loaded[*gate](&gates, prefix).addr(), &redisstore.Options{Prefix: prefix, Partitions: 16, Now: clock.Now})
		if err != nil {
			return nil, err
		}
		gates.Store(s, prefix)
		return s, nil
	}
	gateOf := func(s store.TokenStore) (string, *gate) {
		prefix := loaded[string](&gates, s)
		return prefix, loaded[*gate](&gates, prefix)
	}
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		prefix := testenv.Prefix(t)
		gates.Store(prefix, newGate(t, server.Addr()))
		return openAt(ctx, prefix)
	}
	h.Second = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		prefix, _ := gateOf(s)
		return openAt(ctx, prefix)
	}
	h.Reopen = func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		if err := s.Close(); err != nil {
			return nil, err
		}
		return h.Second(ctx, s)
	}
	h.Drop = func(_ context.Context, s store.TokenStore) error {
		_, p := gateOf(s)
		p.close()
		return nil
	}
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		_, p := gateOf(s)
		p.cut()
		return p.restore, nil
	}
	return h
}
