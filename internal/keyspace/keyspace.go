// Package keyspace builds every key and field under which stores keep things. No key holds a name or an id in clear: a
// subject is its digest, and an id is 16 bytes behind a type byte.
package keyspace

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// Field stands for an id within a ledger: a type byte and 16 bytes.
type Field [17]byte

// The type bytes of fields. They keep a hash from ever being taken for an id.
const (
	rawID    = 'r' // an id of 16 bytes, itself
	textID   = 't' // an id of 22 characters of canonical base64url, decoded: what store.NewID makes
	hashedID = 'h' // the digest of any other id
)

// strict decodes base64url whose last bits are zero, so that no two texts of one length are one id.
var strict = base64.RawURLEncoding.Strict()

// FieldOf returns the field of an id.
func FieldOf(id string) (f Field) {
	switch len(id) {
	case 16:
		f[0] = rawID
		copy(f[1:], id)
		return f
	case 22:
		var raw [18]byte // what DecodedLen asks for may exceed the 16 that come out
		n, err := strict.Decode(raw[:], []byte(id))
		if err == nil && n == 16 && !strings.ContainsAny(id, "\r\n") { // the decoder skips them, which would make two ids one
			f[0] = textID
			copy(f[1:], raw[:16])
			return f
		}
	}
	d := store.DigestID(id)
	f[0] = hashedID
	copy(f[1:], d[:])
	return f
}

// ID returns the id where the field holds it, so that it need not be stored again; false for a hashed one.
func (f Field) ID() (string, bool) {
	switch f[0] {
	case rawID:
		return string(f[1:]), true
	case textID:
		var text [22]byte
		base64.RawURLEncoding.Encode(text[:], f[1:])
		return string(text[:]), true
	}
	return "", false
}

// Compare orders fields by their bytes.
func (f Field) Compare(g Field) int { return bytes.Compare(f[:], g[:]) }

// Check returns the 8 bytes that a stored value carries to prove whose it is: a reply that was swapped for another
// subject's or another id's does not match.
func Check(subject store.Digest, f Field) [8]byte {
	var b [8 + 16 + 17]byte
	copy(b[:], "jeton/c1")
	copy(b[8:], subject[:])
	copy(b[24:], f[:])
	sum := sha256.Sum256(b[:])
	return [8]byte(sum[:8])
}
