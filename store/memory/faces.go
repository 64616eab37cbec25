package memstore

import (
	"context"
	"iter"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// Subjects implements store.SubjectLister. No lock is held while a subject is yielded.
func (s *Store) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		for i := range s.shards {
			if err := s.errs.Ready(ctx, "subjects"); err != nil {
				yield(store.Subject{}, err)
				return
			}
			for _, subject := range s.shards[i].subjects(s.o.Now()) {
				if !yield(subject, nil) {
					return
				}
			}
		}
	}
}

func (sh *shard) subjects(now time.Time) []store.Subject {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	var out []store.Subject
	for _, b := range sh.ledgers {
		if b.head.Subject.Name != "" && b.head.Subject.Kind != store.KindOnce && !b.head.Expired(now) {
			out = append(out, b.head.Subject)
		}
	}
	return out
}

// Sweep implements store.Sweeper.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	var swept store.Swept
	for i := range s.shards {
		if err := s.errs.Ready(ctx, "sweep"); err != nil {
			return swept, err
		}
		if err := ledger.CheckClock(s.o.Now()); err != nil {
			return swept, s.errs.Fail("sweep", store.Digest{}, err)
		}
		s.sweepShard(&s.shards[i], &swept)
	}
	s.sweeps.Add(1)
	return swept, nil
}

func (s *Store) sweepShard(sh *shard, swept *store.Swept) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	env := s.env()
	for d, b := range sh.ledgers {
		if b.head.Expired(env.Now) {
			s.raise(b.head.Horizon())
			delete(sh.ledgers, d)
			swept.Ledgers++
			continue
		}
		for _, en := range b.entries.Items() {
			if !env.Removable(&b.head, en) {
				continue
			}
			b.remove(en.Field)
			b.head.Entries--
			if en.Mark != nil {
				b.head.Marks--
				swept.Marks++
			} else {
				swept.Records++
			}
		}
	}
}

// raise lifts the horizon to what a ledger that is about to go has reached, so that nothing it killed comes back.
func (s *Store) raise(seq uint64, at time.Time) {
	for {
		old := s.horizon.Load()
		to := horizon{seq: max(old.seq, seq), at: old.at}
		if at.After(to.at) {
			to.at = at
		}
		if s.horizon.CompareAndSwap(old, &to) {
			return
		}
	}
}

// Ping implements store.Pinger.
func (s *Store) Ping(ctx context.Context) error { return s.errs.Ready(ctx, "ping") }

// Stats implements store.StatsReporter.
func (s *Store) Stats() []store.Stat {
	var ledgers, entries int64
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		ledgers += int64(len(sh.ledgers))
		for _, b := range sh.ledgers {
			entries += int64(b.head.Entries)
		}
		sh.mu.RUnlock()
	}
	return []store.Stat{
		{Name: "memory_ledgers", Value: ledgers, Level: true},
		{Name: "memory_entries", Value: entries, Level: true},
		{Name: "memory_sweeps", Value: s.sweeps.Load()},
	}
}

var _ ledger.Reader = reader{}
