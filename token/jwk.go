package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxJWKBytes is the longest JWK that is read: 32 KiB, room for a long chain of certificates (x5c), which is not looked at.
const MaxJWKBytes = 32 << 10

// ParseVerifyJWK reads a public key, or the secret of an HMAC, as a JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037 §2), and
// judges it as [NewVerifyKey] does. Its alg fixes the algorithm. Without one the curve does, and for RSA it is RS256, which
// is what issuers mean that leave it out. Without a kid it gets its thumbprint (RFC 7638). A key whose use or key_ops are
// not for checking signatures is refused, and so is a private key: a verifier has no use for it. Errors are of type
// [store.FieldError], name the member, and hold nothing of the key.
func ParseVerifyJWK(text []byte) (VerifyKey, error) {
	j, err := readJWK(text)
	if err != nil {
		return VerifyKey{}, err
	}
	if name := j.privateMember(); name != "" {
		return VerifyKey{}, invalid("jwk."+name, "is private", "give the public key alone")
	}
	return j.verifyKey()
}

// ParseSigningJWK reads a private key or the secret of an HMAC as a JSON Web Key, and judges it as [NewSigningKey] does. What
// [ParseVerifyJWK] says of alg, kid, use and key_ops holds here too. An RSA key needs its primes p and q.
func ParseSigningJWK(text []byte) (SigningKey, error) {
	j, err := readJWK(text)
	if err != nil {
		return SigningKey{}, err
	}
	return j.signingKey()
}

// jwk is a JWK's members by name, each a strict JSON value.
type jwk map[string]jsontext.Value

func readJWK(text []byte) (jwk, error) {
	if len(text) > MaxJWKBytes {
		return nil, invalid("jwk", fmt.Sprintf("is %d bytes, the limit is %d", len(text), MaxJWKBytes), "leave out what is no key")
	}
	var j jwk
	if tooDeep(text) || json.Unmarshal(text, &j) != nil || j == nil { // the error may quote the text
		return nil, invalid("jwk", "is not one object of strict JSON", "give one JWK, no name twice, and nothing behind it")
	}
	return j, nil
}

func (j jwk) has(name string) bool { return j[name] != nil }

// privateMember names one of a private key; empty where there is none.
func (j jwk) privateMember() string {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if j.has(name) {
			return name
		}
	}
	return ""
}

// text returns a member that is a text; empty where there is none.
func (j jwk) text(name string) (string, error) {
	if !j.has(name) {
		return "", nil
	}
	var s *string
	if json.Unmarshal(j[name], &s) != nil || s == nil {
		return "", invalid("jwk."+name, "is not a text", "see RFC 7517")
	}
	return *s, nil
}

// bytes returns a member that is base64url, of at most most bytes.
func (j jwk) bytes(name string, most int) ([]byte, error) {
	s, err := j.text(name)
	if err != nil {
		return nil, err
	}
	if s == "" {
		return nil, invalid("jwk."+name, "is missing or empty", "give the whole key")
	}
	if len(s) > segments.EncodedLen(most) {
		return nil, invalid("jwk."+name, fmt.Sprintf("is over %d bytes, the limit", most), "use a smaller key")
	}
	b, err := appendSegment(nil, s)
	if err != nil {
		return nil, invalid("jwk."+name, "is not base64url", "write it without padding and line breaks (RFC 7515 §2)")
	}
	return b, nil
}

func (j jwk) number(name string, most int) (*big.Int, error) {
	b, err := j.bytes(name, most)
	return new(big.Int).SetBytes(b), err
}

// curves are the algorithms that a crv fixes.
var curves = map[string]string{"P-256": AlgES256, "P-384": AlgES384, "P-521": AlgES512, "Ed25519": AlgEdDSA}

// families are the algorithms that a kty takes.
var families = map[string]family{"oct": familyHMAC, "RSA": familyRSA, "EC": familyECDSA, "OKP": familyEd25519}

// algorithm judges kty, crv and alg together.
func (j jwk) algorithm() (*algorithm, error) {
	var texts [3]string
	for n, name := range []string{"kty", "alg", "crv"} {
		var err error
		if texts[n], err = j.text(name); err != nil {
			return nil, err
		}
	}
	kty, alg, crv := texts[0], texts[1], texts[2]
	family, ok := families[kty]
	if !ok {
		return nil, invalid("jwk.kty", "is no kind of key that is known here", "use RSA, EC, OKP or oct")
	}
	if !j.has("alg") {
		if alg = curves[crv]; family == familyRSA {
			alg = AlgRS256
		}
	}
	a, ok := algorithms[alg]
	switch {
	case !ok:
		return nil, invalid("jwk.alg", "is missing, or no signature algorithm that is known here", "name the algorithm of the key (RFC 7518 §3.1)")
	case a.family != family:
		return nil, invalid("jwk.alg", "is not for a key of this kty", "name the algorithm of the key")
	case !a.on(crv):
		return nil, invalid("jwk.crv", "is not the curve of its alg and kty", "use P-256, P-384, P-521 for EC, and Ed25519 for OKP")
	}
	return a, nil
}

// on reports whether an algorithm is for a crv, where it needs one.
func (a *algorithm) on(crv string) bool {
	switch a.family {
	case familyECDSA:
		return curves[crv] == a.name
	case familyEd25519:
		return curves[crv] == AlgEdDSA
	case familyHMAC, familyRSA:
	}
	return true
}

// uses judges use and key_ops. op is what the key is wanted for.
func (j jwk) uses(op string) error {
	use, err := j.text("use")
	if err != nil {
		return err
	}
	if j.has("use") && use != "sig" {
		return invalid("jwk.use", "is not sig", "give a key for signatures")
	}
	if !j.has("key_ops") {
		return nil
	}
	var ops []string
	if json.Unmarshal(j["key_ops"], &ops) != nil {
		return invalid("jwk.key_ops", "is not a list of texts", "see RFC 7517 §4.3")
	}
	if !slices.Contains(ops, op) {
		return invalid("jwk.key_ops", "has no "+op, "give a key for signatures")
	}
	slices.Sort(ops)
	if len(slices.Compact(ops)) < len(ops) {
		return invalid("jwk.key_ops", "has an operation twice", "see RFC 7517 §4.3")
	}
	return nil
}

// public reads what checks signatures, not judged yet.
func (j jwk) public(a *algorithm) (any, error) {
	switch a.family {
	case familyHMAC:
		return j.bytes("k", MaxJWKBytes)
	case familyRSA:
		n, err := j.number("n", MaxRSABits/8+1)
		if err != nil {
			return nil, err
		}
		e, err := j.number("e", MaxRSABits/8)
		if err != nil {
			return nil, err
		}
		if !e.IsInt64() || int64(int(e.Int64())) != e.Int64() {
			return nil, invalid("jwk.e", "is over 31 bits", rsaRemedy)
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case familyECDSA:
		return j.point(a)
	}
	x, err := j.bytes("x", ed25519.PublicKeySize)
	return ed25519.PublicKey(x), err
}

// point reads the public half of an EC key.
func (j jwk) point(a *algorithm) (*ecdsa.PublicKey, error) {
	width := len(halfOrders[a.curve])
	whole := []byte{4} // an uncompressed point (SEC 1 §2.3.3)
	for _, name := range []string{"x", "y"} {
		b, err := j.bytes(name, width)
		if err != nil {
			return nil, err
		}
		if len(b) != width {
			return nil, invalid("jwk."+name, fmt.Sprintf("is %d bytes, the curve's are %d", len(b), width), "keep the leading zeros (RFC 7518 §6.2.1.2)")
		}
		whole = append(whole, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(a.curve, whole)
	if err != nil {
		return nil, renamed(offCurve(), "key", "jwk.x")
	}
	return key, nil
}

func (j jwk) verifyKey() (VerifyKey, error) {
	a, kid, public, err := j.read("verify")
	if err != nil {
		return VerifyKey{}, err
	}
	k, err := NewVerifyKey(kid, a.name, public)
	return k, a.member(err)
}

func (j jwk) signingKey() (SigningKey, error) {
	a, kid, public, err := j.read("sign")
	if err != nil {
		return SigningKey{}, err
	}
	private, err := j.private(a, public)
	if err != nil {
		return SigningKey{}, err
	}
	k, err := NewSigningKey(kid, a.name, private)
	return k, a.member(err)
}

// read reads what a key of either side has. op is what it is wanted for.
func (j jwk) read(op string) (a *algorithm, kid string, public any, err error) {
	if a, err = j.algorithm(); err != nil {
		return nil, "", nil, err
	}
	if err = j.uses(op); err != nil {
		return nil, "", nil, err
	}
	if public, err = j.public(a); err != nil {
		return nil, "", nil, err
	}
	kid, err = j.kid(a, public)
	return a, kid, public, err
}

// private reads what makes signatures, not judged yet.
func (j jwk) private(a *algorithm, public any) (any, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return j.rsaPrivate(public)
	case *ecdsa.PublicKey:
		d, err := j.bytes("d", len(halfOrders[a.curve]))
		if err != nil {
			return nil, err
		}
		key, err := ecdsa.ParseRawPrivateKey(a.curve, d)
		if err != nil || !key.PublicKey.Equal(public) {
			return nil, otherHalf()
		}
		return key, nil
	case ed25519.PublicKey:
		seed, err := j.bytes("d", ed25519.SeedSize)
		if err != nil {
			return nil, err
		}
		if len(seed) != ed25519.SeedSize || !public.Equal(ed25519.NewKeyFromSeed(seed).Public()) {
			return nil, otherHalf()
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	return public, nil // a secret
}

func otherHalf() error {
	return invalid("jwk.d", "is not the private half of this key", "give the whole key as it was made")
}

func (j jwk) rsaPrivate(public *rsa.PublicKey) (*rsa.PrivateKey, error) {
	if j.has("oth") {
		return nil, invalid("jwk.oth", "has more than two primes", rsaRemedy)
	}
	numbers := make([]*big.Int, 3)
	for n, name := range []string{"d", "p", "q"} {
		var err error
		if numbers[n], err = j.number(name, MaxRSABits/8+1); err != nil {
			return nil, err
		}
	}
	return &rsa.PrivateKey{PublicKey: *public, D: numbers[0], Primes: numbers[1:]}, nil
}

// kid returns the key's kid: where it has none, its thumbprint.
func (j jwk) kid(a *algorithm, public any) (string, error) {
	kid, err := j.text("kid")
	if err != nil || j.has("kid") {
		return kid, err
	}
	if a.family == familyHMAC { // a hash of a secret tells whether a guess of it is right
		return "", invalid("jwk.kid", "is missing", "give the secret a name")
	}
	return thumbprint(public), nil
}

// member turns the names of NewVerifyKey's errors into members.
func (a *algorithm) member(err error) error {
	name := map[family]string{familyHMAC: "k", familyRSA: "n", familyECDSA: "x", familyEd25519: "x"}[a.family]
	return renamed(renamed(err, "key", "jwk."+name), "kid", "jwk.kid")
}
