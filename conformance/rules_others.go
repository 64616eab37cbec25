package conformance

import (
	"errors"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// othersRules are of the group revoke too: Others, repeats of cuts, and the floor.
var othersRules = []rule{
	{"revoke/others", "Others kills every session but the kept one, whose Seq moves above the cut; keptCut is the cut of before.", 0, revokeOthersRule},
	{"revoke/others-tokens", "The kept session's access tokens of before live on without a record, and those of the others die.", 0, revokeOthersTokens},
	{"revoke/others-again", "Keeping one session twice keeps its access tokens of before the first time alive.", 0, revokeOthersAgain},
	{"revoke/others-changed", "Keeping another session than before kills the one kept before, and its access tokens.", 0, revokeOthersChanged},
	{"revoke/all-ends-keep", "All kills a kept session and its access tokens like any other.", 0, revokeAllEndsKeep},
	{"revoke/live-is-not-enough", "An access token at or below the cut is dead though its session's record is live; of the kept session, one at or below the kept cut.", 0, revokeLiveNotEnough},
	{"revoke/others-dead-keep", "Others with a Keep that is not live is ErrRevoked or ErrNotFound, and nobody dies.", waits, revokeOthersDeadKeep},
	{"revoke/class", "Others with a Class kills the live sessions of that class but the kept one, without a cut.", 0, revokeClass},
	{"revoke/class-repeat", "Others with a Class is remembered by no Op: its repeat marks what lives by then.", 0, revokeClassRepeat},
	{"revoke/all-repeat", "A repeat of All by its Op cuts once, also behind three other cuts: sessions issued in between live on.", 0, revokeAllRepeat},
	{"revoke/others-repeat", "A repeat of Others by its Op cuts once, also behind three other cuts; its Keep is judged first.", 0, revokeOthersRepeat},
	{"revoke/new-op", "Another Op, and no Op, cut again.", 0, revokeNewOp},
	{"revoke/op-of-another-verb", "An All with the Op of an Others is no repeat of it, nor the other way round.", 0, revokeOpOfAnother},
	{"revoke/overflow", "More marks than the bound raise the floor instead of failing: whatever was barred stays dead, sessions live on, " +
		"and one refresh mints tokens that live.", 0, revokeOverflow},
	{"revoke/up-to-the-bound", "Up to the bound every mark is kept and the floor does not move.", 0, revokeUpToBound},
	{"revoke/expired-marks-make-room", "Marks that have ended do not count against the bound.", travels, revokeExpiredMarks},
}

func revokeOthersRule(e *env) {
	keep, other, third := e.login(), e.login(class("web")), e.login()
	before := e.lookup()
	e.revokeOthers(keep.ID)
	after := e.lookup()
	e.Expect(after.Cut).To(BeNumerically(">", third.Seq), "the cut must be above every Seq before it")
	e.Expect(after.Keep).To(Equal(keep.ID))
	e.Expect(after.KeptCut).To(Equal(before.Cut), "the kept cut must be the cut of before")
	e.during(before.Now, after.Now, after.CutTime, "CutTime")
	got := e.record(keep)
	e.Expect(got.Seq).To(BeNumerically(">", after.Cut), "the kept session's Seq must be above the cut")
	got.Seq = keep.Seq
	e.Expect(plain(got)).To(Equal(plain(keep)), "nothing else of the kept session may change")
	e.dead("the others must be dead when Revoke returns", other, third)
	e.refresh(keep)
	e.live("a login after it must live", e.login())
}

// token is an access token minted for a session as it is now, and keeps whether it lives.
func (e *env) token(rec store.Record) func(alive bool, why string) {
	t := own(e.record(rec))
	return func(alive bool, why string) { e.Expect(e.verdict(ann, t).Alive).To(Equal(alive), why) }
}

func revokeOthersTokens(e *env) {
	keep, other := e.login(), e.login()
	kept, dead := e.token(keep), e.token(other)
	e.revokeOthers(keep.ID)
	kept(true, "the kept session's token of before")
	dead(false, "another session's token")
	e.token(keep)(true, "the kept session's token of after")
	alien := own(keep)
	alien.SessionID = ""
	e.Expect(e.verdict(ann, alien).Alive).To(BeFalse(), "a token of before that names no session")
	e.revokeIDs(keep.ID)
	kept(false, "once the kept session is revoked")
}

func revokeOthersAgain(e *env) {
	e.login()
	e.revokeAll() // so that there is a cut before
	gone := e.login()
	lost := e.token(gone)
	keep := e.login()
	first := e.token(keep)
	before := e.lookup()
	e.revokeOthers(keep.ID)
	second := e.token(keep)
	between := e.login()
	e.revokeOthers(keep.ID)
	e.Expect(e.lookup().KeptCut).To(Equal(before.Cut), "the kept cut must stay")
	first(true, "the token of before the first Others")
	second(true, "the token of between")
	lost(false, "another session's token")
	e.dead("a session of between", between)
	e.live("the kept session", keep)
}

func revokeOthersChanged(e *env) {
	a, b := e.login(), e.login()
	tokenA, tokenB := e.token(a), e.token(b)
	e.revokeOthers(b.ID)
	c := e.login()
	tokenC, before := e.token(c), e.lookup()
	e.revokeOthers(c.ID)
	e.Expect(e.lookup().Keep).To(Equal(c.ID))
	e.Expect(e.lookup().KeptCut).To(Equal(before.Cut), "the kept cut must be the cut of before")
	tokenC(true, "the newly kept session's token")
	tokenB(false, "the token of the session kept before")
	tokenA(false, "a token dead already")
	e.dead("the session kept before", a, b)
	e.live("the newly kept session", c)
}

func revokeAllEndsKeep(e *env) {
	keep := e.login()
	old := e.token(keep)
	e.revokeOthers(keep.ID)
	young := e.token(keep)
	e.revokeAll()
	e.Expect(e.lookup().Keep).To(BeEmpty(), "All must clear Keep")
	old(false, "the kept session's token of before")
	young(false, "the kept session's token of after")
	e.dead("the kept session", keep)
}

// old expects that a session's record saves no access token with such a place, and that its own place lives.
func (e *env) old(rec store.Record, seq uint64, why string) {
	for _, p := range []store.Presented{{SessionID: rec.ID, Seq: seq}, {SessionID: rec.ID, TokenID: "token", Seq: seq}, {TokenID: rec.ID, Seq: seq}} {
		e.Expect(e.verdict(ann, p)).To(Equal(store.Verdict{Reason: store.ReasonCut}), why)
		p.Seq = rec.Seq
		e.Expect(e.verdict(ann, p).Alive).To(BeTrue(), "the session's own token")
	}
}

func revokeLiveNotEnough(e *env) {
	gone := e.login()
	e.revokeAll()
	cut, keep := e.lookup().Cut, e.login()
	e.old(keep, gone.Seq, "below the cut")
	e.old(keep, cut, "at the cut")
	e.revokeOthers(keep.ID)
	e.old(keep, cut, "at the kept cut")
	e.old(e.login(), keep.Seq, "another session's, below the new cut")
	e.old(e.login(), e.lookup().Cut, "another session's, at the new cut")
}

func revokeOthersDeadKeep(e *env) {
	cut := e.login()
	e.revokeAll()
	rec, marked, gone := e.login(class("web")), e.login(), e.login(ttl(e.short()))
	e.revokeIDs(marked.ID)
	e.outlive(gone.ExpiresAt)
	same := e.unchanged(ann, rec.ID)
	for _, class := range []string{"", "web"} {
		for what, c := range map[string]struct {
			id   string
			want []error
		}{
			"revoked": {marked.ID, []error{store.ErrRevoked}},
			"expired": {gone.ID, []error{store.ErrNotFound}},
			"unknown": {"nothing", []error{store.ErrNotFound}},
			"cut":     {cut.ID, []error{store.ErrRevoked, store.ErrNotFound}},
		} {
			err := e.s.Revoke(e.ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: c.id, Class: class}})
			e.Expect(err).To(HaveOccurred(), "Keep is "+what)
			e.Expect(slices.ContainsFunc(c.want, func(want error) bool { return errors.Is(err, want) })).To(BeTrue(), "Keep is %s: %v", what, err)
			same("Keep is " + what + ": nothing may change")
		}
	}
}

func revokeClass(e *env) {
	web, ios := e.login(class("web")), e.login(class("ios"))
	keep, tv := e.login(class("web")), e.login(class("tv"))
	before := e.lookup()
	e.revoke(store.Revocation{Others: &store.Others{Keep: keep.ID, Class: "web"}, Reason: "one browser"})
	e.revoked("one browser", "a session of the class", web)
	e.live("the kept session and other classes", keep, ios, tv)
	e.revoke(store.Revocation{Others: &store.Others{Keep: keep.ID, Class: "ios"}})
	e.dead("a session of the class", ios)
	e.revoke(store.Revocation{Others: &store.Others{Class: "web"}})
	e.dead("without Keep the whole class", keep)
	e.live("another class", tv)
	after := e.lookup()
	e.Expect(after.Cut).To(Equal(before.Cut), "a class must not move the cut")
	e.Expect(after.Keep).To(Equal(before.Keep), "a class must not move Keep")
	e.live("a later login of the class", e.login(class("web")))
}

func revokeClassRepeat(e *env) {
	req := store.Revocation{Others: &store.Others{Class: "web"}, Op: store.NewOp()}
	for range 2 {
		rec := e.login(class("web"))
		e.revoke(req)
		e.dead("a session of the class that lived by then", rec)
	}
}

func revokeOpOfAnother(e *env) {
	keep, op := e.login(), store.NewOp()
	e.revoke(store.Revocation{Others: &store.Others{Keep: keep.ID}, Op: op})
	e.revoke(store.Revocation{All: true, Op: op})
	e.dead("the session that Others kept must die of All", keep)
	op = store.NewOp()
	e.revoke(store.Revocation{All: true, Op: op})
	keep, other := e.login(), e.login()
	e.revoke(store.Revocation{Others: &store.Others{Keep: keep.ID}, Op: op})
	e.dead("a login after All must die of Others", other)
	e.live("the kept session", keep)
}

func revokeAllRepeat(e *env) {
	req := store.Revocation{All: true, Op: store.NewOp()}
	for others := range 4 {
		req.Op = store.NewOp()
		e.revoke(req)
		for range others {
			e.revokeAll()
		}
		rec := e.login()
		same := e.unchanged(ann, rec.ID)
		e.revoke(req)
		same(fmt.Sprintf("a repeat behind %d other cuts must change nothing", others))
		e.live("a session of between", rec)
	}
}

func revokeOthersRepeat(e *env) {
	for others := range 4 {
		keep := e.login()
		req := store.Revocation{Others: &store.Others{Keep: keep.ID}, Op: store.NewOp()}
		e.revoke(req)
		for range others {
			e.revokeOthers(keep.ID)
		}
		rec := e.login()
		same := e.unchanged(ann, rec.ID, keep.ID)
		e.revoke(req)
		same(fmt.Sprintf("a repeat behind %d other cuts must change nothing", others))
		e.revokeIDs(keep.ID)
		req.Subject = ann
		e.Expect(e.s.Revoke(e.ctx, req)).To(MatchError(store.ErrRevoked), "a repeat whose Keep has died")
		e.live("a session of between", rec)
	}
}

func revokeNewOp(e *env) {
	for _, op := range []store.Op{store.NewOp(), store.NewOp(), {}, {}} {
		rec, before := e.login(), e.lookup()
		e.revoke(store.Revocation{All: true, Op: op})
		e.Expect(e.lookup().Cut).To(BeNumerically(">", before.Cut))
		e.dead("a session of before", rec)
	}
	e.revoke(store.Revocation{IDs: []string{"x"}, Op: store.Op{1}})
	rec := e.login()
	e.revoke(store.Revocation{All: true, Op: store.Op{1}})
	e.dead("the Op of ids is no cut's", rec)
}

// fill marks ids until the ledger holds as many marks as it may, where it held used before.
func (e *env) fill(used int) (marked []string) {
	for n := e.h.Traits.MaxMarks - used; n > 0; n -= store.MaxIDs {
		var batch []string
		for range min(n, store.MaxIDs) {
			e.serial++
			batch = append(batch, fmt.Sprint("filler ", e.serial))
		}
		e.revokeIDs(batch...)
		marked = append(marked, batch...)
	}
	return marked
}

// overflow makes the floor rise.
func (e *env) overflow() {
	before := e.lookup().Floor
	e.fill(0)
	e.revokeIDs("one too many")
	e.Expect(e.lookup().Floor).To(BeNumerically(">", before), "more marks than the bound must raise the floor")
}

func revokeOverflow(e *env) {
	rec, victim := e.login(), e.login()
	token, barred := own(rec), own(rec)
	barred.TokenID = "barred"
	e.revokeIDs(barred.TokenID)
	e.fill(1)
	before := e.lookup()
	e.revokeIDs(victim.ID)
	after := e.lookup()
	e.Expect(after.Floor).To(BeNumerically(">", victim.Seq), "the floor must be above every Seq before it")
	e.during(before.Now, after.Now, after.FloorTime, "FloorTime")
	e.Expect(after.Cut).To(Equal(before.Cut), "the floor must not move the cut")
	e.dead("the session revoked last", victim)
	e.Expect(e.verdict(ann, own(victim)).Alive).To(BeFalse(), "its token")
	e.Expect(e.verdict(ann, barred).Alive).To(BeFalse(), "a token barred before")
	e.live("a session must live on", rec)
	e.Expect(e.verdict(ann, token)).To(Equal(store.Verdict{Reason: store.ReasonFloor}), "its token pays one refresh")
	got := e.refresh(rec)
	e.Expect(e.verdict(ann, own(got)).Alive).To(BeTrue(), "its token after one refresh")
	e.Expect(e.verdict(ann, own(e.login())).Alive).To(BeTrue(), "the token of a later login")
	e.Expect(e.verdict(ann, barred).Alive).To(BeFalse(), "a token barred before, after the refresh too")
}

func revokeUpToBound(e *env) {
	rec := e.login()
	before := e.lookup()
	marked := e.fill(0)
	after := e.lookup()
	e.Expect(after.Floor).To(Equal(before.Floor), "the floor must not move")
	for start := 0; start < len(marked); start += store.MaxIDs {
		for _, en := range e.lookup(marked[start:min(start+store.MaxIDs, len(marked))]...).Entries {
			e.Expect(en.Status).To(Equal(store.Revoked), "every mark must be kept")
		}
	}
	e.revokeIDs(marked[:1]...)
	e.Expect(e.lookup().Floor).To(Equal(before.Floor), "an id marked already needs no room")
	e.Expect(e.verdict(ann, own(rec)).Alive).To(BeTrue(), "the access tokens must live")
}

func revokeExpiredMarks(e *env) {
	e.fill(0)
	e.travel(e.markLife() + time.Minute)
	before := e.lookup()
	e.fill(0)
	e.Expect(e.lookup().Floor).To(Equal(before.Floor), "marks that have ended must make room")
}
