package token

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
)

// MinSecretBytes is the shortest [Secret].
const MinSecretBytes = 32

// Secret is a symmetric secret with a version, so that it can be changed: the first of a list makes what is new, the others
// are for what was made before. [APIKeys] seals with one and peppers with another. It prints redacted and does not marshal.
// The zero Secret is refused wherever it is used.
type Secret struct{ s *versioned }

type versioned struct {
	version byte
	bytes   *material
}

// NewSecret makes a secret. version is 1 to 255 and is written into what is made with it: never give one version to two
// secrets. The secret is at least [MinSecretBytes] from a random source, and copied. One byte over and over, zeros for
// instance, is refused: that is a buffer nobody filled. Errors are of type [store.FieldError].
func NewSecret(version int, secret []byte) (Secret, error) {
	switch {
	case version < 1 || version > 255:
		return Secret{}, invalid("version", fmt.Sprintf("is %d, the range is 1 to 255", version), "count from 1, up with every new secret")
	case len(secret) < MinSecretBytes:
		return Secret{}, invalid("secret", fmt.Sprintf("is %d bytes, the least is %d", len(secret), MinSecretBytes),
			"make it of random bytes: openssl rand 32")
	case bytes.Count(secret, secret[:1]) == len(secret):
		return Secret{}, invalid("secret", "is one byte over and over", "make it of random bytes: openssl rand 32")
	}
	return Secret{&versioned{byte(version), &material{bytes.Clone(secret)}}}, nil
}

// Version returns the secret's version; 0 for the zero Secret.
func (s Secret) Version() int {
	if s.s == nil {
		return 0
	}
	return int(s.s.version)
}

// derive returns 32 bytes for one use of the secret (RFC 5869): what one use shows tells nothing about another.
func (s Secret) derive(use string) ([]byte, error) {
	secret, _ := s.s.bytes.key.([]byte)
	key, err := hkdf.Key(sha256.New, secret, nil, use, 32)
	if err != nil {
		return nil, fmt.Errorf("jeton: deriving a key: %w", err)
	}
	return key, nil
}

// checkSecrets refuses the zero Secret, and two of one version. field is the list's.
func checkSecrets(field string, secrets []Secret) error {
	var taken [256]bool
	for n, s := range secrets {
		at := fmt.Sprintf("%s[%d]", field, n)
		if s.s == nil {
			return invalid(at, "is the zero Secret", "make it by NewSecret")
		}
		if taken[s.s.version] {
			return invalid(at, "has the version of another one", "give every secret a version of its own")
		}
		taken[s.s.version] = true
	}
	return nil
}

const redactedSecret = "secret(redacted)"

// String returns a fixed text.
func (s Secret) String() string { return redactedSecret }

// GoString returns a fixed text, for %#v.
func (s Secret) GoString() string { return redactedSecret }

// Format prints a fixed text, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { printRedacted(f, redactedSecret) }

// LogValue shows the version.
func (s Secret) LogValue() slog.Value { return slog.GroupValue(slog.Int("version", s.Version())) }

// MarshalText is an error.
func (s Secret) MarshalText() ([]byte, error) { return nil, errMarshalKey }
