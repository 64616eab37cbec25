package conformance

import (
	"runtime"
	"sync"
	"time"
)

// Check proves a store without a test: for a command, or for a document that shows what holds. It needs no testing.T;
// a mistake in the harness is in the report too.
func Check(h Harness) Report {
	start := time.Now()
	s, err := newSuite(h)
	if err != nil {
		return Report{Mistake: err.Error()}
	}
	rep := Report{Seed: s.h.Traits.Seed}
	if rep.Store, err = s.preflight(); err != nil {
		rep.Mistake = err.Error()
		return rep
	}
	rep.Results = make([]Result, len(rules))
	next := make(chan int)
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				rep.Results[i] = s.run(&rules[i])
			}
		})
	}
	for i := range rules {
		next <- i
	}
	close(next)
	workers.Wait()
	rep.Elapsed = time.Since(start)
	return rep
}
