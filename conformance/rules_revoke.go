package conformance

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var revokeRules = []rule{
	{"revoke/ids", "Revoke of ids kills those sessions, keeps the reason, and leaves the others alone.", marks, revokeIDsRule},
	{"revoke/unknown-ids", "Revoke marks ids that nobody has issued: a token's own id bars that token while its session lives.", 0, revokeUnknown},
	{"revoke/first-reason", "Revoking again is nil, and the first reason stays.", marks, revokeFirstReason},
	{"revoke/many-ids", "One Revoke takes 256 ids, one id twice among them, and bars them all.", 0, revokeManyIDs},
	{"revoke/bad-input", "Revoke refuses none or several of IDs, All and Others, 257 ids, long reasons and an Others that names nobody; " +
		"nothing dies.", 0, revokeBadInput},
	{"revoke/outlives-expiry", "A mark lasts MaxTokenLife and the margin from its making, however short its session's own life was: " +
		"no access token minted under it comes back.", travels | marks, revokeOutlivesExpiry},
	{"revoke/remarked", "Revoking a marked id again does not end its mark sooner, and once the mark has ended, the id can be marked again.", travels, revokeRemarked},
	{"revoke/marks-end", "A mark ends: later than MaxTokenLife and the margin the id is Unknown again.", travels, revokeMarksEnd},
	{"revoke/all", "All kills every session, and a login after it lives, in the same instant too.", 0, revokeAllRule},
	{"revoke/all-tokens", "All kills the access tokens of before, without any record too, and no later one: by order for own tokens, " +
		"by CutTime for foreign ones.", 0, revokeAllTokens},
	{"revoke/order-not-clocks", "Whatever the clock does between a revocation and a login, the login before it is dead and the one after it lives.", travels, revokeOrder},
	{"revoke/any-number", "All takes sessions by the hundred.", 0, revokeAnyNumber},
}

func revokeIDsRule(e *env) {
	a, b, c := e.login(), e.login(), e.login()
	before := e.lookup()
	e.revoke(store.Revocation{IDs: []string{a.ID, c.ID}, Reason: "stolen laptop"})
	e.revoked("stolen laptop", "a revoked session must be dead when Revoke returns", a, c)
	e.live("the others must live", b)
	after := e.lookup()
	e.Expect(after.Cut).To(Equal(before.Cut), "ids must not move the cut")
	e.Expect(after.Floor).To(Equal(before.Floor), "ids within the bound must not move the floor")
	e.Expect(e.verdict(ann, own(a)).Alive).To(BeFalse(), "its access tokens must be dead")
	e.Expect(e.verdict(ann, own(b)).Alive).To(BeTrue(), "the others' access tokens must live")
}

func revokeUnknown(e *env) {
	rec := e.login()
	token := own(rec)
	e.Expect(e.verdict(ann, token).Alive).To(BeTrue())
	e.revoke(store.Revocation{IDs: []string{token.TokenID}, Reason: "leaked"})
	v := e.verdict(ann, token)
	e.Expect(v.Alive).To(BeFalse(), "the one token must be dead")
	e.Expect(v.Reason).To(Equal("leaked"))
	e.live("its session must live", rec)
	token.TokenID = "another token"
	e.Expect(e.verdict(ann, token).Alive).To(BeTrue(), "the session's other tokens must live")
	stranger := store.Subject{Issuer: "https://idp.example", Name: "ann"}
	e.revoke(store.Revocation{Subject: stranger, IDs: []string{"foreign jti"}})
	e.Expect(e.lookupOf(stranger, "foreign jti").Entries[0].Status).To(Equal(store.Revoked), "of a subject never written, too")
}

func revokeFirstReason(e *env) {
	rec := e.login()
	e.revoke(store.Revocation{IDs: []string{rec.ID}, Reason: "first"})
	same := e.unchanged(ann, rec.ID)
	e.revoke(store.Revocation{IDs: []string{rec.ID}, Reason: "second"})
	same("a repeated Revoke must change nothing")
	e.revoke(store.Revocation{IDs: []string{rec.ID, "more"}, Reason: "third"})
	e.revoked("first", "the first reason must stay", rec)
}

func revokeManyIDs(e *env) {
	rec := e.login()
	many := make([]string, store.MaxIDs)
	for i := range many {
		many[i] = fmt.Sprint("token ", i)
	}
	many[0], many[100], many[101] = rec.ID, "twice", "twice"
	e.revokeIDs(many...)
	e.dead("the session among them must be dead", rec)
	for i, id := range many[1:] {
		// By its mark or, where the marks are fewer, by the floor; the session plays no part.
		v := e.verdict(ann, store.Presented{TokenID: id, Seq: rec.Seq, WithoutRecord: true})
		e.Expect(v.Alive).To(BeFalse(), "token %d of 256", i+1)
	}
}

func revokeBadInput(e *env) {
	rec := e.login()
	same := e.unchanged(ann, rec.ID)
	tooMany := make([]string, store.MaxIDs+1)
	for i := range tooMany {
		tooMany[i] = fmt.Sprint("token ", i)
	}
	tooMany[0] = rec.ID
	for what, r := range map[string]store.Revocation{
		"nothing":               {},
		"ids and all":           {IDs: []string{rec.ID}, All: true},
		"all and others":        {All: true, Others: &store.Others{Keep: rec.ID}},
		"ids and others":        {IDs: []string{rec.ID}, Others: &store.Others{Keep: rec.ID}},
		"257 ids":               {IDs: tooMany},
		"an empty id":           {IDs: []string{rec.ID, ""}},
		"a reason of 65 bytes":  {All: true, Reason: strings.Repeat("r", store.MaxReasonLen+1)},
		"others than nobody":    {Others: &store.Others{}},
		"a class of 65 bytes":   {Others: &store.Others{Keep: rec.ID, Class: strings.Repeat("c", store.MaxClassLen+1)}},
		"a Keep of 257 bytes":   {Others: &store.Others{Keep: long(store.MaxNameLen + 1)}},
		"an id of 257 bytes":    {IDs: []string{long(store.MaxNameLen + 1)}},
		"a subject without one": {Subject: store.Subject{Realm: "acme"}, All: true},
	} {
		if r.Subject == (store.Subject{}) {
			r.Subject = ann
		}
		e.refused(e.s.Revoke(e.ctx, r), what)
	}
	same("a refused Revoke must change nothing")
}

// dayAndMargin is the least that a ledger outlives its last member.
const dayAndMargin = 24*time.Hour + store.MarkMargin

// markLife is how long a mark lasts from its making.
func (e *env) markLife() time.Duration { return e.maxTokenLife() + store.MarkMargin }

func revokeOutlivesExpiry(e *env) {
	rec := e.login(ttl(time.Minute))
	e.revoke(store.Revocation{IDs: []string{rec.ID, "token"}, Reason: "stolen"})
	reused := e.login(ttl(time.Minute))
	e.refresh(reused)
	e.rotate(store.Reused, e.presenting(reused, grace(0)))
	for range 4 {
		e.travel((e.markLife() - time.Second) / 4)
		e.login() // writes clean up
		e.revoked("stolen", "a mark must outlive its session and every token", rec)
		e.revoked(store.ReasonReuse, "a killed session's mark must last as long", reused)
		e.Expect(e.lookup("token").Entries[0].Status).To(Equal(store.Revoked), "a token's mark must last as long")
	}
}

func revokeRemarked(e *env) {
	e.revokeIDs("token")
	e.travel(e.markLife() / 2)
	e.revokeIDs("token")
	e.travel(e.markLife()/2 - time.Second)
	e.Expect(e.lookup("token").Entries[0].Status).To(Equal(store.Revoked), "a repeat must not end the mark sooner")
	e.travel(e.markLife())
	e.revoke(store.Revocation{IDs: []string{"token"}, Reason: "anew"})
	e.travel(e.markLife() - time.Second)
	e.Expect(e.lookup("token").Entries[0]).To(Equal(store.Entry{Status: store.Revoked, Reason: "anew"}), "the new mark must last as long")
}

func revokeMarksEnd(e *env) {
	rec := e.login()
	e.revokeIDs(rec.ID)
	e.travel(e.markLife() + time.Minute)
	e.Expect(e.lookup(rec.ID).Entries[0].Status).To(Equal(store.Unknown), "the mark must have ended, and its record is gone")
	e.login(withID(rec.ID))
}

func revokeAllRule(e *env) {
	old := []store.Record{e.login(class("web")), e.login(), e.refresh(e.login())}
	before := e.lookup()
	e.revoke(store.Revocation{All: true, Reason: "password changed"})
	after := e.lookup()
	e.Expect(after.Cut).To(BeNumerically(">", old[2].Seq), "the cut must be above every Seq before it")
	e.during(before.Now, after.Now, after.CutTime, "CutTime")
	e.dead("a session of before must be dead when Revoke returns", old...)
	for _, en := range e.lookup(ids(old)...).Entries {
		if en.Status == store.Revoked { // once pruned, Unknown is right too
			e.Expect(en.Reason).To(Equal(store.ReasonCut))
		}
	}
	rec := e.login()
	e.Expect(rec.Seq).To(BeNumerically(">", after.Cut))
	e.live("a login after it must live", rec)
	e.refresh(rec)
}

func revokeAllTokens(e *env) {
	old := e.login()
	foreign := store.Presented{TokenID: "foreign", Foreign: true, WithoutRecord: true, IssuedAt: e.now().Add(-time.Second)}
	e.Expect(e.verdict(ann, own(old)).Alive).To(BeTrue())
	e.revokeAll()
	e.Expect(e.verdict(ann, own(old)).Alive).To(BeFalse(), "an access token of before")
	e.Expect(e.verdict(ann, foreign).Alive).To(BeFalse(), "a foreign token issued before")
	rec := e.login()
	e.Expect(e.verdict(ann, own(rec)).Alive).To(BeTrue(), "an access token of after")
	foreign.IssuedAt, foreign.Leeway = e.now().Add(3*time.Second), 10*time.Second
	foreign.ForeignSkew = foreign.Leeway
	e.Expect(e.verdict(ann, foreign).Alive).To(BeFalse(), "a foreign token issued within the skew")
	foreign.IssuedAt, foreign.Leeway, foreign.ForeignSkew = e.now().Add(3*time.Second), 5*time.Second, time.Second
	e.Expect(e.verdict(ann, foreign).Alive).To(BeFalse(), "the skew is at least the leeway")
}

func revokeOrder(e *env) {
	const hours = 2 * time.Hour
	for _, jump := range []time.Duration{0, hours, -hours, 30 * 24 * time.Hour, -30 * 24 * time.Hour} {
		old, oldMarked := e.login(ttl(300*24*time.Hour)), e.login(ttl(300*24*time.Hour))
		e.revokeIDs(oldMarked.ID)
		e.revokeAll()
		e.travel(jump)
		req := e.request(ttl(300 * 24 * time.Hour))
		got, err := e.s.Issue(e.ctx, req)
		if err != nil { // a store on its clients' clocks may refuse a ledger from the future, and kill nothing and nobody
			e.Expect(err).To(MatchError(store.ErrClock))
			e.travel(-jump)
			continue
		}
		e.live(fmt.Sprintf("the login after it must live (the clock moved by %v)", jump), got.Record)
		e.dead(fmt.Sprintf("the login before it must be dead (the clock moved by %v)", jump), old, oldMarked)
		e.Expect(e.verdict(ann, own(old)).Alive).To(BeFalse(), "its tokens must be dead (the clock moved by %v)", jump)
		e.Expect(e.verdict(ann, own(got.Record)).Alive).To(BeTrue(), "the new tokens must live (the clock moved by %v)", jump)
		e.travel(-jump)
	}
}

func revokeAnyNumber(e *env) {
	recs := e.crowd(400)
	e.revokeAll()
	for start := 0; start < len(recs); start += 200 {
		for _, en := range e.lookup(ids(recs[start : start+200])...).Entries {
			e.Expect(en.Status).NotTo(Equal(store.Live))
		}
	}
	e.Expect(e.list(ann, 0)).To(BeEmpty())
}
