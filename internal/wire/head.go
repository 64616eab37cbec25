package wire

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// headField is the zero field: no id has it, so a head is never taken for an entry.
var headField keyspace.Field

// AppendHead appends the form of a ledger's head.
func AppendHead(b []byte, subject store.Digest, h *ledger.Head) []byte {
	b = append(b, tagged(kindHead))
	b = appendCheck(b, subject, headField)
	for _, n := range [...]uint64{h.Seq, h.Cut, h.Floor, h.KeptCut, uint64(h.Entries), uint64(h.Marks), h.MarkNo} {
		b = binary.AppendUvarint(b, n)
	}
	for _, t := range [...]time.Time{h.CutTime, h.FloorTime, h.Time, h.Until} {
		b = appendMicro(b, t)
	}
	b = appendText(b, h.Keep)
	b = append(b, h.Cursor[:]...)
	n := 0
	for n < len(h.Ops) && h.Ops[n] != (store.Op{}) {
		n++
	}
	b = append(b, byte(n))
	for _, op := range h.Ops[:n] {
		b = append(b, op[:]...)
	}
	if h.Subject.Name == "" {
		return append(b, 0)
	}
	b = append(b, 1, byte(h.Subject.Kind))
	return appendText(appendText(appendText(b, h.Subject.Realm), h.Subject.Issuer), h.Subject.Name)
}

// DecodeHead reads what AppendHead wrote for the same subject.
func DecodeHead(b []byte, subject store.Digest) (ledger.Head, error) {
	d, kind, err := open(b)
	if err != nil {
		return ledger.Head{}, err
	}
	if kind != kindHead {
		return ledger.Head{}, corrupt("the value is no head")
	}
	if err := d.check(keyspace.Check(subject, headField)); err != nil {
		return ledger.Head{}, err
	}
	h := d.head()
	if err := d.end(); err != nil {
		return ledger.Head{}, err
	}
	if h.Subject.Name != "" && h.Subject.Digest() != subject {
		return ledger.Head{}, corrupt("the head names another subject")
	}
	return h, nil
}

func (d *decoder) head() (h ledger.Head) {
	for _, n := range [...]*uint64{&h.Seq, &h.Cut, &h.Floor, &h.KeptCut} {
		*n = d.uvarint()
	}
	h.Entries, h.Marks = d.count(math.MaxInt32), d.count(math.MaxInt32)
	h.MarkNo = d.uvarint()
	for _, t := range [...]*time.Time{&h.CutTime, &h.FloorTime, &h.Time, &h.Until} {
		*t = d.micro()
	}
	h.Keep = d.text(store.MaxNameLen)
	d.fill(h.Cursor[:])
	for i := range d.count(len(h.Ops)) {
		if d.fill(h.Ops[i][:]); h.Ops[i] == (store.Op{}) {
			d.fail()
		}
	}
	if h.Seq >= 1<<seqBits || h.Cut > h.Seq || h.Floor > h.Seq || h.KeptCut > h.Cut || h.Marks > h.Entries {
		d.fail()
	}
	switch d.byte() {
	case 0:
	case 1:
		h.Subject.Kind = store.Kind(d.byte())
		h.Subject.Realm = d.text(store.MaxNameLen)
		h.Subject.Issuer = d.text(store.MaxNameLen)
		h.Subject.Name = d.text(store.MaxNameLen)
		if h.Subject.Check() != nil {
			d.fail()
		}
	default:
		d.fail()
	}
	return h
}

// AppendEvent appends the form of a feed's event, without the position's ID, which is its key.
func AppendEvent(b []byte, e *store.Event) []byte {
	b = append(b, tagged(kindEvent))
	b = append(b, e.Position.Nonce[:]...)
	b = append(b, e.Subject[:]...)
	b = append(b, e.Keep[:]...)
	for _, n := range [...]uint64{e.Cut, e.KeptCut, e.Floor} {
		b = binary.AppendUvarint(b, n)
	}
	for _, t := range [...]time.Time{e.Birth, e.Time, e.CutTime, e.FloorTime} {
		b = appendMicro(b, t)
	}
	b = binary.AppendUvarint(b, uint64(len(e.IDs)))
	for _, id := range e.IDs {
		b = append(b, id[:]...)
	}
	return b
}

// DecodeEvent reads what AppendEvent wrote.
func DecodeEvent(b []byte) (e store.Event, err error) {
	d, kind, err := open(b)
	if err != nil {
		return store.Event{}, err
	}
	if kind != kindEvent {
		return store.Event{}, corrupt("the value is no event")
	}
	d.fill(e.Position.Nonce[:])
	d.fill(e.Subject[:])
	d.fill(e.Keep[:])
	for _, n := range [...]*uint64{&e.Cut, &e.KeptCut, &e.Floor} {
		*n = d.uvarint()
	}
	for _, t := range [...]*time.Time{&e.Birth, &e.Time, &e.CutTime, &e.FloorTime} {
		*t = d.micro()
	}
	if n := d.count(store.MaxIDs); n > 0 && !d.failed {
		e.IDs = make([]store.Digest, n)
	}
	for i := range e.IDs {
		d.fill(e.IDs[i][:])
	}
	if err := d.end(); err != nil {
		return store.Event{}, err
	}
	return e, nil
}
