package conformance

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var concurrencyRules = []rule{
	{"concurrency/one-winner", "Of 20 refreshes of one token at once exactly one rotates; as many as allowed get the same successor, " +
		"the rest ErrReplayLimit, and the session lives.", 0, concurrencyOneWinner},
	{"concurrency/reuse", "With Grace 0, of 20 refreshes of one token at once exactly one rotates, and the session dies of the others.", 0, concurrencyReuse},
	{"concurrency/limit", "20 limited logins at once leave exactly Max sessions, and each evicted one is told once.", 0, concurrencyLimit},
	{"concurrency/one-id", "Of 20 Issues of one id at once exactly one succeeds.", 0, concurrencyOneID},
	{"concurrency/update", "Of 20 Updates of one Version at once exactly one succeeds.", 0, concurrencyUpdate},
	{"concurrency/once", "Of 20 takers of one nonce at once exactly one gets it.", 0, concurrencyOnce},
	{"concurrency/order", "Logins at once get a Seq each.", 0, concurrencyOrder},
	{"concurrency/guard", "Of a cut and guarded logins at once no login survives that read the cut of before.", 0, concurrencyGuard},
	{"concurrency/handles", "Two handles refresh one token at once: exactly one rotates.", doubles, concurrencyHandles},
	{"concurrency/histories", "Concurrent Issues, Rotates, Revokes and Lookups look as if each had happened at one moment (linearizable).", marks, concurrencyHistories},
}

const crowdSize = 20

// refreshAtOnce presents one token many times at once, by turns to the stores.
func (e *env) refreshAtOnce(rec store.Record, turns turn, stores ...store.TokenStore) (got [crowdSize]store.Rotated, errs [crowdSize]error) {
	var reqs [crowdSize]store.RotateRequest
	for i := range reqs {
		reqs[i] = e.presenting(rec, turns)
	}
	e.race(crowdSize, func(i int) { got[i], errs[i] = stores[i%len(stores)].Rotate(dawdler{e.ctx}, reqs[i]) })
	return got, errs
}

// count counts the values of a list.
func count[T comparable](list []T, of T) int {
	n := 0
	for _, v := range list {
		if v == of {
			n++
		}
	}
	return n
}

func (e *env) oneWinner(stores ...store.TokenStore) {
	rec := e.login()
	got, errs := e.refreshAtOnce(rec, func(r *store.RotateRequest) { r.GraceReplays = 10 }, stores...)
	now := e.record(rec)
	e.Expect(now.Rotation).To(Equal(uint64(1)), "the session must have rotated once")
	var outcomes []store.Outcome
	for i := range got {
		if errs[i] != nil {
			e.Expect(errs[i]).To(MatchError(store.ErrReplayLimit))
		} else {
			e.Expect(got[i].Record.Link).To(Equal(now.Link), "everybody must get the same successor")
			e.Expect(got[i].Record.Rotation).To(Equal(now.Rotation))
		}
		outcomes = append(outcomes, got[i].Outcome)
	}
	e.Expect(count(outcomes, store.RotateOK)).To(Equal(1), "exactly one must rotate: %v", outcomes)
	e.Expect(count(outcomes, store.Replayed)).To(Equal(10), "as many replays as allowed: %v", outcomes)
	e.refresh(now)
}

func concurrencyOneWinner(e *env) {
	for range 5 {
		e.oneWinner(e.s)
	}
}

func concurrencyHandles(e *env) {
	second := e.second()
	for range 5 {
		e.oneWinner(e.s, second)
	}
}

func concurrencyReuse(e *env) {
	rec := e.login()
	got, errs := e.refreshAtOnce(rec, grace(0), e.s)
	var outcomes []store.Outcome
	for i := range got {
		if errs[i] != nil {
			e.Expect(errs[i]).To(MatchError(store.ErrRevoked))
		}
		outcomes = append(outcomes, got[i].Outcome)
	}
	e.Expect(count(outcomes, store.RotateOK)).To(Equal(1), "exactly one must rotate: %v", outcomes)
	e.Expect(count(outcomes, store.Reused)).To(Equal(1), "exactly one must be told of the reuse: %v", outcomes)
	e.dead("reuse must kill", rec)
}

func concurrencyLimit(e *env) {
	const most = 5
	var got [crowdSize]store.Issued
	var errs [crowdSize]error
	var reqs [crowdSize]store.IssueRequest
	for i := range reqs {
		reqs[i] = e.request(limited(store.Limit{Max: most}))
	}
	e.race(crowdSize, func(i int) { got[i], errs[i] = e.s.Issue(e.ctx, reqs[i]) })
	evicted := map[string]bool{}
	for i := range got {
		e.Expect(errs[i]).NotTo(HaveOccurred())
		for _, v := range got[i].Evicted {
			e.Expect(evicted).NotTo(HaveKey(v.ID), "no session may be evicted twice")
			evicted[v.ID] = true
		}
	}
	e.Expect(evicted).To(HaveLen(crowdSize - most))
	listed := e.list(ann, 0)
	e.Expect(listed).To(HaveLen(most), "exactly Max sessions must live")
	for _, rec := range listed {
		e.Expect(evicted).NotTo(HaveKey(rec.ID), "an evicted session must be dead")
	}
}

func concurrencyOneID(e *env) {
	var errs [crowdSize]error
	var reqs [crowdSize]store.IssueRequest
	for i := range reqs {
		reqs[i] = e.request(withID("one"))
	}
	e.race(crowdSize, func(i int) { _, errs[i] = e.s.Issue(e.ctx, reqs[i]) })
	e.exactlyOne(errs[:], store.ErrExists)
}

// exactlyOne expects one success, and the rest to have lost with an error.
func (e *env) exactlyOne(errs []error, lost error) {
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		e.Expect(err).To(MatchError(lost))
	}
	e.Expect(won).To(Equal(1), "exactly one of %d must succeed", len(errs))
}

func concurrencyUpdate(e *env) {
	rec := e.login()
	var errs [crowdSize]error
	e.race(crowdSize, func(i int) {
		_, errs[i] = e.s.Update(e.ctx, edit(rec, map[string]string{"n": fmt.Sprint(i)}))
	})
	e.exactlyOne(errs[:], store.ErrConflict)
	e.Expect(e.record(rec).Version).To(Equal(uint64(1)))
}

func concurrencyOnce(e *env) {
	until := e.now().Add(time.Minute)
	var errs [crowdSize]error
	e.race(crowdSize, func(i int) { errs[i] = store.Once(e.ctx, e.s, "login", "nonce", until) })
	e.exactlyOne(errs[:], store.ErrExists)
}

func concurrencyOrder(e *env) {
	seen := map[uint64]bool{}
	for _, rec := range e.crowd(64) {
		e.Expect(seen).NotTo(HaveKey(rec.Seq), "no Seq may be given twice")
		seen[rec.Seq] = true
	}
}

func concurrencyGuard(e *env) {
	for range 5 {
		cut := e.lookup().Cut
		var errs [crowdSize]error
		var reqs [crowdSize]store.IssueRequest
		for i := range reqs {
			reqs[i] = e.request(ifCut(cut))
		}
		e.race(crowdSize, func(i int) {
			if i == crowdSize/2 {
				errs[i] = e.s.Revoke(e.ctx, store.Revocation{Subject: ann, All: true})
				return
			}
			_, errs[i] = e.s.Issue(e.ctx, reqs[i])
		})
		for i, err := range errs {
			if err != nil {
				e.Expect(errors.Is(err, store.ErrConflict)).To(BeTrue(), "call %d: %v", i, err)
			}
		}
		e.Expect(e.list(ann, 0)).To(BeEmpty(), "no login guarded by the cut of before may survive the cut")
	}
}
