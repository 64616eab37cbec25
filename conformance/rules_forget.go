package conformance

import (
	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var forgetRules = []rule{
	{"forget/kills", "Forget kills every session and token of the subject, and nobody else's.", 0, forgetKills},
	{"forget/erases", "Forget erases the records: none can be read again, whatever is written later.", 0, forgetErases},
	{"forget/marks-stay", "What was revoked before stays revoked.", marks, forgetMarksStay},
	{"forget/unlisted", "A forgotten subject is not enumerated until it logs in again.", subjects, forgetUnlisted},
	{"forget/repeat", "Forget of a forgotten or unknown subject is nil.", 0, forgetRepeat},
}

func forgetKills(e *env) {
	rec, kept, bob := e.login(metadata(map[string]string{"ip": "192.0.2.1"})), e.login(), e.login(of(store.User("bob")))
	token := own(rec)
	e.revokeOthers(kept.ID)
	keptToken := own(e.record(kept))
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.dead("a session of before must be dead when Forget returns", rec, kept)
	e.Expect(e.list(ann, 0)).To(BeEmpty())
	e.Expect(e.verdict(ann, token).Alive).To(BeFalse(), "an access token of before")
	e.Expect(e.verdict(ann, keptToken).Alive).To(BeFalse(), "the kept session's token")
	e.Expect(e.lookup().Keep).To(BeEmpty())
	e.live("another subject", bob)
	again := e.login()
	e.live("a login after it", again)
	e.Expect(e.verdict(ann, own(again)).Alive).To(BeTrue(), "its token")
}

func forgetErases(e *env) {
	recs := []store.Record{e.login(), e.login(metadata(map[string]string{"ip": "192.0.2.1"}))}
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.login()
	for i, en := range e.lookup(ids(recs)...).Entries {
		e.Expect(en.Status).NotTo(Equal(store.Live), "record %d", i)
		e.Expect(en.Record).To(BeZero(), "record %d", i)
		_, err := e.s.Rotate(e.ctx, e.presenting(recs[i]))
		e.Expect(err).To(Or(MatchError(store.ErrNotFound), MatchError(store.ErrRevoked)))
	}
	e.Expect(e.list(ann, 0)).To(HaveLen(1))
}

func forgetMarksStay(e *env) {
	rec := e.login()
	e.revoke(store.Revocation{IDs: []string{rec.ID, "token"}, Reason: "stolen"})
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.revoked("stolen", "a mark must stay", rec)
	e.Expect(e.lookup("token").Entries[0].Status).To(Equal(store.Revoked), "a token's mark must stay")
}

// known are the subjects that the store enumerates.
func (e *env) known() []store.Subject {
	var all []store.Subject
	for s, err := range store.Subjects(e.ctx, e.s) {
		e.Expect(err).NotTo(HaveOccurred(), "Subjects")
		all = append(all, s)
	}
	return all
}

func forgetUnlisted(e *env) {
	bob := store.User("bob")
	e.login()
	e.login(of(bob))
	e.Expect(e.known()).To(ConsistOf(ann, bob))
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.Expect(e.known()).To(ConsistOf(bob), "a forgotten subject's name must be gone")
	e.revokeIDs("token")
	e.Expect(e.known()).To(ConsistOf(bob), "a revocation must not bring the name back")
	e.login()
	e.Expect(e.known()).To(ConsistOf(ann, bob))
}

func forgetRepeat(e *env) {
	e.Expect(e.s.Forget(e.ctx, store.User("nobody"))).To(Succeed())
	rec := e.login()
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed())
	e.dead("it stays dead", rec)
	e.live("a login after it", e.login())
}
