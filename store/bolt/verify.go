package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/store"
)

// damaged is the error of a file that does not hold together.
func damaged(what string) error {
	return fmt.Errorf("%w: %s: restore the file from a backup", store.ErrCorrupt, what)
}

// sumOf is what a key and its value add to the sum over the ledgers' bucket: FNV-1a, 64 bits. Summed by XOR it tells in one
// number whether the bucket holds exactly what was written: a lost, stale or doubled page changes it, and so does a
// flipped bit. It is no protection against forgers, who could write the file anyway.
func sumOf(key, value []byte) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, part := range [...][]byte{key, value} {
		for _, c := range part {
			h = (h ^ uint64(c)) * prime
		}
		h = (h ^ uint64(len(part))) * prime // where the key ends
	}
	return h
}

// number reads a number of the meta bucket.
func number(meta *bbolt.Bucket, key []byte) (uint64, error) {
	b, err := unseal(key, meta.Get(key))
	if err != nil || len(b) != 8 {
		return 0, damaged(fmt.Sprintf("the file's %s cannot be read", key))
	}
	return binary.BigEndian.Uint64(b), nil
}

// verifyLedgers reads the ledgers' bucket when a file is opened. bbolt does not check its pages, and a damaged one may hide
// keys instead of changing values: a mark that is not found bars nothing. So the bucket must hold what was written, by its
// sum, and each key must be found by the path that lookups take.
func verifyLedgers(b *bbolt.Bucket, sum uint64) error {
	var got uint64
	var last []byte
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if bytes.Compare(last, k) >= 0 {
			return damaged("keys are out of order")
		}
		last = append(last[:0], k...)
		if b.Get(k) == nil {
			return damaged("a key is not found by its path")
		}
		got ^= sumOf(k, v)
	}
	if got != sum {
		return damaged("the ledgers are not what was written last")
	}
	return nil
}

// verifyFeed reads the feed when a file is opened. Its numbers must be without a gap up to the bucket's sequence.
func verifyFeed(b *bbolt.Bucket) error {
	var no uint64
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if _, err := event(k, v); err != nil {
			return err
		}
		if len(k) != 8 || (no != 0 && binary.BigEndian.Uint64(k) != no+1) {
			return damaged("the feed has a gap")
		}
		no = binary.BigEndian.Uint64(k)
	}
	if no == 0 || no != b.Sequence() {
		return damaged("the feed lacks its end")
	}
	return nil
}
