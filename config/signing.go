package config

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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
	token.RingKeys
	current pair
	// published are the paths of what is in Published.
	published []string
	// whole says that every key is good.
	whole bool
}

// keyring makes the keys, and reports what is wrong with each.
func (c *Config) keyring(refused refusals, wrong *mistakes) keyring {
	r := keyring{whole: true, RingKeys: token.RingKeys{Removed: c.RemovedKeys}}
	ids := map[string]string{}
	take := func(label string, k Key, previous bool) (p pair) {
		p, f := k.ready()
		switch {
		case f != nil:
		case ids[p.verify.KeyID()] != "":
			f = &fault{"id", flaw{"is also that of " + ids[p.verify.KeyID()], "give each key its own, or leave it out"}}
		case !previous && !k.RetiredAt.IsZero():
			f = &fault{"retired_at", flaw{"is of previous_keys alone", "put the key there, or leave it out"}}
		}
		if f == nil {
			ids[p.verify.KeyID()] = label
			return p
		}
		r.whole = false
		if !slices.ContainsFunc([]string{f.field, "secret", "public", "algorithm"}, func(name string) bool { return refused.has(label + "." + name) }) {
			wrong.add(c.at(label+"."+f.field), label+"."+f.field, f.problem, f.remedy)
		}
		return pair{}
	}
	publish := func(label string, p pair) {
		r.Published, r.published = append(r.Published, p.verify), append(r.published, label)
	}
	r.current = take("key", c.Key, false)
	if r.Signing = r.current.sign; r.Signing.KeyID() == "" { // somebody else signs
		publish("key", r.current)
	}
	for n, k := range c.NextKeys {
		label := fmt.Sprintf("next_keys[%d]", n)
		publish(label, take(label, k, false))
	}
	for n, k := range c.PreviousKeys {
		r.Retired = append(r.Retired, token.RetiredKey{Key: take(fmt.Sprintf("previous_keys[%d]", n), k, true).verify, At: k.RetiredAt})
	}
	for _, id := range c.RemovedKeys {
		if label := ids[id]; label != "" {
			r.whole = false
			wrong.add(c.at("removed_keys"), "removed_keys", "has the id of "+label, "remove that key, or its id here")
		}
	}
	return r
}

// ring makes the ring of keys that are whole. What it is told of lifetimes is put within its limits: where they are wrong, the
// issuer and the verifier say so in their own words.
func (c *Config) ring(keys keyring) (*token.Keyring, error) {
	const least, most = time.Second, store.MaxLife - day
	o := token.KeyringOptions{
		// A token may be older than the setting: it was lowered.
		AccessTTL: min(max(least, cmp.Or(c.Issuer.AccessTTL, 15*time.Minute), c.Verifier.MaxLifetime), most),
		Leeway:    min(c.Verifier.Leeway, store.MaxLeeway),
		Now:       c.Issuer.Now,
	}
	o.RefreshTTL = min(max(o.AccessTTL, cmp.Or(c.Issuer.MaxTTL, 90*day)), most)
	if o.Now == nil {
		o.Now = c.Verifier.Now
	}
	return token.NewKeyring(keys.RingKeys, &o)
}

// ringFieldRE takes a field of [token.RingKeys] apart.
var ringFieldRE = regexp.MustCompile(`^([A-Z][a-z]+)(?:\[([0-9]+)\])?(\.At)?`)

// keyMistake translates what a ring says of the keys.
func (c *Config) keyMistake(err error, keys keyring) *Error {
	var f *store.FieldError
	if !errors.As(err, &f) {
		return c.mistake(err)
	}
	key := "key"
	m := ringFieldRE.FindStringSubmatch(f.Field)
	if m == nil {
		return c.mistake(err)
	}
	switch n, _ := strconv.Atoi(m[2]); { // empty is 0
	case m[1] == "Published" && m[2] != "":
		key = keys.published[n]
	case m[1] == "Published":
		key = "next_keys"
	case m[1] == "Retired":
		key = "previous_keys"
		if m[2] != "" {
			key += "[" + m[2] + "]"
		}
		if m[3] != "" {
			key += ".retired_at"
		}
	case m[1] == "Removed":
		key = "removed_keys"
	}
	at := c.at(key)
	return &Error{File: at.file, Line: at.line, Key: cmp.Or(at.name, key), Problem: f.Problem, Remedy: ringWords.Replace(f.Remedy), Err: err}
}

// ringWords puts what a ring says into the words of a file.
var ringWords = strings.NewReplacer("name it in Removed", "name it in removed_keys", "retire it", "put it into previous_keys")
