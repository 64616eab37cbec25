package endpoints

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// minSecret is the shortest client secret: 128 random bits as base64url.
const minSecret = 22

// maxSecret bounds what a request makes us hash.
const maxSecret = 1 << 10

// SecretHash is a client's secret as it is kept: SHA-256 of it. That is enough for a random text of 128 bits or more, which
// nobody guesses, and is what [NewSecret] makes; it would not be for a password that somebody thought of. The zero
// SecretHash is no secret's.
type SecretHash struct{ sum [sha256.Size]byte }

const hashPrefix = "sha256:"

// NewSecret makes a client secret of 256 random bits, 43 characters of base64url, and its hash. The text is shown once and
// kept by the client.
func NewSecret() (secret string, hash SecretHash) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // it ends the program rather than return fewer
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	return secret, hashOf(secret)
}

// HashSecret returns the hash of a secret that was made elsewhere: 22 to 1024 bytes of a random source. Bad input is a
// store.FieldError.
func HashSecret(secret string) (SecretHash, error) {
	if len(secret) < minSecret || len(secret) > maxSecret {
		return SecretHash{}, invalid("secret", fmt.Sprintf("is %d bytes, the range is %d to %d", len(secret), minSecret, maxSecret),
			"let NewSecret make one")
	}
	if strings.Count(secret, secret[:1]) == len(secret) {
		return SecretHash{}, invalid("secret", "is one character over and over", "let NewSecret make one")
	}
	return hashOf(secret), nil
}

// ParseSecretHash reads what [SecretHash.String] wrote, for instance from a file. Bad input is a store.FieldError.
func ParseSecretHash(text string) (SecretHash, error) {
	written, ok := strings.CutPrefix(text, hashPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(written)
	if !ok || err != nil || len(b) != sha256.Size {
		return SecretHash{}, invalid("hash", "is not sha256: with 43 characters of base64url behind it",
			"write what SecretHash.String returns")
	}
	return SecretHash{[sha256.Size]byte(b)}, nil
}

// String returns the hash as [ParseSecretHash] reads it. The secret cannot be had back from it.
func (h SecretHash) String() string {
	return hashPrefix + base64.RawURLEncoding.EncodeToString(h.sum[:])
}

func hashOf(secret string) SecretHash { return SecretHash{sha256.Sum256([]byte(secret))} }

// anySecret reports whether a secret is one of those hashed. It takes the same time for a client that is not known, which
// has none.
func anySecret(secret string, hashes []SecretHash) bool {
	got, found := sha256.Sum256([]byte(secret)), 0
	if len(hashes) == 0 {
		hashes = []SecretHash{{}} // no text is known to have it
	}
	for _, h := range hashes {
		found |= subtle.ConstantTimeCompare(got[:], h.sum[:])
	}
	return found == 1
}
