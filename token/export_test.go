package token

import "github.com/jetonkit/jeton/store"

// SuccessorIDForTest is the jti of a record's token.
func SuccessorIDForTest(rec store.Record, typ string) string { return successorID(rec, typ) }

// VerifyForTest checks a bare signature, for vectors that are no JWTs.
func VerifyForTest(k VerifyKey, alg, signed string, sig []byte) error {
	return k.verify(alg, signed, sig)
}

// BearerForTest wraps a text that a test made.
func BearerForTest(text string) Bearer { return newBearer(text) }
