package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/jetonkit/jeton/store"
)

const (
	// MinKeyBytes is the shortest secret of a [Key]: as long as what HMAC-SHA256 makes of it.
	MinKeyBytes = 32
	// MaxKeyID is the largest length in bytes of a key's id.
	MaxKeyID = 64
	// MaxKeys is how many keys a [Keys] holds.
	MaxKeys = 10_000
)

var errMarshal = errors.New("jeton: a key is not marshalled")

// Key is a shared secret with an id, which tells a caller from others. It prints redacted and does not marshal.
// The zero Key is refused wherever it is used.
type Key struct{ k *keyMaterial } // a pointer, because fmt prints unexported fields of other structs

type keyMaterial struct {
	id     string
	secret []byte
}

// NewKey makes a key. id is 1 to [MaxKeyID] of A-Z a-z 0-9 . _ - and travels with every call: never give one id to two
// secrets. The secret is at least [MinKeyBytes] from a random source, and copied. One byte over and over, zeros for
// instance, is refused: that is a buffer nobody filled. Errors are of type [store.FieldError].
func NewKey(id string, secret []byte) (Key, error) {
	switch {
	case !isKeyID(id):
		return Key{}, invalid("id", fmt.Sprintf("is not 1 to %d of A-Z a-z 0-9 . _ -", MaxKeyID),
			"name the caller and the time: billing-2026-11")
	case len(secret) < MinKeyBytes:
		return Key{}, invalid("secret", fmt.Sprintf("is %d bytes, the least is %d", len(secret), MinKeyBytes),
			"make it of random bytes: openssl rand 32")
	case bytes.Count(secret, secret[:1]) == len(secret):
		return Key{}, invalid("secret", "is one byte over and over", "make it of random bytes: openssl rand 32")
	}
	return Key{&keyMaterial{id, bytes.Clone(secret)}}, nil
}

// ID returns the key's id; it is empty for the zero Key.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// mac returns the HMAC-SHA256 of a text in hexadecimal.
func (k Key) mac(text string) string {
	h := hmac.New(sha256.New, k.k.secret)
	_, _ = h.Write([]byte(text)) // a hash writes without errors
	return hex.EncodeToString(h.Sum(nil))
}

// signed reports in constant time whether mac is the key's of text.
func (k Key) signed(text, mac string) bool { return hmac.Equal([]byte(k.mac(text)), []byte(mac)) }

const redacted = "key(redacted)"

// String returns a fixed text.
func (k Key) String() string { return redacted }

// GoString returns a fixed text, for %#v.
func (k Key) GoString() string { return redacted }

// Format prints a fixed text, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) } // there is nobody to tell of a failing State

// LogValue shows the id.
func (k Key) LogValue() slog.Value { return slog.GroupValue(slog.String("id", k.ID())) }

// MarshalText is an error.
func (k Key) MarshalText() ([]byte, error) { return nil, errMarshal }

// Keys are the keys that count, all at once: the first signs, each verifies. They can be replaced while they are in use,
// and are safe for concurrent use.
type Keys struct{ now atomic.Pointer[keyList] }

type keyList struct {
	inOrder []Key // the first signs
	byID    map[string]Key
}

// NewKeys makes them of 1 to [MaxKeys] keys with ids of their own. Errors are of type [store.FieldError].
func NewKeys(keys ...Key) (*Keys, error) {
	k := new(Keys)
	return k, k.Replace(keys...)
}

// Replace puts these keys, as NewKeys takes them, in the place of all others, for every call that begins later. A key
// that is not among them signs and verifies nothing any more. After an error nothing is changed.
func (k *Keys) Replace(keys ...Key) error {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return invalid("keys", fmt.Sprintf("are %d, the range is 1 to %d", len(keys), MaxKeys),
			"give the one that signs, and those that only verify behind it")
	}
	byID := make(map[string]Key, len(keys))
	for n, key := range keys {
		at := fmt.Sprintf("keys[%d]", n)
		if key.k == nil {
			return invalid(at, "is the zero Key", "make it by NewKey")
		}
		if _, taken := byID[key.ID()]; taken {
			return invalid(at, "has the id of another one", "give every secret an id of its own")
		}
		byID[key.ID()] = key
	}
	k.now.Store(&keyList{slices.Clone(keys), byID})
	return nil
}

// load returns the keys of now; none of a Keys that NewKeys has not made.
func (k *Keys) load() *keyList {
	if k == nil {
		return nil
	}
	return k.now.Load()
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: field, Problem: problem, Remedy: remedy}
}
