package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// rsaWith is a public key of other numbers than the good one's.
func rsaWith(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }

// rocaModulus is of the form that CVE-2017-15361 leaves: 65537^a modulo the product of the first primes, here of as many as
// 2048 bits hold.
func rocaModulus() *big.Int {
	m := big.NewInt(1)
	for p := int64(3); m.BitLen() < 2100; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), m)
	if n.Bit(0) == 0 { // the fingerprint is of odd primes alone
		n.Add(n, m)
	}
	return n
}

func TestNewKeysThatAreRefused(t *testing.T) {
	good := rsaKey()
	big8193 := new(big.Int).SetBit(new(big.Int).SetInt64(1), 8192, 1)
	other := must(rsa.GenerateKey(rand.Reader, 2048))
	halves := &ecdsa.PrivateKey{PublicKey: p256().PublicKey, D: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).D} //nolint:staticcheck // a key put together wrongly
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(5), Y: big.NewInt(5)}                                  //nolint:staticcheck // as above
	for _, c := range []struct {
		name, alg string
		key       any
		field     string
	}{
		{"no algorithm", "", secret, "alg"},
		{"none", "none", secret, "alg"},
		{"None", "None", []byte{}, "alg"},
		{"an algorithm in lower case", "hs256", secret, "alg"},
		{"an algorithm for encryption", "A256KW", secret, "alg"},
		{"nil", token.AlgHS256, nil, "key"},
		{"a text as a secret", token.AlgHS256, "0123456789abcdef0123456789abcdef", "key"},
		{"no secret", token.AlgHS256, []byte(nil), "key"},
		{"HS256 with 31 bytes", token.AlgHS256, secret[:31], "key"},
		{"HS384 with 47 bytes", token.AlgHS384, bytes.Repeat(secret, 2)[:47], "key"},
		{"HS512 with 63 bytes", token.AlgHS512, bytes.Repeat(secret, 2)[:63], "key"},
		{"HS512 with zeros", token.AlgHS512, make([]byte, 64), "key"},
		{"a public key as a secret", token.AlgHS256, &good.PublicKey, "key"},
		{"a secret for RSA", token.AlgRS256, secret, "key"},
		{"RSA for ECDSA", token.AlgES256, &good.PublicKey, "key"},
		{"RSA for Ed25519", token.AlgEdDSA, &good.PublicKey, "key"},
		{"ECDSA for RSA", token.AlgPS256, &p256().PublicKey, "key"},
		{"Ed25519 for ECDSA", token.AlgES256, edKey(0).Public(), "key"},
		{"an RSA key that is nil", token.AlgRS256, (*rsa.PublicKey)(nil), "key"},
		{"an RSA key without numbers", token.AlgRS256, &rsa.PublicKey{}, "key"},
		{"RSA of 2047 bits", token.AlgRS256, rsaWith(new(big.Int).Rsh(good.N, 1), 65537), "key"},
		{"RSA of 8193 bits", token.AlgRS256, rsaWith(big8193, 65537), "key"},
		{"RSA with a negative modulus", token.AlgRS256, rsaWith(new(big.Int).Neg(good.N), 65537), "key"},
		{"RSA with an even modulus", token.AlgRS256, rsaWith(new(big.Int).Add(good.N, big.NewInt(1)), 65537), "key"},
		{"RSA with the exponent 1", token.AlgRS256, rsaWith(good.N, 1), "key"},
		{"RSA with the exponent 3", token.AlgRS256, rsaWith(good.N, 3), "key"},
		{"RSA with an even exponent", token.AlgRS256, rsaWith(good.N, 65538), "key"},
		{"RSA with a negative exponent", token.AlgRS256, rsaWith(good.N, -65537), "key"},
		{"RSA of ROCA", token.AlgRS256, rsaWith(rocaModulus(), 65537), "key"},
		{"RSA with another's primes", token.AlgRS256, &rsa.PrivateKey{PublicKey: good.PublicKey, D: good.D, Primes: other.Primes}, "key"},
		{"RSA with another's private number", token.AlgRS256, &rsa.PrivateKey{PublicKey: good.PublicKey, D: other.D, Primes: good.Primes}, "key"},
		{"RSA without primes", token.AlgRS256, &rsa.PrivateKey{PublicKey: good.PublicKey, D: good.D}, "key"},
		{"RSA with primes that are nil", token.AlgRS256, &rsa.PrivateKey{PublicKey: good.PublicKey, D: good.D, Primes: []*big.Int{nil, nil}}, "key"},
		{"an RSA private key without anything", token.AlgRS256, &rsa.PrivateKey{}, "key"},
		{"ES256 on P-384", token.AlgES256, &p384().PublicKey, "key"},
		{"ES512 on P-256", token.AlgES512, p256(), "key"},
		{"ECDSA on P-224", token.AlgES256, must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)), "key"},
		{"ECDSA on no curve", token.AlgES256, &ecdsa.PublicKey{}, "key"},
		{"a point that is not on its curve", token.AlgES256, off, "key"},
		{"ECDSA with another's private number", token.AlgES256, halves, "key"},
		{"an ECDSA private key without anything", token.AlgES256, &ecdsa.PrivateKey{}, "key"},
		{"an ECDSA key that is nil", token.AlgES256, (*ecdsa.PublicKey)(nil), "key"},
		{"a signer on the wrong curve", token.AlgES256, hsm{p384()}, "key"},
		{"a signer of another kind", token.AlgRS256, hsm{edKey(0)}, "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := token.NewVerifyKey("k", c.alg, c.key)
			wantField(t, err, c.field)
			wantErr(t, err, store.ErrInvalid)
			_, err = token.NewSigningKey("k", c.alg, c.key)
			wantField(t, err, c.field)
			for _, n := range []*big.Int{good.N, good.D} {
				if err != nil && (strings.Contains(err.Error(), n.String()[:20]) || strings.Contains(err.Error(), n.Text(16)[:20])) {
					t.Errorf("the error holds the key: %v", err)
				}
			}
		})
	}
	for _, private := range []any{good, p256(), edKey(0), hsm{p256()}} {
		_, err := token.NewVerifyKey("k", token.AlgES256, private)
		wantField(t, err, "key")
	}
}

// The fingerprint is that of CVE-2017-15361, and no other key of many has it.
func TestROCA(t *testing.T) {
	_, err := token.NewVerifyKey("k", token.AlgRS256, rsaWith(rocaModulus(), 65537))
	if err == nil || !strings.Contains(err.Error(), "ROCA") {
		t.Errorf("the error is %v", err)
	}
	for range 50 {
		n := new(big.Int).Add(rsaKey().N, new(big.Int).Lsh(must(rand.Int(rand.Reader, rsaKey().N)), 1))
		if _, err := token.NewVerifyKey("k", token.AlgRS256, rsaWith(n, 65537)); err != nil {
			t.Errorf("of a random number: %v", err)
		}
	}
}

func TestRSAKeysAreCopied(t *testing.T) {
	mine := must(rsa.GenerateKey(rand.Reader, 2048))
	v := must(token.NewVerifyKey("k", token.AlgRS256, &mine.PublicKey))
	s := must(token.NewSigningKey("k", token.AlgRS256, mine))
	mine.N.SetInt64(35)
	mine.D.SetInt64(5)
	mine.Primes[0].SetInt64(7)
	noErr(t, token.VerifyForTest(v, "RS256", "a.b", must(token.SignForTest(s, "a.b"))))
}
