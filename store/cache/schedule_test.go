package storecache

import (
	"fmt"
	"iter"
	"strings"
)

// explorer tries every order in which the actors of a story can go on. It runs the story again and again, each time along
// another path of choices, until there is none left.
type explorer struct {
	path []choice
	runs int
}

// choice is which of n was taken at a step.
type choice struct{ n, taken int }

// next goes to the next path; false after the last.
func (x *explorer) next() bool {
	x.runs++
	for n := len(x.path); n > 0; n-- {
		last := &x.path[n-1]
		if last.taken++; last.taken < last.n {
			x.path = x.path[:n]
			return true
		}
	}
	return false
}

// scheduler is one run of a story.
type scheduler struct {
	x      *explorer
	depth  int
	actors []*actor
	// moves are steps of the surroundings: a queued write that arrives, time that passes. None of them must come.
	moves   []move
	current *actor
	trace   []string
	traced  bool
}

// move is a step that may be taken whenever it can.
type move struct {
	name string
	can  func() bool
	do   func()
}

// actor is a thread of a story. It is a coroutine, so that only the one that was chosen runs.
type actor struct {
	name  string
	next  func() (string, bool)
	yield func(string) bool
	ready func() bool // nil: at any time
	done  bool
}

// add begins an actor; its first step runs when it is chosen.
func (s *scheduler) add(name string, do func()) {
	a := &actor{name: name}
	a.next, _ = iter.Pull(func(yield func(string) bool) {
		a.yield = yield
		do()
	})
	s.actors = append(s.actors, a)
}

// at implements probe: whoever is chosen goes on.
func (s *scheduler) at(place string) {
	if s.current != nil {
		s.current.yield(place)
	}
}

// wait implements probe.
func (s *scheduler) wait(landed <-chan struct{}) {
	a := s.current
	a.ready = func() bool {
		select {
		case <-landed:
			return true
		default:
			return false
		}
	}
	a.yield("wait")
	a.ready = nil
}

// start implements probe.
func (s *scheduler) start(do func()) { s.add(fmt.Sprint("flight ", len(s.actors)), do) }

// choose takes one of n as the path says.
func (s *scheduler) choose(n int) int {
	if n == 1 {
		return 0
	}
	if s.depth == len(s.x.path) {
		s.x.path = append(s.x.path, choice{n: n})
	}
	taken := s.x.path[s.depth].taken
	s.depth++
	return taken
}

// run goes on until every actor is done; false if none can go on before.
func (s *scheduler) run() bool {
	can := make([]int, 0, 8)
	for {
		can = can[:0]
		left := false
		for i, a := range s.actors {
			if !a.done {
				left = true
				if a.ready == nil || a.ready() {
					can = append(can, i)
				}
			}
		}
		if !left {
			return true
		}
		if len(can) == 0 {
			return false
		}
		for i := range s.moves {
			if s.moves[i].can() {
				can = append(can, len(s.actors)+i)
			}
		}
		s.step(can[s.choose(len(can))])
	}
}

func (s *scheduler) step(i int) {
	n := len(s.actors)
	if i >= n {
		m := s.moves[i-n]
		s.note(m.name)
		m.do()
		return
	}
	a := s.actors[i]
	s.current = a
	place, more := a.next()
	s.current, a.done = nil, !more
	if !more {
		place = "end"
	}
	s.note(a.name + " to " + place)
}

func (s *scheduler) note(what string) {
	if s.traced {
		s.trace = append(s.trace, what)
	}
}

func (s *scheduler) String() string { return "  " + strings.Join(s.trace, "\n  ") }
