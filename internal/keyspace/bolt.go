package keyspace

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/jetonkit/jeton/store"
)

// The parts of a ledger in one B+tree. All keys of a subject begin with its digest, so that they are neighbours.
const (
	headPart   = 'h' // digest h -> head
	entryPart  = 'e' // digest e field -> entry
	markPart   = 'm' // digest m number -> field: marks, oldest first
	newestPart = 'n' // digest n time field -> nothing: records, newest first
)

const digestLen = len(store.Digest{})

// entryKeyLen is the length of the longest key that is read by itself.
const entryKeyLen = digestLen + 1 + len(Field{})

// KeyBuffer is room for AppendHeadKey and AppendEntryKey.
type KeyBuffer [entryKeyLen]byte

// HeadKey is the key of a ledger's head.
func HeadKey(d store.Digest) []byte { return AppendHeadKey(make([]byte, 0, digestLen+1), d) }

// AppendHeadKey appends HeadKey.
func AppendHeadKey(b []byte, d store.Digest) []byte { return append(append(b, d[:]...), headPart) }

// EntryKey is the key of an entry.
func EntryKey(d store.Digest, f Field) []byte {
	return AppendEntryKey(make([]byte, 0, entryKeyLen), d, f)
}

// AppendEntryKey appends EntryKey.
func AppendEntryKey(b []byte, d store.Digest, f Field) []byte {
	return append(append(append(b, d[:]...), entryPart), f[:]...)
}

// EntryPrefix is what the keys of a ledger's entries begin with; they are in the order of fields.
func EntryPrefix(d store.Digest) []byte { return append(d[:], entryPart) }

// EntryField returns the field of an entry's key; false where the key is no such.
func EntryField(key []byte) (f Field, ok bool) {
	if len(key) != digestLen+1+len(f) || key[digestLen] != entryPart {
		return f, false
	}
	return Field(key[digestLen+1:]), true
}

// MarkKey is the key that orders a mark by its making.
func MarkKey(d store.Digest, no uint64) []byte {
	return binary.BigEndian.AppendUint64(MarkPrefix(d), no)
}

// MarkPrefix is what the keys of a ledger's marks begin with.
func MarkPrefix(d store.Digest) []byte { return append(d[:], markPart) }

// NewestKey is the key that orders a record by IssuedAt and field, both falling: their bits are turned over.
func NewestKey(d store.Digest, issued time.Time, f Field) []byte {
	rising := uint64(issued.UnixMicro()) ^ 1<<63 // two's complement in the order of numbers
	b := binary.BigEndian.AppendUint64(NewestPrefix(d), math.MaxUint64-rising)
	for _, c := range f {
		b = append(b, ^c)
	}
	return b
}

// NewestPrefix is what the keys of a ledger's records by age begin with.
func NewestPrefix(d store.Digest) []byte { return append(d[:], newestPart) }

// NewestField returns the field of a NewestKey; false where the key is no such.
func NewestField(key []byte) (f Field, ok bool) {
	if len(key) != digestLen+1+8+len(f) || key[digestLen] != newestPart {
		return f, false
	}
	for i, c := range key[digestLen+1+8:] {
		f[i] = ^c
	}
	return f, true
}

// SubjectOf returns the digest that a key begins with; false for a key too short to have one.
func SubjectOf(key []byte) (store.Digest, bool) {
	if len(key) <= digestLen {
		return store.Digest{}, false
	}
	return store.Digest(key[:digestLen]), true
}

// AfterSubject returns the least key behind all of a subject's; nil where there can be none.
func AfterSubject(d store.Digest) []byte {
	for i := len(d) - 1; i >= 0; i-- {
		if d[i]++; d[i] != 0 {
			return d[:]
		}
	}
	return nil
}

// FeedKey is the key of a feed's event.
func FeedKey(no uint64) []byte { return binary.BigEndian.AppendUint64(nil, no) }
