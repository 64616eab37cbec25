package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// castagnoli is the checksum's polynomial, which processors compute by themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends a checksum of key and value: bbolt does not check its pages, and a flipped bit must not make a token live.
func seal(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, checksum(key, value))
}

// unseal returns the value without its checksum.
func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - 4
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(key, sealed[:n]) {
		return nil, fmt.Errorf("%w: a value does not match its checksum: restore the file from a backup", store.ErrCorrupt)
	}
	return sealed[:n], nil
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// reader reads one ledger in a transaction. What it returns is copied out of the mapped file by package wire.
type reader struct {
	b *bbolt.Bucket
	d store.Digest

	// A Lookup asks for three keys: they share their room, and the cursor, which else is four pieces of memory a key.
	keys *bbolt.Cursor
	room keyspace.KeyBuffer
}

func newReader(tx *bbolt.Tx, d store.Digest) *reader {
	b := tx.Bucket(ledgersBucket)
	return &reader{b: b, d: d, keys: b.Cursor()}
}

// get returns what stands under a key, nil for nothing.
func (r *reader) get(key []byte) []byte {
	k, v := r.keys.Seek(key)
	if !bytes.Equal(k, key) {
		return nil
	}
	return v
}

// Head implements ledger.Reader.
func (r *reader) Head() (ledger.Head, bool, error) {
	key := keyspace.AppendHeadKey(r.room[:0], r.d)
	sealed := r.get(key)
	if sealed == nil {
		return ledger.Head{}, false, nil
	}
	value, err := unseal(key, sealed)
	if err != nil {
		return ledger.Head{}, false, err
	}
	h, err := wire.DecodeHead(value, r.d)
	return h, err == nil, err
}

// Get implements ledger.Reader.
func (r *reader) Get(f keyspace.Field) (ledger.Entry, bool, error) {
	key := keyspace.AppendEntryKey(r.room[:0], r.d, f)
	sealed := r.get(key)
	if sealed == nil {
		return ledger.Entry{}, false, nil
	}
	en, err := r.decode(key, sealed, f)
	return en, err == nil, err
}

func (r *reader) decode(key, sealed []byte, f keyspace.Field) (ledger.Entry, error) {
	value, err := unseal(key, sealed)
	if err != nil {
		return ledger.Entry{}, err
	}
	return wire.DecodeEntry(value, r.d, f)
}

// OldestMarks implements ledger.Reader.
func (r *reader) OldestMarks(n int) ([]ledger.Entry, error) {
	var out []ledger.Entry
	prefix := keyspace.MarkPrefix(r.d)
	c := r.b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(out) < n; k, v = c.Next() {
		if len(v) != len(keyspace.Field{}) {
			return nil, dangling()
		}
		en, err := r.indexed(keyspace.Field(v))
		if err != nil {
			return nil, err
		}
		if en.Mark == nil {
			return nil, dangling()
		}
		out = append(out, en)
	}
	return out, nil
}

// Scan implements ledger.Reader.
func (r *reader) Scan(after keyspace.Field, n int) ([]ledger.Entry, error) {
	var out []ledger.Entry
	prefix, start := keyspace.EntryPrefix(r.d), keyspace.EntryKey(r.d, after)
	c := r.b.Cursor()
	for k, v := c.Seek(start); bytes.HasPrefix(k, prefix) && len(out) < n; k, v = c.Next() {
		if bytes.Equal(k, start) {
			continue
		}
		f, ok := keyspace.EntryField(k)
		if !ok {
			return nil, dangling()
		}
		en, err := r.decode(k, v, f)
		if err != nil {
			return nil, err
		}
		out = append(out, en)
	}
	return out, nil
}

// Newest implements ledger.Reader.
func (r *reader) Newest(before *ledger.Position, n int) ([]ledger.Entry, error) {
	var out []ledger.Entry
	prefix := keyspace.NewestPrefix(r.d)
	start := prefix
	if before != nil {
		start = keyspace.NewestKey(r.d, before.IssuedAt, before.Field)
	}
	c := r.b.Cursor()
	for k, _ := c.Seek(start); bytes.HasPrefix(k, prefix) && len(out) < n; k, _ = c.Next() {
		if before != nil && bytes.Equal(k, start) {
			continue
		}
		f, ok := keyspace.NewestField(k)
		if !ok {
			return nil, dangling()
		}
		en, err := r.indexed(f)
		if err != nil {
			return nil, err
		}
		if en.Mark != nil {
			return nil, dangling()
		}
		out = append(out, en)
	}
	return out, nil
}

// indexed returns the entry that an index names and that therefore must be there.
func (r *reader) indexed(f keyspace.Field) (ledger.Entry, error) {
	en, ok, err := r.Get(f)
	if err == nil && !ok {
		err = dangling()
	}
	return en, err
}

func dangling() error {
	return fmt.Errorf("%w: an index and its entries disagree: restore the file from a backup", store.ErrCorrupt)
}

// apply writes a change with the batch's transaction.
func (s *Store) apply(b *batch, d store.Digest, c *ledger.Change) error {
	w := b.writer(d)
	for _, e := range c.Edits {
		if e.Old != nil {
			w.remove(e.Old)
		}
		if e.New != nil {
			w.add(e.New)
		}
	}
	if c.EraseRecords {
		w.erase()
	}
	w.putHead(&c.Head)
	if w.err != nil {
		return w.err
	}
	for _, e := range c.Events {
		prev := b.last
		pos, err := s.appendEvent(b.tx, e)
		if err != nil {
			return err
		}
		e.Position, e.Birth, b.last = pos, s.birth, pos
		b.bells = append(b.bells, store.Bell{Prev: prev, Event: e})
	}
	return nil
}

// writer writes one ledger in a transaction, and keeps the batch's sum. After the first failure it does nothing more.
type writer struct {
	b   *bbolt.Bucket
	d   store.Digest
	sum *uint64
	err error
}

func (b *batch) writer(d store.Digest) *writer {
	return &writer{b: b.tx.Bucket(ledgersBucket), d: d, sum: &b.sum}
}

func (w *writer) put(key, value []byte) {
	if w.err != nil {
		return
	}
	if old := w.b.Get(key); old != nil {
		*w.sum ^= sumOf(key, old)
	}
	*w.sum ^= sumOf(key, value)
	w.err = w.b.Put(key, value)
}

func (w *writer) del(key []byte) {
	if w.err != nil {
		return
	}
	if old := w.b.Get(key); old != nil {
		*w.sum ^= sumOf(key, old)
		w.err = w.b.Delete(key)
	}
}

func (w *writer) putHead(h *ledger.Head) {
	key := keyspace.HeadKey(w.d)
	w.put(key, seal(key, wire.AppendHead(nil, w.d, h)))
}

func (w *writer) add(en *ledger.Entry) {
	key := keyspace.EntryKey(w.d, en.Field)
	w.put(key, seal(key, wire.AppendEntry(nil, w.d, en)))
	if en.Mark != nil {
		w.put(keyspace.MarkKey(w.d, en.Mark.No), en.Field[:])
		return
	}
	w.put(keyspace.NewestKey(w.d, en.Record.IssuedAt, en.Field), []byte{})
}

func (w *writer) remove(en *ledger.Entry) {
	w.del(keyspace.EntryKey(w.d, en.Field))
	if en.Mark != nil {
		w.del(keyspace.MarkKey(w.d, en.Mark.No))
		return
	}
	w.del(keyspace.NewestKey(w.d, en.Record.IssuedAt, en.Field))
}

// erase removes every record and leaves the marks.
func (w *writer) erase() {
	for _, key := range w.keys(keyspace.NewestPrefix(w.d)) {
		if f, ok := keyspace.NewestField(key); ok {
			w.del(keyspace.EntryKey(w.d, f))
		}
		w.del(key)
	}
}

// keys returns the keys with a prefix, apart from the file, since a cursor does not outlive a deletion.
func (w *writer) keys(prefix []byte) [][]byte {
	var keys [][]byte
	c := w.b.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, slices.Clone(k))
	}
	return keys
}
