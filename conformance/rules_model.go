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
		if gone := time.Since(start); i >= 10 && gone > budget || i > 0 && gone > e.h.Traits.Patience/4 {
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

// shrink returns a shorter and simpler history that still fails, as far as the budget goes. A simpler move may need fewer
// of those before it, so it goes round until nothing changes.
func shrink(history []move, fails func([]move) bool) []move {
	end := time.Now().Add(budget)
	try := func(h []move) bool {
		if time.Now().After(end) || !fails(h) {
			return false
		}
		history = h
		return true
	}
	for changed := true; changed; {
		changed = false
		for size := len(history) / 2; size > 0; size /= 2 {
			for at := 0; at+size <= len(history); {
				if try(slices.Delete(slices.Clone(history), at, at+size)) {
					changed = true
				} else {
					at++
				}
			}
		}
		changed = shrinkPairs(&history, try) || changed
		changed = simplify(&history, try) || exchange(&history, try) || changed
	}
	return history
}

// shrinkPairs leaves out two moves that need each other, wherever they stand.
func shrinkPairs(history *[]move, try func([]move) bool) (changed bool) {
	for i := 0; i < len(*history); i++ {
		for j := i + 1; j < len(*history); j++ {
			if try(slices.Delete(slices.Delete(slices.Clone(*history), j, j+1), i, i+1)) {
				changed, j = true, i
			}
		}
	}
	return changed
}

// number is one of the numbers that a move is made of, but for its verb.
func number(m *move, i int) *int { return []*int{&m.who, &m.id, &m.a, &m.b, &m.c}[i] }

const numbers = 5

// exchange looks for a move that, were it another of its kind, would not need one of the rest.
func exchange(history *[]move, try func([]move) bool) bool {
	const most, values = 10, 12 // of longer histories these are too many
	for i := 0; i < len(*history) && len(*history) <= most; i++ {
		for n := range numbers * values {
			other := slices.Clone(*history)
			*number(&other[i], n/values) = n % values
			for j := range other {
				if j != i && try(slices.Delete(slices.Clone(other), j, j+1)) {
					return true
				}
			}
		}
	}
	return false
}

// simplify lowers the numbers that a move is made of.
func simplify(history *[]move, try func([]move) bool) (changed bool) {
	for i := range *history {
		for field := range numbers {
			for lower := range *number(&(*history)[i], field) {
				simpler := slices.Clone(*history)
				*number(&simpler[i], field) = lower
				if try(simpler) {
					changed = true
					break
				}
			}
		}
	}
	return changed
}

func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
