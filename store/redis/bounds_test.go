package redisstore

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

// TestMostShared: a crowd goes out in pipelines of 256 at most, so that nobody waits for thousands of replies; nobody is
// left behind, and those who are late go out beside. Kills the mutants of a pipeline without a bound, of one that sends
// the first 256 again, and of a lane that forgets who did not fit.
func TestMostShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gated(1)
		first := g.let
		var all sync.WaitGroup
		for range 1 + 600 {
			all.Go(func() {
				if err := l.ask(t.Context()); err != nil {
					t.Errorf("one of a crowd got %v", err)
				}
			})
			synctest.Wait() // the first is under way before the others come
		}
		time.Sleep(2 * late) // the lane allows one send, however late it is
		close(first)
		all.Wait()
		if want := []int{1, 256, 256, 88}; !slices.Equal(g.sizes, want) {
			t.Errorf("sends of %v, want %v", g.sizes, want)
		}
		synctest.Wait()
		_ = l.node.Close()
	})
}

// TestMostUnderWay: whatever the client's pool allows, two questions and two writes are under way to a node at once. With
// more, calls that could share a pipeline travel alone. Kills every other number of mostReads and mostWrites, and lanes
// that questions and writes share.
func TestMostUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan struct{})}
		node := gatedNode(g)
		s := &Store{}
		ways := s.lanesOf(node)
		under := func(l *lane) (held int) {
			before := g.holds()
			for range 50 {
				go func() { _ = l.ask(t.Context()) }()
				time.Sleep(2 * late) // who comes next finds the last send late
			}
			synctest.Wait()
			return g.holds() - before
		}
		if n := under(&ways.reads); n != 2 {
			t.Errorf("%d questions under way at once, want 2", n)
		}
		if n := under(&ways.writes); n != 2 {
			t.Errorf("%d writes under way at once beside the questions, want 2", n)
		}
		close(g.let)
		synctest.Wait()
		if n := s.trips.Load(); n >= 100 || n < 4 {
			t.Errorf("100 calls took %d trips: they share none", n)
		}
		_ = node.Close()
	})
}

// TestConnections: however many call, a process has no more connections to a node than the URL's pool, of which calls use
// four, and one more where a dial was overtaken. Kills a client with go-redis's second pool, ten connections of 256 KiB
// for pipelines alone.
func TestConnections(t *testing.T) {
	server := testenv.Redis(t)
	admin, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // its replies were read
	connections := func() int {
		list, err := admin.Do("CLIENT", "LIST", "TYPE", "normal")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(list.(string), "\n") - 1 //nolint:errcheck // a text, and one is the asker's
	}
	for range 3 {
		s, err := Open(t.Context(), server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				for range 20 {
					if i%2 == 0 {
						_, _ = s.Lookup(t.Context(), store.User("ann"), "a")
					} else {
						_ = s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true})
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		most := 0
		for over := false; !over; {
			select {
			case <-done:
				over = true
			default:
			}
			most = max(most, connections())
		}
		if err := s.Health(t.Context()); err != nil {
			t.Error(err)
		}
		if n := max(most, connections()); n > 5 {
			t.Errorf("%d connections", n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(5 * time.Second); connections() > 0; { // the server notices by and by
			if time.Now().After(end) {
				t.Fatal("a closed store has connections")
			}
		}
	}
}
