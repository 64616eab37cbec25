package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/jetonkit/jeton/store"
)

// KeySet finds the key that a token's kid names. It is safe for concurrent use. A [VerifyKey] is a set of one; [NewKeySet]
// makes a larger one. Keys in a token's header (jwk, jku, x5u, x5c) are never used.
type KeySet interface {
	// FindKey returns the key with exactly this kid. For a kid that nobody has the error matches [ErrKey]; any other error
	// says that the set could not answer, and nothing about the token.
	FindKey(ctx context.Context, kid string) (VerifyKey, error)
}

// SigningKey makes signatures; its [SigningKey.VerifyKey] checks them. The key fixes the algorithm. It prints redacted and
// does not marshal. The zero SigningKey is refused wherever it is used.
type SigningKey struct{ k *signing }

// VerifyKey checks the signatures of one key by the one algorithm that the key fixes. For HS256, HS384 and HS512 it holds
// the secret and could sign as well: keep it as safe. It prints redacted and does not marshal. The zero VerifyKey is no key.
type VerifyKey struct{ k *verifying }

type signing struct {
	verify VerifyKey
	key    *material
}

// verifying is a key with its algorithm.
type verifying struct {
	kid string
	alg *algorithm
	key *material
}

// material is what the crypto takes as a key. It stays behind a second pointer: fmt looks through the first one of a key in
// somebody's unexported field, where no method of ours is asked.
type material struct{ key any }

// KeyID returns the key's kid; empty for the zero key.
func (k SigningKey) KeyID() string { return k.VerifyKey().KeyID() }

// Algorithm returns the key's alg, one of the Alg constants; empty for the zero key.
func (k SigningKey) Algorithm() string { return k.VerifyKey().Algorithm() }

// VerifyKey returns the side of the key that checks signatures.
func (k SigningKey) VerifyKey() VerifyKey {
	if k.k == nil {
		return VerifyKey{}
	}
	return k.k.verify
}

// KeyID returns the key's kid; empty for the zero key.
func (k VerifyKey) KeyID() string {
	if k.k == nil {
		return ""
	}
	return k.k.kid
}

// Algorithm returns the key's alg, one of the Alg constants; empty for the zero key.
func (k VerifyKey) Algorithm() string {
	if k.k == nil {
		return ""
	}
	return k.k.alg.name
}

// FindKey returns k for its own kid: a key is a set of one.
func (k VerifyKey) FindKey(_ context.Context, kid string) (VerifyKey, error) {
	if k.k == nil || kid != k.k.kid {
		return VerifyKey{}, unknownKid()
	}
	return k, nil
}

// verify checks a signature made by the named algorithm. The key's strength is looked at again, whoever made it.
func (k VerifyKey) verify(alg, signed string, sig []byte) error {
	if k.k == nil {
		return unknownKid()
	}
	if a := k.k.alg; alg == "" || (alg != a.name && alg != a.alias) {
		return refuse(ErrKey, "alg is not the algorithm of the key")
	}
	if !k.k.key.strong() {
		return refuse(ErrKey, "the key is too weak")
	}
	if k.k.alg.method.Verify(signed, sig, k.k.key.key) != nil { // what it says of the signature is of no use to anybody
		return &RefusedError{Err: ErrSignature}
	}
	return nil
}

// sign makes a signature. What a KMS or an HSM returns is checked before anybody gets it.
func (k SigningKey) sign(text string) ([]byte, error) {
	v := k.k.verify.k
	sig, err := v.alg.sign(text, k.k.key.key)
	if err != nil {
		return nil, fmt.Errorf("jeton: signing failed: %w", err)
	}
	if _, remote := k.k.key.key.(remoteKey); remote && k.k.verify.verify(v.alg.name, text, sig) != nil {
		return nil, errSigner
	}
	return sig, nil
}

var errSigner = errors.New("jeton: signing failed: the crypto.Signer's signature is not good under its own public key")

type keySet map[string]VerifyKey

// NewKeySet makes a set of keys with different kids, for instance the old and the new one while keys are changed. No key,
// a zero key and a kid given twice are errors of type [store.FieldError].
func NewKeySet(keys ...VerifyKey) (KeySet, error) {
	if len(keys) == 0 {
		return nil, invalid("keys", "is empty", "give at least one key")
	}
	set := make(keySet, len(keys))
	for i, k := range keys {
		field := fmt.Sprintf("keys[%d]", i)
		if k.k == nil {
			return nil, invalid(field, "is the zero key", "make it by NewVerifyKey, or take a SigningKey's")
		}
		if _, taken := set[k.k.kid]; taken {
			return nil, invalid(field, "has the kid of another key", "give every key a kid of its own")
		}
		set[k.k.kid] = k
	}
	return set, nil
}

// FindKey returns the key with this kid.
func (s keySet) FindKey(_ context.Context, kid string) (VerifyKey, error) {
	k, ok := s[kid]
	if !ok {
		return VerifyKey{}, unknownKid()
	}
	return k, nil
}

func unknownKid() error { return refuse(ErrKey, "kid is not known") }

// checkText judges a text that goes into a token: JSON carries UTF-8 only (RFC 8259 §8.1).
func checkText(field, text string) error {
	switch {
	case text == "":
		return invalid(field, "is empty", fmt.Sprintf("give it 1 to %d bytes", store.MaxNameLen))
	case len(text) > store.MaxNameLen:
		return invalid(field, fmt.Sprintf("is %d bytes, the limit is %d", len(text), store.MaxNameLen), "shorten it")
	case !utf8.ValidString(text):
		return invalid(field, "is not UTF-8", "a token is JSON: encode other bytes, for instance as base64url")
	}
	return nil
}

const redactedKey = "key(redacted)"

// String returns a fixed text.
func (k SigningKey) String() string { return redactedKey }

// GoString returns a fixed text, for %#v.
func (k SigningKey) GoString() string { return redactedKey }

// Format prints a fixed text, whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) { printRedacted(f, redactedKey) }

// LogValue shows kid and alg.
func (k SigningKey) LogValue() slog.Value { return k.VerifyKey().LogValue() }

// MarshalText is an error.
func (k SigningKey) MarshalText() ([]byte, error) { return nil, errMarshalKey }

// String returns a fixed text.
func (k VerifyKey) String() string { return redactedKey }

// GoString returns a fixed text, for %#v.
func (k VerifyKey) GoString() string { return redactedKey }

// Format prints a fixed text, whatever the verb.
func (k VerifyKey) Format(f fmt.State, _ rune) { printRedacted(f, redactedKey) }

// LogValue shows kid and alg.
func (k VerifyKey) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kid", k.KeyID()), slog.String("alg", k.Algorithm()))
}

// MarshalText is an error.
func (k VerifyKey) MarshalText() ([]byte, error) { return nil, errMarshalKey }
