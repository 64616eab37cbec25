package conformance

import (
	"context"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

func feedBell(e *env) {
	w := e.follow(ann)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	var mu sync.Mutex
	var bells []store.Bell
	ended := make(chan error, 1)
	go func() {
		ended <- w.f.Listen(ctx, func(b store.Bell) {
			mu.Lock()
			defer mu.Unlock()
			if b.Event.Subject == ann.Digest() {
				bells = append(bells, b)
			}
		})
	}()
	rung := func() int { mu.Lock(); defer mu.Unlock(); return len(bells) }
	for end := time.Now().Add(10 * time.Second); rung() == 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		e.revokeAll() // until the listener is there
	}
	e.Expect(rung()).To(BeNumerically(">", 0), "the bell must ring")
	e.revokeIDs("last")
	isLast := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(bells[len(bells)-1].Event.IDs, store.DigestID("last"))
	}
	for end := time.Now().Add(10 * time.Second); !isLast() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-ended:
		e.Expect(err).To(MatchError(context.Canceled), "the end of Listen")
	case <-time.After(10 * time.Second):
		e.Expect("still listening").To(BeEmpty(), "Listen must return when its context ends")
	}
	e.Expect(isLast()).To(BeTrue(), "the bell must ring for the last event")
	e.compareBells(w, bells)
}

// compareBells compares what rang with what a poll tells.
func (e *env) compareBells(w *follower, bells []store.Bell) {
	before := map[store.Position]store.Position{}
	at, stored := w.at, map[store.Position]store.Event{}
	for _, ev := range w.told() {
		before[ev.Position], stored[ev.Position] = at, ev
		at = ev.Position
	}
	for _, b := range bells {
		e.Expect(b.Partition).To(Equal(w.part))
		e.Expect(b.Prev).To(Equal(before[b.Event.Position]), "Prev must be the event before")
		e.Expect(b.Event.Cut).To(Equal(stored[b.Event.Position].Cut), "a bell's event must be the feed's")
		e.Expect(b.Event.IDs).To(ConsistOf(stored[b.Event.Position].IDs), "a bell's event must be the feed's")
	}
}
