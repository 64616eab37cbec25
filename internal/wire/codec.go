// Package wire is the binary form of what stores keep: compact, versioned, and checked against the subject and the id
// that it is read for. Any bytes decode to a value or to an error.
//
// The first byte of a value is its version (high nibble) and what it is (low nibble). A new version gets a new number and
// the old decoder stays: what was written once can be read for ever.
package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// version is the one that is written.
const version = 1

// The low nibble of the first byte. A record's holds flags, so that the usual one saves what it need not say.
const (
	kindMark   = 2
	kindHead   = 3
	kindEvent  = 4
	kindSpace  = 5
	kindLedger = 6
	kindRecord = 8

	flagApart   = 1 // IssuedAt is stored behind Seq; otherwise it is Seq in microseconds
	flagDefault = 2 // Deadline is IssuedAt + store.MaxLife; otherwise it is stored
	flagUpdated = 4 // Version is stored; otherwise it is 0
)

func tagged(kind byte) byte { return version<<4 | kind }

// corrupt is the error for bytes that are no value. It holds none of them.
func corrupt(what string) error { return fmt.Errorf("%w: %s", store.ErrCorrupt, what) }

// appendText appends a text behind its length.
func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// appendMicro appends a time in microseconds; the zero time is one byte.
func appendMicro(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), t.UnixMicro())
}

// decoder reads a value. After the first failure it reads zeros; end tells.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) fail() { d.failed, d.b = true, nil }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

// fill reads into dst as many bytes as it holds.
func (d *decoder) fill(dst []byte) { copy(dst, d.bytes(uint64(len(dst)))) }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// text reads a text of at most limit bytes.
func (d *decoder) text(limit int) string {
	n := d.uvarint()
	if n > uint64(limit) {
		d.fail()
	}
	return string(d.bytes(n))
}

// count reads a number of at most limit.
func (d *decoder) count(limit int) int {
	n := d.uvarint()
	if n > uint64(limit) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) micro() time.Time {
	switch d.byte() {
	case 0:
	case 1:
		return d.when(time.UnixMicro(d.varint()))
	default:
		d.fail()
	}
	return time.Time{}
}

// The seconds of the years 1 and 10,000. Stored times lie between, so that arithmetic on them cannot overflow.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300800
)

// when returns a decoded time, and fails on one that no clock shows.
func (d *decoder) when(t time.Time) time.Time {
	if s := t.Unix(); s < firstSecond || s >= lastSecond {
		d.fail()
		return time.Time{}
	}
	return t.UTC()
}

// open reads the first byte and returns what the value is.
func open(b []byte) (decoder, byte, error) {
	d := decoder{b: b}
	first := d.byte()
	if d.failed {
		return d, 0, corrupt("the value is empty")
	}
	if v := first >> 4; v != version {
		return d, 0, corrupt(fmt.Sprintf("version %d is not known to this release, which reads up to %d", v, version))
	}
	return d, first & 15, nil
}

// check reads the identity that a value carries.
func (d *decoder) check(want [8]byte) error {
	var got [8]byte
	d.fill(got[:])
	switch {
	case d.failed:
		return corrupt("the value is truncated")
	case got != want:
		return corrupt("the value belongs to another subject or id")
	}
	return nil
}

// end returns an error unless the value was read to its last byte and no further.
func (d *decoder) end() error {
	switch {
	case d.failed:
		return corrupt("the value is truncated or malformed")
	case len(d.b) > 0:
		return corrupt("the value is too long")
	}
	return nil
}
