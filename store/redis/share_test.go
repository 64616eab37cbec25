package redisstore

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

// TestAhead: what a look at the server's clock proves of it, and what it leaves as it was.
func TestAhead(t *testing.T) {
	sent := time.Now()
	known := func(d time.Duration) *sighting { return &sighting{ahead: d} }
	for _, tt := range []struct {
		rule   string
		old    *sighting
		server time.Duration // behind sent
		took   time.Duration
		want   time.Duration
	}{
		{"the first look takes the middle", nil, 1500 * time.Millisecond, time.Second, time.Second},
		{"what is possible stays", known(700 * time.Millisecond), 1500 * time.Millisecond, time.Second, 700 * time.Millisecond},
		{"a slow answer moves nothing that is possible", known(0), 1500 * time.Millisecond, 2 * time.Second, 0},
		{"a clock that was set ahead is followed", known(0), time.Hour, time.Millisecond, time.Hour - time.Millisecond},
		{"a clock that was set back is followed", known(time.Hour), 0, time.Millisecond, 0},
	} {
		got := ahead(tt.old, sent.Add(tt.server).Round(0), sent, sent.Add(tt.took))
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.rule, got, tt.want)
		}
	}
}

// TestNewestSightingStays: looks that overtake each other leave the newest.
func TestNewestSightingStays(t *testing.T) {
	var p partition
	now := time.Now()
	newer := &sighting{at: now.Add(time.Millisecond)}
	p.keep(&sighting{at: now.Add(-time.Second)})
	p.keep(newer)
	p.keep(&sighting{at: now})
	if p.seen.Load() != newer {
		t.Error("an older sighting took the place of a newer one")
	}
}

// TestBells: a process rings 20 times a second, and again in the next.
func TestBells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bells
		ring := func() (n int) {
			for b.free() && n < 1000 {
				b.count(1)
				n++
			}
			return n
		}
		if n := ring(); n != 20 {
			t.Errorf("%d bells in a second", n)
		}
		time.Sleep(time.Second)
		if n := ring(); n != 20 {
			t.Errorf("%d bells in the next", n)
		}
	})
}

// gate is a hook that holds commands until they are let through, and counts what it holds.
type gate struct {
	mu     sync.Mutex
	held   int
	sizes  []int // of what went out together
	let    chan struct{}
	panics bool
}

func (g *gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return g.hold([]redis.Cmder{cmd}) }
}

func (g *gate) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error { return g.hold(cmds) }
}

func (g *gate) hold(cmds []redis.Cmder) error {
	g.mu.Lock()
	g.held++
	g.sizes = append(g.sizes, len(cmds))
	let, panics := g.let, g.panics
	g.mu.Unlock()
	if panics {
		panic("a hook")
	}
	<-let
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
	return nil
}

func (g *gate) holds() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func gated(most int) (*lane, *gate) {
	g := &gate{let: make(chan struct{})}
	return &lane{node: gatedNode(g), most: most, trips: new(counter), shared: new(counter)}, g
}

// gatedNode is a client without a server, whose commands the gate holds.
func gatedNode(g *gate) *redis.Client {
	node := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Protocol: 2, Dialer: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no server here")
	}})
	node.AddHook(g)
	return node
}

func (l *lane) ask(ctx context.Context) error {
	return l.send(ctx, []redis.Cmder{command(ctx, "ping")})
}

// TestLane holds the sharing of sends to its rules, in a bubble where nothing takes time by itself.
func TestLane(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(t *testing.T, l *lane, g *gate)
	}{
		{"calls that come while one is under way go out together", func(t *testing.T, l *lane, g *gate) {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() { _ = l.ask(t.Context()) })
				synctest.Wait()
			}
			close(g.let)
			all.Wait()
			if len(g.sizes) != 2 || g.sizes[0] != 1 || g.sizes[1] != 9 {
				t.Errorf("sends of %v", g.sizes)
			}
		}},
		{"behind a send that is late the next goes out beside it", func(t *testing.T, l *lane, g *gate) {
			go func() { _ = l.ask(t.Context()) }()
			synctest.Wait()
			go func() { _ = l.ask(t.Context()) }()
			time.Sleep(late - time.Microsecond)
			synctest.Wait()
			if n := g.holds(); n != 1 {
				t.Errorf("%d sends under way before it is late", n)
			}
			time.Sleep(2 * time.Microsecond)
			synctest.Wait()
			if n := g.holds(); n != 2 {
				t.Errorf("%d sends under way after it is late", n)
			}
			close(g.let)
		}},
		{"no more are under way than the lane allows", func(t *testing.T, l *lane, g *gate) {
			for range 20 {
				go func() { _ = l.ask(t.Context()) }()
				time.Sleep(2 * late)
			}
			synctest.Wait()
			if n := g.holds(); n != 2 {
				t.Errorf("%d sends under way", n)
			}
			close(g.let)
		}},
		{"who has left before its turn is not sent", func(t *testing.T, l *lane, g *gate) {
			go func() { _ = l.ask(t.Context()) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), late/2)
			defer cancel()
			if err := l.ask(ctx); !errors.Is(err, errLeft) {
				t.Errorf("who left got %v", err)
			}
			close(g.let)
			synctest.Wait()
			if len(g.sizes) != 1 {
				t.Errorf("sends of %v", g.sizes)
			}
		}},
		{"a panic in a hook leaves the lane as it was", func(t *testing.T, l *lane, g *gate) {
			g.panics = true
			for range 3 {
				func() {
					defer func() { _ = recover() }()
					_ = l.ask(t.Context())
				}()
			}
			g.panics = false
			close(g.let)
			if err := l.ask(t.Context()); err != nil || l.flying != 0 {
				t.Errorf("afterwards: %v, %d places taken", err, l.flying)
			}
		}},
		{"a panic of a shared send is an error of each", func(t *testing.T, l *lane, g *gate) {
			first := g.let
			go func() { _ = l.ask(t.Context()) }()
			synctest.Wait()
			errs := make(chan error, 2)
			for range 2 {
				go func() { errs <- l.ask(t.Context()) }()
			}
			synctest.Wait()
			g.panics = true
			close(first)
			for range 2 {
				if err := <-errs; !errors.Is(err, errPanic) {
					t.Errorf("got %v", err)
				}
			}
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, g := gated(2)
				tt.story(t, l, g)
				synctest.Wait()
				_ = l.node.Close()
			})
		})
	}
}

// TestTimeoutHoldsADial: a call without a deadline ends by Options.Timeout, though the client would dial for longer.
func TestTimeoutHoldsADial(t *testing.T) {
	server := testenv.Redis(t)
	var hang sync.Map
	client := redis.NewClient(&redis.Options{
		Addr: server.Addr(), ContextTimeoutEnabled: true, DialTimeout: time.Minute,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if _, yes := hang.Load("now"); yes {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	})
	defer client.Close() //nolint:errcheck // it is a test's
	s, err := New(t.Context(), client, &Options{Timeout: 200 * time.Millisecond, Partitions: 16})
	if err != nil {
		t.Fatal(err)
	}
	hang.Store("now", true)
	server.Restart()
	start := time.Now()
	_, err = s.Lookup(t.Context(), store.User("ann"))
	if took := time.Since(start); !errors.Is(err, store.ErrUnavailable) || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}
