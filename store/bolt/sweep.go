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

// sweepKeys is how many keys one look at the file passes over, and sweepEntries how many entries one write looks at, so
// that neither readers nor writers wait long for a sweep.
const (
	sweepKeys    = 4096
	sweepEntries = 1024
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
			if err := s.sweepLedger(ctx, d, &swept); err != nil {
				return swept, s.errs.Fail("sweep", d, err)
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
			r := newReader(tx, d)
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

// sweepLedger removes what is dead in a ledger, write by write, and then the ledger if it is dead itself.
func (s *Store) sweepLedger(ctx context.Context, d store.Digest, swept *store.Swept) error {
	for after := (keyspace.Field{}); ; {
		var got sweptSome // read only when write has returned nil: it may go on after ctx has ended
		err := s.write(ctx, func(b *batch) (err error) {
			got, err = s.sweepSome(b, d, after)
			return err
		})
		if err != nil {
			return err
		}
		swept.Ledgers += got.Ledgers
		swept.Records += got.Records
		swept.Marks += got.Marks
		if got.done {
			return nil
		}
		after = got.last
	}
}

// sweptSome is what one write of a sweep has done: the last field that it looked at, and whether that was the end.
type sweptSome struct {
	store.Swept
	last keyspace.Field
	done bool
}

// sweepSome looks at the next entries of a ledger and removes the dead. At the end it removes an empty ledger that has
// outlived everything, but first lifts the horizon to it.
func (s *Store) sweepSome(b *batch, d store.Digest, after keyspace.Field) (got sweptSome, err error) {
	env := s.env()
	r := newReader(b.tx, d)
	head, ok, err := r.Head()
	if err != nil || !ok {
		return sweptSome{done: true}, err
	}
	entries, err := r.Scan(after, sweepEntries)
	if err != nil {
		return got, err
	}
	b.dirty = true
	w := b.writer(d)
	for i := range entries {
		en := &entries[i]
		got.last = en.Field
		if !env.Removable(&head, en) {
			continue
		}
		w.remove(en)
		head.Entries--
		if en.Mark != nil {
			head.Marks--
			got.Marks++
		} else {
			got.Records++
		}
	}
	got.done = len(entries) < sweepEntries
	switch {
	case got.done && head.Entries == 0 && head.Expired(env.Now):
		s.raise(head.Horizon())
		w.del(keyspace.HeadKey(d))
		got.Ledgers = 1
		if w.err == nil {
			w.err = s.saveHorizon(b.tx)
		}
	case got.Records+got.Marks > 0:
		w.putHead(&head)
	}
	b.dirty = w.err != nil
	return got, w.err
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

// Subjects implements store.SubjectLister. Subjects are read some at a time and yielded outside of the transaction, so that
// a slow caller keeps no old pages of the file.
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
			h, ok, err := newReader(tx, d).Head()
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
		{Name: "bolt_file_bytes", Value: size, Level: true},
	}
}
