package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/store"
)

// The bounds of a JWK set.
const (
	MaxJWKSBytes = 256 << 10
	MaxJWKSKeys  = 100
)

// JWKS is a public JWK set that was read. It is a [KeySet], immutable and safe for concurrent use.
type JWKS struct {
	keys    keySet
	list    []VerifyKey
	ignored []error
}

var _ KeySet = (*JWKS)(nil)

// ParseJWKS reads a public JWK set (RFC 7517 §5), such as an issuer publishes.
//
// A key that is not understood, not for signatures or too weak is left out, and [JWKS.Ignored] says why: issuers add keys of
// new kinds, and the others must go on working. The set is refused as a whole where it is no strict JSON, is over
// [MaxJWKSBytes] or [MaxJWKSKeys], gives a kid to two keys of use, has no key of use, or has anything private: a secret (oct)
// or a private member. Whoever publishes one of those has made a mistake that no reader should smooth over. Errors are of
// type [store.FieldError], name the member, and hold nothing of a key.
func ParseJWKS(text []byte) (*JWKS, error) {
	all, err := readJWKS(text)
	if err != nil {
		return nil, err
	}
	set := &JWKS{keys: keySet{}}
	for n, j := range all {
		place := fmt.Sprintf("keys[%d]", n)
		if name := j.secret(); name != "" {
			return nil, invalid(place+"."+name, "is private, and the set is public", "publish public keys alone, and replace this one")
		}
		k, err := j.verifyKey()
		if err != nil {
			set.ignored = append(set.ignored, placed(place, err))
			continue
		}
		if _, taken := set.keys[k.KeyID()]; taken {
			return nil, sameKid(place)
		}
		set.keys[k.KeyID()] = k
		set.list = append(set.list, k)
	}
	if len(set.list) == 0 {
		return nil, errors.Join(append([]error{invalid("keys", "hold none that is of use here", "give a set with a key for signatures")}, set.ignored...)...)
	}
	return set, nil
}

// ParsePrivateJWKS reads a JWK set of private keys, or of secrets: a program's own. Unlike a public set it is read whole or
// not at all. Each key is judged as by [ParseSigningJWK]; a kid given twice is refused, and so are secrets beside key pairs:
// a verifier that may hold the one must not hold the other.
func ParsePrivateJWKS(text []byte) ([]SigningKey, error) {
	all, err := readJWKS(text)
	if err != nil {
		return nil, err
	}
	var out []SigningKey
	kids, secrets := map[string]bool{}, 0
	for n, j := range all {
		if kty, err := j.text("kty"); err == nil && kty == "oct" {
			secrets++
		}
		if secrets > 0 && secrets <= n {
			return nil, invalid(fmt.Sprintf("keys[%d].kty", n), "is of another kind than the others'", "keep secrets and key pairs in sets of their own")
		}
	}
	for n, j := range all {
		place := fmt.Sprintf("keys[%d]", n)
		k, err := j.signingKey()
		if err != nil {
			return nil, placed(place, err)
		}
		if kids[k.KeyID()] {
			return nil, sameKid(place)
		}
		kids[k.KeyID()] = true
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, invalid("keys", "is empty", "give at least one key")
	}
	return out, nil
}

// MarshalJWKS returns the public JWK set of keys, with kid, alg and use: what an issuer publishes. No key, a zero key, a
// secret and a kid given twice are errors of type [store.FieldError].
func MarshalJWKS(keys ...VerifyKey) ([]byte, error) {
	if _, err := NewKeySet(keys...); err != nil {
		return nil, err
	}
	type published struct {
		ID        string   `json:"kid"`
		Algorithm string   `json:"alg"`
		Use       string   `json:"use"`
		Members   *members `json:",embed"`
	}
	out := make([]published, len(keys))
	for n, k := range keys {
		m := membersOf(k.k.key.key)
		if m == nil {
			return nil, invalid(fmt.Sprintf("keys[%d]", n), "is a secret", "publish the public halves of key pairs alone")
		}
		out[n] = published{k.KeyID(), k.Algorithm(), "sig", m}
	}
	return json.Marshal(struct {
		Keys []published `json:"keys"`
	}{out})
}

// FindKey returns the key with this kid.
func (s *JWKS) FindKey(ctx context.Context, kid string) (VerifyKey, error) {
	return s.keys.FindKey(ctx, kid)
}

// Keys returns a copy of the keys that are of use, in the set's order.
func (s *JWKS) Keys() []VerifyKey { return slices.Clone(s.list) }

// Ignored says why keys were left out: a [store.FieldError] for each, such as "keys[2].kty …".
func (s *JWKS) Ignored() []error { return slices.Clone(s.ignored) }

func readJWKS(text []byte) ([]jwk, error) {
	if len(text) > MaxJWKSBytes {
		return nil, invalid("keys", fmt.Sprintf("are %d bytes, the limit is %d", len(text), MaxJWKSBytes), "leave out what is no key")
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if tooDeep(text) || json.Unmarshal(text, &set) != nil || set.Keys == nil {
		return nil, invalid("keys", "is not a list in one object of strict JSON", "give a JWK set (RFC 7517 §5)")
	}
	if len(set.Keys) > MaxJWKSKeys {
		return nil, invalid("keys", fmt.Sprintf("are %d, the limit is %d", len(set.Keys), MaxJWKSKeys), "leave out the oldest")
	}
	out := make([]jwk, len(set.Keys))
	for n, text := range set.Keys {
		var err error
		if out[n], err = readJWK(text); err != nil {
			return nil, placed(fmt.Sprintf("keys[%d]", n), err)
		}
	}
	return out, nil
}

// secret names what must not be in a public set; empty where there is nothing.
func (j jwk) secret() string {
	if j.has("k") {
		return "k"
	}
	if kty, err := j.text("kty"); err == nil && kty == "oct" {
		return "kty"
	}
	return j.privateMember()
}

func sameKid(place string) error {
	return invalid(place+".kid", "is that of another key", "give every key a kid of its own")
}

// placed puts a key's place in its set into an error of [jwk].
func placed(place string, err error) error {
	var f *store.FieldError
	if !errors.As(err, &f) {
		return err
	}
	return invalid(place+strings.TrimPrefix(f.Field, "jwk"), f.Problem, f.Remedy)
}
