package token

import (
	"context"

	"github.com/jetonkit/jeton/store"
)

// NoteForTest asks for a touch as a verification does that found a session alive.
func (v *Verifier) NoteForTest(to Toucher, subject store.Subject, a Answer) {
	v.seen.note(to, subject, a)
}

// TouchForTest is a Toucher.
type TouchForTest func(context.Context, store.TouchRequest) error

// Touch calls it.
func (f TouchForTest) Touch(ctx context.Context, r store.TouchRequest) error { return f(ctx, r) }

// SuccessorIDForTest is the jti of a record's token.
func SuccessorIDForTest(rec store.Record, typ string) string { return successorID(rec, typ) }

// VerifyForTest checks a bare signature, for vectors that are no JWTs.
func VerifyForTest(k VerifyKey, alg, signed string, sig []byte) error {
	return k.verify(alg, signed, sig)
}

// BearerForTest wraps a text that a test made.
func BearerForTest(text string) Bearer { return newBearer(text) }

// EncodeKeyForTest makes a key's text and id of known random bits.
func EncodeKeyForTest(k *APIKeys, random [32]byte, owner store.Subject) (text, id string) {
	return k.encode(random, owner)
}

// SealKeyForTest makes a key's text around any sealed bytes, as somebody with our secret could.
func SealKeyForTest(k *APIKeys, plain []byte) string {
	payload := append([]byte{keyFormat, k.seal, k.pepper}, make([]byte, randomSize)...)
	return KeyTextForTest(k.prefix, k.seals[k.seal].seal(payload, k.bound(payload), plain))
}

// KeyTextForTest wraps any payload as a key's text, with a right checksum.
func KeyTextForTest(prefix string, payload []byte) string {
	text := prefix + "_" + segments.EncodeToString(payload)
	return text + checksum(text)
}

// ChecksumForTest is the checksum of a text.
func ChecksumForTest(text string) string { return checksum(text) }
