package boltstore

import (
	"context"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// sweepKeys is how many keys one look at the file passes over, and sweepEntries how many entries one write removes, so
// that neither readers nor writers wait long for a sweep.
const (
	sweepKeys    = 4096
	sweepEntries = 256
)

// Sweep implements store.Sweeper. It looks for what is dead in reading transactions and removes it in short writes, each
// of which judges again.
func (s *Store) Sweep(ctx context.Context) (store.Swept, error) {
	var swept store.Swept
	if err := ledger.CheckClock(s.o.Now()); err != nil {
		return swept, s.errs.Fail("sweep", store.Digest{}, err)
	}
	for at := []byte{}; at != nil; {
		if err := s.errs.Ready(ctx, "sweep"); err != nil {
			return swept, err
		}
		var dirty []store.Digest
		var err error
		if dirty, at, err = s.findDead(at); err != nil {
			return swept, s.errs.Fail("sweep", store.Digest{}, err)
		}
		for _, d := range dirty {
			for more := true; more; {
				if more, err = s.sweepLedger(ctx, d, &swept); err != nil {
					return swept, s.errs.Fail("sweep", d, err)
				}
			}
		}
	}
	s.sweeps.Add(1)
	return swept, nil
}

// findDead returns the ledgers with anything to remove among the next keys, and where to go on; nil at the end.
func (s *Store) findDead(at []byte) (dirty []store.Digest, next []byte, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		env := s.env()
		var head ledger.Head
		var of store.Digest // the ledger whose head is known
		c := tx.Bucket(ledgersBucket).Cursor()
		passed := 0
		for k, v := c.Seek(at); k != nil; k, v = c.Next() {
			d, ok := keyspace.SubjectOf(k)
			if !ok {
				return dangling()
			}
			if passed++; passed > sweepKeys {
				next = append([]byte(nil), k...)
				return nil
			}
			r := reader{tx.Bucket(ledgersBucket), d}
			if d != of {
				h, ok, err := r.Head()
				if err != nil {
					return err
				}
				if !ok {
					return dangling()
				}
				head, of = h, d
				if head.Expired(env.Now) {
					dirty = append(dirty, d)
				}
			}
			if len(dirty) > 0 && dirty[len(dirty)-1] == d {
				continue
			}
			if f, ok := keyspace.EntryField(k); ok {
				en, err := r.decode(k, v, f)
				if err != nil {
					return err
				}
				if env.Removable(&head, &en) {
					dirty = append(dirty, d)
				}
			}
		}
		return nil
	})
	return dirty, next, err
}

// sweepLedger removes a dead ledger, or some of what is dead in a living one; more says that there may be more.
func (s *Store) sweepLedger(ctx context.Context, d store.Digest, swept *store.Swept) (more bool, err error) {
	var got store.Swept
	err = s.write(ctx, func(b *batch) error {
		env := s.env()
		got = store.Swept{}
		r := newReader(b.tx, d)
		head, ok, err := r.Head()
		if err != nil || !ok {
			return err
		}
		w := writer{b: r.b, d: d}
		b.dirty = true
		if head.Expired(env.Now) {
			s.raise(head.Horizon())
			w.drop()
			b.ledgers--
			got.Ledgers = 1
			if w.err == nil {
				w.err = s.saveHorizon(b.tx)
			}
		} else {
			dead, err := removable(r, env, &head)
			if err != nil {
				b.dirty = false
				return err
			}
			for i := range dead {
				w.remove(&dead[i])
				head.Entries--
				if dead[i].Mark != nil {
					head.Marks--
					got.Marks++
				} else {
					got.Records++
				}
			}
			w.putHead(&head)
			more = len(dead) == sweepEntries
		}
		b.dirty = w.err != nil
		return w.err
	})
	if err != nil {
		return false, err
	}
	swept.Ledgers += got.Ledgers
	swept.Records += got.Records
	swept.Marks += got.Marks
	return more, nil
}

// removable returns up to sweepEntries dead entries of a ledger.
func removable(r reader, env ledger.Env, head *ledger.Head) ([]ledger.Entry, error) {
	var dead []ledger.Entry
	for after := (keyspace.Field{}); ; {
		entries, err := r.Scan(after, sweepEntries)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			if env.Removable(head, &entries[i]) {
				if dead = append(dead, entries[i]); len(dead) == sweepEntries {
					return dead, nil
				}
			}
		}
		if len(entries) < sweepEntries {
			return dead, nil
		}
		after = entries[len(entries)-1].Field
	}
}

// raise lifts the horizon to what a ledger that is about to go has reached, so that nothing it killed comes back. Only
// the committer calls it.
func (s *Store) raise(seq uint64, at time.Time) {
	to := *s.horizon.Load()
	to.seq = max(to.seq, seq)
	if at.After(to.at) {
		to.at = at
	}
	s.horizon.Store(&to)
}

func (s *Store) sweepAlways() {
	t := time.NewTicker(s.o.SweepInterval)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			_, _ = s.Sweep(context.Background()) // what fails is tried again next time, and every verb reports its own errors
		}
	}
}

// Subjects implements store.SubjectLister. Each subject is read in a transaction of its own, so that a slow caller keeps
// no old pages of the file.
func (s *Store) Subjects(ctx context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) {
		for at := []byte{}; at != nil; {
			if err := s.errs.Ready(ctx, "subjects"); err != nil {
				yield(store.Subject{}, err)
				return
			}
			var page []store.Subject
			var err error
			if page, at, err = s.someSubjects(at); err != nil {
				yield(store.Subject{}, s.errs.Fail("subjects", store.Digest{}, err))
				return
			}
			for _, subject := range page {
				if !yield(subject, nil) {
					return
				}
			}
		}
	}
}

// someSubjects reads the next ledgers' heads, and tells where to go on; nil at the end.
func (s *Store) someSubjects(at []byte) (page []store.Subject, next []byte, err error) {
	const most = 256
	err = s.view(func(tx *bbolt.Tx) error {
		now := s.o.Now()
		b := tx.Bucket(ledgersBucket)
		c := b.Cursor()
		for k, _ := c.Seek(at); k != nil; k, _ = c.Seek(next) {
			d, ok := keyspace.SubjectOf(k)
			if !ok {
				return dangling()
			}
			h, ok, err := reader{b, d}.Head()
			if err != nil {
				return err
			}
			if !ok {
				return dangling()
			}
			if h.Subject.Name != "" && h.Subject.Kind != store.KindOnce && !h.Expired(now) {
				page = append(page, h.Subject)
			}
			if next = keyspace.AfterSubject(d); next == nil || len(page) == most {
				return nil
			}
		}
		next = nil
		return nil
	})
	return page, next, err
}

// Ping implements store.Pinger: it reads the file.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.errs.Ready(ctx, "ping"); err != nil {
		return err
	}
	return s.errs.Fail("ping", store.Digest{}, s.view(func(tx *bbolt.Tx) error {
		_, err := unseal(formatKey, tx.Bucket(metaBucket).Get(formatKey))
		return err
	}))
}

// Stats implements store.StatsReporter.
func (s *Store) Stats() []store.Stat {
	var size int64
	_ = s.view(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }) // a closed store has no size to tell
	return []store.Stat{
		{Name: "bolt_commits", Value: s.commits.Load()},
		{Name: "bolt_writes", Value: s.writes.Load()},
		{Name: "bolt_sweeps", Value: s.sweeps.Load()},
		{Name: "bolt_file_bytes", Value: size},
	}
}
