package conformance

import (
	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var guardRules = []rule{
	{"guard/fresh-subject", "The cut that Lookup tells of a subject never written is the one that its first Issue compares with.", 0, guardFresh},
	{"guard/all", "After All, an Issue guarded by the cut of before is ErrConflict and stores nothing: " +
		"a login whose password was checked before the change fails.", 0, guardAll},
	{"guard/others", "Others trips the guard as All does.", 0, guardOthers},
	{"guard/forget", "Forget trips the guard as All does.", 0, guardForget},
	{"guard/cuts-alone", "Nothing but a cut trips the guard: not logins, refreshes, marks, evictions, a class revoked or a raised floor.", 0, guardCutsAlone},
	{"guard/after-liveness", "The guard is judged after the id: own repeat, ErrExists and ErrRevoked come first.", 0, guardAfterLiveness},
	{"guard/before-limit", "An Issue that the guard refuses evicts nobody.", 0, guardBeforeLimit},
	{"guard/after-a-sweep", "A cut that was swept away still trips the guard, and Seq still grows.", travels | sweeps, guardAfterSweep},
}

func guardFresh(e *env) {
	before := e.lookup()
	e.Expect(before.Entries).To(BeEmpty(), "a Lookup without ids tells the cut alone")
	for _, wrong := range []uint64{before.Cut + 1, before.Cut - 1} {
		_, err := e.s.Issue(e.ctx, e.request(ifCut(wrong)))
		e.Expect(err).To(MatchError(store.ErrConflict), "any other cut must be refused")
	}
	rec := e.login(ifCut(before.Cut))
	e.Expect(e.lookup().Cut).To(Equal(before.Cut), "Issue must not move the cut")
	e.live("the guarded session must live", rec)
}

// tripped expects that a login guarded by an old cut fails and that a new one passes.
func (e *env) tripped(old uint64) {
	r := e.request(ifCut(old))
	_, err := e.s.Issue(e.ctx, r)
	e.Expect(err).To(MatchError(store.ErrConflict), "the cut has moved")
	e.Expect(e.lookup(r.Record.ID).Entries[0].Status).To(Equal(store.Unknown), "a refused Issue must store nothing")
	e.login(ifCut(e.lookup().Cut))
}

func guardAll(e *env) {
	e.login()
	cut := e.lookup().Cut
	e.revokeAll()
	e.tripped(cut)
}

func guardOthers(e *env) {
	rec := e.login()
	cut := e.lookup().Cut
	e.revokeOthers(rec.ID)
	e.tripped(cut)
}

func guardForget(e *env) {
	e.login()
	cut := e.lookup().Cut
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.tripped(cut)
}

func guardCutsAlone(e *env) {
	cut := e.lookup().Cut
	steps := []struct {
		what string
		do   func()
	}{
		{"a login", func() { e.login() }},
		{"a refresh", func() { e.refresh(e.login()) }},
		{"a revoked id", func() { e.revokeIDs(e.login().ID) }},
		{"an eviction", func() { e.login(limited(store.Limit{Max: 1})) }},
		{"a reuse", func() {
			rec := e.login()
			e.refresh(rec)
			e.rotate(store.Reused, e.presenting(rec, grace(0)))
		}},
		{"a class revoked", func() {
			rec := e.login(class("web"))
			e.login(class("web"))
			e.revoke(store.Revocation{Others: &store.Others{Keep: rec.ID, Class: "web"}})
		}},
		{"a raised floor", func() { e.overflow() }},
	}
	for _, s := range steps {
		s.do()
		e.Expect(e.lookup().Cut).To(Equal(cut), s.what+" must not move the cut")
		e.login(ifCut(cut))
	}
}

func guardAfterLiveness(e *env) {
	r := e.request()
	held := e.issue(r).Record
	wrong := e.lookup().Cut + 1
	r.IfCut = &wrong
	e.Expect(e.issue(r).Record.Seq).To(Equal(held.Seq), "an own repeat must be answered whatever the guard")
	_, err := e.s.Issue(e.ctx, e.request(withID(held.ID), ifCut(wrong)))
	e.Expect(err).To(MatchError(store.ErrExists))
	e.revokeIDs(held.ID)
	_, err = e.s.Issue(e.ctx, e.request(withID(held.ID), ifCut(wrong)))
	e.Expect(err).To(MatchError(store.ErrRevoked))
}

func guardBeforeLimit(e *env) {
	rec := e.login()
	_, err := e.s.Issue(e.ctx, e.request(ifCut(e.lookup().Cut+1), limited(store.Limit{Max: 1})))
	e.Expect(err).To(MatchError(store.ErrConflict))
	e.live("a refused Issue must evict nobody", rec)
}

func guardAfterSweep(e *env) {
	rec := e.login()
	cut := e.lookup().Cut
	e.revokeAll()
	e.travel(4 * max(dayAndMargin, e.markLife())) // nothing in the ledger matters any more
	_, err := store.Sweep(e.ctx, e.s)
	e.Expect(err).NotTo(HaveOccurred())
	e.tripped(cut)
	e.Expect(e.login().Seq).To(BeNumerically(">", rec.Seq))
}
