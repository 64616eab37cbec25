package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// MaxPEMBytes is the longest PEM text that is read.
const MaxPEMBytes = 32 << 10

// ParseSigningPEM reads a private key: one PEM block of PKCS #8 (PRIVATE KEY), PKCS #1 (RSA PRIVATE KEY) or SEC 1 (EC PRIVATE
// KEY), and judges it as [NewSigningKey] does. alg may be empty for Ed25519 and for a curve, which fix it; an RSA key needs
// one. Without a kid it gets its thumbprint (RFC 7638). Errors are of type [store.FieldError], name kid, alg, pem or key, and
// hold nothing of the key.
func ParseSigningPEM(kid, alg string, text []byte) (SigningKey, error) {
	block, err := onePEM(text)
	if err != nil {
		return SigningKey{}, err
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return SigningKey{}, wrongPEM("PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY")
	}
	if err != nil {
		return SigningKey{}, badPEM("private")
	}
	signer, ok := key.(crypto.Signer)
	if !ok { // X25519, for instance
		return SigningKey{}, badPEM("private")
	}
	if kid, alg, err = named(kid, alg, signer.Public()); err != nil {
		return SigningKey{}, err
	}
	return NewSigningKey(kid, alg, key)
}

// ParseVerifyPEM reads a public key: one PEM block of PKIX (PUBLIC KEY) or PKCS #1 (RSA PUBLIC KEY), and judges it as
// [NewVerifyKey] does. What [ParseSigningPEM] says of alg, kid and errors holds here too.
func ParseVerifyPEM(kid, alg string, text []byte) (VerifyKey, error) {
	block, err := onePEM(text)
	if err != nil {
		return VerifyKey{}, err
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return VerifyKey{}, wrongPEM("PUBLIC KEY or RSA PUBLIC KEY")
	}
	if err != nil {
		return VerifyKey{}, badPEM("public")
	}
	if kid, alg, err = named(kid, alg, key); err != nil {
		return VerifyKey{}, err
	}
	return NewVerifyKey(kid, alg, key)
}

// onePEM returns the one block of a text. What openssl writes before a key, its EC PARAMETERS, is passed over.
func onePEM(text []byte) (*pem.Block, error) {
	if len(text) > MaxPEMBytes {
		return nil, invalid("pem", fmt.Sprintf("is %d bytes, the limit is %d", len(text), MaxPEMBytes), "give one key")
	}
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	switch {
	case block == nil || len(bytes.TrimSpace(rest)) > 0:
		return nil, invalid("pem", "is not one block of PEM", "give one key, and nothing behind it")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, invalid("pem", "is encrypted", "decrypt it first: openssl pkey -in key.pem")
	}
	return block, nil
}

func wrongPEM(want string) error {
	return invalid("pem", "is not of type "+want, "write it by: openssl pkey, with -pubout for the public half")
}

func badPEM(half string) error {
	return invalid("pem", "holds no "+half+" key of RSA, ECDSA or Ed25519", "make one by: openssl genpkey")
}

// named returns the kid and the alg of a public key for those that are not given.
func named(kid, alg string, public any) (string, string, error) {
	if kid == "" {
		kid = thumbprint(public)
	}
	if alg != "" {
		return kid, alg, nil
	}
	switch k := public.(type) {
	case ed25519.PublicKey:
		return kid, AlgEdDSA, nil
	case *ecdsa.PublicKey:
		if alg = curves[k.Params().Name]; alg != "" {
			return kid, alg, nil
		}
	case *rsa.PublicKey:
		return "", "", invalid("alg", "is missing, and an RSA key has six", "name one, for instance RS256 or PS256")
	}
	return "", "", badPEM("usable")
}
