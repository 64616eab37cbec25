package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"

	"github.com/go-json-experiment/json"
)

// hand is a signing key with all that follows from it: what its tokens begin with, and how long they get.
type hand struct {
	key             SigningKey
	access, refresh string // the headers of the two types
	sigLen          int    // of a signature as the token has it
}

func newHand(key SigningKey) (*hand, error) {
	h := &hand{key: key, sigLen: base64.RawURLEncoding.EncodedLen(key.VerifyKey().signatureSize())}
	var err error
	if h.access, err = encodeHeader(key, typeAccess); err != nil {
		return nil, err
	}
	h.refresh, err = encodeHeader(key, typeRefresh)
	return h, err
}

// handOf returns the hand to sign with now. All tokens of a pair come from one.
func (i *Issuer) handOf() (*hand, error) {
	key := i.signer.signingKey()
	if h := i.hand.Load(); h != nil && h.key.k == key.k {
		return h, nil
	}
	h, err := newHand(key)
	if err == nil {
		i.hand.Store(h) // whoever stores last may have the older key: the next call sees it
	}
	return h, err
}

func (k SigningKey) signingKey() SigningKey { return k }

func (k SigningKey) refreshKeys() ownKeys { return k.VerifyKey() }

func (k SigningKey) serve(i *Issuer) error {
	if _, err := k.sign(""); err != nil { // a key in a KMS that does not work is found at the start
		return err
	}
	return i.checkRoom(k)
}

// signatureSize is the length of a signature, which all of a key share.
func (k VerifyKey) signatureSize() int {
	switch key := k.k.key.key.(type) {
	case *hmacKey:
		return key.least
	case *rsa.PublicKey:
		return key.Size()
	case *ecdsa.PublicKey:
		return 2 * len(halfOrders[key.Curve])
	}
	return ed25519.SignatureSize
}

// encodeHeader returns the header of all tokens of a type.
func encodeHeader(key SigningKey, typ string) (string, error) {
	text, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{key.Algorithm(), key.KeyID(), typ})
	return base64.RawURLEncoding.EncodeToString(text), err
}
