package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// parameters are what an argon2id hash is made with. A hash carries its own, so those of new ones may change.
type parameters struct {
	memory, time uint32 // KiB; passes
	threads      uint8
}

// strong returns the parameters of new hashes: what OWASP asks for where 19 MiB can be spent.
func strong() parameters { return parameters{memory: 19 << 10, time: 2, threads: 1} }

const (
	saltBytes = 16
	hashBytes = 32
)

// hashWait is how long a request waits for its turn to hash.
const hashWait = 5 * time.Second

// errBusy is a server with more passwords to check than it can; it is answered as an outage.
var errBusy = errors.New("too many passwords to check at once")

// hasher makes and checks hashes, a few at a time: each takes 19 MiB, and a flood of logins must not take all.
type hasher struct {
	new   parameters
	slots chan struct{}
	// nobody is a hash that no password has, to check where there is no account: its key is random.
	nobody string
}

// newHasher returns a hasher that makes hashes with these parameters, and computes at most atOnce of them at a time.
func newHasher(p parameters, atOnce int) *hasher {
	salt, key := make([]byte, saltBytes), make([]byte, hashBytes)
	_, _ = rand.Read(salt) // never fails
	_, _ = rand.Read(key)
	return &hasher{
		new:    p,
		slots:  make(chan struct{}, atOnce),
		nobody: encode(p, salt, key),
	}
}

// encode writes a hash in the PHC form: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func encode(p parameters, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errHash = errors.New("a stored password hash cannot be read")

// decode reads what encode writes. The bounds keep a damaged hash from taking the machine's memory.
func decode(encoded string) (p parameters, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, nil, nil, errHash
	}
	if p.memory > 1<<20 || p.time == 0 || p.time > 100 || p.threads == 0 {
		return p, nil, nil, errHash
	}
	b64 := base64.RawStdEncoding.Strict()
	if salt, err = b64.DecodeString(parts[4]); err != nil {
		return p, nil, nil, errHash
	}
	if key, err = b64.DecodeString(parts[5]); err != nil || len(key) != hashBytes {
		return p, nil, nil, errHash
	}
	return p, salt, key, nil
}

// hash returns the hash of a password, to be stored.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	key, err := h.derive(ctx, h.new, salt, password)
	if err != nil {
		return "", err
	}
	return encode(h.new, salt, key), nil
}

// verify reports whether the hash is the password's. An empty hash is nobody's and takes as long as a wrong password, or
// the time would tell which accounts there are.
func (h *hasher) verify(ctx context.Context, encoded, password string) (bool, error) {
	if encoded == "" {
		encoded = h.nobody
	}
	p, salt, want, err := decode(encoded)
	if err != nil {
		return false, err
	}
	got, err := h.derive(ctx, p, salt, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// derive computes argon2id when it is its turn.
func (h *hasher) derive(ctx context.Context, p parameters, salt []byte, password string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, hashWait, errBusy)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return argon2.IDKey([]byte(password), salt, p.time, p.memory, p.threads, hashBytes), nil
}
