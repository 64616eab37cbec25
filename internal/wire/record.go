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

// seqBits is how many bits a Seq takes: the ledger keeps it below 2^53, where JSON numbers stop being exact. The rest of
// its seven bytes counts the sections, so that a value cut short between two of them is noticed.
const seqBits = 53

// AppendEntry appends the form of a record or mark that is kept for a subject.
func AppendEntry(b []byte, subject store.Digest, e *ledger.Entry) []byte {
	if e.Mark != nil {
		return appendMark(b, subject, e)
	}
	r := &e.Record
	flags := flagsOf(r)
	b = append(b, tagged(kindRecord|flags))
	b = appendCheck(b, subject, e.Field)
	sections, n := appendSections(nil, e)
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], r.Seq|n<<seqBits)
	b = append(b, seq[1:]...)
	if flags&flagApart != 0 {
		b = appendApart(b, int64(r.Seq)-r.IssuedAt.UnixMicro())
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
	return append(b, sections...)
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

// appendApart appends how far Seq lies behind IssuedAt: in six bytes for nine years, which is a byte less than a varint
// for a session kept by Others after its first weeks; else behind six zeros.
func appendApart(b []byte, diff int64) []byte {
	var full [8]byte
	binary.BigEndian.PutUint64(full[:], uint64(diff))
	if diff > 0 && diff < 1<<48 {
		return append(b, full[2:]...)
	}
	return append(append(b, make([]byte, 6)...), full[:]...)
}

func (d *decoder) apart() int64 {
	var full [8]byte
	if d.fill(full[2:]); full == [8]byte{} {
		d.fill(full[:])
	}
	return int64(binary.BigEndian.Uint64(full[:]))
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

// appendSections appends the optional sections and returns how many there are.
func appendSections(b []byte, e *ledger.Entry) (_ []byte, n uint64) {
	r := &e.Record
	texts := [...]struct {
		number byte
		text   string
	}{
		{sectionClass, r.Class},
		{sectionBinding, r.Binding},
		{sectionMetadata, metadata(r)},
		{sectionReplays, replays(e)},
		{sectionID, hashedID(e)},
	}
	for _, s := range texts {
		if s.text == "" {
			continue
		}
		n++
		if len(s.text) < longSection {
			b = append(b, s.number<<5|byte(len(s.text)))
		} else {
			b = binary.AppendUvarint(append(b, s.number<<5|longSection), uint64(len(s.text)))
		}
		b = append(b, s.text...)
	}
	return b, n
}

func metadata(r *store.Record) string {
	if len(r.Metadata) == 0 {
		return ""
	}
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		b = appendText(appendText(b, k), r.Metadata[k])
	}
	return string(b)
}

func replays(e *ledger.Entry) string {
	var b []byte
	for _, tag := range e.Replays {
		b = append(b, tag[:]...)
	}
	return string(b)
}

// hashedID returns the id where the field does not hold it.
func hashedID(e *ledger.Entry) string {
	if _, held := e.Field.ID(); held {
		return ""
	}
	return e.Record.ID
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
	n := binary.BigEndian.Uint64(seq[:])
	sections := n >> seqBits
	r.Seq = n & (1<<seqBits - 1)
	issued := int64(r.Seq)
	if flags&flagApart != 0 {
		issued -= d.apart()
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
	last := byte(0)
	for range sections {
		last = d.section(e, last)
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

// section reads one optional section of a record, whose number must be above the last one's, and returns its number.
func (d *decoder) section(e *ledger.Entry, last byte) byte {
	first := d.byte()
	number := first >> 5
	n := uint64(first & longSection)
	if n == longSection {
		n = d.uvarint()
	}
	text := d.bytes(n)
	if len(text) == 0 || number <= last { // one form only for one value
		d.fail()
		return number
	}
	switch number {
	case sectionClass:
		e.Record.Class = string(text)
	case sectionBinding:
		e.Record.Binding = string(text)
	case sectionMetadata:
		d.metadata(&e.Record, text)
	case sectionReplays:
		if len(text)%len(ledger.Replay{}) != 0 {
			d.fail()
			return number
		}
		for tag := range slices.Chunk(text, len(ledger.Replay{})) {
			e.Replays = append(e.Replays, ledger.Replay(tag))
		}
	case sectionID:
		if _, held := e.Field.ID(); held || keyspace.FieldOf(string(text)) != e.Field {
			d.fail()
		}
		e.Record.ID = string(text)
	default:
		d.fail()
	}
	return number
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
	return appendText(b, e.Mark.Reason)
}

func (d *decoder) mark() *ledger.Mark {
	return &ledger.Mark{No: d.uvarint(), Until: d.when(time.UnixMilli(d.varint())), Reason: d.text(store.MaxReasonLen)}
}
