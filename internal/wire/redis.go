package wire

import (
	"encoding/binary"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// The forms that only the Redis scripts write: of fixed width, which Lua reads at once. Records and marks have the form
// that they have everywhere.
const (
	kindNotice = 0 // an event of the feed
	kindOrder  = 1 // the head's order
	kindSpared = 7 // the head's floor and keep, where there is one
)

const (
	orderLen  = 51
	sparedLen = 30
	noticeLen = 75
)

// Name is the form of a subject's text in its ledger.
func Name(s store.Subject) string {
	b := []byte{tagged(kindHead), byte(s.Kind)}
	return string(appendText(appendText(appendText(b, s.Realm), s.Issuer), s.Name))
}

// DecodeName reads what Name wrote for the same subject.
func DecodeName(text string, subject store.Digest) (s store.Subject, err error) {
	d, kind, err := open([]byte(text))
	if err != nil {
		return s, err
	}
	s = store.Subject{Kind: store.Kind(d.byte())}
	s.Realm, s.Issuer, s.Name = d.text(store.MaxNameLen), d.text(store.MaxNameLen), d.text(store.MaxNameLen)
	if err := d.end(); err != nil {
		return store.Subject{}, err
	}
	if kind != kindHead || s.Digest() != subject {
		return store.Subject{}, corrupt("the value is no name, or another subject's")
	}
	return s, nil
}

// HeadCheck is the identity that a head of the Redis form carries.
func HeadCheck(subject store.Digest) [8]byte { return keyspace.Check(subject, headField) }

// DecodeOrder reads a head of the Redis form: the order, and the floor and keep if there are any. What it holds is enough
// to read by; the bookkeeping is the scripts' own.
func DecodeOrder(order, spared string, subject store.Digest) (h ledger.Head, err error) {
	d, err := fixed(order, kindOrder, orderLen, subject)
	if err != nil {
		return h, err
	}
	h.Seq, h.Cut, h.CutTime, h.Time = d.seven(), d.seven(), d.sevenTime(), d.sevenTime()
	h.Marks = int(binary.BigEndian.Uint16(d.bytes(2)))
	h.Until = time.UnixMilli(int64(d.six())).UTC()
	d.bytes(6) // when the first entry can be dead, which the scripts alone ask
	if spared != "" {
		s, err := fixed(spared, kindSpared, sparedLen, subject)
		if err != nil {
			return ledger.Head{}, err
		}
		h.Floor, h.FloorTime, h.KeptCut = s.seven(), s.sevenTime(), s.seven()
		if h.Keep, err = s.keep(); err != nil {
			return ledger.Head{}, err
		}
	}
	if len(d.b) > 0 || h.Cut > h.Seq || h.Floor > h.Seq || h.KeptCut > h.Cut {
		return ledger.Head{}, corrupt("the head is malformed")
	}
	return h, nil
}

// fixed opens a value of the Redis form of at least n bytes.
func fixed(text string, want byte, n int, subject store.Digest) (decoder, error) {
	d, kind, err := open([]byte(text))
	switch {
	case err != nil:
		return d, err
	case kind != want || len(text) < n:
		return d, corrupt("the value is no head, or cut short")
	}
	err = d.check(HeadCheck(subject)) // it reads on, so d is copied behind it
	return d, err
}

// keep reads the id of the kept session: its field, and its text behind it where the field is a hash.
func (d *decoder) keep() (string, error) {
	if len(d.b) == 0 {
		return "", nil
	}
	var f keyspace.Field
	d.fill(f[:])
	id, held := f.ID()
	if !held {
		id, d.b = string(d.b), nil
	}
	if d.failed || len(d.b) > 0 || keyspace.FieldOf(id) != f {
		return "", corrupt("the kept session is malformed")
	}
	return id, nil
}

// KeepText is what a head of the Redis form holds of an id beside its field.
func KeepText(id string) string {
	if _, held := keyspace.FieldOf(id).ID(); held {
		return ""
	}
	return id
}

func (d *decoder) seven() uint64 {
	var n [8]byte
	d.fill(n[1:])
	return binary.BigEndian.Uint64(n[:])
}

func (d *decoder) six() uint64 {
	var n [8]byte
	d.fill(n[2:])
	return binary.BigEndian.Uint64(n[:])
}

// sevenTime reads microseconds; zero is the zero time.
func (d *decoder) sevenTime() time.Time {
	n := d.seven()
	if n == 0 {
		return time.Time{}
	}
	return d.when(time.UnixMicro(int64(n)))
}

// Optional returns the optional sections of a new record, and how many they are.
func Optional(r *store.Record) (sections []byte, n int) {
	sections, count := appendSections(nil, &ledger.Entry{Field: keyspace.FieldOf(r.ID), Record: *r})
	return sections, int(count)
}

// Metadata is the form of a record's metadata within its section.
func Metadata(m map[string]string) string { return metadata(&store.Record{Metadata: m}) }

// DecodeNotice reads an event of a Redis feed; its Position.ID is left to the caller.
func DecodeNotice(text string) (e store.Event, err error) {
	d, kind, err := open([]byte(text))
	if err != nil {
		return e, err
	}
	if kind != kindNotice || len(text) < noticeLen {
		return e, corrupt("the value is no event, or cut short")
	}
	d.fill(e.Position.Nonce[:])
	d.fill(e.Subject[:])
	e.Birth, e.Time = d.sevenTime(), d.sevenTime()
	e.Cut, e.CutTime, e.Floor, e.FloorTime, e.KeptCut = d.seven(), d.sevenTime(), d.seven(), d.sevenTime(), d.seven()
	var f keyspace.Field
	switch n := int(d.byte()); n {
	case 0:
	case len(f):
		d.fill(f[:])
		e.Keep = digestOf(f)
	default:
		d.fail()
	}
	for len(d.b) > 0 {
		d.fill(f[:])
		e.IDs = append(e.IDs, digestOf(f))
	}
	if err := d.end(); err != nil || len(e.IDs) > store.MaxIDs {
		return store.Event{}, corrupt("the event is malformed")
	}
	return e, nil
}

// digestOf returns the digest of the id that a field stands for: a hashed one is the digest already.
func digestOf(f keyspace.Field) store.Digest {
	if id, held := f.ID(); held {
		return store.DigestID(id)
	}
	return store.Digest(f[1:])
}
