package conformance

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// firstRules are of the group concurrency too: what nobody has written yet, written by two at once. A store that replaces
// there instead of making (an upsert) has no version that could tell it.
var firstRules = []rule{
	{"concurrency/first-logins", "Two first logins of a subject at once are both there afterwards.", 0, concurrencyFirstLogins},
	{"concurrency/birth", "Handles opened at once agree on where the order begins: the cut of a subject never written.", doubles, concurrencyBirth},
}

func concurrencyFirstLogins(e *env) {
	const least, enough = 10, time.Second
	start := time.Now()
	ctx := dawdler{e.ctx}
	for i := range 2 * e.h.Traits.Histories {
		if i >= least && time.Since(start) > enough { // on a slow store they meet each time
			break
		}
		s := store.User(fmt.Sprint("first login ", i))
		reqs := [2]store.IssueRequest{e.request(of(s)), e.request(of(s))}
		var errs [2]error
		e.race(len(reqs), func(k int) { _, errs[k] = e.s.Issue(ctx, reqs[k]) })
		e.Expect(errs[:]).To(HaveEach(BeNil()), "both logins must succeed")
		e.Expect(ids(e.list(s, 0))).To(ConsistOf(reqs[0].Record.ID, reqs[1].Record.ID), "both logins must be there")
	}
}

// dawdler is a context that takes its time to answer. Two calls to a store in memory take too few microseconds to meet on
// their way; but a store asks its context there.
type dawdler struct{ context.Context }

const dawdle = 100 * time.Microsecond

// Err implements context.Context.
func (d dawdler) Err() error {
	time.Sleep(dawdle)
	return d.Context.Err()
}

// Done implements context.Context.
func (d dawdler) Done() <-chan struct{} {
	time.Sleep(dawdle)
	return d.Context.Done()
}

func concurrencyBirth(e *env) {
	var opened [4]store.TokenStore
	var errs [len(opened)]error
	e.race(len(opened), func(i int) { opened[i], errs[i] = e.h.Second(e.ctx, e.s) })
	for _, s := range opened {
		if s != nil {
			e.handles = append(e.handles, s)
		}
	}
	e.Expect(errs[:]).To(HaveEach(BeNil()), "Harness.Second")
	cut := e.lookup().Cut
	for _, s := range opened {
		st, err := s.Lookup(e.ctx, ann)
		e.Expect(err).NotTo(HaveOccurred(), "Lookup")
		e.Expect(st.Cut).To(Equal(cut), "the cut of a subject never written must be the same on every handle")
	}
}
