package storecache

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// story is what is told in every order. A large one is told by make proofs.
type story struct {
	name  string
	parts int // of the feed; 0 for none
	large bool
	tell  func(w *world)
}

func stories() []story {
	var all []story
	for _, verb := range []string{"forget", "update", "rotate", "limited issue"} {
		all = append(all, story{verb + " and a reader", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.local(verb)
			w.evicts(1)
		}})
	}
	for _, verb := range []string{"revoke", "forget", "update", "rotate", "limited issue"} {
		all = append(all, story{verb + " with a lost reply, and a reader", 1, false, func(w *world) {
			w.toy.fail = store.ErrUnavailable
			w.reader("reader", ann, 2)
			w.local(verb)
		}})
	}
	return append(all, []story{
		{"two readers and a revoker", 1, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.local("revoke")
		}},
		{"a reader, a stamp and a revoker", 1, false, func(w *world) {
			w.reader("reader", ann, 1)
			w.holder("holder", ann)
			w.local("revoke")
		}},
		{"a stamp, another process's revoker and the feed", 1, false, func(w *world) {
			w.holder("holder", ann)
			w.remote()
			w.follower(1)
			w.ticks(2)
		}},
		{"a reader that asks again, another process's revoker and the feed", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(1)
			w.ticks(1)
		}},
		{"a feed that loses the event", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.trims()
			w.follower(1)
			w.ticks(1)
		}},
		{"no feed", 0, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.remote()
			w.ticks(1)
		}},
		{"a login and two readers", 1, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.login()
		}},
		{"another process's login", 1, false, func(w *world) {
			w.reader("reader 1", ann, 2)
			w.otherLogin()
			w.follower(1)
			w.ticks(1)
		}},
		{"a session that another process slides", 1, false, func(w *world) {
			w.reader("reader 1", ann, 2)
			w.slides()
			w.follower(1)
		}},
		{"an engine that mixes keys up", 1, false, func(w *world) {
			w.queue.single = true
			w.reader("reader 1", ann, 2)
			w.reader("reader 2", bob, 1)
		}},

		{"a reader that asks again, a stamp and a revoker", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.holder("holder", ann)
			w.local("revoke")
		}},
		{"a reader that asks again, another process's revoker, the feed and more time", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(1)
			w.ticks(2)
		}},
		{"two readers, another process's revoker and the feed", 1, true, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 1)
			w.remote()
			w.follower(1)
			w.ticks(1)
		}},
		{"a stamp, another process's revoker and a feed that is polled again", 1, true, func(w *world) {
			w.holder("holder", ann)
			w.remote()
			w.follower(2)
			w.ticks(2)
		}},
		{"a reader that asks again, another process's revoker and a feed that is polled again", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(2)
			w.ticks(1)
		}},
		{"a feed that loses the event and is polled again", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.trims()
			w.follower(2)
			w.ticks(1)
		}},
	}...)
}

// TestInterleavings tells every story in every order over the production code, and judges each answer by the promise.
// JETON_PROOFS=large tells longer ones, JETON_STORY one alone.
func TestInterleavings(t *testing.T) {
	large, only := os.Getenv("JETON_PROOFS") == "large", os.Getenv("JETON_STORY")
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	if raceEnabled {
		t.Skip("one goroutine runs at a time: there is nothing for the race detector, and it takes ten times as long")
	}
	total, violations := 0, 0
	for _, s := range stories() {
		if s.large && !large || only != "" && s.name != only {
			continue
		}
		x := &explorer{}
		begin, bad := time.Now(), 0
		for more := true; more; more = x.next() {
			wrong := s.once(x)
			if wrong == "" {
				continue
			}
			if bad++; bad == 1 {
				t.Errorf("%s: %s\n%s", s.name, wrong, s.again(x))
			}
			if os.Getenv("JETON_MUTANT") != "" {
				return
			}
		}
		t.Logf("%9d interleavings, %d violations, %v: %s", x.runs, bad, time.Since(begin).Round(time.Millisecond), s.name)
		total, violations = total+x.runs, violations+bad
	}
	fmt.Printf("interleavings: %d violations: %d\n", total, violations)
	if total == 0 || total < 300_000 && only == "" && !t.Failed() {
		t.Errorf("only %d interleavings", total)
	}
}

// once runs the story along the explorer's path, and returns what was wrong.
func (s story) once(x *explorer) string { return newWorld(x, s.parts).play(s) }

// again tells the steps of the path that was just run.
func (s story) again(x *explorer) string {
	w := newWorld(&explorer{path: x.path}, s.parts)
	w.sched.traced = true
	w.play(s)
	return w.sched.String()
}
