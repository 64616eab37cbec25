package conformance

import (
	"maps"
	"slices"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

// feed is the store's.
func (e *env) feed() store.Feed {
	f, err := store.FeedOf(e.s)
	e.Expect(err).NotTo(HaveOccurred())
	return f
}

// follower reads one partition as a follower does.
type follower struct {
	e    *env
	f    store.Feed
	part int
	at   store.Position
	// known are the positions of all that was told.
	known map[store.Position]bool
}

// follow begins at the end of a subject's partition.
func (e *env) follow(s store.Subject) *follower {
	f := e.feed()
	n, err := f.Partitions(e.ctx)
	e.Expect(err).NotTo(HaveOccurred(), "Partitions")
	e.Expect(n).To(BeNumerically(">", 0), "Partitions")
	w := &follower{e: e, f: f, part: s.Digest().Partition(n), known: map[store.Position]bool{}}
	w.told()
	return w
}

// told are the events since the last call, or since the oldest.
func (w *follower) told() []store.Event {
	var all []store.Event
	for range 10_000 {
		b, err := w.f.Poll(w.e.ctx, w.part, w.at)
		w.e.Expect(err).NotTo(HaveOccurred(), "Poll")
		events, ok := b.After(w.at)
		w.e.Expect(ok).To(BeTrue(), "a poll must prove that nothing was missed")
		if len(events) > 0 {
			w.at = events[len(events)-1].Position
			all = append(all, events...)
			for _, ev := range events {
				w.known[ev.Position] = true
			}
		}
		if !b.More {
			return all
		}
		w.e.Expect(events).NotTo(BeEmpty(), "a batch with More must bring something new")
	}
	w.e.Expect(all).To(BeEmpty(), "10,000 batches did not reach the end")
	return nil
}

// news is told for a follower that may have stood so long that its event was trimmed: as every follower must, it then
// begins anew, and passes over what it knows.
func (w *follower) news() []store.Event {
	b, err := w.f.Poll(w.e.ctx, w.part, w.at)
	w.e.Expect(err).NotTo(HaveOccurred(), "Poll")
	if _, ok := b.After(w.at); ok {
		return w.told()
	}
	known := maps.Clone(w.known)
	w.at = store.Position{}
	return slices.DeleteFunc(w.told(), func(ev store.Event) bool { return known[ev.Position] })
}
