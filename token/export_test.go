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
