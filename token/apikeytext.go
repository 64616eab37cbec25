package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// The text of an API key is
//
//	prefix _ base64url(payload) checksum
//
// with the payload
//
//	format 1, version of the seal's secret 1, version of the pepper 1 (0: none), random 32, tag 16, sealed owner
//
// The tag proves all of it and the prefix. The checksum is no proof: scanners and typing errors are told apart by it.
const (
	keyFormat    = 1
	randomSize   = 32
	keyHead      = 3
	checksumSize = 6
	minOwner     = 2 + 2 + 1
	maxOwner     = 2 + 2 + 3*store.MaxNameLen
	minPayload   = keyHead + randomSize + tagSize + minOwner
	maxPayload   = keyHead + randomSize + tagSize + maxOwner
	lastFour     = 4
)

// MaxPrefixLen is the longest prefix of API keys.
const MaxPrefixLen = 32

// checkPrefix judges a prefix: what scanners find in a text and a double click takes whole.
func checkPrefix(prefix string) error {
	remedy := "use letters, digits and single underscores inside, a letter first: acme, acme_live"
	if len(prefix) < 2 || len(prefix) > MaxPrefixLen {
		return invalid("prefix", fmt.Sprintf("is %d bytes, the range is 2 to %d", len(prefix), MaxPrefixLen), remedy)
	}
	for _, word := range strings.Split(prefix, "_") {
		if word == "" || strings.Contains(word, "-") || strings.IndexFunc(word, notBase64URL) >= 0 {
			return invalid("prefix", "has a character that it cannot have, or an underscore at an end or beside another", remedy)
		}
	}
	if c := prefix[0]; '0' <= c && c <= '9' {
		return invalid("prefix", "begins with a digit", remedy)
	}
	return nil
}

func notBase64URL(r rune) bool {
	return ('a' > r || r > 'z') && ('A' > r || r > 'Z') && ('0' > r || r > '9') && r != '-' && r != '_'
}

// Pattern returns a regular expression (RE2) that finds the keys in a text, for secret scanners: every key of this prefix
// matches it. Whether a match is a key tells its checksum; docs/api-keys.md tells how to count it.
func (k *APIKeys) Pattern() string {
	// The format and the version are the first 12 bits of the text; Q to f have the format's last two.
	least := base64.RawURLEncoding.EncodedLen(minPayload) - 2
	return fmt.Sprintf(`\b%sA[Q-Za-f][A-Za-z0-9_-]{%d,}[A-Za-z0-9]{%d}\b`, regexp.QuoteMeta(k.lead), least, checksumSize)
}

// encode makes a key's text of 256 random bits and the owner, with the current secrets, and its record's id.
func (k *APIKeys) encode(random [randomSize]byte, owner store.Subject) (text, id string) {
	plain := appendOwner(nil, owner)
	payload := append([]byte{keyFormat, k.seal, k.pepper}, random[:]...)
	payload = k.seals[k.seal].seal(payload, k.bound(payload), plain)
	text = k.lead + segments.EncodeToString(payload)
	return text + checksum(text), k.id(plain, payload)
}

// bound is what a seal proves besides the owner: what the key begins with, and its first bytes up to the tag. The lead is as
// long as the rest leaves it, so that no two pairs of both make one text.
func (k *APIKeys) bound(payload []byte) []byte {
	return append([]byte(k.lead), payload[:keyHead+randomSize]...)
}

// decode reads a text that begins with the prefix: whose key it is and its record's id, in one strict reading. Length
// first, then the checksum, so that garbage costs next to nothing.
func (k *APIKeys) decode(raw string) (owner store.Subject, id string, err error) {
	refused := func(sentinel error, why string) (store.Subject, string, error) {
		return store.Subject{}, "", refuse(sentinel, why)
	}
	if len(raw) > len(k.lead)+base64.RawURLEncoding.EncodedLen(maxPayload)+checksumSize {
		return store.Subject{}, "", &RefusedError{Err: ErrTooLong}
	}
	if len(raw) < len(k.lead)+base64.RawURLEncoding.EncodedLen(minPayload)+checksumSize {
		return refused(ErrMalformed, "it is too short for an API key")
	}
	summed, sum := raw[:len(raw)-checksumSize], raw[len(raw)-checksumSize:]
	if checksum(summed) != sum {
		return refused(ErrMalformed, "the checksum is wrong")
	}
	if strings.IndexFunc(summed, notBase64URL) >= 0 { // the decoder skips line breaks
		return refused(ErrMalformed, "it has a character that no token has")
	}
	payload, err := segments.DecodeString(summed[len(k.lead):])
	if err != nil {
		return refused(ErrMalformed, "it is not base64url")
	}
	if payload[0] != keyFormat {
		return refused(ErrMalformed, "it has a format that is not known")
	}
	seal, ok := k.seals[payload[1]]
	if !ok {
		return refused(ErrKey, "the version of its seal is not known")
	}
	if _, ok := k.peppers[payload[2]]; !ok {
		return refused(ErrKey, "the version of its pepper is not known")
	}
	plain, ok := seal.open(k.bound(payload), payload[keyHead+randomSize:])
	if !ok {
		return store.Subject{}, "", &RefusedError{Err: ErrSignature}
	}
	owner, ok = readOwner(plain)
	if !ok { // sealed by somebody with our secret, and not by us
		return refused(ErrMalformed, "its owner does not read")
	}
	return owner, k.id(plain, payload), nil
}

// id is the record's id: the pepper's version and a hash of owner and payload, 33 bytes as 44 characters of base64url. The
// text cannot be had back from it: 256 random bits are in it.
func (k *APIKeys) id(owner, payload []byte) string {
	version, h := payload[2], sha256.New()
	if pepper := k.peppers[version]; pepper != nil {
		key, _ := pepper.key.([]byte)
		h = hmac.New(sha256.New, key)
	}
	h.Write([]byte("jeton/apikey/1/id"))
	for _, part := range [...][]byte{[]byte(k.lead), owner} {
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(part)))) //nolint:gosec // G115: some hundred bytes
		h.Write(part)
	}
	h.Write(payload)
	return base64.RawURLEncoding.EncodeToString(h.Sum([]byte{version}))
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum is the CRC-32 (IEEE 802.3) of a text as six digits of base 62. Its alphabet lets a key end in a letter or a
// digit, where scanners see the end of a word.
func checksum(text string) string {
	n := crc32.ChecksumIEEE([]byte(text))
	var digits [checksumSize]byte
	for i := checksumSize - 1; i >= 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	return string(digits[:])
}
