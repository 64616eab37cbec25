package token

import (
	"crypto"
	"crypto/hmac"
	"errors"
	"hash"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// hmacMethod is HMAC by its name (RFC 7518 §3.2). golang-jwt's makes a new state for each signature, seven allocations and
// two more blocks of hash; this one keeps the states of each key.
type hmacMethod string

var _ jwt.SigningMethod = hmacMethod("")

var errHMAC = errors.New("hmac: verification error")

// hmacKey is a secret, as states that have read it.
type hmacKey struct {
	size  int // of the secret
	least int
	// secret stays where only the pool's function sees it: fmt does not look into functions.
	pool sync.Pool
}

// hmacState is one use of a key.
type hmacState struct {
	hash hash.Hash
	text [512]byte // hash.Hash takes no strings
	sum  [64]byte
}

func newHMACKey(secret []byte, h crypto.Hash) *hmacKey {
	secret = append([]byte(nil), secret...)
	k := &hmacKey{size: len(secret), least: h.Size()}
	k.pool.New = func() any { return &hmacState{hash: hmac.New(h.New, secret)} }
	return k
}

// Alg returns the name.
func (m hmacMethod) Alg() string { return string(m) }

// Verify checks a signature.
func (m hmacMethod) Verify(text string, sig []byte, key any) error {
	k, ok := key.(*hmacKey)
	if !ok {
		return jwt.ErrInvalidKeyType
	}
	s, sum := k.sum(text)
	good := hmac.Equal(sig, sum)
	k.pool.Put(s)
	if !good {
		return errHMAC
	}
	return nil
}

// Sign makes a signature.
func (m hmacMethod) Sign(text string, key any) ([]byte, error) {
	k, ok := key.(*hmacKey)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	s, sum := k.sum(text)
	out := append([]byte(nil), sum...)
	k.pool.Put(s)
	return out, nil
}

// sum returns a text's HMAC, which is the state's until that goes back to the pool.
func (k *hmacKey) sum(text string) (*hmacState, []byte) {
	s, ok := k.pool.Get().(*hmacState)
	if !ok {
		panic("jeton: a pool returned what nobody put in")
	}
	s.hash.Reset()
	for len(text) > 0 {
		n := copy(s.text[:], text)
		s.hash.Write(s.text[:n])
		text = text[n:]
	}
	return s, s.hash.Sum(s.sum[:0])
}
