package token

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms of keys: RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2. AlgEdDSA and AlgEd25519 are two names of one
// algorithm; a key made under one checks tokens under both.
const (
	AlgHS256   = "HS256"   // HMAC with SHA-256, a secret of 32 bytes or more
	AlgHS384   = "HS384"   // HMAC with SHA-384, a secret of 48 bytes or more
	AlgHS512   = "HS512"   // HMAC with SHA-512, a secret of 64 bytes or more
	AlgRS256   = "RS256"   // RSASSA-PKCS1-v1_5 with SHA-256
	AlgRS384   = "RS384"   // RSASSA-PKCS1-v1_5 with SHA-384
	AlgRS512   = "RS512"   // RSASSA-PKCS1-v1_5 with SHA-512
	AlgPS256   = "PS256"   // RSASSA-PSS with SHA-256 and a salt of 32 bytes
	AlgPS384   = "PS384"   // RSASSA-PSS with SHA-384 and a salt of 48 bytes
	AlgPS512   = "PS512"   // RSASSA-PSS with SHA-512 and a salt of 64 bytes
	AlgES256   = "ES256"   // ECDSA on P-256 with SHA-256
	AlgES384   = "ES384"   // ECDSA on P-384 with SHA-384
	AlgES512   = "ES512"   // ECDSA on P-521 with SHA-512
	AlgEdDSA   = "EdDSA"   // Ed25519, by the name of RFC 8037
	AlgEd25519 = "Ed25519" // Ed25519, by the name of RFC 9864
)

// family is what kind of key an algorithm takes.
type family int

const (
	familyHMAC family = iota
	familyRSA
	familyECDSA
	familyEd25519
)

// algorithm is one alg. alias is another name of it, or empty. curve is ECDSA's.
type algorithm struct {
	name, alias string
	family      family
	hash        crypto.Hash
	pss         bool
	curve       elliptic.Curve
	method      jwt.SigningMethod
}

// algorithms are all that a key may have; "none" is not among them.
var algorithms = map[string]*algorithm{
	AlgHS256:   {name: AlgHS256, family: familyHMAC, hash: crypto.SHA256, method: hmacMethod(AlgHS256)},
	AlgHS384:   {name: AlgHS384, family: familyHMAC, hash: crypto.SHA384, method: hmacMethod(AlgHS384)},
	AlgHS512:   {name: AlgHS512, family: familyHMAC, hash: crypto.SHA512, method: hmacMethod(AlgHS512)},
	AlgRS256:   {name: AlgRS256, family: familyRSA, hash: crypto.SHA256, method: jwt.SigningMethodRS256},
	AlgRS384:   {name: AlgRS384, family: familyRSA, hash: crypto.SHA384, method: jwt.SigningMethodRS384},
	AlgRS512:   {name: AlgRS512, family: familyRSA, hash: crypto.SHA512, method: jwt.SigningMethodRS512},
	AlgPS256:   {name: AlgPS256, family: familyRSA, hash: crypto.SHA256, pss: true, method: strictPSS(jwt.SigningMethodPS256)},
	AlgPS384:   {name: AlgPS384, family: familyRSA, hash: crypto.SHA384, pss: true, method: strictPSS(jwt.SigningMethodPS384)},
	AlgPS512:   {name: AlgPS512, family: familyRSA, hash: crypto.SHA512, pss: true, method: strictPSS(jwt.SigningMethodPS512)},
	AlgES256:   {name: AlgES256, family: familyECDSA, hash: crypto.SHA256, curve: elliptic.P256(), method: jwt.SigningMethodES256},
	AlgES384:   {name: AlgES384, family: familyECDSA, hash: crypto.SHA384, curve: elliptic.P384(), method: jwt.SigningMethodES384},
	AlgES512:   {name: AlgES512, family: familyECDSA, hash: crypto.SHA512, curve: elliptic.P521(), method: jwt.SigningMethodES512},
	AlgEdDSA:   {name: AlgEdDSA, alias: AlgEd25519, family: familyEd25519, method: jwt.SigningMethodEdDSA},
	AlgEd25519: {name: AlgEd25519, alias: AlgEdDSA, family: familyEd25519, method: jwt.SigningMethodEdDSA},
}

// Algorithms returns the names of all algorithms, in the order of the constants.
func Algorithms() []string {
	return []string{
		AlgHS256, AlgHS384, AlgHS512, AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512, AlgES256, AlgES384, AlgES512,
		AlgEdDSA, AlgEd25519,
	}
}

// strictPSS is golang-jwt's method with the salt that RFC 7518 §3.5 demands: its own takes any length when it checks.
func strictPSS(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{SigningMethodRSA: m.SigningMethodRSA, Options: m.Options}
}

// algorithmOf finds an algorithm by its exact name.
func algorithmOf(alg string) (*algorithm, error) {
	a, ok := algorithms[alg]
	if !ok {
		return nil, invalid("alg", "is no algorithm that is known here",
			"use one of "+strings.Join(Algorithms(), " "))
	}
	return a, nil
}

// sign makes a signature as a token has it. key is private material, or a [remoteKey]. Of ECDSA's two signatures for one
// text it is the one with the lower s; see [algorithm.lowS].
func (a *algorithm) sign(text string, key any) ([]byte, error) {
	sig, err := a.signAny(text, key)
	if err == nil && a.family == familyECDSA && !a.lowS(sig) {
		s := sig[len(sig)/2:]
		new(big.Int).Sub(a.curve.Params().N, new(big.Int).SetBytes(s)).FillBytes(s)
	}
	return sig, err
}

func (a *algorithm) signAny(text string, key any) ([]byte, error) {
	remote, ok := key.(remoteKey)
	switch {
	case !ok, a.family == familyEd25519: // golang-jwt asks any Signer for Ed25519
		if ok {
			key = remote.Signer
		}
		return a.method.Sign(text, key)
	case a.family == familyECDSA:
		return a.signRemoteECDSA(text, remote)
	case a.pss:
		return remote.Sign(rand.Reader, a.digest(text), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash})
	}
	return remote.Sign(rand.Reader, a.digest(text), a.hash)
}

// signRemoteECDSA turns what a crypto.Signer returns, ASN.1, into R || S of fixed width (RFC 7518 §3.4).
func (a *algorithm) signRemoteECDSA(text string, key remoteKey) ([]byte, error) {
	der, err := key.Sign(rand.Reader, a.digest(text), a.hash)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	n := a.curve.Params().N
	if err != nil || len(rest) > 0 || sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.Cmp(n) >= 0 || sig.S.Cmp(n) >= 0 {
		return nil, errors.New("the key's Sign returned no ECDSA signature in ASN.1")
	}
	width := (n.BitLen() + 7) / 8
	out := make([]byte, 2*width)
	sig.R.FillBytes(out[:width])
	sig.S.FillBytes(out[width:])
	return out, nil
}

func (a *algorithm) digest(text string) []byte {
	h := a.hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// lowS reports whether a signature is the one of lower s where the algorithm has two for each text: (r, s) and (r, n - s)
// of ECDSA. With both good a token would have two texts.
func (a *algorithm) lowS(sig []byte) bool {
	if a.family != familyECDSA {
		return true
	}
	return bytes.Compare(sig[len(sig)/2:], halfOrders[a.curve]) <= 0
}

// halfOrders are n/2 of each curve, in the width of an s.
var halfOrders = func() map[elliptic.Curve][]byte {
	out := map[elliptic.Curve][]byte{}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		n := c.Params().N
		out[c] = new(big.Int).Rsh(n, 1).FillBytes(make([]byte, (n.BitLen()+7)/8))
	}
	return out
}()

// remoteKey is a private key that somebody else keeps: a KMS, an HSM, an agent.
type remoteKey struct{ crypto.Signer }
