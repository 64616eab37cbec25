package revocation

import (
	"time"
	"unsafe"

	"github.com/jetonkit/jeton/store"
)

// A slot's word is one of three: the second at which a mark ends; a cut at the time that its microseconds say, which is most
// of them (shortCut); or the number of a head (longHead).
const (
	longHead = 1 << 63
	shortCut = 1 << 62
	low      = shortCut - 1
)

// head is the order of a subject's ledger as an event tells it; times in microseconds since 1970, 0 for none.
type head struct {
	cut, cutTime, floor, floorTime, keptCut uint64
	until                                   uint64 // the second at which nothing is left that it could bar
	keep                                    store.Digest
}

const headBytes = int(unsafe.Sizeof(head{}))

// word returns a slot's word for a head in a table.
func (h *head) word(t *table) uint64 {
	if h.cut == h.cutTime && h.floor == 0 && h.floorTime == 0 && h.keptCut == 0 && h.keep.IsZero() && h.cut <= low {
		return shortCut | h.cut
	}
	return t.addHead(*h)
}

// head returns what a subject's word stands for.
func (t *table) head(v uint64) head {
	if v&longHead != 0 {
		return (*t.heads.Load())[v&^longHead]
	}
	return head{cut: v & low, cutTime: v & low}
}

// until returns the second at which an entry ends. What a cut bars was issued before it, and lives no longer than life.
func (t *table) until(v, life uint64) uint64 {
	switch {
	case v&longHead != 0:
		return t.head(v).until
	case v&shortCut != 0:
		return (v&low)/1e6 + 1 + life
	}
	return v
}

// merge takes what a later event says of the same subject. Cut and floor never fall, whatever the event says: a ledger that
// was lost starts anew, and what it had barred stays barred.
func (h *head) merge(e head) {
	if e.cut >= h.cut {
		h.cut, h.keep, h.keptCut = e.cut, e.keep, e.keptCut
	}
	h.floor = max(h.floor, e.floor)
	h.cutTime, h.floorTime, h.until = max(h.cutTime, e.cutTime), max(h.floorTime, e.floorTime), max(h.until, e.until)
}

// micros returns a time as a head has it, rounded up.
func micros(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	n := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		n++
	}
	return uint64(max(0, n))
}

// timeOf is the way back.
func timeOf(micros uint64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(micros))
}
