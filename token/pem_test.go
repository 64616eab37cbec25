package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

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
