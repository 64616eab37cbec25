package token

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/store"
)

// MinHS256Bytes is the shortest secret of HS256: as long as the hash (RFC 7518 §3.2).
const MinHS256Bytes = 32

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

// VerifyKey checks the signatures of one key by the one algorithm that the key fixes. For HS256 it holds the secret and
// could sign as well: keep it as safe. It prints redacted and does not marshal. The zero VerifyKey is no key.
type VerifyKey struct{ k *verifying }

type signing struct {
	verify VerifyKey
	key    *material
}

// verifying is a key with its algorithm. alias is another name of the same algorithm, or empty.
type verifying struct {
	kid, alg, alias string
	method          jwt.SigningMethod
	key             *material
}

// material is what the crypto takes as a key. It stays behind a second pointer: fmt looks through the first one of a key in
// somebody's unexported field, where no method of ours is asked.
type material struct{ key any }

// HS256 makes a key for HMAC-SHA256 (RFC 7518 §3.2). kid is 1 to 256 bytes of UTF-8; the secret is at least
// [MinHS256Bytes] from a random source, and copied. One byte over and over, zeros for instance, is refused: that is a
// buffer nobody filled. Errors are of type [store.FieldError].
func HS256(kid string, secret []byte) (SigningKey, error) {
	if err := checkText("kid", kid); err != nil {
		return SigningKey{}, err
	}
	if len(secret) < MinHS256Bytes {
		return SigningKey{}, invalid("secret", fmt.Sprintf("is %d bytes, the least is %d", len(secret), MinHS256Bytes),
			"make it of random bytes: openssl rand 32")
	}
	if bytes.Count(secret, secret[:1]) == len(secret) {
		return SigningKey{}, invalid("secret", "is one byte over and over", "make it of random bytes: openssl rand 32")
	}
	key := &material{append([]byte(nil), secret...)}
	v := VerifyKey{&verifying{kid: kid, alg: "HS256", method: jwt.SigningMethodHS256, key: key}}
	return SigningKey{&signing{verify: v, key: key}}, nil
}

// Ed25519 makes a key for EdDSA over Ed25519 (RFC 8037 §3.1). kid is as for [HS256]; the key is copied. Errors are of
// type [store.FieldError].
func Ed25519(kid string, key ed25519.PrivateKey) (SigningKey, error) {
	if len(key) != ed25519.PrivateKeySize {
		return SigningKey{}, invalid("key", fmt.Sprintf("is %d bytes, a private key has %d", len(key), ed25519.PrivateKeySize),
			"use ed25519.GenerateKey, or ed25519.NewKeyFromSeed with a seed of 32 bytes")
	}
	// A public half that is not the seed's would give the private key away with the first signatures.
	whole := ed25519.NewKeyFromSeed(key.Seed())
	if !whole.Equal(key) {
		return SigningKey{}, invalid("key", "has a public half that is not its own", "make it by ed25519.NewKeyFromSeed")
	}
	public, ok := whole.Public().(ed25519.PublicKey)
	if !ok {
		return SigningKey{}, invalid("key", "has no public half", "make it by ed25519.NewKeyFromSeed")
	}
	v, err := Ed25519Public(kid, public)
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{&signing{verify: v, key: &material{whole}}}, nil
}

// Ed25519Public makes the key that checks what the private half signs. kid is as for [HS256]; the key is copied. A point of
// small order, 32 zero bytes for instance, is refused: signatures under it can be made without a private key. Errors are of
// type [store.FieldError].
func Ed25519Public(kid string, key ed25519.PublicKey) (VerifyKey, error) {
	if err := checkText("kid", kid); err != nil {
		return VerifyKey{}, err
	}
	if len(key) != ed25519.PublicKeySize {
		return VerifyKey{}, invalid("key", fmt.Sprintf("is %d bytes, a public key has %d", len(key), ed25519.PublicKeySize),
			"pass the 32 bytes of RFC 8032 §5.1.5")
	}
	if smallOrder(key) {
		return VerifyKey{}, invalid("key", "is a point of small order: anybody can sign for it", "pass the public half of a generated key")
	}
	return VerifyKey{&verifying{
		kid: kid,
		alg: "EdDSA", alias: "Ed25519", // RFC 9864 gives the same algorithm its own name
		method: jwt.SigningMethodEdDSA,
		key:    &material{append(ed25519.PublicKey(nil), key...)},
	}}, nil
}

// KeyID returns the key's kid; empty for the zero key.
func (k SigningKey) KeyID() string { return k.VerifyKey().KeyID() }

// Algorithm returns the key's alg: "HS256" or "EdDSA"; empty for the zero key.
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

// Algorithm returns the key's alg: "HS256" or "EdDSA"; empty for the zero key.
func (k VerifyKey) Algorithm() string {
	if k.k == nil {
		return ""
	}
	return k.k.alg
}

// FindKey returns k for its own kid: a key is a set of one.
func (k VerifyKey) FindKey(_ context.Context, kid string) (VerifyKey, error) {
	if k.k == nil || kid != k.k.kid {
		return VerifyKey{}, unknownKid()
	}
	return k, nil
}

// verify checks a signature made by the named algorithm.
func (k VerifyKey) verify(alg, signed string, sig []byte) error {
	if k.k == nil {
		return unknownKid()
	}
	if alg == "" || (alg != k.k.alg && alg != k.k.alias) {
		return refuse(ErrKey, "alg is not the algorithm of the key")
	}
	if k.k.method.Verify(signed, sig, k.k.key.key) != nil { // what it says of the signature is of no use to anybody
		return &RefusedError{Err: ErrSignature}
	}
	return nil
}

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
			return nil, invalid(field, "is the zero key", "make it by HS256, Ed25519 or Ed25519Public")
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
