package boltstore

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

// mostCalls is how many writes one commit takes, and how many may wait for the next.
const mostCalls = 1024

// call is a write that waits for a commit.
type call struct {
	ctx context.Context
	// run does the write in a transaction. An error that it returns before it has written ends the call alone.
	run  func(*batch) error
	done chan error
}

// batch is one transaction and what it will tell once it is durable.
type batch struct {
	tx    *bbolt.Tx
	bells []store.Bell
	// last is the feed's newest position, and sum the sum over what the ledgers' bucket holds. Both are read from the file
	// in each transaction: after a commit that failed nobody else knows whether it came into force.
	last store.Position
	sum  uint64
	// dirty is true while a call has written and not finished: its error then undoes the transaction.
	dirty bool
}

func newBatch(tx *bbolt.Tx) (*batch, error) {
	sum, err := number(tx.Bucket(metaBucket), sumKey)
	if err != nil {
		return nil, err
	}
	k, v := tx.Bucket(feedBucket).Cursor().Last()
	if k == nil {
		return nil, damaged("the feed is empty")
	}
	e, err := event(k, v)
	return &batch{tx: tx, last: e.Position, sum: sum}, err
}

// backend is what the verbs run on.
type backend struct{ *Store }

// View implements verbs.Backend.
func (s backend) View(_ context.Context, d store.Digest, read func(ledger.Reader, ledger.Env) error) error {
	return s.view(func(tx *bbolt.Tx) error { return read(newReader(tx, d), s.env()) })
}

func (s *Store) view(read func(*bbolt.Tx) error) error {
	err := guarded(func() error { return s.db.View(read) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

// Update implements verbs.Backend.
func (s backend) Update(ctx context.Context, d store.Digest, step verbs.Step) error {
	return s.write(ctx, func(b *batch) error {
		env := s.env()
		c, err := step(newReader(b.tx, d), env)
		if !c.Write {
			return err
		}
		b.dirty = true
		if failed := s.apply(b, d, &c); failed != nil {
			return failed
		}
		b.dirty = false
		return err
	})
}

// write has the committer run a write, and waits until it is durable or ctx ends.
func (s *Store) write(ctx context.Context, run func(*batch) error) error {
	c := &call{ctx: ctx, run: run, done: make(chan error, 1)}
	select {
	case s.calls <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return store.ErrClosed
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.gone: // the write may have slipped in behind the last look at the queue
		select {
		case err := <-c.done:
			return err
		default:
			return store.ErrClosed
		}
	}
}

// commitAlways is the committer: it takes all writes that wait and commits them as one. While one commit is on its way
// to the disk the next gathers, so a lone writer waits for nobody and many share the price.
func (s *Store) commitAlways() {
	defer close(s.gone)
	for {
		select {
		case c := <-s.calls:
			s.commit(s.gather(c))
		case <-s.stop:
			for { // nobody is sent away who was let in
				select {
				case c := <-s.calls:
					c.done <- store.ErrClosed
				default:
					return
				}
			}
		}
	}
}

func (s *Store) gather(first *call) []*call {
	calls := []*call{first}
	for len(calls) < mostCalls {
		select {
		case c := <-s.calls:
			calls = append(calls, c)
		default:
			return calls
		}
	}
	return calls
}

// commit runs calls in one transaction and answers them. A call that fails after it has begun to write is answered with
// its error, and the others run again without it.
func (s *Store) commit(calls []*call) {
	for len(calls) > 0 {
		errs := make([]error, len(calls))
		culprit, err := s.transact(calls, errs)
		if culprit >= 0 {
			calls[culprit].done <- err
			calls = append(calls[:culprit:culprit], calls[culprit+1:]...)
			continue
		}
		for i, c := range calls {
			if err != nil && !ownError(errs[i]) { // it judged what the others wrote, and that may not have come true
				errs[i] = err
			}
			c.done <- errs[i]
		}
		return
	}
}

// ownError reports whether a call's error is about the call alone and not about what the file holds.
func ownError(err error) bool {
	return errors.Is(err, store.ErrInvalid) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// transact runs calls in one transaction. It returns the index of a call that spoilt it, or -1 and the commit's error.
func (s *Store) transact(calls []*call, errs []error) (culprit int, err error) {
	culprit = -1
	var b *batch
	err = guarded(func() error {
		return s.update(func(tx *bbolt.Tx) (err error) {
			if b, err = newBatch(tx); err != nil {
				return err
			}
			before := b.sum
			for i, c := range calls {
				culprit = i
				if errs[i] = c.ctx.Err(); errs[i] != nil {
					continue // its caller has gone
				}
				if errs[i] = c.run(b); errs[i] != nil && b.dirty {
					return errs[i]
				}
			}
			culprit = -1
			if b.sum != before {
				if err := putNumber(tx.Bucket(metaBucket), sumKey, b.sum); err != nil {
					return err
				}
			}
			return s.trim(tx, len(b.bells))
		})
	})
	switch {
	case err == nil:
		s.commits.Add(1)
		s.writes.Add(int64(len(calls)))
		for _, bell := range b.bells {
			s.bell.Ring(bell)
		}
	case culprit < 0 && !errors.Is(err, store.ErrCorrupt):
		err = fmt.Errorf("%w: %w: the file could not be written: %w", store.ErrUnavailable, store.ErrIndeterminate, err)
	}
	return culprit, err
}
