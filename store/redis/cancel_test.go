package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// promptly is how long a call may go on after its context ended.
const promptly = 300 * time.Millisecond

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// leakless returns a server, and fails the test where it leaves goroutines behind.
func leakless(t *testing.T) *testenv.RedisServer {
	t.Helper()
	server := testenv.SharedRedis(t)
	already := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, already) }) // it looks last
	return server
}

// ending is a way in which a context ends, and what it is then.
type ending struct {
	name string
	is   error
	make func(context.Context) (context.Context, context.CancelFunc)
	end  func(context.CancelFunc)
}

var endings = []ending{
	{"cancelled", context.Canceled, context.WithCancel, func(cancel context.CancelFunc) { cancel() }},
	{"at its deadline", context.DeadlineExceeded, func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 50*time.Millisecond)
	}, func(context.CancelFunc) {}},
	{"cancelled long before its deadline", context.Canceled, func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Minute)
	}, func(cancel context.CancelFunc) { cancel() }},
}

// waitingVerbs are those whose waits are the store's, and not go-redis's alone.
func waitingVerbs() []named {
	return slices.DeleteFunc(slices.Clone(everyVerb), func(v named) bool {
		return v.name == "subjects" || v.name == "ping" || v.name == "health" // go-redis's own commands
	})
}

// TestContextEndsInFlight: whoever waits for a reply gets the context's error soon after it ended, and the store goes on. A
// lone caller's wait is go-redis's, which knows deadlines only: cancelled earlier, it lasts until read_timeout at most.
func TestContextEndsInFlight(t *testing.T) {
	server := leakless(t)
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			p := cutProxyTo(t, server)
			var said ear
			s := openedAt(t, p.url()+"?read_timeout=200ms", said.options(testenv.Prefix(t)))
			for _, v := range waitingVerbs() {
				p.arm(-1, -1)
				release := p.hold()
				ctx, cancel := e.make(t.Context())
				done := make(chan error, 1)
				go func() { done <- v.call(ctx, s) }()
				eventually(t, v.name+" is sent", func() bool { _, _, seen := p.traffic(); return len(seen) > 0 })
				e.end(cancel)
				<-ctx.Done()
				ended := time.Now()
				err := <-done
				if took := time.Since(ended); took > 200*time.Millisecond+promptly || !errors.Is(err, e.is) {
					t.Errorf("%s: %v, %v after its context ended", v.name, err, took)
				}
				cancel()
				release()
				if err := everyVerb[1].call(t.Context(), s); err != nil {
					t.Errorf("the store after %s: %v", v.name, err)
				}
			}
		})
	}
}

// TestContextEndsInTheQueue: who waits behind others for a place gets the context's error, and was not sent.
func TestContextEndsInTheQueue(t *testing.T) {
	server := leakless(t)
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			p := cutProxyTo(t, server)
			s := openedAt(t, p.url()+"?read_timeout=5s&partitions=16&prefix="+testenv.Prefix(t), nil)
			release := p.hold()
			defer release()
			var first, queue sync.WaitGroup
			for range 16 { // they fill all places
				first.Go(func() {
					if _, err := s.Lookup(t.Context(), secretSubject(), secretID); err != nil {
						t.Errorf("a call before: %v", err)
					}
				})
			}
			eventually(t, "the first are sent", func() bool { _, _, seen := p.traffic(); return slices.Contains(seen, "hmget") })
			ctx, cancel := e.make(t.Context())
			defer cancel()
			for range 32 {
				queue.Go(func() {
					_, err := s.Lookup(ctx, secretSubject(), secretID)
					if !errors.Is(err, e.is) {
						t.Errorf("in the queue: %v, want %v", err, e.is)
					}
				})
			}
			e.end(cancel)
			<-ctx.Done()
			ended := time.Now()
			queue.Wait()
			if took := time.Since(ended); took > promptly {
				t.Errorf("the queue took %v after its context ended", took)
			}
			release()
			first.Wait()
			if err := everyVerb[1].call(t.Context(), s); err != nil {
				t.Errorf("the store afterwards: %v", err)
			}
		})
	}
}

// TestContextEndedBefore: nothing is sent.
func TestContextEndedBefore(t *testing.T) {
	server := leakless(t)
	p := cutProxyTo(t, server)
	var said ear
	s := openedAt(t, p.url(), said.options(testenv.Prefix(t)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.arm(-1, -1)
	for _, v := range everyVerb {
		if err := v.call(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	if err := s.Listen(ctx, func(store.Bell) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("listen: %v", err)
	}
	if _, _, seen := p.traffic(); len(seen) > 0 {
		t.Errorf("it sent %v", seen)
	}
	if _, err := redisstore.Open(ctx, p.url(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
}

// TestSilentServer: without a deadline of the caller's, Options.Timeout is one, and opening is no exception.
func TestSilentServer(t *testing.T) {
	server := leakless(t)
	p := cutProxyTo(t, server)
	var said ear
	o := said.options(testenv.Prefix(t))
	o.Timeout = 100 * time.Millisecond
	s := openedAt(t, p.url(), o)
	release := p.hold()
	defer release()
	for _, v := range everyVerb {
		if v.name == "subjects" { // it may take long, and each of its steps is bounded by read_timeout
			continue
		}
		began := time.Now()
		err := v.call(t.Context(), s)
		if took := time.Since(began); took > o.Timeout+promptly || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrIndeterminate) {
			t.Errorf("%s: %v after %v", v.name, err, took)
		}
	}
	began := time.Now()
	if _, err := redisstore.Open(t.Context(), p.url(), o); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > o.Timeout+promptly {
		t.Errorf("open: %v after %v", err, time.Since(began))
	}
}

// TestCloseInFlight: calls under way end, those behind them get ErrClosed, and nothing is left.
func TestCloseInFlight(t *testing.T) {
	server := leakless(t)
	p := cutProxyTo(t, server)
	var said ear
	s := openedAt(t, p.url(), said.options(testenv.Prefix(t)))
	listening := make(chan error, 1)
	go func() { listening <- s.Listen(t.Context(), func(store.Bell) {}) }()
	eventually(t, "it listens", func() bool { _, _, seen := p.traffic(); return slices.Contains(seen, "subscribe") })
	var callers sync.WaitGroup
	started := make(chan struct{}, 1024)
	for i := range 32 {
		callers.Go(func() {
			v := waitingVerbs()[i%len(waitingVerbs())]
			for {
				err := v.call(t.Context(), s)
				select {
				case started <- struct{}{}:
				default:
				}
				switch {
				case errors.Is(err, store.ErrClosed):
					return
				case err == nil, errors.Is(err, store.ErrRevoked), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
				case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrIndeterminate): // it was under way
				default:
					t.Errorf("%s: %v", v.name, err)
					return
				}
			}
		})
	}
	for range 64 {
		<-started
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	callers.Wait()
	if err := <-listening; !errors.Is(err, store.ErrClosed) {
		t.Errorf("listen: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	eventually(t, "its connections end", func() bool { return p.open() == 0 })
	for _, v := range everyVerb {
		if err := v.call(t.Context(), s); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s of a closed store: %v", v.name, err)
		}
	}
}

// TestWhoseClient: a store closes the client that it opened, and never the caller's.
func TestWhoseClient(t *testing.T) {
	server := leakless(t)
	p := cutProxyTo(t, server)
	prefix := testenv.Prefix(t)
	mine := redis.NewClient(&redis.Options{Addr: p.addr(), ContextTimeoutEnabled: true, Protocol: 2})
	defer func() { _ = mine.Close() }()
	s, err := redisstore.New(t.Context(), mine, &redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := mine.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the caller's client: %v", err)
	}
	_ = mine.Close()
	eventually(t, "the caller's client ends", func() bool { return p.open() == 0 })
	owned := openedAt(t, p.url(), &redisstore.Options{Prefix: prefix})
	if p.open() == 0 {
		t.Error("an opened store has no connection")
	}
	if err := errors.Join(owned.Close(), owned.Close()); err != nil {
		t.Error(err)
	}
	eventually(t, "the store's client ends", func() bool { return p.open() == 0 })
	t.Run("a client closed under the store is an outage", func(t *testing.T) {
		c := redis.NewClient(&redis.Options{Addr: p.addr(), ContextTimeoutEnabled: true, Protocol: 2})
		s, err := redisstore.New(t.Context(), c, &redisstore.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		_, err = s.Lookup(t.Context(), secretSubject(), secretID)
		told(t, err, store.ErrUnavailable, "the client was closed", "close the store first")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("what could not be opened leaves nothing", func(t *testing.T) {
		_, err := redisstore.Open(t.Context(), fmt.Sprintf("%s?prefix=%s&partitions=16", p.url(), prefix), nil)
		told(t, err, store.ErrInvalid, "Options.Partitions")
		eventually(t, "its connections end", func() bool { return p.open() == 0 })
	})
}
