//go:build unix

package faults_test

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// tally is what one kind of eye did, in all processes.
type tally struct {
	kind                                eyeKind
	checks, accepts, refusals, silences int
	late                                int // accepts in checks begun later than the promise after the acknowledgement
	wrong                               int // refusals of what nobody had asked to revoke
	worst                               time.Duration
	probes                              map[uint32]time.Duration // by process and token: how long after the acknowledgement it was accepted
	peace                               []int                    // accepts behind each fault, of the process that had fewest
}

// judge reads what all processes wrote and holds it to the promise.
func (s *soak) judge() {
	s.Helper()
	by := map[string]*tally{}
	for n, p := range s.procs {
		peace := make([][]int, len(p.setup.Eyes))
		for i := range peace {
			peace[i] = make([]int, len(s.faults))
		}
		last := make([]map[uint32]time.Duration, len(p.setup.Eyes))
		for i, kind := range p.setup.Eyes {
			if by[kind.Name] == nil {
				by[kind.Name] = &tally{kind: kind, probes: map[uint32]time.Duration{}}
			}
			last[i] = map[uint32]time.Duration{}
		}
		err := readLog(logName(s.dir, n), func(c check) {
			y := by[p.setup.Eyes[c.Eye].Name]
			y.add(s.book.lives[c.Token], c)
			if c.Said == accepted {
				if i := s.behind(c.Began); i >= 0 {
					peace[c.Eye][i]++
				}
				last[c.Eye][c.Token] = max(last[c.Eye][c.Token], c.Began)
			}
		})
		if err != nil {
			s.Fatal(err)
		}
		for i, kind := range p.setup.Eyes {
			by[kind.Name].merge(s, uint32(n), peace[i], last[i]) //nolint:gosec // a handful
		}
	}
	s.tellOf(by)
}

// add counts a check of a token.
func (y *tally) add(l *life, c check) {
	y.checks++
	switch c.Said {
	case accepted:
		y.accepts++
		if l.acked != 0 && c.Began > l.acked {
			y.worst = max(y.worst, c.Began-l.acked)
			if c.Began-l.acked > y.kind.MaxStale {
				y.late++
			}
		}
	case refused:
		y.refusals++
		if l.called == 0 || c.Ended < l.called {
			y.wrong++
		}
	case unanswered:
		y.silences++
	}
}

// behind returns the fault that was the last one over at a moment in peace; -1 for none.
func (s *soak) behind(at time.Duration) int {
	for i := len(s.faults) - 1; i >= 0; i-- {
		if at > s.faults[i].from {
			if at > s.faults[i].to {
				return i
			}
			return -1
		}
	}
	return -1
}

// merge adds one process's part.
func (y *tally) merge(s *soak, process uint32, peace []int, last map[uint32]time.Duration) {
	if y.peace == nil {
		y.peace = slices.Clone(peace)
	}
	for i, n := range peace {
		y.peace[i] = min(y.peace[i], n)
	}
	for _, l := range s.book.lives[1:] {
		if l.probe && l.acked != 0 {
			y.probes[process<<28|l.n] = max(0, last[l.n]-l.acked)
		}
	}
}

// tellOf prints the figures and fails where one is not as promised.
func (s *soak) tellOf(by map[string]*tally) {
	s.Helper()
	revocations := 0
	for kind, n := range s.book.kinds {
		revocations += n
		if n < 10 {
			s.Errorf("only %d revocations %s", n, kind)
		}
	}
	if least := int(soakTime(s) / (200 * time.Millisecond)); revocations < least {
		s.Errorf("only %d revocations, want %d", revocations, least)
	}
	s.Logf("revocations %v, failed tries %v", s.book.kinds, s.book.fails)
	for _, name := range slices.Sorted(maps.Keys(by)) {
		y := by[name]
		s.Logf("%s: checks %d, accepts %d, refusals %d (wrong %d), no answer %d, late accepts %d, worst staleness %v", name,
			y.checks, y.accepts, y.refusals, y.wrong, y.silences, y.late, y.worst.Round(time.Millisecond))
		s.hold(y)
	}
	for _, stale := range maxStales {
		var all tally
		var probes []time.Duration
		for _, y := range by {
			if y.kind.MaxStale == stale && !y.kind.broken() {
				all.checks, all.accepts, all.late = all.checks+y.checks, all.accepts+y.accepts, all.late+y.late
				probes = slices.AppendSeq(probes, maps.Values(y.probes))
			}
		}
		slices.Sort(probes)
		fmt.Printf("soak: %v: checks %d accepts %d revocations %d faults %d late accepts %d\n",
			stale, all.checks, all.accepts, revocations, len(s.faults), all.late)
		fmt.Printf("staleness with a healthy feed: %v: p50 %v p99 %v max %v of %d (p99 target 5ms)\n",
			stale, percentile(probes, 50), percentile(probes, 99), percentile(probes, 100), len(probes))
	}
	s.tellOfProcesses()
}

// tellOfProcesses holds each process to what is its own: its cache was of use, and knows its own revocations at once.
func (s *soak) tellOfProcesses() {
	s.Helper()
	for _, o := range s.offices {
		if o.ownLate > 0 {
			s.Errorf("the process that revoked accepted %d tokens in checks begun after its acknowledgement", o.ownLate)
		}
	}
	for n, r := range s.reports {
		for _, kind := range s.procs[n].setup.Eyes {
			if kind.Kind != withCache {
				continue
			}
			hits, misses := r.Hits[kind.Name], r.Misses[kind.Name]
			s.Logf("process %d: %s: hits %d, misses %d, doubts %d", n, kind.Name, hits, misses, r.Doubts[kind.Name])
			if hits < misses/4 {
				s.Errorf("process %d, %s: %d hits and %d misses: it hardly met the cache", n, kind.Name, hits, misses)
			}
		}
	}
}

// hold holds one kind of eye to the promise, and what is broken on purpose to breaking it.
func (s *soak) hold(y *tally) {
	s.Helper()
	if y.kind.broken() {
		if y.late == 0 {
			s.Errorf("%s: no late accept of a %s: the soak would not find one", y.kind.Name, y.kind.Kind)
		}
		return
	}
	if y.late > 0 {
		s.Errorf("%s: %d late accepts, the worst %v after the acknowledgement", y.kind.Name, y.late, y.worst)
	}
	if y.wrong > 0 {
		s.Errorf("%s: %d refusals of tokens that nobody had revoked", y.kind.Name, y.wrong)
	}
	if y.accepts < y.checks/10 {
		s.Errorf("%s: %d accepts in %d checks: it passes by refusing", y.kind.Name, y.accepts, y.checks)
	}
	for i, n := range y.peace {
		if n == 0 {
			s.Errorf("%s: a process accepted nothing between %q and the next fault", y.kind.Name, s.faults[i].name)
		}
	}
}
