package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/token"
)

// jwkOf is a key as a JWK with its private members, for all that a test wants to change.
func jwkOf(key any) m {
	text := func(b []byte) string { return b64(string(b)) }
	switch k := key.(type) {
	case []byte:
		return m{"kty": "oct", "kid": "k", "alg": "HS256", "k": text(k)}
	case *rsa.PrivateKey:
		return m{
			"kty": "RSA", "kid": "k", "alg": "RS256", "n": text(k.N.Bytes()), "e": "AQAB",
			"d": text(k.D.Bytes()), "p": text(k.Primes[0].Bytes()), "q": text(k.Primes[1].Bytes()),
		}
	case *ecdsa.PrivateKey:
		point := must(k.PublicKey.Bytes())
		w := (len(point) - 1) / 2
		return m{
			"kty": "EC", "kid": "k", "alg": map[int]string{32: "ES256", 48: "ES384", 66: "ES512"}[w], "crv": k.Params().Name,
			"x": text(point[1 : 1+w]), "y": text(point[1+w:]), "d": text(must(k.Bytes())),
		}
	case ed25519.PrivateKey:
		return m{"kty": "OKP", "kid": "k", "alg": "EdDSA", "crv": "Ed25519", "x": text(edBytes(k.Public())), "d": text(k.Seed())}
	}
	panic("no such key")
}

var noPrivate = m{"d": nil, "p": nil, "q": nil}

func TestJWK(t *testing.T) {
	for name, key := range map[string]any{
		"a secret": secret, "RSA": rsaKey(), "P-256": p256(), "P-384": p384(), "P-521": p521(), "Ed25519": edKey(0),
	} {
		t.Run(name, func(t *testing.T) {
			whole := jwkOf(key)
			s := must(token.ParseSigningJWK([]byte(whole.text())))
			v := must(token.ParseVerifyJWK([]byte(whole.with(noPrivate).with(m{"use": "sig", "key_ops": []string{"verify"}, "x5c": []string{"x"}}).text())))
			noErr(t, token.VerifyForTest(v, s.Algorithm(), "a.b", must(token.SignForTest(s, "a.b"))))
			if name == "a secret" {
				return
			}
			for member, changes := range map[string]m{"jwk.d": {}, "jwk.p": {"d": nil, "p": "AQAB", "q": "AQAB"}} {
				_, err := token.ParseVerifyJWK([]byte(whole.with(changes).text()))
				wantField(t, err, member)
			}
			bare := whole.with(noPrivate).with(m{"alg": nil, "kid": nil})
			again := must(token.ParseVerifyJWK([]byte(bare.text())))
			if again.Algorithm() != s.Algorithm() || again.KeyID() != v.Thumbprint() || s.KeyID() != "k" {
				t.Errorf("without alg and kid it is %s of %s", again.KeyID(), again.Algorithm())
			}
			// What is published is read again, and holds nothing private.
			text := must(token.MarshalJWKS(v, again))
			set := must(token.ParseJWKS(text))
			if len(set.Keys()) != 2 || set.Keys()[0].Thumbprint() != v.Thumbprint() || set.Keys()[1].KeyID() != again.KeyID() {
				t.Errorf("published as %s", text)
			}
			if d, ok := whole["d"].(string); !ok || bytes.Contains(text, []byte(d)) {
				t.Error("the private number is published")
			}
		})
	}
}

func TestJWKThatIsRefused(t *testing.T) {
	hs, rs, es, ed := jwkOf(secret), jwkOf(rsaKey()), jwkOf(p256()), jwkOf(edKey(0))
	zeros := b64(strings.Repeat("\x00", 32))
	for _, c := range []struct {
		name, text, field string
	}{
		{"nothing", "", "jwk"},
		{"null", "null", "jwk"},
		{"a list", "[]", "jwk"},
		{"no members", "{}", "jwk.kty"},
		{"a name twice", `{"kty":"oct",` + hs.text()[1:], "jwk"},
		{"something behind it", hs.text() + "x", "jwk"},
		{"over 32 KiB", hs.with(m{"x": strings.Repeat("x", token.MaxJWKBytes)}).text(), "jwk"},
		{"kty in lower case", rs.with(m{"kty": "rsa"}).text(), "jwk.kty"},
		{"kty a number", hs.with(m{"kty": 7}).text(), "jwk.kty"},
		{"kty of another", es.with(m{"kty": "RSA"}).text(), "jwk.alg"},
		{"kty of another, without alg", es.with(m{"kty": "RSA", "alg": nil}).text(), "jwk.n"},
		{"alg null", strings.Replace(hs.text(), `"HS256"`, "null", 1), "jwk.alg"},
		{"alg none", hs.with(m{"alg": "none"}).text(), "jwk.alg"},
		{"alg empty", ed.with(m{"alg": ""}).text(), "jwk.alg"},
		{"a secret without alg", hs.with(m{"alg": nil}).text(), "jwk.alg"},
		{"a secret of AES", hs.with(m{"alg": "A256GCM"}).text(), "jwk.alg"},
		{"a secret for RS256", hs.with(m{"alg": "RS256"}).text(), "jwk.alg"},
		{"RSA for HS256", rs.with(m{"alg": "HS256"}).text(), "jwk.alg"},
		{"RSA for encryption", rs.with(m{"alg": "RSA-OAEP"}).text(), "jwk.alg"},
		{"ES512 on P-256", es.with(m{"alg": "ES512"}).text(), "jwk.crv"},
		{"a crv that is another's", es.with(m{"crv": "P-384"}).text(), "jwk.crv"},
		{"a crv nobody has", es.with(m{"crv": "P-999"}).text(), "jwk.crv"},
		{"no crv", es.with(m{"crv": nil}).text(), "jwk.crv"},
		{"Ed448", ed.with(m{"crv": "Ed448", "alg": nil}).text(), "jwk.alg"},
		{"EC with the crv of OKP", es.with(m{"crv": "Ed25519", "alg": nil}).text(), "jwk.alg"},
		{"OKP with the crv of EC", ed.with(m{"crv": "P-256"}).text(), "jwk.crv"},
		{"X25519", ed.with(m{"crv": "X25519"}).text(), "jwk.crv"},
		{"use enc", rs.with(m{"use": "enc"}).text(), "jwk.use"},
		{"use empty", rs.with(m{"use": ""}).text(), "jwk.use"},
		{"key_ops of encryption", rs.with(m{"key_ops": []string{"encrypt"}}).text(), "jwk.key_ops"},
		{"key_ops empty", rs.with(m{"key_ops": []string{}}).text(), "jwk.key_ops"},
		{"key_ops a text", rs.with(m{"key_ops": "verify"}).text(), "jwk.key_ops"},
		{"key_ops with one twice", rs.with(m{"key_ops": []string{"sign", "verify", "sign", "verify"}}).text(), "jwk.key_ops"},
		{"no secret", hs.with(m{"k": nil}).text(), "jwk.k"},
		{"an empty secret", hs.with(m{"k": ""}).text(), "jwk.k"},
		{"a short secret", hs.with(m{"k": b64("short")}).text(), "jwk.k"},
		{"a secret that is not base64url", hs.with(m{"k": strings.Repeat("+", 44)}).text(), "jwk.k"},
		{"a secret with padding", hs.with(m{"k": b64(string(secret)) + "="}).text(), "jwk.k"},
		{"a secret with a line break", hs.with(m{"k": b64(string(secret)) + "\n"}).text(), "jwk.k"},
		{"a secret without a kid", hs.with(m{"kid": nil}).text(), "jwk.kid"},
		{"an empty kid", rs.with(m{"kid": ""}).text(), "jwk.kid"},
		{"a kid of 257 bytes", rs.with(m{"kid": strings.Repeat("k", 257)}).text(), "jwk.kid"},
		{"a kid that is a number", rs.with(m{"kid": 1}).text(), "jwk.kid"},
		{"RSA without n", rs.with(m{"n": nil}).text(), "jwk.n"},
		{"RSA without e", rs.with(m{"e": nil}).text(), "jwk.e"},
		{"RSA with e of 64 bits", rs.with(m{"e": b64("\x01\x00\x00\x00\x00\x00\x00\x01")}).text(), "jwk.n"},
		{"RSA with e of 72 bits", rs.with(m{"e": b64("\x01\x00\x00\x00\x00\x00\x00\x00\x01")}).text(), "jwk.e"},
		{"RSA with e 3", rs.with(m{"e": "Aw"}).text(), "jwk.n"},
		{"RSA with e 1", rs.with(m{"e": "AQ"}).text(), "jwk.n"},
		{"RSA of 8 KiB", rs.with(m{"n": b64(strings.Repeat("\xff", 8192))}).text(), "jwk.n"},
		{"RSA of 16 bits", rs.with(m{"n": "AQAB"}).text(), "jwk.n"},
		{"EC without y", es.with(m{"y": nil}).text(), "jwk.y"},
		{"EC with x of 31 bytes", es.with(m{"x": b64(strings.Repeat("x", 31))}).text(), "jwk.x"},
		{"EC with x of 33 bytes", es.with(m{"x": b64("\x00" + strings.Repeat("x", 32))}).text(), "jwk.x"},
		{"EC off the curve", es.with(m{"y": es["x"]}).text(), "jwk.x"},
		{"EC at zero", es.with(m{"x": zeros, "y": zeros}).text(), "jwk.x"},
		{"Ed25519 of small order", ed.with(m{"x": zeros}).text(), "jwk.x"},
		{"Ed25519 of 31 bytes", ed.with(m{"x": b64(strings.Repeat("x", 31))}).text(), "jwk.x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := c.text
			if c.field != "jwk" {
				var o m
				noErr(t, json.Unmarshal([]byte(text), &o))
				_, err := token.ParseSigningJWK([]byte(text))
				if !strings.HasPrefix(c.field, "jwk.x") || !strings.HasPrefix(c.name, "Ed25519") { // there the halves part first
					wantField(t, err, c.field)
				}
				text = o.with(noPrivate).text()
			}
			_, err := token.ParseVerifyJWK([]byte(text))
			wantField(t, err, c.field)
			if err != nil && strings.Contains(err.Error(), b64(string(secret))) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestSigningJWKThatIsRefused(t *testing.T) {
	rs, es, ed := jwkOf(rsaKey()), jwkOf(p256()), jwkOf(edKey(0))
	for name, c := range map[string]struct{ text, field string }{
		"RSA without d":               {rs.with(m{"d": nil}).text(), "jwk.d"},
		"RSA without primes":          {rs.with(m{"p": nil, "q": nil}).text(), "jwk.p"},
		"RSA with three primes":       {rs.with(m{"oth": []m{}}).text(), "jwk.oth"},
		"RSA with another's d":        {rs.with(m{"d": "AQAB"}).text(), "jwk.n"},
		"EC without d":                {es.with(m{"d": nil}).text(), "jwk.d"},
		"EC with another's d":         {es.with(m{"d": jwkOf(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))["d"]}).text(), "jwk.d"},
		"EC with d of zeros":          {es.with(m{"d": b64(strings.Repeat("\x00", 32))}).text(), "jwk.d"},
		"EC with d cut":               {es.with(m{"d": b64("x")}).text(), "jwk.d"},
		"Ed25519 with another's d":    {ed.with(m{"d": jwkOf(edKey(1))["d"]}).text(), "jwk.d"},
		"Ed25519 with d cut":          {ed.with(m{"d": b64("x")}).text(), "jwk.d"},
		"only for verifying":          {ed.with(m{"key_ops": []string{"verify"}}).text(), "jwk.key_ops"},
		"for sign and verify, as one": {ed.with(m{"key_ops": []string{"sign, verify"}}).text(), "jwk.key_ops"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := token.ParseSigningJWK([]byte(c.text))
			wantField(t, err, c.field)
		})
	}
}
