package conformance

import (
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// The rules about how long events are kept; feedRules names them.

func feedKept(e *env) {
	w := e.follow(ann)
	e.revokeAll()
	start := w.at
	w.told()
	e.travel(e.maxTokenLife() - time.Minute)
	_, _ = store.Sweep(e.ctx, e.s)
	e.revokeAll()
	e.Expect(w.told()).To(HaveLen(1), "a follower that stands at an event this young goes on")
	w.at = start
	b, err := w.f.Poll(e.ctx, w.part, store.Position{})
	e.Expect(err).NotTo(HaveOccurred())
	events, ok := b.After(store.Position{})
	e.Expect(ok).To(BeTrue())
	told := 0
	for _, ev := range events {
		if ev.Subject == ann.Digest() {
			told++
		}
	}
	e.Expect(told).To(Equal(2), "a follower that begins anew is told of every revocation this young")
}

func feedLastKept(e *env) {
	w := e.follow(ann)
	e.revokeAll()
	w.told()
	for range 2 { // before and behind the event that makes the store trim
		e.travel(3 * max(dayAndMargin, e.markLife()))
		_, _ = store.Sweep(e.ctx, e.s)
		e.Expect(w.told()).To(BeEmpty(), "nothing has happened")
		e.revokeAll()
		e.Expect(w.told()).To(HaveLen(1), "a follower that stood at the last event goes on")
	}
}
