package conformance

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// inFlightRules are of the group outage too.
var inFlightRules = []rule{
	{"outage/in-flight", "Of the writes that an outage meets on their way, each acknowledged one is there once the backend is back, " +
		"and each other one is ErrUnavailable or ErrIndeterminate.", breaks, outageInFlight},
}

func outageInFlight(e *env) {
	const most, least = 20, 3
	start := time.Now()
	for i := range min(most, e.h.Traits.Histories) {
		if i >= least && time.Since(start) > time.Second {
			break
		}
		e.meetOutage()
	}
}

// flights are writers that log in for as long as they can.
type flights struct {
	e        *env
	now      time.Time
	writers  [4]flight
	underway func()
	landed   atomic.Bool
}

// flight is what became of one writer's logins.
type flight struct {
	subject store.Subject
	acked   []string
	err     error
}

// meetOutage cuts the backend off under writers, and asks for what they were told once it is back.
func (e *env) meetOutage() {
	airborne := make(chan struct{})
	f := &flights{e: e, now: e.now(), underway: sync.OnceFunc(func() { close(airborne) })}
	for i := range f.writers {
		f.writers[i].subject = store.User(store.NewID())
	}
	var cutting error
	e.race(len(f.writers)+1, func(i int) {
		if i < len(f.writers) {
			f.fly(&f.writers[i])
			return
		}
		<-airborne
		time.Sleep(rand.N(8 * dawdle)) // writers in step would all be at the same place each time
		var restore func()
		if restore, cutting = e.h.Fault(e.ctx, e.s); restore != nil {
			e.restore = sync.OnceFunc(restore)
		}
		f.landed.Store(true)
	})
	e.Expect(cutting).NotTo(HaveOccurred(), "Harness.Fault")
	e.restore()
	e.recovered(func() error { _, err := e.s.Lookup(e.ctx, ann); return err })
	for _, w := range f.writers {
		if w.err != nil {
			e.Expect(w.err).To(Or(MatchError(store.ErrUnavailable), MatchError(store.ErrIndeterminate), MatchError(context.DeadlineExceeded)))
		}
		for _, en := range e.lookupOf(w.subject, w.acked...).Entries {
			e.Expect(en.Status).To(Equal(store.Live), "every acknowledged login must be there")
		}
	}
}

// fly logs in until it cannot, or the outage is there. It dawdles, so that the outage finds it on its way.
func (f *flights) fly(w *flight) {
	const most = 16
	defer f.underway() // whatever happens: nobody may wait for it for ever
	for len(w.acked) < most && w.err == nil && !f.landed.Load() {
		r := store.IssueRequest{Record: store.Record{ID: store.NewID(), Subject: w.subject, Link: store.NewLink(), ExpiresAt: f.now.Add(time.Hour)}}
		ctx, cancel := context.WithTimeout(f.e.ctx, time.Second) // a backend cut off may not answer at all
		if _, w.err = f.e.s.Issue(dawdler{ctx}, r); w.err == nil {
			w.acked = append(w.acked, r.Record.ID)
			f.underway()
		}
		cancel()
	}
}
