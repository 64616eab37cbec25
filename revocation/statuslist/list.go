package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MediaType is the media type of a status list token, and behind "application/" its typ (draft §8.2).
const MediaType = "application/statuslist+jwt"

const listType = "statuslist+jwt"

// ErrMalformed is a list that does not decode.
var ErrMalformed = errors.New("malformed status list")

// ErrIndex is a place that a list does not have. Nothing is known of such a token, and it is to be refused (draft §8.3).
var ErrIndex = errors.New("the status list has no such index")

// List is an array of statuses of 1, 2, 4 or 8 bits each; in each byte the first is in the lowest bits (draft §4.1).
// Reading it is safe for concurrent use, and writing is not.
type List struct {
	bits  int
	bytes []byte
}

// NewList returns a list of n places, all Valid. n is rounded up to whole bytes.
func NewList(bits, n int) (*List, error) {
	if err := checkBits("bits", bits); err != nil {
		return nil, err
	}
	if n < 1 || n > MaxSize {
		return nil, invalid("n", fmt.Sprintf("is %d, the range is 1 to %d", n, MaxSize), "split it into several lists")
	}
	return &List{bits, make([]byte, (n*bits+7)/8)}, nil
}

func checkBits(field string, bits int) error {
	switch bits {
	case 1, 2, 4, 8:
		return nil
	}
	return invalid(field, fmt.Sprintf("is %d", bits), "use 1, 2, 4 or 8")
}

// Bits returns how many bits a status has.
func (l *List) Bits() int { return l.bits }

// Len returns how many places there are.
func (l *List) Len() uint64 { return uint64(len(l.bytes)) * l.perByte() }

func (l *List) perByte() uint64 { return uint64(8 / l.bits) }

// Get returns the status at a place; the error is [ErrIndex].
func (l *List) Get(index uint64) (Status, error) {
	if index >= l.Len() {
		return Invalid, ErrIndex
	}
	shift := index % l.perByte() * uint64(l.bits)
	return Status(l.bytes[index/l.perByte()] >> shift & l.mask()), nil
}

// Set writes the status at a place. The error is [ErrIndex], or a [store.FieldError] for a status that takes more bits.
func (l *List) Set(index uint64, s Status) error {
	if index >= l.Len() {
		return ErrIndex
	}
	if byte(s) > l.mask() {
		return invalid("s", fmt.Sprintf("takes more than %d bits", l.bits), "make a list of more bits")
	}
	shift := index % l.perByte() * uint64(l.bits)
	at := &l.bytes[index/l.perByte()]
	*at = *at&^(l.mask()<<shift) | byte(s)<<shift
	return nil
}

func (l *List) equal(other *List) bool {
	return l.bits == other.bits && bytes.Equal(l.bytes, other.bytes)
}

func (l *List) mask() byte { return byte(1<<l.bits - 1) }

// Encode returns the list as the member lst has it: base64url of a ZLIB stream (RFC 1950) at its best compression (draft
// §4.2).
func (l *List) Encode() (string, error) {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(l.bytes); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes()), nil
}

// Decode reads a member lst. It never holds more than most bytes of the inflated list: a few bytes can inflate to a
// thousand times as many. Errors match [ErrMalformed], or are a [store.FieldError] for bits.
func Decode(bits int, lst string, most int) (*List, error) {
	if err := checkBits("bits", bits); err != nil {
		return nil, err
	}
	if strings.ContainsAny(lst, "\r\n") { // Go's decoder skips them
		return nil, malformed("lst is not base64url")
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(lst)
	if err != nil {
		return nil, malformed("lst is not base64url")
	}
	in := bytes.NewReader(packed)
	r, err := zlib.NewReader(in)
	if err != nil {
		return nil, malformed("lst is no ZLIB stream")
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case len(text) > most:
		return nil, malformed("it inflates to more than is allowed")
	case err != nil || in.Len() > 0:
		return nil, malformed("lst is no whole ZLIB stream")
	case len(text) == 0:
		return nil, malformed("it is empty")
	}
	return &List{bits, text}, nil
}

func malformed(why string) error { return fmt.Errorf("jeton: %w: %s", ErrMalformed, why) }
