package conformance

import (
	"fmt"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var feedRules = []rule{
	{"feed/genesis", "Every partition begins with a genesis: an event without a subject, with a birth and a nonce.", feeds, feedGenesis},
	{"feed/tells", "Every verb that revokes is told in its own step: an id, all, others, a class, an eviction, a reuse, Forget, " +
		"and an Update that shortens a life.", feeds, feedTells},
	{"feed/ids", "An event holds the digests of the ids that the step has newly barred, and no others.", feeds | marks, feedIDs},
	{"feed/state", "An event holds the ledger's cut, floor and keep as they are after the step, and the time of the step.", feeds, feedState},
	{"feed/quiet", "What revokes nothing is not told: logins, refreshes, replays, touches, repeats and whatever was refused.", feeds, feedQuiet},
	{"feed/partition", "A subject's events are in the partition of its digest.", feeds, feedPartition},
	{"feed/resume", "A poll from an event begins with it, and goes on with what came later: nothing is missed, in order, " +
		"whatever the size of batches.", feeds, feedResume},
	{"feed/doubt", "A poll from an event that is not there, by its nonce, does not prove itself, and so a follower notices a rollback.", feeds, feedDoubt},
	{"feed/many-ids", "A step that bars hundreds of ids is told whole, in events of at most 256.", feeds, feedManyIDs},
	{"feed/bell", "Listen rings for every event as it happens, each behind the one before, until its context ends.", feeds, feedBell},
	{"feed/kept", "An event is kept at least as long as a token may live.", feeds | travels, feedKept},
	{"feed/last-kept", "The last event outlives its time: a follower that stands there goes on, however long the feed was silent.", feeds | travels, feedLastKept},
	{"feed/reopen", "A restart keeps the feed: a follower goes on where it was, and the birth is the same.", feeds | reopens, feedReopen},
	{"feed/second-handle", "A follower on one handle reads what another writes.", feeds | doubles, feedSecondHandle},
}

func feedGenesis(e *env) {
	f := e.feed()
	n, err := f.Partitions(e.ctx)
	e.Expect(err).NotTo(HaveOccurred())
	e.revokeAll()
	for part := range n {
		b, err := f.Poll(e.ctx, part, store.Position{})
		e.Expect(err).NotTo(HaveOccurred(), "Poll of partition %d", part)
		e.Expect(b.Events).NotTo(BeEmpty(), "partition %d of %d must not be empty", part, n)
		first := b.Events[0]
		e.Expect(first.Subject).To(BeZero(), "the first event of partition %d must be a genesis", part)
		e.Expect(first.Position.Nonce).NotTo(BeZero(), "Nonce")
		e.Expect(first.Position.ID).NotTo(BeEmpty(), "Position.ID")
		for _, ev := range b.Events {
			e.Expect(ev.Birth.IsZero()).To(BeFalse(), "Birth")
			e.Expect(ev.Birth).To(BeTemporally("==", first.Birth), "every event carries the one birth")
			e.Expect(ev.Birth).NotTo(BeTemporally(">", e.now().Add(e.slack())), "Birth")
		}
	}
}

// step is something to do to ann's sessions, and what it bars.
type step struct {
	what string
	do   func() (barred []string)
}

// revocations are all the ways to revoke, one after another.
func (e *env) revocations() []step {
	return []step{
		{"Revoke of ids", func() []string {
			rec := e.login()
			e.revokeIDs(rec.ID, "token")
			return []string{rec.ID, "token"}
		}},
		{"Revoke of all", func() []string { e.login(); e.revokeAll(); return nil }},
		{"Revoke of others", func() []string { e.revokeOthers(e.login().ID); return nil }},
		{"Revoke of a class", func() []string {
			a, b := e.login(class("web")), e.login(class("web"))
			e.revoke(store.Revocation{Others: &store.Others{Keep: e.login().ID, Class: "web"}})
			return []string{a.ID, b.ID}
		}},
		{"an eviction", func() []string {
			rec := e.login(class("tv"))
			e.login(class("tv"), limited(store.Limit{MaxPerClass: 1}))
			return []string{rec.ID}
		}},
		{"a reuse", func() []string {
			rec := e.login()
			e.refresh(rec)
			e.rotate(store.Reused, e.presenting(rec, grace(0)))
			return []string{rec.ID}
		}},
		{"an Update that lowers ExpiresAt", func() []string {
			u := edit(e.login(), nil)
			u.ExpiresAt = e.now().Add(time.Minute)
			e.update(u)
			return nil
		}},
		{"an Update that lowers Deadline", func() []string {
			u := edit(e.login(), nil)
			u.Deadline = e.now().Add(9 * 365 * 24 * time.Hour)
			e.update(u)
			return nil
		}},
		{"Forget", func() []string { e.Expect(e.s.Forget(e.ctx, ann)).To(Succeed()); return nil }},
	}
}

func feedTells(e *env) {
	w := e.follow(ann)
	for _, s := range e.revocations() {
		s.do()
		events := w.told()
		e.Expect(events).NotTo(BeEmpty(), "%s must be told", s.what)
		for _, ev := range events {
			e.Expect(ev.Subject).To(Equal(ann.Digest()), "%s: Event.Subject", s.what)
		}
	}
}

func feedIDs(e *env) {
	w := e.follow(ann)
	check := func(what string, barred []string) {
		var want, got []store.Digest
		for _, id := range barred {
			want = append(want, store.DigestID(id))
		}
		for _, ev := range w.told() {
			got = append(got, ev.IDs...)
		}
		e.Expect(got).To(ConsistOf(want), what)
	}
	for _, s := range e.revocations() {
		check(s.what, s.do())
	}
	e.revokeIDs("a", "b")
	w.told()
	e.revokeIDs("b", "c", "c")
	check("an id marked before, and one twice", []string{"c"})
}

func feedState(e *env) {
	w := e.follow(ann)
	steps := append(e.revocations(), step{"a raised floor", func() []string { e.overflow(); return nil }},
		step{"Others after the floor", func() []string { e.revokeOthers(e.login().ID); return nil }})
	for _, s := range steps {
		before := e.now()
		s.do()
		st, events := e.lookup(), w.told()
		if len(events) == 0 {
			continue // feed/tells is about that
		}
		ev := events[len(events)-1]
		e.Expect(ev.Cut).To(Equal(st.Cut), "%s: Cut", s.what)
		e.Expect(ev.Floor).To(Equal(st.Floor), "%s: Floor", s.what)
		e.Expect(ev.CutTime).To(BeTemporally("==", st.CutTime), "%s: CutTime", s.what)
		e.Expect(ev.FloorTime).To(BeTemporally("==", st.FloorTime), "%s: FloorTime", s.what)
		var keep store.Digest
		if st.Keep != "" {
			keep = store.DigestID(st.Keep)
			e.Expect(ev.KeptCut).To(Equal(st.KeptCut), "%s: KeptCut", s.what)
		}
		e.Expect(ev.Keep).To(Equal(keep), "%s: Keep", s.what)
		e.during(before, st.Now, ev.Time, s.what+": Time")
	}
}

func feedQuiet(e *env) {
	req := e.request(class("web"))
	first := e.issue(req).Record
	rec := e.refresh(first)
	marked, op := e.login(), store.NewOp()
	e.revokeIDs(marked.ID)
	young := e.request()
	e.issue(young)
	u := edit(rec, map[string]string{"k": "v"})
	refused := func(call string, err error) { e.Expect(err).To(HaveOccurred(), call) }
	turned := e.presenting(rec)
	w := e.follow(ann)
	for _, s := range []struct {
		what string
		do   func()
	}{
		{"a login", func() { e.login() }},
		{"a limited login that evicts nobody", func() { e.login(limited(store.Limit{Max: 200})) }},
		{"a repeated login", func() { e.issue(young) }},
		{"a refused login", func() { _, err := e.s.Issue(e.ctx, e.request(withID(rec.ID))); refused("Issue", err) }},
		{"a rejected login", func() {
			_, err := e.s.Issue(e.ctx, e.request(limited(store.Limit{Max: 1, Policy: store.Reject})))
			refused("Issue", err)
		}},
		{"a replay", func() { e.rotate(store.Replayed, e.presenting(first)) }},
		{"a replay too many", func() {
			_, err := e.s.Rotate(e.ctx, e.presenting(first, func(r *store.RotateRequest) { r.GraceReplays = 1 }))
			refused("Rotate", err)
		}},
		{"a refresh", func() { e.rotate(store.RotateOK, turned) }},
		{"a repeated refresh", func() { e.rotate(store.RotateOK, turned) }},
		{"a roll-forward", func() {
			lost := rec
			lost.Rotation, lost.Link = 9, e.link()
			e.rotate(store.RolledForward, e.presenting(lost))
		}},
		{"a touch", func() { e.touch(rec, e.now().Add(90*time.Minute)) }},
		{"an Update of metadata", func() { e.update(u) }},
		{"a repeated Update", func() { e.update(u) }},
		{"an Update that lengthens", func() {
			u := edit(e.record(rec), nil)
			u.ExpiresAt = e.now().Add(2 * time.Hour)
			e.update(u)
		}},
		{"a refused Update", func() {
			_, err := e.s.Update(e.ctx, store.UpdateRequest{Subject: ann, ID: rec.ID, Version: 99, ExpiresAt: e.now().Add(time.Minute)})
			refused("Update", err)
		}},
		{"an id marked again", func() { e.revokeIDs(marked.ID) }},
		{"a refused Revoke", func() {
			refused("Revoke", e.s.Revoke(e.ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "nothing"}}))
		}},
		{"a class without a session", func() { e.revoke(store.Revocation{Others: &store.Others{Class: "no such"}}) }},
		{"a dead refresh", func() { _, err := e.s.Rotate(e.ctx, e.presenting(marked)); refused("Rotate", err) }},
		{"reading", func() { e.lookup(rec.ID); e.list(ann, 0) }},
	} {
		s.do()
		e.Expect(w.told()).To(BeEmpty(), "%s must not be told", s.what)
	}
	e.revoke(store.Revocation{All: true, Op: op})
	e.Expect(w.told()).NotTo(BeEmpty())
	e.revoke(store.Revocation{All: true, Op: op})
	e.Expect(w.told()).To(BeEmpty(), "a repeated All must not be told")
}

func feedPartition(e *env) {
	f := e.feed()
	n, err := f.Partitions(e.ctx)
	e.Expect(err).NotTo(HaveOccurred())
	for i := range 20 {
		s := store.User(fmt.Sprint("user ", i))
		w := e.follow(s)
		e.revoke(store.Revocation{Subject: s, All: true})
		events := w.told()
		e.Expect(events).To(HaveLen(1), "the event must be in partition %d of %d", w.part, n)
		e.Expect(events[0].Subject).To(Equal(s.Digest()))
	}
}

func feedResume(e *env) {
	w := e.follow(ann)
	start := w.at
	var want []uint64
	for range 300 {
		e.revokeAll()
		want = append(want, e.lookup().Cut)
	}
	for _, from := range []int{-1, 0, 123, 298} {
		w.at = start
		cuts, positions := cutsOf(w.told())
		e.Expect(cuts).To(Equal(want), "every event once, in order")
		seen := map[string]bool{}
		for _, p := range positions {
			seen[p.ID] = true
		}
		e.Expect(len(seen)).To(Equal(len(want)), "no two events may have one id")
		if from >= 0 {
			w.at = positions[from]
			rest, _ := cutsOf(w.told())
			e.Expect(rest).To(Equal(want[from+1:]), "from event %d on", from)
		}
	}
	e.Expect(w.told()).To(BeEmpty(), "a poll from the last event brings it alone")
}

func cutsOf(events []store.Event) (cuts []uint64, at []store.Position) {
	for _, ev := range events {
		cuts, at = append(cuts, ev.Cut), append(at, ev.Position)
	}
	return cuts, at
}

func feedDoubt(e *env) {
	w := e.follow(ann)
	e.revokeAll()
	w.told()
	e.revokeAll()
	forged := w.at
	forged.Nonce[0] ^= 1
	b, err := w.f.Poll(e.ctx, w.part, forged)
	e.Expect(err).NotTo(HaveOccurred(), "a poll in doubt is no error")
	_, proven := b.After(forged)
	e.Expect(proven).To(BeFalse(), "another nonce is another event")
	_, proven = b.After(w.at)
	e.Expect(proven || len(b.Events) == 0 || !slices.ContainsFunc(b.Events, func(ev store.Event) bool { return ev.Position == forged })).
		To(BeTrue(), "the batch must hold what is stored")
}

func feedManyIDs(e *env) {
	recs := e.crowd(300, class("web"))
	w := e.follow(ann)
	e.revoke(store.Revocation{Others: &store.Others{Class: "web"}})
	want, got, n := map[store.Digest]bool{}, map[store.Digest]bool{}, 0
	for _, rec := range recs {
		want[store.DigestID(rec.ID)] = true
	}
	for _, ev := range w.told() {
		e.Expect(len(ev.IDs)).To(BeNumerically("<=", store.MaxIDs))
		for _, d := range ev.IDs {
			got[d] = true
			n++
		}
	}
	e.Expect(n).To(Equal(len(want)), "every id once")
	e.Expect(maps.Equal(got, want)).To(BeTrue(), "every id of the class, and no other")
	e.dead("every session of the class", recs[:20]...)
	e.Expect(e.list(ann, 0)).To(BeEmpty())
}

func feedReopen(e *env) {
	w := e.follow(ann)
	e.revokeAll()
	birth := w.told()[0].Birth
	e.reopen()
	w.f = e.feed()
	e.revokeAll()
	var told []store.Event
	for _, ev := range w.told() {
		if ev.Subject == ann.Digest() { // an open may append a genesis
			told = append(told, ev)
		}
	}
	e.Expect(told).To(HaveLen(1))
	e.Expect(told[0].Birth).To(BeTemporally("==", birth), "a restart must not look like a lost store")
}

func feedSecondHandle(e *env) {
	w := e.follow(ann)
	second := e.second()
	e.Expect(second.Revoke(e.ctx, store.Revocation{Subject: ann, IDs: []string{"token"}})).To(Succeed())
	events := w.told()
	e.Expect(events).To(HaveLen(1))
	e.Expect(events[0].IDs).To(Equal([]store.Digest{store.DigestID("token")}))
}
