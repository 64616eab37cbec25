package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// damaged is the error of a file that does not hold together.
func damaged(what string) error {
	return fmt.Errorf("%w: %s: restore the file from a backup", store.ErrCorrupt, what)
}

// verifyMetas reads the file's two meta pages, which commits write in turn. bbolt takes the older where the newer is
// damaged, and so undoes the last commit without a word: a revocation could be in it. A crash does not explain a damaged
// one, for a meta lies in one sector, which disks write whole. The layout is that of bbolt's file version 2.
func verifyMetas(path string, pageSize int) error {
	const header, sum, size = 16, 56, 64
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	for page := range 2 {
		var meta [size]byte
		if _, err := file.ReadAt(meta[:], int64(page*pageSize+header)); err != nil {
			return damaged("a meta page cannot be read")
		}
		h := fnv.New64a()
		_, _ = h.Write(meta[:sum]) // a hash does not fail
		if h.Sum64() != binary.NativeEndian.Uint64(meta[sum:]) {
			return damaged("a meta page does not match its checksum, so the last commit may be lost")
		}
	}
	return nil
}

// verifyLedgers reads every ledger when a file is opened. bbolt does not check its pages, and a damaged one may hide keys
// instead of changing values: a mark that is not found bars nothing. So it must hold that every value matches its
// checksum, every key can be found by the path that lookups take, each ledger holds as many entries, marks and records
// in its indexes as its head says, and there are as many ledgers as the file says.
func verifyLedgers(b *bbolt.Bucket, ledgers uint64) error {
	var n uint64
	v := verifier{b: b}
	c := b.Cursor()
	var last []byte
	for k, value := c.First(); k != nil; k, value = c.Next() {
		if bytes.Compare(last, k) >= 0 {
			return damaged("keys are out of order")
		}
		last = append(last[:0], k...)
		d, ok := keyspace.SubjectOf(k)
		if !ok {
			return damaged("a key is too short")
		}
		if d != v.r.d || n == 0 {
			if err := v.end(); err != nil {
				return err
			}
			if err := v.begin(d); err != nil {
				return err
			}
			n++
		}
		if err := v.key(k, value); err != nil {
			return err
		}
	}
	if err := v.end(); err != nil {
		return err
	}
	if n != ledgers {
		return damaged("ledgers are missing")
	}
	return nil
}

// verifier verifies one ledger after the other.
type verifier struct {
	b    *bbolt.Bucket
	r    reader
	head ledger.Head
	// entries, marks and newest count the keys seen of each part.
	entries, marks, newest int
}

func (v *verifier) begin(d store.Digest) error {
	*v = verifier{b: v.b, r: reader{v.b, d}}
	h, ok, err := v.r.Head()
	if err == nil && !ok {
		err = damaged("a ledger has no head")
	}
	v.head = h
	return err
}

func (v *verifier) end() error {
	if v.entries != v.head.Entries || v.marks != v.head.Marks || v.newest != v.head.Entries-v.head.Marks {
		return damaged("a ledger does not hold what its head says")
	}
	return nil
}

func (v *verifier) key(k, value []byte) error {
	if f, ok := keyspace.EntryField(k); ok {
		v.entries++
		return v.entry(k, value, f)
	}
	switch {
	case keyspace.IsHead(k):
	case bytes.HasPrefix(k, keyspace.MarkPrefix(v.r.d)):
		v.marks++
	case bytes.HasPrefix(k, keyspace.NewestPrefix(v.r.d)):
		v.newest++
	default:
		return damaged("a key is of no known form")
	}
	return nil
}

// entry verifies an entry, its index, and that both are found.
func (v *verifier) entry(k, sealed []byte, f keyspace.Field) error {
	en, err := v.r.decode(k, sealed, f)
	if err != nil {
		return err
	}
	if v.b.Get(k) == nil {
		return damaged("an entry is not found by its key")
	}
	if en.Mark != nil {
		if !bytes.Equal(v.b.Get(keyspace.MarkKey(v.r.d, en.Mark.No)), f[:]) {
			return dangling()
		}
		return nil
	}
	if v.b.Get(keyspace.NewestKey(v.r.d, en.Record.IssuedAt, f)) == nil {
		return dangling()
	}
	return nil
}

// verifyFeed reads the feed when a file is opened and returns its newest position. Its numbers must be without a gap up to
// the bucket's sequence.
func verifyFeed(b *bbolt.Bucket) (last store.Position, err error) {
	var no uint64
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		e, err := event(k, v)
		if err != nil {
			return last, err
		}
		if len(k) != 8 || (no != 0 && binary.BigEndian.Uint64(k) != no+1) {
			return last, damaged("the feed has a gap")
		}
		no = binary.BigEndian.Uint64(k)
		last = e.Position
	}
	if no == 0 || no != b.Sequence() {
		return last, damaged("the feed lacks its end")
	}
	return last, nil
}
