package token

import (
	"time"
)

// NotBefore returns the nbf (RFC 7519 §4.1.5) in whole seconds. It is false for a token that has none, as those of an
// [Issuer] have, and for an API key.
func (t *Token) NotBefore() (at time.Time, said bool) {
	if t.claims.nbf == 0 {
		return time.Time{}, false
	}
	return time.Unix(t.claims.nbf, 0).UTC(), true
}

// ConfirmationJSON returns the claim cnf (RFC 7800 §3.1) as it was written; nil for a token that is bound to no key. It is
// for passing on: a kind of key that [Token.Confirmation] does not know is in it too.
func (t *Token) ConfirmationJSON() []byte {
	if t.claims.noted.written(notedConfirmation) == "" {
		return nil
	}
	return []byte(t.claims.noted.written(notedConfirmation))
}
