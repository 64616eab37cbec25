package config

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// pair is a key ready for use; sign is the zero key where there is only the public half.
type pair struct {
	sign   token.SigningKey
	verify token.VerifyKey
}

// fault is what is wrong with a key: which of its fields, and a flaw.
type fault struct {
	field string
	flaw
}

// ready makes the key. Its fault names a field of the key as a file has it.
func (k Key) ready() (pair, *fault) {
	if k.Secret.IsZero() && k.Public == "" {
		return pair{}, &fault{"secret", flaw{"is missing", "give it as a text or as a file: 32 random bytes for HS256, a private key as PEM for EdDSA"}}
	}
	if !k.Secret.IsZero() && k.Public != "" {
		return pair{}, &fault{"public", flaw{"stands beside secret, which holds it too", "remove it, or remove secret for a process that only checks tokens"}}
	}
	k.Algorithm = cmp.Or(k.Algorithm, HS256)
	switch {
	case !slices.Contains(token.Algorithms(), k.Algorithm):
		return pair{}, &fault{"algorithm", flaw{"is not a known word", "write " + oneOf(token.Algorithms())}}
	case !strings.HasPrefix(k.Algorithm, "HS"):
		return k.ofPEM()
	case k.Public != "":
		return pair{}, &fault{"public", flaw{"is for a pair of keys, and the algorithm is " + k.Algorithm, "give secret, or set algorithm to the pair's, for instance EdDSA"}}
	}
	return k.shared()
}

// shared makes a key of a secret.
func (k Key) shared() (pair, *fault) {
	text := k.Secret.Reveal()
	if strings.HasPrefix(text, "-----BEGIN ") { // a public key as a secret is what everybody can sign with
		return pair{}, &fault{"secret", flaw{"is PEM, and the algorithm is " + k.Algorithm, "set algorithm to the key's, for instance EdDSA, or give random bytes"}}
	}
	id := k.ID
	if id == "" { // no token is signed over these bytes: those have a dot
		mac := hmac.New(sha256.New, []byte(text))
		mac.Write([]byte("jeton kid"))
		id = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
	}
	sign, err := token.NewSigningKey(id, k.Algorithm, []byte(text))
	return pair{sign, sign.VerifyKey()}, faultOf(err, "secret")
}

// ofPEM makes a key of a private or a public key. Without a kid it gets its thumbprint.
func (k Key) ofPEM() (pair, *fault) {
	if k.Public != "" {
		verify, err := token.ParseVerifyPEM(k.ID, k.Algorithm, []byte(k.Public))
		return pair{verify: verify}, faultOf(err, "public")
	}
	sign, err := token.ParseSigningPEM(k.ID, k.Algorithm, []byte(k.Secret.Reveal()))
	return pair{sign, sign.VerifyKey()}, faultOf(err, "secret")
}

// faultOf translates what package token says of a key, which field holds.
func faultOf(err error, field string) *fault {
	var f *store.FieldError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return &fault{field, flaw{"makes no key", "make a new one"}}
	case f.Field == "kid":
		field = "id"
	}
	return &fault{field, flaw{f.Problem, f.Remedy}}
}

// keyring is every key of a configuration.
type keyring struct {
	current pair
	// all checks tokens: the current key and the previous ones.
	all token.KeySet
}

// keyring makes the keys, and reports what is wrong with each.
func (c *Config) keyring(refused refusals, wrong *mistakes) keyring {
	var r keyring
	var keys []token.VerifyKey
	ids := map[string]string{}
	for n, k := range append([]Key{c.Key}, c.PreviousKeys...) {
		label := "key."
		if n > 0 {
			label = fmt.Sprintf("previous_keys[%d].", n-1)
		}
		p, f := k.ready()
		if f == nil && ids[p.verify.KeyID()] != "" {
			f = &fault{"id", flaw{"is also that of " + ids[p.verify.KeyID()], "give each key its own, or leave it out"}}
		}
		if f != nil {
			if !slices.ContainsFunc([]string{f.field, "secret", "public", "algorithm"}, func(name string) bool { return refused.has(label + name) }) {
				wrong.add(c.at(label+f.field), label+f.field, f.problem, f.remedy)
			}
			continue
		}
		if n == 0 {
			r.current = p
		}
		ids[p.verify.KeyID()] = strings.TrimSuffix(label, ".")
		keys = append(keys, p.verify)
	}
	if len(keys) > 0 {
		r.all, _ = token.NewKeySet(keys...) // none is zero, and the kids differ
	}
	return r
}
