package revocation

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/jetonkit/jeton/store"
)

// table maps 128-bit keys to words in a few large slices without pointers: a million entries are one object for the garbage
// collector. One writer changes it while readers read, without locks: entries are only added, and their word is replaced as
// a whole. What must go goes with the table, when another takes its place (kept).
//
// Places come in groups of eight. A word of tags says what is in a group, a byte for each place, so that a reader who looks
// for what is not there, as nearly all do, reads eight places at once and no entry.
type table struct {
	tags  []atomic.Uint64
	slots []slot
	heads atomic.Pointer[[]head] // what does not fit a slot's word; only added to
	used  int                    // the writer's
}

type slot struct{ a, b, v atomic.Uint64 }

// key is what a subject, or an id of one, is found by.
type key struct{ a, b uint64 }

const (
	group = 8                  // places that share a word of tags
	ones  = 0x0101010101010101 // 1 in each byte
	tops  = 0x8080808080808080 // the highest bit of each byte, which is set in the tag of a place that is taken
)

// newTable returns a table with room for n entries and two fifths more, up to seven of eight places.
func newTable(n int) *table {
	groups := (n*10/7)/group + 1
	return &table{tags: make([]atomic.Uint64, groups), slots: make([]slot, groups*group)}
}

// bytes is what the table takes.
func (t *table) bytes() int {
	n := len(t.tags)*8 + len(t.slots)*24
	if h := t.heads.Load(); h != nil {
		n += cap(*h) * headBytes
	}
	return n
}

// full reports whether another entry would leave readers without an empty place to stop at, or with a long way to one.
func (t *table) full() bool { return (t.used+1)*8 > len(t.slots)*7 }

// home is where the search for a key begins.
func (t *table) home(k key) uint64 {
	g, _ := bits.Mul64(k.a, uint64(len(t.tags)))
	return g
}

// find returns the place of a key; nil for none. A nil table has none.
func (t *table) find(k key) *slot {
	if t == nil {
		return nil
	}
	want := tag(k) * ones
	for g := t.home(k); ; g = t.after(g) {
		tags := t.tags[g].Load()
		x := tags ^ want
		for m := (x - ones) &^ x & tops; m != 0; m &= m - 1 { // the zero bytes of x, and some above one: the keys tell
			s := &t.slots[g*group+uint64(bits.TrailingZeros64(m)/8)]
			if s.a.Load() == k.a && s.b.Load() == k.b {
				return s
			}
		}
		if ^tags&tops != 0 {
			return nil
		}
	}
}

// add puts a key that is not there into a table that is not full.
func (t *table) add(k key, v uint64) {
	for g := t.home(k); ; g = t.after(g) {
		tags := t.tags[g].Load()
		free := ^tags & tops
		if free == 0 {
			continue
		}
		i := uint64(bits.TrailingZeros64(free) / 8)
		s := &t.slots[g*group+i]
		s.a.Store(k.a)
		s.b.Store(k.b)
		s.v.Store(v)
		t.tags[g].Store(tags | tag(k)<<(8*i)) // last: who sees it finds the entry whole
		t.used++
		return
	}
}

func (t *table) after(g uint64) uint64 {
	if g++; g == uint64(len(t.tags)) {
		return 0
	}
	return g
}

// tag is a byte that is never zero. It shares no bit with what home goes by.
func tag(k key) uint64 { return k.b&0x7f | 0x80 }

// addHead adds a long head, and returns the word that stands for it.
func (t *table) addHead(h head) uint64 {
	var all []head
	if p := t.heads.Load(); p != nil {
		all = *p
	}
	all = append(all, h) // beyond what any reader has
	t.heads.Store(&all)
	return longHead | uint64(len(all)-1)
}

// each calls f for every entry, as the writer.
func (t *table) each(f func(k key, v uint64)) {
	for g := range t.tags {
		tags := t.tags[g].Load()
		for i := range uint64(group) {
			if tags>>(8*i)&0x80 != 0 {
				s := &t.slots[uint64(g)*group+i]
				f(key{s.a.Load(), s.b.Load()}, s.v.Load())
			}
		}
	}
}

// dead counts the entries that have ended, and the heads that no entry stands for.
func (t *table) dead(now, life uint64) (entries, heads int) {
	if t == nil {
		return 0, 0
	}
	if p := t.heads.Load(); p != nil {
		heads = len(*p)
	}
	t.each(func(_ key, v uint64) {
		if t.until(v, life) < now {
			entries++
		} else if v&longHead != 0 {
			heads--
		}
	})
	return entries, heads
}

// kept returns a table with what has not ended, and room for more.
func (t *table) kept(now, life uint64, more int) *table {
	gone, _ := t.dead(now, life)
	out := newTable(t.used - gone + more)
	t.each(func(k key, v uint64) {
		if t.until(v, life) < now {
			return
		}
		if v&longHead != 0 {
			v = out.addHead(t.head(v))
		}
		out.add(k, v)
	})
	return out
}

// seeds make keys of digests, differently in each view: who chooses names or ids cannot make two of them meet.
type seeds [4]uint64

func newSeeds() (s seeds) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it ends the program rather than fail
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// key is the key of a subject's id; of the subject itself where id is zero.
func (s *seeds) key(subject, id *store.Digest) key {
	return key{
		a: fold(binary.LittleEndian.Uint64(subject[:8])^s[0], binary.LittleEndian.Uint64(id[:8])^s[1]),
		b: fold(binary.LittleEndian.Uint64(subject[8:])^s[2], binary.LittleEndian.Uint64(id[8:])^s[3]),
	}
}

// fold mixes two words into one.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
