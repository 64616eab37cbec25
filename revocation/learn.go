package revocation

import (
	"time"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/store"
)

// learner is the view as the follower sees it.
type learner View

var _ follow.Handler = (*learner)(nil)

// Doubt implements follow.Handler: what is known of the partition goes, and it is not ready until it was read anew.
func (l *learner) Doubt(partition int) {
	v := (*View)(l)
	if v.doubts.Add(1) > int64(len(v.parts)) { // each begins with one
		v.tell(&v.toldDoubt, "jeton: the feed of revocations was trimmed, rolled back or lost, and is read anew", "partition", partition)
	}
	p := &v.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set.Store(v.empty())
}

// Apply implements follow.Handler.
func (l *learner) Apply(partition int, events []store.Event) {
	v := (*View)(l)
	p := &v.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	s, now := p.set.Load(), time.Now()
	for i := range events {
		s.apply(v, &events[i], now)
	}
	v.events.Add(int64(len(events)))
}

// clockSlack is how far a clock may be set back after something was left out by it. An entry outlives the tokens that it
// bars by as much: MarkMargin is more than the leeways of who made the token and of who judges it.
const clockSlack = store.MarkMargin - 2*store.MaxLeeway

// Synced implements follow.Handler. Where the clock was set back, what was left out as over may not be: the feed still has
// it. MaxStale is no longer than clockSlack, so that until now no check has trusted the set since.
func (l *learner) Synced(partition int, at time.Time) {
	v := (*View)(l)
	p := &v.parts[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.set.Load()
	if s.dropped.Round(0).Sub(at.Round(0)) > clockSlack {
		v.again()
		return
	}
	s.synced.Store(age.MomentOf(at))
	select {
	case v.news <- struct{}{}:
	default:
	}
}
