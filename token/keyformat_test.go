package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
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

func encode(typ string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
}

func TestPEM(t *testing.T) {
	for name, c := range map[string]struct {
		alg, want string
		key       crypto.Signer
	}{
		"RSA, named PS384":    {token.AlgPS384, token.AlgPS384, rsaKey()},
		"P-256":               {"", token.AlgES256, p256()},
		"P-384":               {"", token.AlgES384, p384()},
		"P-521":               {"", token.AlgES512, p521()},
		"Ed25519":             {"", token.AlgEdDSA, edKey(0)},
		"Ed25519 by RFC 9864": {token.AlgEd25519, token.AlgEd25519, edKey(0)},
	} {
		t.Run(name, func(t *testing.T) {
			private := [][]byte{encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(c.key)))}
			public := [][]byte{encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(c.key.Public())))}
			switch key := c.key.(type) {
			case *rsa.PrivateKey:
				private = append(private, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
				public = append(public, encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)))
			case *ecdsa.PrivateKey:
				sec1 := encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
				private = append(private, sec1, slices.Concat(encode("EC PARAMETERS", []byte{6, 0}), sec1))
			}
			for _, text := range private {
				s := must(token.ParseSigningPEM("", c.alg, text))
				for _, text := range public {
					v := must(token.ParseVerifyPEM("", c.alg, text))
					if s.KeyID() != v.KeyID() || v.KeyID() != v.Thumbprint() || s.Algorithm() != c.want || v.Algorithm() != c.want {
						t.Errorf("kid %s and %s, alg %s and %s", s.KeyID(), v.KeyID(), s.Algorithm(), v.Algorithm())
					}
					noErr(t, token.VerifyForTest(v, c.want, "a.b", must(token.SignForTest(s, "a.b"))))
				}
			}
			if k := must(token.ParseVerifyPEM("mine", c.alg, public[0])); k.KeyID() != "mine" {
				t.Errorf("the kid is %s", k.KeyID())
			}
		})
	}
}

func TestPEMThatIsRefused(t *testing.T) {
	private := encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p256())))
	public := encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(p256().Public())))
	rsaPublic := encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(rsaKey().Public())))
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	x25519 := must(ecdh.X25519().GenerateKey(rand.Reader))
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for _, c := range []struct {
		name, alg string
		text      []byte
		field     string
	}{
		{"nothing", "", nil, "pem"},
		{"no PEM", "", []byte("secret"), "pem"},
		{"two keys", "", slices.Concat(private, private), "pem"},
		{"something behind it", "", slices.Concat(private, []byte("x")), "pem"},
		{"over 32 KiB", "", bytes.Repeat([]byte("\n"), token.MaxPEMBytes+1), "pem"},
		{"garbage inside", "", encode("PRIVATE KEY", []byte("garbage")), "pem"},
		{"garbage inside a public key", "", encode("PUBLIC KEY", []byte("garbage")), "pem"},
		{"encrypted", "", encode("ENCRYPTED PRIVATE KEY", []byte("x")), "pem"},
		{"encrypted in the old way", "", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES"}, Bytes: []byte("x")}), "pem"},
		{"a certificate", "", encode("CERTIFICATE", []byte("x")), "pem"},
		{"only EC parameters", "", encode("EC PARAMETERS", []byte{6, 0}), "pem"},
		{"X25519", "", encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(x25519))), "pem"},
		{"X25519, public", "", encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(x25519.Public()))), "pem"},
		{"P-224", "", encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p224))), "pem"},
		{"RSA without an algorithm", "", rsaPublic, "alg"},
		{"RSA without an algorithm, private", "", encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey()))), "alg"},
		{"RSA of 1024 bits", token.AlgRS256, encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(small.Public()))), "key"},
		{"RSA as HS256", token.AlgHS256, rsaPublic, "key"},
		{"P-256 as ES384", token.AlgES384, public, "key"},
		{"P-256 as ES384, private", token.AlgES384, private, "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, signErr := token.ParseSigningPEM("k", c.alg, c.text)
			_, verifyErr := token.ParseVerifyPEM("k", c.alg, c.text)
			if signErr == nil || verifyErr == nil {
				t.Fatalf("%v, %v", signErr, verifyErr)
			}
			for _, err := range []error{signErr, verifyErr} {
				var f *store.FieldError
				if !errors.As(err, &f) {
					t.Errorf("the error is %v", err)
				}
			}
			var s, v *store.FieldError
			if errors.As(signErr, &s) && errors.As(verifyErr, &v) && s.Field != c.field && v.Field != c.field {
				t.Errorf("the fields are %s and %s, want %s", s.Field, v.Field, c.field)
			}
		})
	}
	_, err := token.ParseVerifyPEM("k", "", private)
	wantField(t, err, "pem")
	_, err = token.ParseSigningPEM("k", "", public)
	wantField(t, err, "pem")
}

// jwkOf is a key as a JWK with its private members, for all that a test wants to change.
func jwkOf(key any) m {
	text := func(b []byte) string { return b64(string(b)) }
	switch k := key.(type) {
	case []byte:
		return m{"kty": "oct", "kid": "k", "alg": "HS256", "k": text(k)}
	case *rsa.PrivateKey:
		return m{
			"kty": "RSA", "kid": "k", "alg": "RS256", "n": text(k.N.Bytes()), "e": "AQAB",
			"d": text(k.D.Bytes()), "p": text(k.Primes[0].Bytes()), "q": text(k.Primes[1].Bytes()),
		}
	case *ecdsa.PrivateKey:
		point := must(k.PublicKey.Bytes())
		w := (len(point) - 1) / 2
		return m{
			"kty": "EC", "kid": "k", "alg": map[int]string{32: "ES256", 48: "ES384", 66: "ES512"}[w], "crv": k.Params().Name,
			"x": text(point[1 : 1+w]), "y": text(point[1+w:]), "d": text(must(k.Bytes())),
		}
	case ed25519.PrivateKey:
		return m{"kty": "OKP", "kid": "k", "alg": "EdDSA", "crv": "Ed25519", "x": text(edBytes(k.Public())), "d": text(k.Seed())}
	}
	panic("no such key")
}

var noPrivate = m{"d": nil, "p": nil, "q": nil}

func TestJWK(t *testing.T) {
	for name, key := range map[string]any{
		"a secret": secret, "RSA": rsaKey(), "P-256": p256(), "P-384": p384(), "P-521": p521(), "Ed25519": edKey(0),
	} {
		t.Run(name, func(t *testing.T) {
			whole := jwkOf(key)
			s := must(token.ParseSigningJWK([]byte(whole.text())))
			v := must(token.ParseVerifyJWK([]byte(whole.with(noPrivate).with(m{"use": "sig", "key_ops": []string{"verify"}, "x5c": []string{"x"}}).text())))
			noErr(t, token.VerifyForTest(v, s.Algorithm(), "a.b", must(token.SignForTest(s, "a.b"))))
			if name == "a secret" {
				return
			}
			for member, changes := range map[string]m{"jwk.d": {}, "jwk.p": {"d": nil, "p": "AQAB", "q": "AQAB"}} {
				_, err := token.ParseVerifyJWK([]byte(whole.with(changes).text()))
				wantField(t, err, member)
			}
			bare := whole.with(noPrivate).with(m{"alg": nil, "kid": nil})
			again := must(token.ParseVerifyJWK([]byte(bare.text())))
			if again.Algorithm() != s.Algorithm() || again.KeyID() != v.Thumbprint() || s.KeyID() != "k" {
				t.Errorf("without alg and kid it is %s of %s", again.KeyID(), again.Algorithm())
			}
			// What is published is read again, and holds nothing private.
			text := must(token.MarshalJWKS(v, again))
			set := must(token.ParseJWKS(text))
			if len(set.Keys()) != 2 || set.Keys()[0].Thumbprint() != v.Thumbprint() || set.Keys()[1].KeyID() != again.KeyID() {
				t.Errorf("published as %s", text)
			}
			if d, ok := whole["d"].(string); !ok || bytes.Contains(text, []byte(d)) {
				t.Error("the private number is published")
			}
		})
	}
}

func TestJWKThatIsRefused(t *testing.T) {
	hs, rs, es, ed := jwkOf(secret), jwkOf(rsaKey()), jwkOf(p256()), jwkOf(edKey(0))
	zeros := b64(strings.Repeat("\x00", 32))
	for _, c := range []struct {
		name, text, field string
	}{
		{"nothing", "", "jwk"},
		{"null", "null", "jwk"},
		{"a list", "[]", "jwk"},
		{"no members", "{}", "jwk.kty"},
		{"a name twice", `{"kty":"oct",` + hs.text()[1:], "jwk"},
		{"something behind it", hs.text() + "x", "jwk"},
		{"over 32 KiB", hs.with(m{"x": strings.Repeat("x", token.MaxJWKBytes)}).text(), "jwk"},
		{"kty in lower case", rs.with(m{"kty": "rsa"}).text(), "jwk.kty"},
		{"kty a number", hs.with(m{"kty": 7}).text(), "jwk.kty"},
		{"kty of another", es.with(m{"kty": "RSA"}).text(), "jwk.alg"},
		{"kty of another, without alg", es.with(m{"kty": "RSA", "alg": nil}).text(), "jwk.n"},
		{"alg null", strings.Replace(hs.text(), `"HS256"`, "null", 1), "jwk.alg"},
		{"alg none", hs.with(m{"alg": "none"}).text(), "jwk.alg"},
		{"alg empty", ed.with(m{"alg": ""}).text(), "jwk.alg"},
		{"a secret without alg", hs.with(m{"alg": nil}).text(), "jwk.alg"},
		{"a secret of AES", hs.with(m{"alg": "A256GCM"}).text(), "jwk.alg"},
		{"a secret for RS256", hs.with(m{"alg": "RS256"}).text(), "jwk.alg"},
		{"RSA for HS256", rs.with(m{"alg": "HS256"}).text(), "jwk.alg"},
		{"RSA for encryption", rs.with(m{"alg": "RSA-OAEP"}).text(), "jwk.alg"},
		{"ES512 on P-256", es.with(m{"alg": "ES512"}).text(), "jwk.crv"},
		{"a crv that is another's", es.with(m{"crv": "P-384"}).text(), "jwk.crv"},
		{"a crv nobody has", es.with(m{"crv": "P-999"}).text(), "jwk.crv"},
		{"no crv", es.with(m{"crv": nil}).text(), "jwk.crv"},
		{"Ed448", ed.with(m{"crv": "Ed448", "alg": nil}).text(), "jwk.alg"},
		{"EC with the crv of OKP", es.with(m{"crv": "Ed25519", "alg": nil}).text(), "jwk.alg"},
		{"OKP with the crv of EC", ed.with(m{"crv": "P-256"}).text(), "jwk.crv"},
		{"X25519", ed.with(m{"crv": "X25519"}).text(), "jwk.crv"},
		{"use enc", rs.with(m{"use": "enc"}).text(), "jwk.use"},
		{"use empty", rs.with(m{"use": ""}).text(), "jwk.use"},
		{"key_ops of encryption", rs.with(m{"key_ops": []string{"encrypt"}}).text(), "jwk.key_ops"},
		{"key_ops empty", rs.with(m{"key_ops": []string{}}).text(), "jwk.key_ops"},
		{"key_ops a text", rs.with(m{"key_ops": "verify"}).text(), "jwk.key_ops"},
		{"key_ops with one twice", rs.with(m{"key_ops": []string{"sign", "verify", "sign", "verify"}}).text(), "jwk.key_ops"},
		{"no secret", hs.with(m{"k": nil}).text(), "jwk.k"},
		{"an empty secret", hs.with(m{"k": ""}).text(), "jwk.k"},
		{"a short secret", hs.with(m{"k": b64("short")}).text(), "jwk.k"},
		{"a secret that is not base64url", hs.with(m{"k": strings.Repeat("+", 44)}).text(), "jwk.k"},
		{"a secret with padding", hs.with(m{"k": b64(string(secret)) + "="}).text(), "jwk.k"},
		{"a secret with a line break", hs.with(m{"k": b64(string(secret)) + "\n"}).text(), "jwk.k"},
		{"a secret without a kid", hs.with(m{"kid": nil}).text(), "jwk.kid"},
		{"an empty kid", rs.with(m{"kid": ""}).text(), "jwk.kid"},
		{"a kid of 257 bytes", rs.with(m{"kid": strings.Repeat("k", 257)}).text(), "jwk.kid"},
		{"a kid that is a number", rs.with(m{"kid": 1}).text(), "jwk.kid"},
		{"RSA without n", rs.with(m{"n": nil}).text(), "jwk.n"},
		{"RSA without e", rs.with(m{"e": nil}).text(), "jwk.e"},
		{"RSA with e of 64 bits", rs.with(m{"e": b64("\x01\x00\x00\x00\x00\x00\x00\x01")}).text(), "jwk.n"},
		{"RSA with e of 72 bits", rs.with(m{"e": b64("\x01\x00\x00\x00\x00\x00\x00\x00\x01")}).text(), "jwk.e"},
		{"RSA with e 3", rs.with(m{"e": "Aw"}).text(), "jwk.n"},
		{"RSA with e 1", rs.with(m{"e": "AQ"}).text(), "jwk.n"},
		{"RSA of 8 KiB", rs.with(m{"n": b64(strings.Repeat("\xff", 8192))}).text(), "jwk.n"},
		{"RSA of 16 bits", rs.with(m{"n": "AQAB"}).text(), "jwk.n"},
		{"EC without y", es.with(m{"y": nil}).text(), "jwk.y"},
		{"EC with x of 31 bytes", es.with(m{"x": b64(strings.Repeat("x", 31))}).text(), "jwk.x"},
		{"EC with x of 33 bytes", es.with(m{"x": b64("\x00" + strings.Repeat("x", 32))}).text(), "jwk.x"},
		{"EC off the curve", es.with(m{"y": es["x"]}).text(), "jwk.x"},
		{"EC at zero", es.with(m{"x": zeros, "y": zeros}).text(), "jwk.x"},
		{"Ed25519 of small order", ed.with(m{"x": zeros}).text(), "jwk.x"},
		{"Ed25519 of 31 bytes", ed.with(m{"x": b64(strings.Repeat("x", 31))}).text(), "jwk.x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.text
			if c.field != "jwk" {
				var o m
				noErr(t, json.Unmarshal([]byte(text), &o))
				_, err := token.ParseSigningJWK([]byte(text))
				if !strings.HasPrefix(c.field, "jwk.x") || !strings.HasPrefix(c.name, "Ed25519") { // there the halves part first
					wantField(t, err, c.field)
				}
				text = o.with(noPrivate).text()
			}
			_, err := token.ParseVerifyJWK([]byte(text))
			wantField(t, err, c.field)
			if err != nil && strings.Contains(err.Error(), b64(string(secret))) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestSigningJWKThatIsRefused(t *testing.T) {
	rs, es, ed := jwkOf(rsaKey()), jwkOf(p256()), jwkOf(edKey(0))
	for name, c := range map[string]struct{ text, field string }{
		"RSA without d":               {rs.with(m{"d": nil}).text(), "jwk.d"},
		"RSA without primes":          {rs.with(m{"p": nil, "q": nil}).text(), "jwk.p"},
		"RSA with three primes":       {rs.with(m{"oth": []m{}}).text(), "jwk.oth"},
		"RSA with another's d":        {rs.with(m{"d": "AQAB"}).text(), "jwk.n"},
		"EC without d":                {es.with(m{"d": nil}).text(), "jwk.d"},
		"EC with another's d":         {es.with(m{"d": jwkOf(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))["d"]}).text(), "jwk.d"},
		"EC with d of zeros":          {es.with(m{"d": b64(strings.Repeat("\x00", 32))}).text(), "jwk.d"},
		"EC with d cut":               {es.with(m{"d": b64("x")}).text(), "jwk.d"},
		"Ed25519 with another's d":    {ed.with(m{"d": jwkOf(edKey(1))["d"]}).text(), "jwk.d"},
		"Ed25519 with d cut":          {ed.with(m{"d": b64("x")}).text(), "jwk.d"},
		"only for verifying":          {ed.with(m{"key_ops": []string{"verify"}}).text(), "jwk.key_ops"},
		"for sign and verify, as one": {ed.with(m{"key_ops": []string{"sign, verify"}}).text(), "jwk.key_ops"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParseSigningJWK([]byte(c.text))
			wantField(t, err, c.field)
		})
	}
}

// setOf is a JWK set.
func setOf(keys ...m) []byte {
	if keys == nil {
		keys = []m{}
	}
	return []byte(m{"keys": keys}.text())
}

func TestJWKS(t *testing.T) {
	public := func(key any, kid string) m { return jwkOf(key).with(noPrivate).with(m{"kid": kid}) }
	rs, es, ed := public(rsaKey(), "r"), public(p256(), "e"), public(edKey(0), "o")
	weak := rs.with(m{"n": b64(strings.Repeat("\xff", 128)), "kid": "weak"})
	set := must(token.ParseJWKS(setOf(
		rs, m{"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "x"}, es, rs.with(m{"use": "enc"}), weak, ed, ed.with(m{"crv": "Ed448", "kid": "448"}),
		es.with(m{"y": nil, "kid": "half"}),
	)))
	var kids []string
	for _, k := range set.Keys() {
		kids = append(kids, k.KeyID())
		got := must(set.FindKey(t.Context(), k.KeyID()))
		if got.KeyID() != k.KeyID() {
			t.Errorf("found %s", got.KeyID())
		}
	}
	if !slices.Equal(kids, []string{"r", "e", "o"}) {
		t.Errorf("the keys are %v", kids)
	}
	var fields []string
	for _, err := range set.Ignored() {
		var f *store.FieldError
		if errors.As(err, &f) {
			fields = append(fields, f.Field)
		}
	}
	if want := []string{"keys[1].kty", "keys[3].use", "keys[4].n", "keys[6].crv", "keys[7].y"}; !slices.Equal(fields, want) {
		t.Errorf("ignored are %v, want %v", fields, want)
	}
	for _, kid := range []string{"weak", "new", "448", "half", ""} {
		_, err := set.FindKey(t.Context(), kid)
		wantErr(t, err, token.ErrKey)
	}
}

func TestJWKSThatIsRefused(t *testing.T) {
	rs, es := jwkOf(rsaKey()).with(noPrivate), jwkOf(p256()).with(noPrivate).with(m{"kid": "e"})
	hs := jwkOf(secret).with(m{"kid": "h"})
	many := make([]m, token.MaxJWKSKeys+1)
	for n := range many {
		many[n] = es.with(m{"kid": fmt.Sprint(n)})
	}
	for name, c := range map[string]struct {
		text  []byte
		field string
	}{
		"nothing":                        {nil, "keys"},
		"no set":                         {[]byte("{}"), "keys"},
		"keys null":                      {[]byte(`{"keys":null}`), "keys"},
		"keys an object":                 {[]byte(`{"keys":{}}`), "keys"},
		"keys twice":                     {[]byte(`{"keys":[],"keys":[]}`), "keys"},
		"something behind it":            {append(setOf(rs), 'x'), "keys"},
		"a key that is a number":         {[]byte(`{"keys":[7]}`), "keys[0]"},
		"no keys":                        {setOf(), "keys"},
		"no key of use":                  {setOf(rs.with(m{"use": "enc"})), "keys"},
		"over 256 KiB":                   {append(setOf(rs), bytes.Repeat([]byte(" "), token.MaxJWKSBytes)...), "keys"},
		"over 100 keys":                  {setOf(many...), "keys"},
		"a key over 32 KiB":              {setOf(rs.with(m{"x": strings.Repeat("x", token.MaxJWKBytes)})), "keys[0]"},
		"a kid twice":                    {setOf(rs, es.with(m{"kid": "k"})), "keys[1].kid"},
		"a thumbprint as another's kid":  {setOf(es.with(m{"kid": nil}), rs.with(m{"kid": must(token.ParseVerifyJWK([]byte(es.text()))).Thumbprint()})), "keys[1].kid"},
		"a private number":               {setOf(rs, jwkOf(p256())), "keys[1].d"},
		"a prime in a key for something": {setOf(rs, m{"kty": "X", "p": "x"}), "keys[1].p"},
		"a secret":                       {setOf(hs), "keys[0].k"},
		"a secret beside key pairs":      {setOf(rs, hs), "keys[1].k"},
		"a secret without its bytes":     {setOf(rs, hs.with(m{"k": nil})), "keys[1].kty"},
		"a post-quantum private key":     {setOf(rs, m{"kty": "AKP", "priv": "x"}), "keys[1].priv"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParseJWKS(c.text)
			wantField(t, err, c.field)
			wantErr(t, err, store.ErrInvalid)
			if err != nil && strings.Contains(err.Error(), b64(string(secret))) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestPrivateJWKS(t *testing.T) {
	hs, es, ed := jwkOf(secret), jwkOf(p256()).with(m{"kid": "e"}), jwkOf(edKey(0)).with(m{"kid": "o"})
	if keys := must(token.ParsePrivateJWKS(setOf(es, ed))); len(keys) != 2 || keys[1].KeyID() != "o" {
		t.Errorf("the keys are %v", keys)
	}
	if keys := must(token.ParsePrivateJWKS(setOf(hs, hs.with(m{"kid": "2"})))); len(keys) != 2 {
		t.Errorf("the keys are %v", keys)
	}
	for name, c := range map[string]struct {
		text  []byte
		field string
	}{
		"none":                      {setOf(), "keys"},
		"a kid twice":               {setOf(es, ed.with(m{"kid": "e"})), "keys[1].kid"},
		"a secret behind key pairs": {setOf(es, hs), "keys[1].kty"},
		"key pairs behind a secret": {setOf(hs, es), "keys[1].kty"},
		"a public key":              {setOf(es, ed.with(noPrivate)), "keys[1].d"},
		"a key that is unknown":     {setOf(es, m{"kty": "X"}), "keys[1].kty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParsePrivateJWKS(c.text)
			wantField(t, err, c.field)
		})
	}
}

func TestSecretsAreNotPublished(t *testing.T) {
	hs := must(token.HS256("h", secret)).VerifyKey()
	ed := must(token.Ed25519("e", edKey(0))).VerifyKey()
	for field, keys := range map[string][]token.VerifyKey{"keys[1]": {ed, hs}, "keys": {}, "keys[0]": {{}}} {
		_, err := token.MarshalJWKS(keys...)
		wantField(t, err, field)
	}
	if hs.Thumbprint() != "" || (token.VerifyKey{}).Thumbprint() != "" {
		t.Error("a secret has a thumbprint")
	}
}
