package redisstore

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
