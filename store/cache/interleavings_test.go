package storecache

import (
	"fmt"
	"os"
	"testing"
	"time"
)

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
