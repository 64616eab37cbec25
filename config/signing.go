package config

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
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
	switch {
	case k.Algorithm == EdDSA && k.Public != "":
		return k.public()
	case k.Algorithm == EdDSA:
		return k.private()
	case k.Algorithm != "" && k.Algorithm != HS256:
		return pair{}, &fault{"algorithm", flaw{"is not a known word", "write HS256 or EdDSA"}}
	case k.Public != "":
		return pair{}, &fault{"public", flaw{"is for EdDSA, and the algorithm is HS256", "give secret, or set algorithm to EdDSA"}}
	}
	return k.shared()
}

// shared makes a key of a secret.
func (k Key) shared() (pair, *fault) {
	text := k.Secret.Reveal()
	if strings.HasPrefix(text, "-----BEGIN ") { // a public key as a secret is what everybody can sign with
		return pair{}, &fault{"secret", flaw{"is PEM, and the algorithm is HS256", "set algorithm to EdDSA, or give random bytes"}}
	}
	id := k.ID
	if id == "" { // no token is signed over these bytes: those have a dot
		mac := hmac.New(sha256.New, []byte(text))
		mac.Write([]byte("jeton kid"))
		id = encoded(mac.Sum(nil))
	}
	sign, err := token.HS256(id, []byte(text))
	return pair{sign, sign.VerifyKey()}, faultOf(err)
}

// private makes a key of a private key in PEM.
func (k Key) private() (pair, *fault) {
	der, f := decodePEM("secret", k.Secret.Reveal(), "PRIVATE KEY", "make one by: openssl genpkey -algorithm ed25519")
	if f != nil {
		return pair{}, f
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return pair{}, &fault{"secret", flaw{"holds no Ed25519 private key", "make one by: openssl genpkey -algorithm ed25519"}}
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return pair{}, &fault{"secret", flaw{"has no public half", "make one by: openssl genpkey -algorithm ed25519"}}
	}
	sign, err := token.Ed25519(k.idOf(public), key)
	return pair{sign, sign.VerifyKey()}, faultOf(err)
}

// public makes a key of a public key in PEM.
func (k Key) public() (pair, *fault) {
	const remedy = "make it by: openssl pkey -in private.pem -pubout"
	der, f := decodePEM("public", k.Public, "PUBLIC KEY", remedy)
	if f != nil {
		return pair{}, f
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return pair{}, &fault{"public", flaw{"holds no Ed25519 public key", remedy}}
	}
	verify, err := token.Ed25519Public(k.idOf(key), key)
	f = faultOf(err)
	if f != nil && f.field == "secret" {
		f.field = "public"
	}
	return pair{verify: verify}, f
}

// idOf returns the kid, made of the public half where none is given.
func (k Key) idOf(public ed25519.PublicKey) string {
	if k.ID != "" {
		return k.ID
	}
	sum := sha256.Sum256(public)
	return encoded(sum[:])
}

func encoded(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:16]) }

func decodePEM(field, text, typ, remedy string) ([]byte, *fault) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != typ || strings.TrimSpace(string(rest)) != "" {
		return nil, &fault{field, flaw{"is not one PEM block of type " + typ, remedy}}
	}
	return block.Bytes, nil
}

// faultOf translates what package token says of a key.
func faultOf(err error) *fault {
	var f *store.FieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && f.Field == "kid":
		return &fault{"id", flaw{f.Problem, f.Remedy}}
	case errors.As(err, &f):
		return &fault{"secret", flaw{f.Problem, f.Remedy}}
	}
	return &fault{"secret", flaw{"makes no key", "make a new one"}}
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
