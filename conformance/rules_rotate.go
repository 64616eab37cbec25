package conformance

import (
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var rotateRules = []rule{
	{"rotate/ok", "The current token refreshes: Rotation + 1, PrevLink = the tag of Link, Link = NextLink, RotatedAt = LastSeen = now; " +
		"nothing else changes.", waits, rotateOK},
	{"rotate/own-repeat", "A repeat of the call that won is the same answer, at any time and with grace off: a lost reply costs no login.", waits, rotateOwnRepeat},
	{"rotate/replayed", "The token before the current one, within Grace, is Replayed: the record is unchanged, " +
		"so that the caller mints the same successor.", 0, rotateReplayed},
	{"rotate/replay-limit", "A grace window answers GraceReplays distinct NextLinks (3 by default), each as often as it comes; " +
		"one more is ErrReplayLimit, and the session lives.", 0, rotateReplayLimit},
	{"rotate/replays-start-anew", "Each refresh starts a new count of replays.", 0, rotateReplaysStartAnew},
	{"rotate/replays-stay", "Touch, Update and an Others that keeps the session leave its count of replays: only a refresh starts a new one.", 0, rotateReplaysStay},
	{"rotate/late-replay", "The token before the current one, later than Grace, is Reused.", waits, rotateLateReplay},
	{"rotate/grace-edge", "Grace reaches to exactly that distance from RotatedAt on the store's clock, and no further.", travels, rotateGraceEdge},
	{"rotate/clock-set-back", "A clock set back by more than Grace ends the window; by less, it does not.", travels, rotateClockSetBack},
	{"rotate/grace-off", "With Grace 0 the token before the current one is Reused, in the same instant too.", 0, rotateGraceOff},
	{"rotate/binding", "A replay must show the binding of the record where it has one; another is Reused.", 0, rotateBinding},
	{"rotate/binding-is-for-replays", "The binding is compared on replays alone, and a refresh keeps the record's.", 0, rotateBindingKept},
	{"rotate/forged-link", "The current rotation with another link is Reused.", 0, rotateForged},
	{"rotate/forged-replay", "The rotation before with a link that was never its own is Reused, within Grace too.", 0, rotateForgedReplay},
	{"rotate/older", "A token two rotations old is Reused, within Grace too.", 0, rotateOlder},
	{"rotate/rolled-forward", "A token newer than the record (a failover lost a step) is RolledForward: the record goes on behind it.", 0, rotateRolledForward},
	{"rotate/rolled-forward-clears", "Rolling forward starts a new count of replays.", 0, rotateRolledForwardClears},
	{"rotate/reuse-kills", "Reuse kills its session in the same step, with the reason \"reuse\", and no other; the answer holds the record as it was.", 0, rotateReuseKills},
	{"rotate/dead", "Rotate of a dead session is ErrRevoked or ErrNotFound and changes nothing, an own repeat and a replay too.", waits, rotateDead},
	{"rotate/expiry", "ExpiresAt replaces the record's, lowered to the Deadline; zero leaves it.", 0, rotateExpiry},
	{"rotate/floor", "A Rotate of a record at or below the floor gives it a new Seq above the floor; any other leaves Seq.", 0, rotateFloor},
	{"rotate/one-record", "A hundred refreshes leave one record under one id.", 0, rotateOneRecord},
	{"rotate/bad-input", "Rotate refuses a zero or unchanged NextLink, a Grace over 5 minutes and more than 16 replays, and kills nothing.", 0, rotateBadInput},
}

func rotateOK(e *env) {
	rec := e.login(class("web"), bound("b"), deadline(2*time.Hour), metadata(map[string]string{"k": "v"}))
	e.wait(120 * time.Millisecond)
	req := e.presenting(rec)
	before := e.now()
	got := e.rotate(store.RotateOK, req)
	after := e.now()
	e.during(before, after, got.RotatedAt, "RotatedAt")
	e.Expect(got.LastSeen).To(BeTemporally("==", got.RotatedAt), "LastSeen")
	want := plain(rec)
	want.Rotation, want.PrevLink, want.Link = 1, rec.Link.Tag(), req.NextLink
	want.RotatedAt, want.LastSeen = plain(got).RotatedAt, plain(got).LastSeen
	e.Expect(plain(got)).To(Equal(want), "nothing else may change")
	e.Expect(plain(e.record(rec))).To(Equal(want), "Lookup must tell it")
}

func rotateOwnRepeat(e *env) {
	req := e.presenting(e.login(), grace(0))
	rec := e.rotate(store.RotateOK, req)
	e.wait(20 * time.Millisecond)
	e.touch(rec, time.Time{})
	e.revokeIDs("another")
	again := e.rotate(store.RotateOK, req)
	e.Expect(plain(again)).To(Equal(plain(e.record(rec))), "a repeat must answer the record as it is")
	e.Expect(again.Rotation).To(Equal(rec.Rotation), "a repeat must not rotate again")
	e.refresh(again)
}

func rotateReplayed(e *env) {
	first := e.login(bound("device"))
	rec := e.refresh(first)
	got := e.rotate(store.Replayed, e.presenting(first))
	e.Expect(plain(got)).To(Equal(plain(rec)), "the same successor for everybody")
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "a replay must change nothing")
	e.refresh(rec)
}

func rotateReplayLimit(e *env) {
	for _, allowed := range []int{0, 1, 5, store.MaxReplays} {
		first := e.login()
		rec := e.refresh(first)
		replays := func(r *store.RotateRequest) { r.GraceReplays = allowed }
		req := e.presenting(first, replays)
		for range req.Replays() {
			req = e.presenting(first, replays)
			e.rotate(store.Replayed, req)
			e.rotate(store.Replayed, req) // the same call again, its reply lost
		}
		_, err := e.s.Rotate(e.ctx, e.presenting(first, replays))
		e.Expect(err).To(MatchError(store.ErrReplayLimit), "%d replays were allowed", req.Replays())
		e.rotate(store.Replayed, req) // a repeat of one that was answered
		e.refresh(rec)
	}
}

func rotateReplaysStartAnew(e *env) {
	old := e.login()
	one := func(r *store.RotateRequest) { r.GraceReplays = 1 }
	for range 3 {
		rec := e.refresh(old)
		e.rotate(store.Replayed, e.presenting(old, one))
		_, err := e.s.Rotate(e.ctx, e.presenting(old, one))
		e.Expect(err).To(MatchError(store.ErrReplayLimit))
		old = rec
	}
}

func rotateReplaysStay(e *env) {
	for what, do := range map[string]func(store.Record){
		"Touch":  func(rec store.Record) { e.touch(rec, rec.ExpiresAt.Add(time.Minute)) },
		"Update": func(rec store.Record) { e.update(edit(rec, map[string]string{"k": "v"})) },
		"Others": func(rec store.Record) { e.revokeOthers(rec.ID) },
		"Others with a class": func(rec store.Record) {
			e.revoke(store.Revocation{Others: &store.Others{Keep: rec.ID, Class: rec.Class}})
		},
	} {
		first := e.login(class("web"))
		rec := e.refresh(first)
		one := func(r *store.RotateRequest) { r.GraceReplays = 1 }
		req := e.presenting(first, one)
		e.rotate(store.Replayed, req)
		do(rec)
		_, err := e.s.Rotate(e.ctx, e.presenting(first, one)) // first: a count that began anew would take the repeat for its first replay
		e.Expect(err).To(MatchError(store.ErrReplayLimit), "the replay before %s counts", what)
		e.rotate(store.Replayed, req)
	}
}

func rotateLateReplay(e *env) {
	first := e.login()
	e.refresh(first)
	e.wait(60 * time.Millisecond)
	e.rotate(store.Reused, e.presenting(first, grace(20*time.Millisecond)))
	e.dead("reuse must kill", first)
}

func rotateGraceEdge(e *env) {
	for _, c := range []struct {
		after time.Duration
		want  store.Outcome
	}{{10 * time.Second, store.Replayed}, {10*time.Second + time.Millisecond, store.Reused}} {
		first := e.login()
		rec := e.refresh(first)
		e.travel(rec.RotatedAt.Add(c.after).Sub(e.h.Clock.Now()))
		e.rotate(c.want, e.presenting(first, grace(10*time.Second)))
	}
}

func rotateClockSetBack(e *env) {
	for _, c := range []struct {
		back time.Duration
		want store.Outcome
	}{{30 * time.Second, store.Replayed}, {2 * time.Minute, store.Reused}} {
		first := e.login()
		e.refresh(first)
		e.travel(-c.back)
		got, err := e.s.Rotate(e.ctx, e.presenting(first, grace(time.Minute)))
		e.travel(c.back)
		if err != nil { // a store on its clients' clocks may refuse a ledger from the future
			e.Expect(err).To(MatchError(store.ErrClock))
			continue
		}
		e.Expect(got.Outcome).To(Equal(c.want), "the clock was set back by %v", c.back)
	}
}

func rotateGraceOff(e *env) {
	for _, binding := range []string{"", "device"} { // the right binding excuses nothing
		first := e.login(bound(binding))
		e.refresh(first)
		e.rotate(store.Reused, e.presenting(first, grace(0)))
		e.dead("reuse must kill", first)
	}
}

func rotateBinding(e *env) {
	for binding, want := range map[string]store.Outcome{"device": store.Replayed, "other": store.Reused, "": store.Reused} {
		first := e.login(bound("device"))
		e.refresh(first)
		e.rotate(want, e.presenting(first, func(r *store.RotateRequest) { r.Binding = binding }))
	}
	first := e.login()
	e.refresh(first)
	e.rotate(store.Replayed, e.presenting(first, func(r *store.RotateRequest) { r.Binding = "any" }))
}

func rotateBindingKept(e *env) {
	other := func(r *store.RotateRequest) { r.Binding = "other" }
	rec := e.rotate(store.RotateOK, e.presenting(e.login(bound("device")), other))
	e.Expect(rec.Binding).To(Equal("device"), "a refresh must keep the binding")
	unbound := e.rotate(store.RotateOK, e.presenting(e.login(), other))
	e.Expect(unbound.Binding).To(BeEmpty(), "a refresh must bind nothing")
}

func rotateForged(e *env) {
	rec := e.refresh(e.login())
	e.rotate(store.Reused, e.presenting(rec, func(r *store.RotateRequest) { r.Link = e.link() }))
	e.dead("a forged link must kill", rec)
	for i := range len(store.Link{}) { // every byte of it counts
		rec := e.refresh(e.login())
		e.rotate(store.Reused, e.presenting(rec, func(r *store.RotateRequest) { r.Link[i] ^= 1 }))
		e.dead("a link with one bit forged must kill", rec)
	}
}

func rotateForgedReplay(e *env) {
	first := e.login()
	e.refresh(first)
	e.rotate(store.Reused, e.presenting(first, func(r *store.RotateRequest) { r.Link = e.link() }))
	e.dead("a forged link must kill", first)
	for i := range len(store.LinkTag{}) { // every byte that a record keeps of its previous link
		first := e.login()
		e.refresh(first)
		e.rotate(store.Reused, e.presenting(first, func(r *store.RotateRequest) { r.Link[i] ^= 1 }))
		e.dead("a link with one bit forged must kill", first)
	}
}

func rotateOlder(e *env) {
	first := e.login()
	e.refresh(e.refresh(first))
	e.rotate(store.Reused, e.presenting(first))
	e.dead("reuse must kill", first)
}

func rotateRolledForward(e *env) {
	rec := e.login(bound("device"))
	lost := rec
	lost.Rotation, lost.Link = 5, e.link() // what the client holds of a step that the store lost
	req := e.presenting(lost, func(r *store.RotateRequest) { r.Grace = 0 })
	got := e.rotate(store.RolledForward, req)
	e.Expect(got.Rotation).To(Equal(uint64(6)), "the record goes on behind the presented token")
	e.Expect(got.PrevLink).To(Equal(lost.Link.Tag()))
	e.Expect(got.Link).To(Equal(req.NextLink))
	e.Expect(got.Binding).To(Equal("device"))
	e.Expect(got.Seq).To(Equal(rec.Seq))
	e.Expect(plain(e.record(rec))).To(Equal(plain(got)), "Lookup must tell it")
	e.rotate(store.RotateOK, req) // its own repeat
	e.rotate(store.Replayed, e.presenting(lost))
	e.refresh(got)
}

func rotateRolledForwardClears(e *env) {
	first := e.login()
	rec := e.refresh(first)
	one := func(r *store.RotateRequest) { r.GraceReplays = 1 }
	e.rotate(store.Replayed, e.presenting(first, one))
	rec.Rotation, rec.Link = 7, e.link()
	e.rotate(store.RolledForward, e.presenting(rec))
	e.rotate(store.Replayed, e.presenting(rec, one))
}

func rotateReuseKills(e *env) {
	first, other := e.login(metadata(map[string]string{"k": "v"})), e.login()
	rec := e.refresh(first)
	got := e.rotate(store.Reused, e.presenting(first, grace(0)))
	e.Expect(plain(got)).To(Equal(plain(rec)), "the answer must hold the record as it was")
	e.revoked(store.ReasonReuse, "the session must be dead when Rotate returns", rec)
	e.live("no other session may die", other)
	_, err := e.s.Rotate(e.ctx, e.presenting(rec))
	e.Expect(err).To(MatchError(store.ErrRevoked), "the current token must be dead too")
}

func rotateDead(e *env) {
	first, gone := e.login(), e.login(ttl(e.short()))
	req := e.presenting(first)
	rec := e.rotate(store.RotateOK, req)
	e.outlive(gone.ExpiresAt)
	e.revokeIDs(rec.ID)
	for what, r := range map[string]store.RotateRequest{"the current token": e.presenting(rec), "an own repeat": req, "a replay": e.presenting(first)} {
		_, err := e.s.Rotate(e.ctx, r)
		e.Expect(err).To(MatchError(store.ErrRevoked), what+" of a revoked session")
	}
	_, err := e.s.Rotate(e.ctx, e.presenting(gone))
	e.Expect(err).To(MatchError(store.ErrNotFound), "an expired session")
	_, err = e.s.Rotate(e.ctx, e.presenting(store.Record{ID: "nothing", Subject: ann, Link: e.link()}))
	e.Expect(err).To(MatchError(store.ErrNotFound), "an unknown session")
	e.Expect(e.lookup("nothing").Entries[0].Status).To(Equal(store.Unknown), "a Rotate must not make a session")
	last := e.login()
	e.revokeAll()
	_, err = e.s.Rotate(e.ctx, e.presenting(last))
	e.Expect(err).To(Or(MatchError(store.ErrRevoked), MatchError(store.ErrNotFound)), "a session that the cut killed")
	e.dead("it must stay dead", rec, gone, last)
}

func rotateExpiry(e *env) {
	now := e.now()
	rec := e.login(ttl(time.Hour), deadline(3*time.Hour))
	for _, c := range []struct{ ask, want time.Time }{
		{time.Time{}, rec.ExpiresAt},
		{now.Add(2 * time.Hour), now.Add(2 * time.Hour)},
		{now.Add(time.Minute), now.Add(time.Minute)},
		{now.Add(5 * time.Hour), rec.Deadline},
	} {
		rec = e.rotate(store.RotateOK, e.presenting(rec, func(r *store.RotateRequest) { r.ExpiresAt = c.ask }))
		e.Expect(rec.ExpiresAt).To(BeTemporally("~", c.want, e.precision()))
		e.Expect(rec.ExpiresAt).NotTo(BeTemporally(">", rec.Deadline), "no record may live past its deadline")
	}
	e.Expect(e.record(rec).ExpiresAt).To(BeTemporally("==", rec.Deadline))
}

func rotateFloor(e *env) {
	rec := e.login()
	e.Expect(e.refresh(rec).Seq).To(Equal(rec.Seq), "a plain refresh must leave Seq")
	rec = e.record(rec)
	e.overflow()
	floor := e.lookup().Floor
	e.Expect(floor).To(BeNumerically(">=", rec.Seq))
	got := e.refresh(rec)
	e.Expect(got.Seq).To(BeNumerically(">", floor), "a refresh must lift the session above the floor")
	e.Expect(e.record(rec).Seq).To(Equal(got.Seq))
	e.Expect(e.refresh(got).Seq).To(Equal(got.Seq), "once above, Seq stays")
	e.Expect(e.login().Seq).To(BeNumerically(">", got.Seq), "the new Seq must be from the ledger's order")
}

func rotateOneRecord(e *env) {
	rec := e.login()
	for range 100 {
		rec = e.refresh(rec)
	}
	e.Expect(rec.Rotation).To(Equal(uint64(100)))
	e.Expect(e.list(ann, 0)).To(HaveLen(1))
}

func rotateBadInput(e *env) {
	rec := e.refresh(e.login())
	for what, t := range map[string]turn{
		"a zero NextLink":       func(r *store.RotateRequest) { r.NextLink = store.Link{} },
		"NextLink = Link":       func(r *store.RotateRequest) { r.NextLink = r.Link },
		"a Grace over 5m":       grace(store.MaxGrace + 1),
		"a negative Grace":      grace(-1),
		"17 replays":            func(r *store.RotateRequest) { r.GraceReplays = store.MaxReplays + 1 },
		"negative replays":      func(r *store.RotateRequest) { r.GraceReplays = -1 },
		"a Binding of 65 bytes": func(r *store.RotateRequest) { r.Binding = strings.Repeat("b", store.MaxBindingLen+1) },
	} {
		_, err := e.s.Rotate(e.ctx, e.presenting(rec, t))
		e.refused(err, what)
	}
	e.refresh(rec)
}
