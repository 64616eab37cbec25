package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// mutant is a store that breaks one rule.
type mutant struct {
	// rule is the one that must find it.
	rule string
	// what it does wrong.
	what string
	hooks
}

// mutants are all of them.
var mutants = slices.Concat(
	issueMutants, limitMutants, guardMutants, lookupMutants, listMutants, rotateMutants, updateMutants, touchMutants, revokeMutants,
	forgetMutants, opsMutants, expiryMutants, idsMutants, codecMutants, concurrencyMutants, outageMutants, feedMutants, layerMutants,
	narrowIssueMutants, narrowLimitMutants, narrowReadMutants, narrowRotateMutants, narrowUpdateMutants, narrowRevokeMutants,
	narrowOpsMutants, narrowFeedMutants, meetingMutants, alikeMutants,
)

// TestRightStores shows that what the mutants are made of breaks no rule, whatever the harness: else a kill would prove
// nothing.
func TestRightStores(t *testing.T) {
	h := hooks{}.harness()
	for _, res := range runAll(t, h) {
		if res.Status == Failed {
			t.Errorf("a right store fails %s", res.message())
		}
		if res.Status == Skipped && !strings.HasPrefix(res.Rule, "layer/") {
			t.Errorf("a right store with every means skips %s: %s", res.Rule, res.Reason)
		}
	}
}

// TestCachedRecords shows that a cache in front, which tells a live record as it was, breaks no rule once it says so.
func TestCachedRecords(t *testing.T) {
	h := entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		if en.Status != store.Live {
			return
		}
		if first, ok := s.w.get("first", key(subject, id)).(store.Record); ok && first.IssuedAt.Equal(en.Record.IssuedAt) {
			en.Record = first.Clone()
		} else {
			s.w.set("first", key(subject, id), en.Record.Clone())
		}
	}).harness()
	h.Traits.CachedRecords = true
	for _, res := range runAll(t, h) {
		if res.Status == Failed {
			t.Errorf("a store with a cache fails %s", res.message())
		}
	}
}

func runAll(t *testing.T, h Harness) []Result {
	t.Helper()
	h.Traits.Histories = 20
	rep := Check(h)
	if rep.Mistake != "" {
		t.Fatal(rep.Mistake)
	}
	return rep.Results
}

// TestMutants shows that every mutant is found by its rule, and that every rule has a mutant.
func TestMutants(t *testing.T) {
	var killed atomic.Int64
	t.Run("each", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.rule, func(t *testing.T) {
				t.Parallel()
				res := kill(t, m, m.rule)
				if res.Status != Failed || strings.Contains(res.Reason, "panic: ") { // a mutant that breaks down proves nothing
					t.Errorf("%s: a store where %s is not found: %s %s", m.rule, m.what, res.Status, res.Reason)
					return
				}
				killed.Add(1)
			})
		}
	})
	fmt.Printf("mutants killed: %d/%d\n", killed.Load(), len(mutants))
	for _, r := range rules {
		if !slices.ContainsFunc(mutants, func(m mutant) bool { return m.rule == r.name }) {
			t.Errorf("no mutant breaks %s: a rule that cannot fail proves nothing", r.name)
		}
	}
	for _, m := range mutants {
		if findRule(m.rule) == nil {
			t.Errorf("a mutant names the rule %s, which does not exist", m.rule)
		}
	}
}

// kill runs one rule on a mutant.
func kill(t *testing.T, m mutant, name string) Result {
	t.Helper()
	h := m.harness()
	h.Traits.Patience = 10 * time.Second
	if name != m.rule && !slices.Contains(aside, name) {
		h.Traits.Histories = 5 // TestExclusive runs every rule some hundred times
	}
	s, err := newSuite(h)
	if err != nil {
		t.Fatal(err)
	}
	r := findRule(name)
	if r == nil {
		t.Fatalf("there is no rule %s", name)
	}
	return s.run(r)
}

// aside are the rules that find whatever they come across; no rule is measured against them, nor they against the rest.
var aside = []string{"model/agrees", "concurrency/histories"}

// TestExclusive shows that no rule is padding: each is the only one to find some mutant. A mutant is done with at the
// first rule besides its own that finds it; a rule is, at the first mutant that is its own. These are 30,000 runs of a
// rule, 20 s of two cores, so scripts/test.sh runs them once without the race detector.
func TestExclusive(t *testing.T) {
	if raced {
		t.Skip("with the race detector this takes minutes: go test -run TestExclusive ./conformance")
	}
	var exclusive atomic.Int64
	t.Run("each", func(t *testing.T) {
		for i := range rules {
			r := &rules[i]
			if slices.Contains(aside, r.name) {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				var also []string
				for _, m := range slices.Backward(mutants) { // the narrow ones first
					if m.rule != r.name {
						continue
					}
					other := foundBesides(t, m)
					if other == "" {
						exclusive.Add(1)
						return
					}
					also = append(also, fmt.Sprintf("that %s is also found by %s", m.what, other))
				}
				t.Errorf("no mutant is found by %s alone: %s", r.name, strings.Join(also, "; "))
			})
		}
	})
	fmt.Printf("exclusive: %d/%d rules\n", exclusive.Load(), len(rules)-len(aside))
}

// foundBesides is the first rule besides its own that finds a mutant; empty if there is none.
func foundBesides(t *testing.T, m mutant) string {
	t.Helper()
	for _, r := range rules {
		if r.name == m.rule || slices.Contains(aside, r.name) {
			continue
		}
		if kill(t, m, r.name).Status == Failed {
			return r.name
		}
	}
	return ""
}
