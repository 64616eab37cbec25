package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
)

// Kind keeps subjects of different natures apart: an API key is never logged out with its owner, and a nonce is never
// listed. Kinds are stored: a number never changes its meaning.
type Kind uint8

// The kinds of subject.
const (
	// KindUser is a person or service with sessions: the usual one, and the zero value.
	KindUser Kind = 0
	// KindKey is the holder of API keys and other standing tokens.
	KindKey Kind = 1
	// KindSID is a foreign issuer's session id, so that a logout which names only a sid works.
	KindSID Kind = 2
	// KindOnce is a nonce of [Once]; lists leave it out.
	KindOnce Kind = 3

	lastKind = KindOnce
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindKey:
		return "key"
	case KindSID:
		return "sid"
	case KindOnce:
		return "once"
	}
	return "invalid"
}

// Subject says whose ledger it is. Two issuers' "ann" are two subjects. All bytes are allowed in all three texts; Realm
// and Issuer may be empty, Name may not; each is at most [MaxNameLen] bytes.
type Subject struct {
	// Kind is the subject's nature.
	Kind Kind
	// Realm is the tenant; empty where there is one tenant.
	Realm string
	// Issuer is a foreign issuer's iss; empty for our own tokens.
	Issuer string
	// Name is the sub of the JWT (RFC 7519 §4.1.2).
	Name string
}

// User is the usual subject: a user of our own issuer, without a realm.
func User(name string) Subject { return Subject{Kind: KindUser, Name: name} }

// Digest is a 128-bit hash that stands for a subject or an id in keys, feeds, errors and views, so that none of them
// holds a name.
type Digest [16]byte

// String returns the digest as 32 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is the zero digest, which stands for nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Digest returns the subject's hash: the first 16 bytes of SHA-256 over a label, the kind, and realm, issuer and name,
// each behind its length. It is part of the contract, the same for ever: feeds and keys carry it.
func (s Subject) Digest() Digest {
	var buf [192]byte
	b := append(buf[:0], "jeton/subject/1"...)
	b = append(b, byte(s.Kind))
	for _, text := range [...]string{s.Realm, s.Issuer, s.Name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	sum := sha256.Sum256(b)
	return Digest(sum[:16])
}

// DigestID returns the hash of a record's or token's id, as feed events carry it. It does not depend on the subject.
func DigestID(id string) Digest {
	var buf [96]byte
	b := append(buf[:0], "jeton/id/1"...)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return Digest(sum[:16])
}

// Check returns a [FieldError] when the subject is outside its limits.
func (s Subject) Check() error {
	if s.Kind > lastKind {
		return invalid("Subject.Kind", "is not a known kind", "use KindUser, KindKey, KindSID or KindOnce")
	}
	if err := checkText("Subject.Realm", s.Realm, 0, MaxNameLen); err != nil {
		return err
	}
	if err := checkText("Subject.Issuer", s.Issuer, 0, MaxNameLen); err != nil {
		return err
	}
	return checkText("Subject.Name", s.Name, 1, MaxNameLen)
}

// Link is 128 random bits that a session gets at every rotation; the refresh token carries it. It prints redacted.
type Link [16]byte

// NewLink returns a fresh random link.
func NewLink() Link { return random() }

// IsZero reports whether l is the zero link, which is never valid.
func (l Link) IsZero() bool { return l == Link{} }

// Tag returns the first half of the link: what a record keeps of its previous link, enough to recognise it.
func (l Link) Tag() LinkTag { return LinkTag(l[:8]) }

// String returns a fixed text: a link is half of a refresh token's secret and is never printed.
func (l Link) String() string { return redacted }

// GoString is String, for printers that do not ask Format.
func (l Link) GoString() string { return redacted }

// Format prints String under every verb; without it %d would print the bytes.
func (l Link) Format(f fmt.State, _ rune) { writeRedacted(f) }

// MarshalText is String, for encoders such as encoding/json, which would otherwise write the bytes. There is no way
// back: a store keeps a link by its bytes, l[:].
func (l Link) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LinkTag is the first 64 bits of a [Link]. It prints redacted.
type LinkTag [8]byte

// String returns a fixed text, as Link's does.
func (t LinkTag) String() string { return redacted }

// GoString is String, for printers that do not ask Format.
func (t LinkTag) GoString() string { return redacted }

// Format prints String under every verb.
func (t LinkTag) Format(f fmt.State, _ rune) { writeRedacted(f) }

// MarshalText is String, as Link's is.
func (t LinkTag) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "link(redacted)"

func writeRedacted(f fmt.State) { _, _ = io.WriteString(f, redacted) } // fmt keeps no errors of its writers

// Op names one All or Others revocation, so that a repeat of it after a lost reply is recognised and cuts once.
type Op [16]byte

// NewOp returns a fresh random op.
func NewOp() Op { return random() }

// NewID returns a fresh id of 128 random bits as 22 characters of base64url. Backends keep ids of this form in 16 bytes.
func NewID() string {
	b := random()
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// random returns 16 bytes of crypto/rand, which ends the program rather than return fewer.
func random() (b [16]byte) {
	_, _ = rand.Read(b[:])
	return b
}
