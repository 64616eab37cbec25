package conformance

import (
	"errors"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var limitRules = []rule{
	{"limit/oldest", "Past its Max, Issue revokes the sessions with the lowest IssuedAt in the same step, " +
		"and answers with them as they were.", waits, limitOldest},
	{"limit/marks-victims", "An evicted session is Revoked with the reason \"evicted\": it did not merely vanish.", 0, limitMarksVictims},
	{"limit/least-recently-used", "EvictLeastRecentlyUsed goes by LastSeen, which Touch and Rotate move.", waits, limitLeastRecentlyUsed},
	{"limit/reject", "Reject refuses the new session with ErrLimit and changes nothing.", 0, limitReject},
	{"limit/per-class", "MaxPerClass bounds the sessions of the new one's class, and no others.", waits, limitPerClass},
	{"limit/class-first", "The class's limit is applied first; the total then counts without its victims.", waits, limitClassFirst},
	{"limit/lowered", "A lowered limit evicts as many sessions as it takes, in one step.", waits, limitLowered},
	{"limit/expired-do-not-count", "Expired sessions do not count against a limit, and are no victims.", waits, limitExpired},
	{"limit/revoked-do-not-count", "Sessions that a mark or the cut killed do not count against a limit, and are no victims.", 0, limitRevoked},
	{"limit/ties", "Among equal times the lowest id gives way.", frozen, limitTies},
	{"limit/own-ledger", "A limit counts the sessions of its own subject alone.", 0, limitOwnLedger},
	{"limit/largest", "A limit of 256 holds exactly 256 sessions.", 0, limitLargest},
	{"limit/too-large-to-judge", "A limited Issue into a ledger of more than 256 + MaxMarks entries is ErrLimit and changes nothing; " +
		"a limit is never quietly exceeded.", 0, limitTooLarge},
	{"limit/too-large-passes", "Each limited Issue into a ledger too large to judge removes dead entries, those behind a young cut too: " +
		"who has logged out everywhere gets in after a few attempts.", 0, limitTooLargePasses},
}

// logins are n sessions, each seen to be newer than the one before.
func (e *env) logins(n int, changes ...change) []store.Record {
	var recs []store.Record
	for range n {
		recs = append(recs, e.login(changes...))
		e.wait(3 * time.Millisecond)
	}
	return recs
}

func limitOldest(e *env) {
	old := e.logins(3)
	e.update(store.UpdateRequest{Subject: ann, ID: old[0].ID, Metadata: map[string]string{"k": "v"}})
	was := e.record(old[0])
	got := e.issue(e.request(limited(store.Limit{Max: 3})))
	e.Expect(got.Evicted).To(HaveLen(1), "one session had to give way")
	e.Expect(plain(got.Evicted[0])).To(Equal(plain(was)), "the victim must be the oldest, as it was")
	e.dead("the victim must be dead when Issue returns", old[0])
	e.live("the others must live", old[1], old[2], got.Record)
}

func limitMarksVictims(e *env) {
	victim := e.login()
	e.login(limited(store.Limit{Max: 1}))
	e.revoked(store.ReasonEvicted, "an evicted session must be Revoked", victim)
}

func limitLeastRecentlyUsed(e *env) {
	old := e.logins(3)
	e.touch(old[0], time.Time{})
	e.wait(3 * time.Millisecond)
	e.refresh(old[1])
	e.wait(3 * time.Millisecond)
	l := limited(store.Limit{Max: 3, Policy: store.EvictLeastRecentlyUsed})
	first := e.issue(e.request(l))
	e.Expect(ids(first.Evicted)).To(Equal([]string{old[2].ID}), "the session not seen for longest must give way")
	e.wait(3 * time.Millisecond)
	second := e.issue(e.request(l))
	e.Expect(ids(second.Evicted)).To(Equal([]string{old[0].ID}), "then the one that was touched before the other was refreshed")
}

func limitReject(e *env) {
	held := []string{e.login(class("web")).ID, e.login(class("ios")).ID}
	same := e.unchanged(ann, held...)
	for what, l := range map[string]store.Limit{
		"the total":       {Max: 2, Policy: store.Reject},
		"the class":       {MaxPerClass: 1, Policy: store.Reject},
		"a lowered total": {Max: 1, Policy: store.Reject},
	} {
		_, err := e.s.Issue(e.ctx, e.request(class("web"), limited(l)))
		e.Expect(err).To(MatchError(store.ErrLimit), what)
		same(what + ": a rejected Issue must change nothing")
	}
	e.login(class("tv"), limited(store.Limit{Max: 3, MaxPerClass: 1, Policy: store.Reject}))
}

func limitPerClass(e *env) {
	web := e.logins(2, class("web"))
	ios := e.logins(2, class("ios"))
	got := e.issue(e.request(class("ios"), limited(store.Limit{MaxPerClass: 2})))
	e.Expect(ids(got.Evicted)).To(Equal([]string{ios[0].ID}), "the oldest of the class must give way")
	e.live("the other class must not be touched", web...)
	got = e.issue(e.request(class(""), limited(store.Limit{MaxPerClass: 1})))
	e.Expect(got.Evicted).To(BeEmpty(), "the empty class is a class of its own")
}

func limitClassFirst(e *env) {
	oldest := e.login(class("ios"))
	e.wait(3 * time.Millisecond)
	web := e.logins(2, class("web"))
	got := e.issue(e.request(class("web"), limited(store.Limit{Max: 3, MaxPerClass: 2})))
	e.Expect(ids(got.Evicted)).To(Equal([]string{web[0].ID}), "the class's victim leaves room within the total")
	e.live("the oldest of another class must stay", oldest)
	e.wait(3 * time.Millisecond)
	got = e.issue(e.request(class("web"), limited(store.Limit{Max: 2, MaxPerClass: 2})))
	e.Expect(ids(got.Evicted)).To(ConsistOf(web[1].ID, oldest.ID), "the class's limit, then the total's")
}

func limitLowered(e *env) {
	old := e.logins(6)
	got := e.issue(e.request(limited(store.Limit{Max: 3})))
	e.Expect(ids(got.Evicted)).To(ConsistOf(ids(old[:4])), "the four oldest must give way")
	e.dead("a victim must be dead when Issue returns", old[:4]...)
	e.live("the youngest must stay", old[4], old[5], got.Record)
}

func limitExpired(e *env) {
	e.outlive(e.login(ttl(e.short())).ExpiresAt)
	held := e.login()
	got := e.issue(e.request(limited(store.Limit{Max: 2})))
	e.Expect(got.Evicted).To(BeEmpty(), "an expired session does not count")
	e.live("nobody had to give way", held, got.Record)
}

func limitRevoked(e *env) {
	e.login()
	e.revokeAll()
	marked := e.login()
	e.revokeIDs(marked.ID)
	held := e.login()
	got := e.issue(e.request(limited(store.Limit{Max: 2})))
	e.Expect(got.Evicted).To(BeEmpty(), "a revoked session does not count")
	e.live("nobody had to give way", held, got.Record)
}

func limitTies(e *env) {
	names := []string{"m", "b", "z", "a\x00", "a", "\xff"}
	for _, id := range names {
		e.login(withID(id))
	}
	got := e.issue(e.request(withID("new"), limited(store.Limit{Max: 4})))
	slices.Sort(names)
	e.Expect(ids(got.Evicted)).To(ConsistOf(names[:3]), "of sessions of one instant, the lowest ids in byte order give way")
}

func limitOwnLedger(e *env) {
	others := []store.Record{
		e.login(of(store.User("bob"))), e.login(of(store.Subject{Kind: store.KindKey, Name: "ann"})),
		e.login(of(store.Subject{Realm: "acme", Name: "ann"})),
	}
	got := e.issue(e.request(limited(store.Limit{Max: 1})))
	e.Expect(got.Evicted).To(BeEmpty())
	e.live("another subject's session must not be touched", others...)
}

func limitLargest(e *env) {
	e.crowd(store.MaxLimit)
	got := e.issue(e.request(limited(store.Limit{Max: store.MaxLimit})))
	e.Expect(got.Evicted).To(HaveLen(1), "the 257th must evict one")
	e.Expect(e.list(ann, 0)).To(HaveLen(store.MaxLimit))
}

// crowd logs ann in n times, many at once so that stores which commit in groups are not slow, and returns the records.
// Where a subject has no room for so many, the rule cannot be judged.
func (e *env) crowd(n int, changes ...change) []store.Record {
	if most := e.h.Traits.MaxSessions; most > 0 && n > most {
		e.skip(fmt.Sprintf("Traits.MaxSessions is %d, and this rule needs %d sessions of one subject", most, n))
	}
	recs, errs := make([]store.Record, n), make([]error, n)
	reqs := make([]store.IssueRequest, n)
	now := e.now()
	for i := range reqs {
		reqs[i] = store.IssueRequest{Record: store.Record{ID: store.NewID(), Subject: ann, Link: e.link(), ExpiresAt: now.Add(time.Hour)}}
		for _, c := range changes {
			c(&reqs[i], now)
		}
	}
	const workers = 32
	e.race(workers, func(w int) {
		for i := w; i < n; i += workers {
			out, err := e.s.Issue(e.ctx, reqs[i])
			recs[i], errs[i] = out.Record, err
		}
	})
	for _, err := range errs {
		e.Expect(errors.Is(err, store.ErrTooLarge)).To(BeFalse(), "if a subject has room for fewer sessions than %d, tell Traits.MaxSessions", n)
		e.Expect(err).NotTo(HaveOccurred(), "Issue")
	}
	return recs
}

func limitTooLarge(e *env) {
	recs := e.crowd(store.MaxLimit + e.h.Traits.MaxMarks + 1)
	_, err := e.s.Issue(e.ctx, e.request(limited(store.Limit{Max: 5})))
	e.Expect(err).To(MatchError(store.ErrLimit))
	e.Expect(e.list(ann, 0)).To(HaveLen(len(recs)), "a refused Issue must change nothing")
	e.login()
}

func limitTooLargePasses(e *env) {
	const surplus, attempts = 100, 8 // more than the attempts could remove one by one
	e.crowd(store.MaxLimit + e.h.Traits.MaxMarks + surplus)
	e.revokeAll()
	req := e.request(limited(store.Limit{Max: 5}))
	for i := range attempts {
		got, err := e.s.Issue(e.ctx, req)
		if err == nil {
			e.Expect(got.Evicted).To(BeEmpty(), "the dead are no victims")
			e.live("the login", got.Record)
			return
		}
		e.Expect(err).To(MatchError(store.ErrLimit), "attempt %d", i+1)
	}
	e.Expect("refused").To(BeEmpty(), "after %d attempts the ledger must hold few enough entries", attempts)
}
