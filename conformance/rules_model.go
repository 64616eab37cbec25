package conformance

import (
	"errors"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"
)

var modelRules = []rule{
	{"model/agrees", "Random histories leave the store as they leave a naive model of the contract: every answer, every ledger, every event.", waits, modelAgrees},
}

// budget is how long the rules that play random histories go on, and shrink.
const budget = 3 * time.Second

func modelAgrees(e *env) {
	start, played, moves := time.Now(), 0, 0
	for i := range e.h.Traits.Histories {
		if i >= 10 && time.Since(start) > budget {
			break
		}
		history := histories.Example(int(e.h.Traits.Seed) + i)
		played, moves = played+1, moves+len(history)
		if diff, _ := playHistory(e, history); diff != "" {
			history = shrink(history, func(h []move) bool { d, _ := playHistory(e, h); return d != "" })
			diff, log := playHistory(e, history)
			e.Expect(diff).To(BeEmpty(), "the store and the model differ after the last of these moves (Traits.Seed %d):\n  %s",
				e.h.Traits.Seed, strings.Join(log, "\n  "))
		}
	}
	e.note("%d histories of %d moves agree with the model", played, moves)
}

// playHistory plays a history on fresh subjects.
func playHistory(e *env, history []move) (diff string, log []string) {
	p := newPlayer(e)
	for _, m := range history {
		if diff = p.play(m); diff != "" {
			break
		}
	}
	return diff, p.log
}

// shrink returns a shorter and simpler history that still fails, as far as the budget goes.
func shrink(history []move, fails func([]move) bool) []move {
	end := time.Now().Add(budget)
	for size := len(history) / 2; size > 0; {
		shorter := false
		for at := 0; at+size <= len(history) && time.Now().Before(end); {
			if without := slices.Delete(slices.Clone(history), at, at+size); fails(without) {
				history, shorter = without, true
			} else {
				at += size
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	for i := range history {
		for field := range 5 {
			simpler := slices.Clone(history)
			*[]*int{&simpler[i].who, &simpler[i].id, &simpler[i].a, &simpler[i].b, &simpler[i].c}[field] = 0
			if time.Now().Before(end) && simpler[i] != history[i] && fails(simpler) {
				history = simpler
			}
		}
	}
	return history
}

func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
