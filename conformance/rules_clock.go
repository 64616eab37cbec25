package conformance

import (
	"errors"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// clockRules are of the group revoke too: revocations on a clock that was set back.
var clockRules = []rule{
	{"revoke/times-never-fall", "CutTime and FloorTime never fall: a revocation on a clock that was set back brings no foreign token back " +
		"that an earlier one barred.", travels, revokeTimesNeverFall},
	{"revoke/marks-on-a-clock-set-back", "A mark made on a clock that was set back lasts from the latest time of its ledger on: " +
		"it covers the tokens minted before.", travels, revokeMarksSetBack},
}

// setBack moves the clock back and revokes. A store on its clients' clocks may refuse a ledger from the future; the rule
// is then over.
func (e *env) setBack(by time.Duration, r store.Revocation) (taken bool) {
	e.travel(-by)
	r.Subject = ann
	err := e.s.Revoke(e.ctx, r)
	if errors.Is(err, store.ErrClock) {
		return false
	}
	e.Expect(err).NotTo(HaveOccurred(), "Revoke on a clock that was set back")
	return true
}

func revokeTimesNeverFall(e *env) {
	e.overflow()
	e.revokeAll()
	before := e.lookup()
	foreign := store.Presented{TokenID: "foreign", Foreign: true, WithoutRecord: true, IssuedAt: before.Now.Add(-time.Second)}
	if !e.setBack(time.Hour, store.Revocation{All: true}) {
		return
	}
	e.overflow()
	after := e.lookup()
	e.Expect(after.Cut).To(BeNumerically(">", before.Cut), "the order knows no clock")
	e.Expect(after.CutTime).NotTo(BeTemporally("<", before.CutTime), "CutTime must not fall")
	e.Expect(after.FloorTime).NotTo(BeTemporally("<", before.FloorTime), "FloorTime must not fall")
	e.travel(time.Hour)
	e.Expect(e.verdict(ann, foreign).Alive).To(BeFalse(), "a foreign token that was dead must stay so")
}

func revokeMarksSetBack(e *env) {
	const back = 2 * time.Hour
	e.login(ttl(100 * time.Hour))
	if !e.setBack(back, store.Revocation{IDs: []string{"token"}}) {
		return
	}
	e.travel(back + e.markLife() - time.Minute)
	e.Expect(e.lookup("token").Entries[0].Status).To(Equal(store.Revoked), "the mark must outlive a token minted before the clock was set back")
}
