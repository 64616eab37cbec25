package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/jetonkit/jeton/store"
)

// MinHS256Bytes is the shortest secret of HS256: as long as the hash (RFC 7518 §3.2). HS384 takes 48 bytes, HS512 64.
const MinHS256Bytes = 32

// The sizes of RSA keys, in bits. The least is RFC 7518 §3.3's; a larger key than the most costs a verifier milliseconds
// for each token that anybody sends.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// NewSigningKey makes a key that signs by alg, one of the Alg constants. kid is 1 to 256 bytes of UTF-8. key is, for
//
//   - HS256, HS384, HS512: a []byte, 32, 48 or 64 bytes at least;
//   - RS256 … PS512: an *rsa.PrivateKey of 2048 to 8192 bits;
//   - ES256, ES384, ES512: an *ecdsa.PrivateKey on P-256, P-384 or P-521;
//   - EdDSA, Ed25519: an ed25519.PrivateKey;
//   - all but the first: any other [crypto.Signer] with such a public key, for a key in a KMS or an HSM. Its Sign runs
//     for each token, without a context, and each signature of it is checked.
//
// The key is copied. What [NewVerifyKey] refuses of the public half is refused here too. Errors are of type
// [store.FieldError], name kid, alg or key, and hold nothing of the key.
func NewSigningKey(kid, alg string, key any) (SigningKey, error) {
	if err := checkText("kid", kid); err != nil {
		return SigningKey{}, err
	}
	a, err := algorithmOf(alg)
	if err != nil {
		return SigningKey{}, err
	}
	private, public, err := a.private(key)
	if err != nil {
		return SigningKey{}, err
	}
	v := VerifyKey{&verifying{kid: kid, alg: a, key: &material{public}}}
	return SigningKey{&signing{verify: v, key: &material{private}}}, nil
}

// NewVerifyKey makes a key that checks signatures by alg, one of the Alg constants. kid is 1 to 256 bytes of UTF-8. key is
// a []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey, as alg needs it; it is copied. Refused are secrets that
// are too short, one byte over and over or PEM; RSA keys of less than 2048 or more than 8192 bits, with a public exponent that is
// even or below 65537, or made by the weak generator of CVE-2017-15361 (ROCA); points that are not on the algorithm's
// curve; and Ed25519 points of small order, for which anybody can sign. Errors are of type [store.FieldError], name kid,
// alg or key, and hold nothing of the key.
func NewVerifyKey(kid, alg string, key any) (VerifyKey, error) {
	if err := checkText("kid", kid); err != nil {
		return VerifyKey{}, err
	}
	a, err := algorithmOf(alg)
	if err != nil {
		return VerifyKey{}, err
	}
	public, err := a.public(key)
	if err != nil {
		return VerifyKey{}, err
	}
	return VerifyKey{&verifying{kid: kid, alg: a, key: &material{public}}}, nil
}

// HS256 is [NewSigningKey] for HMAC-SHA256 (RFC 7518 §3.2): the secret is at least [MinHS256Bytes] from a random source. One
// byte over and over, zeros for instance, is refused: that is a buffer nobody filled. Errors name kid or secret.
func HS256(kid string, secret []byte) (SigningKey, error) {
	k, err := NewSigningKey(kid, AlgHS256, secret)
	return k, renamed(err, "key", "secret")
}

// Ed25519 is [NewSigningKey] for EdDSA over Ed25519 (RFC 8037 §3.1).
func Ed25519(kid string, key ed25519.PrivateKey) (SigningKey, error) {
	return NewSigningKey(kid, AlgEdDSA, key)
}

// Ed25519Public is [NewVerifyKey] for EdDSA over Ed25519 (RFC 8037 §3.1).
func Ed25519Public(kid string, key ed25519.PublicKey) (VerifyKey, error) {
	return NewVerifyKey(kid, AlgEdDSA, key)
}

// private judges private material and returns a copy with its public half.
func (a *algorithm) private(key any) (private, public any, err error) {
	switch k := key.(type) {
	case []byte:
		public, err = a.public(k)
		return public, public, err // a secret is both
	case *rsa.PrivateKey:
		private, err = a.rsaPrivate(k)
	case *ecdsa.PrivateKey:
		private, err = a.ecdsaPrivate(k)
	case ed25519.PrivateKey:
		private, err = a.ed25519Private(k)
	case crypto.Signer:
		public, err = a.public(k.Public())
		return remoteKey{k}, public, err
	default:
		return nil, nil, a.wrongKind(key)
	}
	if err != nil {
		return nil, nil, err
	}
	whole, ok := private.(crypto.Signer)
	if !ok {
		return nil, nil, a.wrongKind(key)
	}
	public, err = a.public(whole.Public())
	return private, public, err
}

// public judges what checks signatures and returns a copy.
func (a *algorithm) public(key any) (any, error) {
	switch k := key.(type) {
	case []byte:
		return a.secret(k)
	case *rsa.PublicKey:
		return a.rsaPublic(k)
	case *ecdsa.PublicKey:
		return a.ecdsaPublic(k)
	case ed25519.PublicKey:
		return a.ed25519Public(k)
	case crypto.Signer:
		return nil, invalid("key", "is a private key", "pass its Public(), or make a SigningKey")
	}
	return nil, a.wrongKind(key)
}

// takes are the keys of each family in words.
var takes = map[family]string{
	familyHMAC: "a secret", familyRSA: "an RSA key", familyECDSA: "an ECDSA key", familyEd25519: "an Ed25519 key",
}

// wrongKind tells the kind of what was given, or its type, and not its value.
func (a *algorithm) wrongKind(key any) error {
	given := fmt.Sprintf("a %T", key)
	switch key.(type) {
	case []byte:
		given = takes[familyHMAC]
	case *rsa.PublicKey:
		given = takes[familyRSA]
	case *ecdsa.PublicKey:
		given = takes[familyECDSA]
	case ed25519.PrivateKey, ed25519.PublicKey:
		given = takes[familyEd25519]
	}
	return invalid("key", "is "+given+", and alg is "+a.name, "give "+takes[a.family]+" that is whole, or the algorithm of the key")
}

func (a *algorithm) secret(secret []byte) (*hmacKey, error) {
	if a.family != familyHMAC { // a public key's bytes as a secret are what everybody can sign with, and the other way round
		return nil, a.wrongKind(secret)
	}
	least := a.hash.Size()
	remedy := fmt.Sprintf("make it of random bytes: openssl rand %d", least)
	if len(secret) < least {
		return nil, invalid("key", fmt.Sprintf("is %d bytes, the least is %d", len(secret), least), remedy)
	}
	if bytes.Count(secret, secret[:1]) == len(secret) {
		return nil, invalid("key", "is one byte over and over", remedy)
	}
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return nil, invalid("key", "is PEM, a key of another kind", remedy+"; a public key as a secret lets everybody sign")
	}
	return newHMACKey(secret, a.hash), nil
}

func (a *algorithm) ed25519Private(key ed25519.PrivateKey) (ed25519.PrivateKey, error) {
	if a.family != familyEd25519 {
		return nil, a.wrongKind(key)
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, invalid("key", fmt.Sprintf("is %d bytes, a private key has %d", len(key), ed25519.PrivateKeySize),
			"use ed25519.GenerateKey, or ed25519.NewKeyFromSeed with a seed of 32 bytes")
	}
	// A public half that is not the seed's would give the private key away with the first signatures.
	whole := ed25519.NewKeyFromSeed(key.Seed())
	if !whole.Equal(key) {
		return nil, invalid("key", "has a public half that is not its own", "make it by ed25519.NewKeyFromSeed")
	}
	return whole, nil
}

func (a *algorithm) ed25519Public(key ed25519.PublicKey) (ed25519.PublicKey, error) {
	if a.family != familyEd25519 {
		return nil, a.wrongKind(key)
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, invalid("key", fmt.Sprintf("is %d bytes, a public key has %d", len(key), ed25519.PublicKeySize),
			"pass the 32 bytes of RFC 8032 §5.1.5")
	}
	if smallOrder(key) {
		return nil, invalid("key", "is a point of small order: anybody can sign for it", "pass the public half of a generated key")
	}
	return append(ed25519.PublicKey(nil), key...), nil
}

func (a *algorithm) ecdsaPrivate(key *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	if key == nil || key.D == nil { //nolint:staticcheck // deprecated to compute with; Bytes panics on nil
		return nil, a.wrongKind(nil)
	}
	if _, err := a.ecdsaPublic(&key.PublicKey); err != nil {
		return nil, err
	}
	const remedy = "make it by: openssl ecparam -name prime256v1 -genkey -noout"
	d, err := key.Bytes()
	if err != nil {
		return nil, invalid("key", "has a private number outside of its curve's order", remedy)
	}
	whole, err := ecdsa.ParseRawPrivateKey(a.curve, d)
	if err != nil || !whole.PublicKey.Equal(&key.PublicKey) {
		return nil, invalid("key", "has a public half that is not its own", remedy)
	}
	return whole, nil
}

func (a *algorithm) ecdsaPublic(key *ecdsa.PublicKey) (*ecdsa.PublicKey, error) {
	if a.family != familyECDSA || key == nil {
		return nil, a.wrongKind(key)
	}
	if key.Curve != a.curve || key.X == nil || key.Y == nil { //nolint:staticcheck // as above
		return nil, invalid("key", "is not on the curve of "+a.name+", "+a.curve.Params().Name,
			"give a key on that curve, or the algorithm of the key's curve")
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, offCurve()
	}
	whole, err := ecdsa.ParseUncompressedPublicKey(a.curve, point)
	if err != nil {
		return nil, offCurve()
	}
	return whole, nil
}

func offCurve() error {
	return invalid("key", "is a point that is not on its curve", "pass the public half of a generated key")
}

// strong judges again what a key's maker judged: nothing else can have made one, and a weak one must not check anything.
func (m *material) strong() bool {
	switch k := m.key.(type) {
	case *hmacKey:
		return k.size >= k.least && k.least >= MinHS256Bytes
	case *rsa.PublicKey:
		n := k.N.BitLen()
		return n >= MinRSABits && n <= MaxRSABits
	}
	return true // the others are of one size each
}

// renamed puts another name into an error of a field.
func renamed(err error, from, to string) error {
	var f *store.FieldError
	if errors.As(err, &f) && f.Field == from {
		return invalid(to, f.Problem, f.Remedy)
	}
	return err
}
