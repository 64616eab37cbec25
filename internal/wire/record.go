package wire

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// The optional sections of a record. A section is one byte (its number in the high three bits, its length in the low
// five, 31 meaning that the length follows as a uvarint) and its bytes, in rising order.
const (
	sectionClass = iota + 1
	sectionBinding
	sectionMetadata
	sectionReplays
	sectionID
)

const longSection = 31

// AppendEntry appends the form of a record or mark that is kept for a subject.
func AppendEntry(b []byte, subject store.Digest, e *ledger.Entry) []byte {
	if e.Mark != nil {
		return appendMark(b, subject, e)
	}
	r := &e.Record
	flags := flagsOf(r)
	b = append(b, tagged(kindRecord|flags))
	b = appendCheck(b, subject, e.Field)
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], r.Seq)
	b = append(b, seq[1:]...) // the ledger keeps it below 2^53
	if flags&flagApart != 0 {
		b = binary.AppendVarint(b, int64(r.Seq)-r.IssuedAt.UnixMicro())
	}
	b = append(b, r.Link[:]...)
	b = appendTimes(b, r, flags)
	if flags&flagUpdated != 0 {
		b = binary.AppendUvarint(b, r.Version)
	}
	b = binary.AppendUvarint(b, r.Rotation)
	if r.Rotation > 0 {
		b = append(b, r.PrevLink[:]...)
	}
	return appendSections(b, e)
}

func flagsOf(r *store.Record) (flags byte) {
	if int64(r.Seq) != r.IssuedAt.UnixMicro() {
		flags |= flagApart
	}
	if r.Deadline.UnixMilli() == defaultDeadline(r.IssuedAt) {
		flags |= flagDefault
	}
	if r.Version > 0 {
		flags |= flagUpdated
	}
	return flags
}

// defaultDeadline returns, in milliseconds, the deadline of a record that was given none: MaxLife behind IssuedAt, rounded
// up.
func defaultDeadline(issued time.Time) int64 {
	return issued.Add(store.MaxLife + time.Millisecond - time.Microsecond).UnixMilli()
}

func appendCheck(b []byte, subject store.Digest, f keyspace.Field) []byte {
	sum := keyspace.Check(subject, f)
	return append(b, sum[:]...)
}

// appendTimes appends the times but IssuedAt, as distances. RotatedAt is told from Seq, since Others and the floor move
// both. Ends are in seconds where they are whole ones (the lowest bit tells), the rest is in milliseconds.
func appendTimes(b []byte, r *store.Record, flags byte) []byte {
	rotated, expires := r.RotatedAt.UnixMilli(), r.ExpiresAt.UnixMilli()
	b = binary.AppendVarint(b, rotated-seqMilli(r.Seq))
	b = binary.AppendVarint(b, r.LastSeen.UnixMilli()-rotated)
	b = binary.AppendVarint(b, distance(rotated, expires))
	if flags&flagDefault != 0 {
		return b
	}
	return binary.AppendVarint(b, distance(expires, r.Deadline.UnixMilli()))
}

// seqMilli returns the milliseconds of a place in the order, which is at least the time at which it was given.
func seqMilli(seq uint64) int64 { return int64(seq / 1000) }

// distance returns how far to lies behind from, both in milliseconds: even in seconds behind the second of from where
// to is a whole second, else odd in milliseconds.
func distance(from, to int64) int64 {
	if to%1000 == 0 {
		return (to/1000 - floorSecond(from)) << 1
	}
	return (to-from)<<1 | 1
}

// reach is the inverse of distance.
func reach(from, d int64) int64 {
	if d&1 == 0 {
		return (floorSecond(from) + d>>1) * 1000
	}
	return from + d>>1
}

func floorSecond(milli int64) int64 {
	return time.UnixMilli(milli).Unix()
}

func appendSections(b []byte, e *ledger.Entry) []byte {
	r := &e.Record
	b = appendSection(b, sectionClass, r.Class)
	b = appendSection(b, sectionBinding, r.Binding)
	if len(r.Metadata) > 0 {
		var m []byte
		for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
			m = appendText(appendText(m, k), r.Metadata[k])
		}
		b = appendSection(b, sectionMetadata, string(m))
	}
	var replays []byte
	for _, tag := range e.Replays {
		replays = append(replays, tag[:]...)
	}
	b = appendSection(b, sectionReplays, string(replays))
	if _, held := e.Field.ID(); !held {
		b = appendSection(b, sectionID, r.ID)
	}
	return b
}

func appendSection(b []byte, number byte, text string) []byte {
	switch {
	case text == "":
		return b
	case len(text) < longSection:
		b = append(b, number<<5|byte(len(text)))
	default:
		b = binary.AppendUvarint(append(b, number<<5|longSection), uint64(len(text)))
	}
	return append(b, text...)
}

// DecodeEntry reads what AppendEntry wrote for the same subject and field. Record.Subject is left to the caller.
func DecodeEntry(b []byte, subject store.Digest, f keyspace.Field) (ledger.Entry, error) {
	e := ledger.Entry{Field: f}
	d, kind, err := open(b)
	if err != nil {
		return e, err
	}
	if err := d.check(keyspace.Check(subject, f)); err != nil {
		return e, err
	}
	switch {
	case kind&kindRecord != 0:
		d.record(&e, kind)
	case kind == kindMark:
		e.Mark = d.mark()
	default:
		return e, corrupt("the value is neither record nor mark")
	}
	if err := d.end(); err != nil {
		return ledger.Entry{Field: f}, err
	}
	return e, nil
}

func (d *decoder) record(e *ledger.Entry, flags byte) {
	r := &e.Record
	var seq [8]byte
	d.fill(seq[1:])
	r.Seq = binary.BigEndian.Uint64(seq[:])
	issued := int64(r.Seq)
	if flags&flagApart != 0 {
		issued -= d.varint()
	}
	r.IssuedAt = d.when(time.UnixMicro(issued))
	d.fill(r.Link[:])
	d.times(r, flags)
	if flags&flagUpdated != 0 {
		r.Version = d.uvarint()
	}
	r.Rotation = d.uvarint()
	if r.Rotation > 0 {
		d.fill(r.PrevLink[:])
	}
	if id, held := e.Field.ID(); held {
		r.ID = id
	}
	for last := byte(0); len(d.b) > 0; {
		number := d.b[0] >> 5
		if number <= last {
			d.fail()
			return
		}
		last = number
		d.section(e)
	}
	if r.ID == "" {
		d.fail()
	}
}

func (d *decoder) times(r *store.Record, flags byte) {
	rotated := seqMilli(r.Seq) + d.varint()
	seen := rotated + d.varint()
	expires := reach(rotated, d.varint())
	deadline := defaultDeadline(r.IssuedAt)
	if flags&flagDefault == 0 {
		deadline = reach(expires, d.varint())
	}
	r.RotatedAt = d.when(time.UnixMilli(rotated))
	r.LastSeen = d.when(time.UnixMilli(seen))
	r.ExpiresAt = d.when(time.UnixMilli(expires))
	r.Deadline = d.when(time.UnixMilli(deadline))
}

// section reads one optional section of a record.
func (d *decoder) section(e *ledger.Entry) {
	first := d.byte()
	n := uint64(first & longSection)
	if n == longSection {
		n = d.uvarint()
	}
	text := d.bytes(n)
	if len(text) == 0 { // absence says it already
		d.fail()
		return
	}
	switch first >> 5 {
	case sectionClass:
		e.Record.Class = string(text)
	case sectionBinding:
		e.Record.Binding = string(text)
	case sectionMetadata:
		d.metadata(&e.Record, text)
	case sectionReplays:
		if len(text)%len(ledger.Replay{}) != 0 {
			d.fail()
			return
		}
		for tag := range slices.Chunk(text, len(ledger.Replay{})) {
			e.Replays = append(e.Replays, ledger.Replay(tag))
		}
	case sectionID:
		if _, held := e.Field.ID(); held || keyspace.FieldOf(string(text)) != e.Field {
			d.fail()
			return
		}
		e.Record.ID = string(text)
	default:
		d.fail()
	}
}

func (d *decoder) metadata(r *store.Record, b []byte) {
	m := decoder{b: b}
	r.Metadata = map[string]string{}
	for len(m.b) > 0 {
		k := m.text(store.MaxMetadataBytes)
		v := m.text(store.MaxMetadataBytes)
		if _, twice := r.Metadata[k]; twice || k == "" {
			m.fail()
		}
		r.Metadata[k] = v
	}
	if m.failed || len(r.Metadata) > store.MaxMetadata {
		d.fail()
	}
}

func appendMark(b []byte, subject store.Digest, e *ledger.Entry) []byte {
	b = append(b, tagged(kindMark))
	b = appendCheck(b, subject, e.Field)
	b = binary.AppendUvarint(b, e.Mark.No)
	b = binary.AppendVarint(b, e.Mark.Until.UnixMilli())
	return append(b, e.Mark.Reason...)
}

func (d *decoder) mark() *ledger.Mark {
	m := &ledger.Mark{No: d.uvarint(), Until: d.when(time.UnixMilli(d.varint()))}
	if len(d.b) > store.MaxReasonLen {
		d.fail()
	}
	m.Reason = string(d.b)
	d.b = nil
	return m
}
