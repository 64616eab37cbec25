package token_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// setOf is a JWK set.
func setOf(keys ...m) []byte {
	if keys == nil {
		keys = []m{}
	}
	return []byte(m{"keys": keys}.text())
}

func TestJWKS(t *testing.T) {
	public := func(key any, kid string) m { return jwkOf(key).with(noPrivate).with(m{"kid": kid}) }
	rs, es, ed := public(rsaKey(), "r"), public(p256(), "e"), public(edKey(0), "o")
	weak := rs.with(m{"n": b64(strings.Repeat("\xff", 128)), "kid": "weak"})
	set := must(token.ParseJWKS(setOf(
		rs, m{"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "x"}, es, rs.with(m{"use": "enc"}), weak, ed, ed.with(m{"crv": "Ed448", "kid": "448"}),
		es.with(m{"y": nil, "kid": "half"}),
	)))
	var kids []string
	for _, k := range set.Keys() {
		kids = append(kids, k.KeyID())
		got := must(set.FindKey(t.Context(), k.KeyID()))
		if got.KeyID() != k.KeyID() {
			t.Errorf("found %s", got.KeyID())
		}
	}
	if !slices.Equal(kids, []string{"r", "e", "o"}) {
		t.Errorf("the keys are %v", kids)
	}
	var fields []string
	for _, err := range set.Ignored() {
		var f *store.FieldError
		if errors.As(err, &f) {
			fields = append(fields, f.Field)
		}
	}
	if want := []string{"keys[1].kty", "keys[3].use", "keys[4].n", "keys[6].crv", "keys[7].y"}; !slices.Equal(fields, want) {
		t.Errorf("ignored are %v, want %v", fields, want)
	}
	for _, kid := range []string{"weak", "new", "448", "half", ""} {
		_, err := set.FindKey(t.Context(), kid)
		wantErr(t, err, token.ErrKey)
	}
}

func TestJWKSThatIsRefused(t *testing.T) {
	rs, es := jwkOf(rsaKey()).with(noPrivate), jwkOf(p256()).with(noPrivate).with(m{"kid": "e"})
	hs := jwkOf(secret).with(m{"kid": "h"})
	many := make([]m, token.MaxJWKSKeys+1)
	for n := range many {
		many[n] = es.with(m{"kid": fmt.Sprint(n)})
	}
	for name, c := range map[string]struct {
		text  []byte
		field string
	}{
		"nothing":                        {nil, "keys"},
		"no set":                         {[]byte("{}"), "keys"},
		"keys null":                      {[]byte(`{"keys":null}`), "keys"},
		"keys an object":                 {[]byte(`{"keys":{}}`), "keys"},
		"keys twice":                     {[]byte(`{"keys":[],"keys":[]}`), "keys"},
		"something behind it":            {append(setOf(rs), 'x'), "keys"},
		"a key that is a number":         {[]byte(`{"keys":[7]}`), "keys[0]"},
		"no keys":                        {setOf(), "keys"},
		"no key of use":                  {setOf(rs.with(m{"use": "enc"})), "keys"},
		"over 256 KiB":                   {append(setOf(rs), bytes.Repeat([]byte(" "), token.MaxJWKSBytes)...), "keys"},
		"over 100 keys":                  {setOf(many...), "keys"},
		"a key over 32 KiB":              {setOf(rs.with(m{"x": strings.Repeat("x", token.MaxJWKBytes)})), "keys[0]"},
		"a kid twice":                    {setOf(rs, es.with(m{"kid": "k"})), "keys[1].kid"},
		"a thumbprint as another's kid":  {setOf(es.with(m{"kid": nil}), rs.with(m{"kid": must(token.ParseVerifyJWK([]byte(es.text()))).Thumbprint()})), "keys[1].kid"},
		"a private number":               {setOf(rs, jwkOf(p256())), "keys[1].d"},
		"a prime in a key for something": {setOf(rs, m{"kty": "X", "p": "x"}), "keys[1].p"},
		"a secret":                       {setOf(hs), "keys[0].k"},
		"a secret beside key pairs":      {setOf(rs, hs), "keys[1].k"},
		"a secret without its bytes":     {setOf(rs, hs.with(m{"k": nil})), "keys[1].kty"},
		"a post-quantum private key":     {setOf(rs, m{"kty": "AKP", "priv": "x"}), "keys[1].priv"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParseJWKS(c.text)
			wantField(t, err, c.field)
			wantErr(t, err, store.ErrInvalid)
			if err != nil && strings.Contains(err.Error(), b64(string(secret))) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestPrivateJWKS(t *testing.T) {
	hs, es, ed := jwkOf(secret), jwkOf(p256()).with(m{"kid": "e"}), jwkOf(edKey(0)).with(m{"kid": "o"})
	if keys := must(token.ParsePrivateJWKS(setOf(es, ed))); len(keys) != 2 || keys[1].KeyID() != "o" {
		t.Errorf("the keys are %v", keys)
	}
	if keys := must(token.ParsePrivateJWKS(setOf(hs, hs.with(m{"kid": "2"})))); len(keys) != 2 {
		t.Errorf("the keys are %v", keys)
	}
	for name, c := range map[string]struct {
		text  []byte
		field string
	}{
		"none":                      {setOf(), "keys"},
		"a kid twice":               {setOf(es, ed.with(m{"kid": "e"})), "keys[1].kid"},
		"a secret behind key pairs": {setOf(es, hs), "keys[1].kty"},
		"key pairs behind a secret": {setOf(hs, es), "keys[1].kty"},
		"a public key":              {setOf(es, ed.with(noPrivate)), "keys[1].d"},
		"a key that is unknown":     {setOf(es, m{"kty": "X"}), "keys[1].kty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParsePrivateJWKS(c.text)
			wantField(t, err, c.field)
		})
	}
}

func TestSecretsAreNotPublished(t *testing.T) {
	hs := must(token.HS256("h", secret)).VerifyKey()
	ed := must(token.Ed25519("e", edKey(0))).VerifyKey()
	for field, keys := range map[string][]token.VerifyKey{"keys[1]": {ed, hs}, "keys": {}, "keys[0]": {{}}} {
		_, err := token.MarshalJWKS(keys...)
		wantField(t, err, field)
	}
	if hs.Thumbprint() != "" || (token.VerifyKey{}).Thumbprint() != "" {
		t.Error("a secret has a thumbprint")
	}
}
