package boltstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// pollMost is how many events a poll returns.
const pollMost = 1000

// appendEvent writes an event with the transaction and returns its position. The ID is the event's number in
// hexadecimal, of fixed length.
func (s *Store) appendEvent(tx *bbolt.Tx, e store.Event) (store.Position, error) {
	b := tx.Bucket(feedBucket)
	no, err := b.NextSequence()
	if err != nil {
		return store.Position{}, err
	}
	key := keyspace.FeedKey(no)
	e.Birth = s.birth
	e.Position.ID = hex.EncodeToString(key)
	_, _ = rand.Read(e.Position.Nonce[:]) // it ends the program rather than fail
	return e.Position, b.Put(key, seal(key, wire.AppendEvent(nil, &e)))
}

// trim removes events that are older than any token, a few for every one added. It leaves the last of them: that is where
// followers stand after a quiet time.
func (s *Store) trim(tx *bbolt.Tx, added int) error {
	if added == 0 {
		return nil
	}
	since := s.o.Now().Add(-s.keep())
	b := tx.Bucket(feedBucket)
	var old [][]byte
	c := b.Cursor()
	for k, v := c.First(); k != nil && len(old) < 4*added+1; k, v = c.Next() {
		e, err := event(k, v)
		if err != nil {
			return err
		}
		if !e.Time.Before(since) {
			break
		}
		old = append(old, append([]byte(nil), k...))
	}
	for _, k := range old[:max(0, len(old)-1)] {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// event reads an event and gives it the ID of its key.
func event(key, sealed []byte) (store.Event, error) {
	value, err := unseal(key, sealed)
	if err != nil {
		return store.Event{}, err
	}
	e, err := wire.DecodeEvent(value)
	e.Position.ID = hex.EncodeToString(key)
	return e, err
}

// Partitions implements store.Feed: there is one.
func (s *Store) Partitions(ctx context.Context) (int, error) {
	return 1, s.errs.Ready(ctx, "partitions")
}

// Poll implements store.Feed.
func (s *Store) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	if err := s.errs.ReadyToPoll(ctx, partition); err != nil {
		return store.Batch{}, err
	}
	start, err := hex.DecodeString(from.ID)
	if err != nil {
		return store.Batch{}, s.errs.Fail("poll", store.Digest{}, &store.FieldError{
			Field: "Position.ID", Problem: "is no position of this store", Remedy: "pass an event's Position, or the zero one",
		})
	}
	var out store.Batch
	err = s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(feedBucket).Cursor()
		for k, v := c.Seek(start); k != nil; k, v = c.Next() {
			if len(out.Events) == pollMost {
				out.More = true
				return nil
			}
			e, err := event(k, v)
			if err != nil {
				return err
			}
			out.Events = append(out.Events, e)
		}
		return nil
	})
	if err != nil {
		return store.Batch{}, s.errs.Fail("poll", store.Digest{}, err)
	}
	return out, nil
}

// Listen implements store.Feed.
func (s *Store) Listen(ctx context.Context, ring func(store.Bell)) error {
	if err := s.errs.Ready(ctx, "listen"); err != nil {
		return err
	}
	return s.errs.Fail("listen", store.Digest{}, s.bell.Listen(ctx, ring))
}
