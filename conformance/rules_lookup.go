package conformance

import (
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var lookupRules = []rule{
	{"lookup/unknown", "An unknown subject or id is Unknown and no error.", 0, lookupUnknown},
	{"lookup/positions", "Entries[i] is the answer for the i-th id asked, whatever the mixture, for one id asked twice too, and for 256.", 0, lookupPositions},
	{"lookup/limits", "More than 256 ids, and an empty or a too long id, are ErrInvalid.", 0, lookupLimits},
	{"lookup/dead-records", "An id that is not live comes without a record, and a revoked one with its reason.", 0, lookupDead},
	{"lookup/read-only", "Lookup and List change nothing, not even LastSeen.", waits, lookupReadOnly},
	{"lookup/clock", "Now is the store's clock.", frozen, lookupClock},
	{"lookup/stamp", "Of every answer given before a revocation through the same store, the Stamp is no longer valid when Revoke returns.", 0, lookupStamp},
}

func lookupUnknown(e *env) {
	st := e.lookup("nothing")
	e.Expect(st.Entries[0]).To(Equal(store.Entry{}), "nothing is under the id")
	e.login()
	e.Expect(e.lookup("nothing").Entries[0]).To(Equal(store.Entry{}), "nothing is under the id")
	e.Expect(e.list(store.User("nobody"), 0)).To(BeEmpty())
}

func lookupPositions(e *env) {
	live, dead := e.login(), e.login()
	e.revoke(store.Revocation{IDs: []string{dead.ID}, Reason: "stolen"})
	asked := []string{dead.ID, live.ID, "nothing", live.ID, dead.ID}
	st := e.lookup(asked...)
	for i, want := range []store.Status{store.Revoked, store.Live, store.Unknown, store.Live, store.Revoked} {
		e.Expect(st.Entries[i].Status).To(Equal(want), "the answer for id %d of %d", i, len(asked))
	}
	e.Expect(st.Entries[1].Record.ID).To(Equal(live.ID))
	e.Expect(st.Entries[3].Record.ID).To(Equal(live.ID))
	many := make([]string, store.MaxIDs)
	for i := range many {
		many[i] = fmt.Sprint("id ", i)
	}
	many[17], many[255] = live.ID, dead.ID
	for i, en := range e.lookup(many...).Entries {
		want := map[int]store.Status{17: store.Live, 255: store.Revoked}[i]
		e.Expect(en.Status).To(Equal(want), "the answer for id %d of 256", i)
	}
}

func lookupLimits(e *env) {
	tooMany := make([]string, store.MaxIDs+1)
	for i := range tooMany {
		tooMany[i] = fmt.Sprint("id ", i)
	}
	for what, asked := range map[string][]string{"257 ids": tooMany, "an empty id": {""}, "an id of 257 bytes": {long(store.MaxNameLen + 1)}} {
		_, err := e.s.Lookup(e.ctx, ann, asked...)
		e.refused(err, what)
	}
}

func lookupDead(e *env) {
	marked, cut := e.login(), e.login()
	e.revoke(store.Revocation{IDs: []string{marked.ID}, Reason: "lost phone"})
	en := e.lookup(marked.ID).Entries[0]
	e.Expect(en).To(Equal(store.Entry{Status: store.Revoked, Reason: "lost phone"}), "a marked session")
	e.revokeAll()
	if en := e.lookup(cut.ID).Entries[0]; en.Status != store.Unknown { // right once pruned
		e.Expect(en).To(Equal(store.Entry{Status: store.Revoked, Reason: store.ReasonCut}), "a session that the cut killed")
	}
}

func lookupReadOnly(e *env) {
	rec := e.login()
	before := plain(e.record(rec))
	e.wait(5 * time.Millisecond)
	e.list(ann, 0)
	e.record(rec)
	e.Expect(plain(e.record(rec))).To(Equal(before))
}

func lookupClock(e *env) {
	const slack = 50 * time.Millisecond // of stores that add a learnt offset
	e.Expect(e.now()).To(BeTemporally("~", e.h.Clock.Now(), slack))
	page, err := e.s.List(e.ctx, ann, store.Page{})
	e.Expect(err).NotTo(HaveOccurred())
	e.Expect(page.Now).To(BeTemporally("~", e.h.Clock.Now(), slack), "List tells it too")
}

func lookupStamp(e *env) {
	rec := e.login()
	for what, revoke := range map[string]func(){
		"Revoke of an id": func() { e.revokeIDs(rec.ID) },
		"Revoke of all":   func() { e.revokeAll() },
		"Forget":          func() { e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed()) },
	} {
		rec = e.login()
		e.lookup(rec.ID) // a cache fills
		st := e.lookup(rec.ID)
		revoke()
		e.Expect(st.Stamp.Valid(time.Now())).To(BeFalse(), "%s: the answer from before must be asked for again", what)
		e.dead(what+": the next answer must tell", rec)
	}
	e.Expect(store.Stamp{}.Valid(time.Now())).To(BeFalse())
}
