package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/jetonkit/jeton/store"
)

// tagSize is the synthetic IV, which is the proof as well: 128 bits.
const tagSize = 16

// sealer encrypts whose key it is, so that nobody else reads it or makes one up: SIV (Rogaway and Shrimpton, Deterministic
// Authenticated-Encryption, 2006) of HMAC-SHA256 and AES-256-CTR. The IV is a MAC over everything, so that none can be used
// twice for two texts, whatever the random source does. docs/design.md tells why it is not a library's.
type sealer struct {
	mac   []byte
	block cipher.Block
}

func newSealer(s Secret) (*sealer, error) {
	mac, err := s.derive("jeton/apikey/1/seal/mac")
	if err != nil {
		return nil, err
	}
	key, err := s.derive("jeton/apikey/1/seal/enc")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &sealer{mac: mac, block: block}, nil
}

// seal appends tag and ciphertext of plain to dst. bound is proven and not hidden.
func (s *sealer) seal(dst, bound, plain []byte) []byte {
	tag := s.tag(bound, plain)
	dst = append(dst, tag...)
	n := len(dst)
	dst = append(dst, plain...)
	cipher.NewCTR(s.block, tag).XORKeyStream(dst[n:], dst[n:])
	return dst
}

// open returns what was sealed, or false: another key, another bound, or a changed byte.
func (s *sealer) open(bound, sealed []byte) ([]byte, bool) {
	if len(sealed) < tagSize {
		return nil, false
	}
	tag := sealed[:tagSize]
	plain := make([]byte, len(sealed)-tagSize)
	cipher.NewCTR(s.block, tag).XORKeyStream(plain, sealed[tagSize:])
	if subtle.ConstantTimeCompare(tag, s.tag(bound, plain)) != 1 {
		return nil, false
	}
	return plain, true
}

func (s *sealer) tag(bound, plain []byte) []byte {
	mac := hmac.New(sha256.New, s.mac)
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(bound)))) //nolint:gosec // G115: some hundred bytes
	mac.Write(bound)
	mac.Write(plain)
	return mac.Sum(nil)[:tagSize]
}

// appendOwner appends a subject's texts: realm and issuer behind their lengths, then the name. There is one form for each.
func appendOwner(b []byte, s store.Subject) []byte {
	for _, text := range [...]string{s.Realm, s.Issuer} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(text))) //nolint:gosec // G115: Subject.Check allows 256 bytes
		b = append(b, text...)
	}
	return append(b, s.Name...)
}

// readOwner reads what appendOwner wrote. False for anything else, a subject outside its limits too.
func readOwner(b []byte) (store.Subject, bool) {
	s := store.Subject{Kind: store.KindKey}
	for _, text := range [...]*string{&s.Realm, &s.Issuer} {
		if len(b) < 2 {
			return store.Subject{}, false
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) {
			return store.Subject{}, false
		}
		*text, b = string(b[:n]), b[n:]
	}
	s.Name = string(b)
	return s, s.Check() == nil
}
