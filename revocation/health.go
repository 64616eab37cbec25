package revocation

import (
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Ready returns nil while the view answers for every subject, and otherwise an error that matches [ErrNotReady] and says
// why not, for a health check. A view that is not ready for one partition still answers for the others.
func (v *View) Ready() error {
	now := time.Now()
	unread, old := 0, 0
	for i := range v.parts {
		s := v.parts[i].set.Load()
		switch {
		case s.ready(now, v.o.MaxStale):
		case s.synced.Load() == nil:
			unread++
		default:
			old++
		}
	}
	if unread+old == 0 {
		return nil
	}
	return fmt.Errorf("jeton: %w: of %d partitions %d are not read, and %d were last heard of longer ago than %v",
		ErrNotReady, len(v.parts), unread, old, v.o.MaxStale)
}

// Lag returns how far the view may be behind the store: the age of the oldest of its partitions' last complete polls. It is
// false while some partition is not read to its end, and there is nothing to be behind.
func (v *View) Lag() (lag time.Duration, known bool) {
	now := time.Now()
	for i := range v.parts {
		at := v.parts[i].set.Load().synced.Load()
		if at == nil {
			return 0, false
		}
		lag = max(lag, at.Age(now))
	}
	return lag, true
}

// Stats returns view_entries and view_bytes, what the view holds now; and since it was opened view_events, those applied;
// view_doubts, how often a partition was read from its start, the first time included; view_feed_errors, failed polls and
// broken bells; and view_unready, checks without an answer.
func (v *View) Stats() []store.Stat {
	entries, bytes := 0, 0
	for i := range v.parts {
		n, b := v.parts[i].size()
		entries, bytes = entries+n, bytes+b
	}
	return []store.Stat{
		{Name: "view_entries", Value: int64(entries), Level: true},
		{Name: "view_bytes", Value: int64(bytes), Level: true},
		{Name: "view_events", Value: v.events.Load()},
		{Name: "view_doubts", Value: v.doubts.Load()},
		{Name: "view_feed_errors", Value: v.failures.Load()},
		{Name: "view_unready", Value: v.unready.Load()},
	}
}

// size returns how many entries a partition holds, and what they take.
func (p *part) size() (entries, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.set.Load()
	for i := range s.tables {
		if t := s.tables[i].Load(); t != nil {
			entries, bytes = entries+t.used, bytes+t.bytes()
		}
	}
	return entries, bytes
}
