package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// rule is one promise of the contract, and the function that tries to break it.
type rule struct {
	// name is group/rule, in lower case with hyphens.
	name string
	// sentence is what a store must do, as the failure tells it.
	sentence string
	// needs says what the rule cannot do without.
	needs need
	// run fails through the env's assertions.
	run func(*env)
}

func (r *rule) group() string {
	group, _, _ := strings.Cut(r.name, "/")
	return group
}

// need is a set of things that a rule needs from a harness or a store.
type need uint16

const (
	// travels: moves the clock further than a test may wait, so it needs a Clock.
	travels need = 1 << iota
	// waits: moves the clock by milliseconds, or waits for them.
	waits
	// frozen: needs time to stand still, so it needs a Clock.
	frozen
	// reopens, doubles and breaks need Harness.Reopen, Second and Fault.
	reopens
	doubles
	breaks
	// feeds, subjects, sweeps: need that face of the store.
	feeds
	subjects
	sweeps
	// layered: needs a store that wraps another.
	layered
	// marks: bars up to three ids and expects that each keeps its mark.
	marks
)

// fewMarks is how many marks the rules hold that need marks; all others make do with one.
const fewMarks = 3

// rules is the whole suite, in the order of the groups.
var rules = slices.Concat(
	issueRules, limitRules, guardRules, lookupRules, listRules, rotateRules, updateRules, touchRules, revokeRules, othersRules, clockRules,
	forgetRules, opsRules, expiryRules, idsRules, codecRules, concurrencyRules, firstRules, modelRules, outageRules, inFlightRules, feedRules, layerRules, leakRules,
)

func findRule(name string) *rule {
	for i := range rules {
		if rules[i].name == name {
			return &rules[i]
		}
	}
	return nil
}

// unmet returns why a harness cannot run a rule; empty if it can.
func (h Harness) unmet(n need) string {
	for _, c := range []struct {
		n       need
		missing bool
		reason  string
	}{
		{travels, h.Clock == nil, "the harness has no Clock, and this rule moves time further than a test can wait"},
		{frozen, h.Clock == nil, "the harness has no Clock, and this rule needs time to stand still"},
		{reopens, h.Reopen == nil, "the harness has no Reopen"},
		{doubles, h.Second == nil, "the harness has no Second"},
		{breaks, h.Fault == nil, "the harness has no Fault"},
		{marks, h.Traits.MaxMarks < fewMarks, fmt.Sprintf("Traits.MaxMarks is %d, and this rule needs %d marks at once", h.Traits.MaxMarks, fewMarks)},
	} {
		if n&c.n != 0 && c.missing {
			return c.reason
		}
	}
	return ""
}

// lacking returns which face a rule needs and the store has not; empty if it has all. A layer has every face, and tells
// by ErrUnsupported what it wraps has not; that is asked for in the rule's env.
func lacking(n need, s store.TokenStore) string {
	_, feed := s.(store.Feed)
	_, lists := s.(store.SubjectLister)
	_, sweeper := s.(store.Sweeper)
	_, wraps := s.(store.Unwrapper)
	for _, c := range []struct {
		n      need
		has    bool
		reason string
	}{
		{feeds, feed, "the store has no Feed"},
		{subjects, lists, "the store has no SubjectLister"},
		{sweeps, sweeper, "the store has no Sweeper"},
		{layered, wraps, "the store wraps no other"},
	} {
		if n&c.n != 0 && !c.has {
			return c.reason
		}
	}
	return ""
}
