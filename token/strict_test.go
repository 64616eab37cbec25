package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// mark is put into forged texts; no error may repeat it.
const mark = "ATTACKER"

// baseline returns header and payload of a good token whose session lives, and a function that judges a text.
func baseline(t *testing.T) (header, payload m, judge func(string) (*token.Token, error)) {
	t.Helper()
	k := newKit(t, setup{verify: token.VerifierOptions{TouchInterval: -1}})
	header, payload = parts(k.login().Access.Reveal())
	for _, name := range []string{"exp", "iat", "seq"} { // not as 1.7e9, as floats are written
		payload[name] = int64(payload[name].(float64)) //nolint:errcheck // a number in every token of ours
	}
	return header, payload, func(raw string) (*token.Token, error) { return k.verifier.Verify(t.Context(), raw) }
}

// refused checks that a text is refused for the reason, without a token, and without a word of it in the error.
func refused(t *testing.T, judge func(string) (*token.Token, error), raw string, want error) {
	t.Helper()
	got, err := judge(raw)
	wantErr(t, err, want)
	wantErr(t, err, token.ErrInvalidToken)
	if got != nil {
		t.Error("there is a token with the error (CVE-2024-51744)")
	}
	if err == nil {
		return
	}
	if strings.Contains(err.Error(), mark) || (len(raw) > 20 && strings.Contains(err.Error(), raw[len(raw)-20:])) {
		t.Errorf("the error repeats the token: %v", err)
	}
	if strings.ContainsAny(err.Error(), "\"\\\r\n") {
		t.Errorf("the error has characters that error_description may not have (RFC 6750 §3): %v", err)
	}
}

// TestAcceptedAlthoughStrict holds what golang-jwt v5.3.1 accepts with every strict option on.
func TestAcceptedAlthoughStrict(t *testing.T) {
	header, payload, judge := baseline(t)
	// insert adds members behind the opening brace, where a map could not: twice, or in a fixed order.
	insert := func(o m, members string) string { return "{" + members + "," + o.text()[1:] }
	h := header.text()
	good := forge(h, payload.text())
	dot := strings.LastIndexByte(good, '.')
	// With a public key's algorithm, and with a secret that no constructor takes.
	es, ps := signedBy(token.AlgES256, p256(), header, payload), signedBy(token.AlgPS256, rsaKey(), header, payload)
	cases := []struct {
		name, raw string
		want      error
	}{
		{"CR and LF inside the signature", good[:dot+9] + "\r\n" + good[dot+9:], token.ErrMalformed},
		{"CR and LF after the signature", good + "\r\n", token.ErrMalformed},
		{"spare bits in the signature's last character", spareBits(good), token.ErrMalformed},
		{"an unknown crit", forge(header.with(m{"crit": []string{mark}}).text(), payload.text()), token.ErrCritical},
		{"crit b64 with b64 false", forge(header.with(m{"crit": []string{"b64"}, "b64": false}).text(), payload.text()), token.ErrCritical},
		{"b64 false without crit", forge(header.with(m{"b64": false}).text(), payload.text()), token.ErrCritical},
		{"an empty crit", forge(header.with(m{"crit": []string{}}).text(), payload.text()), token.ErrCritical},
		{"typ of another kind", forge(header.with(m{"typ": "JWT"}).text(), payload.text()), token.ErrType},
		{"typ of a refresh token", forge(header.with(m{"typ": "rt+jwt"}).text(), payload.text()), token.ErrType},
		{"typ in capitals", forge(header.with(m{"typ": "AT+JWT"}).text(), payload.text()), token.ErrType},
		{"typ with the prefix twice", forge(header.with(m{"typ": "application/application/at+jwt"}).text(), payload.text()), token.ErrType},
		{"no typ", forge(header.with(m{"typ": nil}).text(), payload.text()), token.ErrType},
		{"alg twice", forge(insert(header, `"alg":"HS256"`), payload.text()), token.ErrMalformed},
		{"sub twice", forge(h, insert(payload, `"sub":"`+mark+`"`)), token.ErrMalformed},
		{"exp twice, once escaped", forge(h, insert(payload, `"\u0065xp":9999999999`)), token.ErrMalformed},
		{"a name twice deep inside a custom claim", forge(h, insert(payload, `"roles":{"a":1,"a":2}`)), token.ErrMalformed},
		{"EXP beside exp", forge(h, insert(payload, `"EXP":9999999999`)), token.ErrMalformed},
		{"Sub beside sub", forge(h, payload.with(m{"Sub": mark}).text()), token.ErrMalformed},
		{"Sub instead of sub", forge(h, payload.with(m{"sub": nil, "Sub": mark}).text()), token.ErrMalformed},
		{"Seq beside seq", forge(h, payload.with(m{"Seq": 1}).text()), token.ErrMalformed},
		{"REALM, which ours have in no other case", forge(h, payload.with(m{"REALM": "admin"}).text()), token.ErrMalformed},
		{"ſub with a long s", forge(h, payload.with(m{"ſub": mark}).text()), token.ErrMalformed},
		{"Alg beside alg", forge(header.with(m{"Alg": "none"}).text(), payload.text()), token.ErrMalformed},
		{"KID with a Kelvin sign", forge(header.with(m{"\u212aid": mark}).text(), payload.text()), token.ErrMalformed},
		{"exp as a string", forge(h, payload.with(m{"exp": "9999999999"}).text()), token.ErrMalformed},
		{"exp 9e18", forge(h, strings.Replace(payload.with(m{"exp": 4242}).text(), "4242", "9e18", 1)), token.ErrMalformed},
		{"exp 9000000000000000000", forge(h, payload.with(m{"exp": int64(9e18)}).text()), token.ErrMalformed},
		{"exp after the year 9999", forge(h, payload.with(m{"exp": int64(253402300800)}).text()), token.ErrMalformed},
		{"exp with a fraction and an exponent", forge(h, strings.Replace(payload.with(m{"exp": 4242}).text(), "4242", "1.9e9", 1)), token.ErrMalformed},
		{"exp negative", forge(h, payload.with(m{"exp": -1}).text()), token.ErrMalformed},
		{"nbf 1e300", forge(h, strings.Replace(payload.with(m{"nbf": 4242}).text(), "4242", "1e300", 1)), token.ErrMalformed},
		{"exp 0 as no expiry", forge(h, payload.with(m{"exp": 0}).text()), token.ErrMalformed},
		{"exp null", forge(h, strings.Replace(payload.with(m{"exp": 4242}).text(), "4242", "null", 1)), token.ErrMalformed},
		{"no exp", forge(h, payload.with(m{"exp": nil}).text()), token.ErrMalformed},
		{"invalid UTF-8 in a claim", forge(h, payload.with(m{"name": "x" + mark}).text()[:10]+"\xff"+payload.text()[10:]), token.ErrMalformed},
		{"invalid UTF-8 in sub", forge(h, strings.Replace(payload.text(), `"ann"`, "\"ann\xff\"", 1)), token.ErrMalformed},
		{"half a surrogate pair in sub", forge(h, strings.Replace(payload.text(), `"ann"`, `"ann\ud800"`, 1)), token.ErrMalformed},
		{"garbage behind the payload", forge(h, payload.text()+"{}"), token.ErrMalformed},
		{"garbage behind the header", forge(h+"x", payload.text()), token.ErrMalformed},
		{"a comma behind the last member", forge(h, strings.TrimSuffix(payload.text(), "}")+",}"), token.ErrMalformed},
		{"8 MiB", forge(h, payload.with(m{"pad": strings.Repeat("a", 8<<20)}).text()), token.ErrTooLong},
		{"one byte too long", strings.Repeat("a", token.MaxBytes+1), token.ErrTooLong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, judge, c.raw, c.want) })
	}
	for _, c := range []struct {
		name, raw string
		key       token.VerifyKey
		want      error
	}{
		{"ES256 (r, n - s)", otherS(es, p256().Curve), must(token.NewVerifyKey(keyID, token.AlgES256, &p256().PublicKey)), token.ErrSignature},
		{"a PSS salt of another length than the hash's", shortSalt(ps), must(token.NewVerifyKey(keyID, token.AlgPS256, &rsaKey().PublicKey)), token.ErrSignature},
		{"a nil secret", forgeWith(nil, h, payload.text()), token.WeakForTest(keyID, token.AlgHS256, []byte(nil)), token.ErrKey},
		{"an empty secret", forgeWith([]byte{}, h, payload.text()), token.WeakForTest(keyID, token.AlgHS256, []byte{}), token.ErrKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: c.key, Check: alive}}, &token.VerifierOptions{Now: newClock().Now}))
			refused(t, func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }, c.raw, c.want)
		})
	}
}

// signedBy is a token signed by another algorithm.
func signedBy(alg string, private any, header, payload m) string {
	signed := b64(header.with(m{"alg": alg}).text()) + "." + b64(payload.text())
	return signed + "." + b64(string(must(token.SignForTest(must(token.NewSigningKey(keyID, alg, private)), signed))))
}

// shortSalt signs a PS256 token again, with a salt of 20 bytes.
func shortSalt(raw string) string {
	signed := raw[:strings.LastIndexByte(raw, '.')]
	sum := sha256.Sum256([]byte(signed))
	return signed + "." + b64(string(must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 20}))))
}

// TestText holds what the text of a token may not be.
func TestText(t *testing.T) {
	header, payload, judge := baseline(t)
	good := forge(header.text(), payload.text())
	if _, err := judge(good); err != nil {
		t.Fatalf("the baseline is refused: %v", err)
	}
	p := strings.Split(good, ".")
	cases := []struct {
		name, raw string
		want      error
	}{
		{"empty", "", token.ErrMalformed},
		{"one part", p[0], token.ErrMalformed},
		{"two parts", p[0] + "." + p[1], token.ErrMalformed},
		{"four parts", good + "." + p[0], token.ErrMalformed},
		{"five parts, a JWE", good + "." + p[0] + "." + p[0], token.ErrMalformed},
		{"only dots", "..", token.ErrMalformed},
		{"8,000 dots", strings.Repeat(".", 8000), token.ErrMalformed},
		{"no header", "." + p[1] + "." + p[2], token.ErrMalformed},
		{"no payload", p[0] + ".." + p[2], token.ErrMalformed},
		{"no signature", p[0] + "." + p[1] + ".", token.ErrMalformed},
		{"a line break inside the signature", p[0] + "." + p[1] + "." + p[2][:9] + "\r\n" + p[2][9:], token.ErrMalformed},
		{"a line break after the signature", good + "\n", token.ErrMalformed},
		{"a blank before the header", " " + good, token.ErrMalformed},
		{"padding", good + "=", token.ErrMalformed},
		{"standard base64", strings.Replace(good, "-", "+", 1) + "+", token.ErrMalformed},
		{"a NUL", good + "\x00", token.ErrMalformed},
		{"spare bits in the signature's last character", spareBits(good), token.ErrMalformed},
		{"a header that is an array", forge("[]", payload.text()), token.ErrMalformed},
		{"a header that is null", forge("null", payload.text()), token.ErrMalformed},
		{"a payload that is a string", forge(header.text(), `"x"`), token.ErrMalformed},
		{"a header with a BOM", forge("\ufeff"+header.text(), payload.text()), token.ErrMalformed},
		{"nested 3,000 deep", forge(header.text(), strings.Repeat("[", 3000)+strings.Repeat("]", 3000)), token.ErrMalformed},
		{"a truncated signature", good[:len(good)-3], token.ErrSignature},
		{"a signature of zeros", p[0] + "." + p[1] + "." + b64(strings.Repeat("\x00", 32)), token.ErrSignature},
		{"another payload under the signature", p[0] + "." + b64(payload.with(m{"sub": mark}).text()) + "." + p[2], token.ErrSignature},
		{"another header under the signature", b64(header.with(m{"x": mark}).text()) + "." + p[1] + "." + p[2], token.ErrSignature},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, judge, c.raw, c.want) })
	}
}

// spareBits changes the last character of a 32-byte signature in the bits that carry nothing.
func spareBits(raw string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	out := raw[:len(raw)-1] + string(alphabet[last^1])
	sig := out[strings.LastIndexByte(out, '.')+1:]
	if string(must(base64.RawURLEncoding.DecodeString(sig))) != string(must(base64.RawURLEncoding.DecodeString(raw[strings.LastIndexByte(raw, '.')+1:]))) {
		panic("the bits carry something")
	}
	return out
}

// TestKeyConfusion holds the attacks on the choice of key and algorithm (RFC 8725 §2.1, §2.10).
func TestKeyConfusion(t *testing.T) {
	header, payload, judge := baseline(t)
	good := forge(header.text(), payload.text())
	unsigned := func(alg string) string {
		p := strings.Split(good, ".")
		return b64(header.with(m{"alg": alg}).text()) + "." + p[1] + "." + p[2]
	}
	other := []byte(strings.Repeat("x", 32))
	jwk := m{"kty": "oct", "kid": keyID, "k": b64(string(other))}
	cases := []struct {
		name, raw string
		want      error
	}{
		{"alg none", unsigned("none"), token.ErrKey},
		{"alg None", unsigned("None"), token.ErrKey},
		{"alg NONE", unsigned("NONE"), token.ErrKey},
		{"alg nOnE", unsigned("nOnE"), token.ErrKey},
		{"alg none, nothing signed", b64(header.with(m{"alg": "none"}).text()) + "." + b64(payload.text()) + ".", token.ErrMalformed},
		{"alg of another hash", unsigned("HS512"), token.ErrKey},
		{"alg of another family", unsigned("EdDSA"), token.ErrKey},
		{"alg in lower case", unsigned("hs256"), token.ErrKey},
		{"alg empty", unsigned(""), token.ErrKey},
		{"no alg", forge(header.with(m{"alg": nil}).text(), payload.text()), token.ErrKey},
		{"alg not a string", forge(header.with(m{"alg": []string{"HS256"}}).text(), payload.text()), token.ErrMalformed},
		{"another secret", forgeWith(other, header.text(), payload.text()), token.ErrSignature},
		{"an empty secret", forgeWith(nil, header.text(), payload.text()), token.ErrSignature},
		{"jwk in the header", forgeWith(other, header.with(m{"jwk": jwk}).text(), payload.text()), token.ErrSignature},
		{"jku in the header", forgeWith(other, header.with(m{"jku": "https://" + mark + ".example/jwks"}).text(), payload.text()), token.ErrSignature},
		{"x5u in the header", forgeWith(other, header.with(m{"x5u": "https://" + mark + ".example/x"}).text(), payload.text()), token.ErrSignature},
		{"x5c in the header", forgeWith(other, header.with(m{"x5c": []string{mark}}).text(), payload.text()), token.ErrSignature},
		{"no kid", forge(header.with(m{"kid": nil}).text(), payload.text()), token.ErrKey},
		{"kid empty", forge(header.with(m{"kid": ""}).text(), payload.text()), token.ErrKey},
		{"kid in another case", forge(header.with(m{"kid": strings.ToUpper(keyID) + "X"}).text(), payload.text()), token.ErrKey},
		{"kid with a blank behind", forge(header.with(m{"kid": keyID + " "}).text(), payload.text()), token.ErrKey},
		{"kid a path", forgeWith(nil, header.with(m{"kid": "../../dev/null"}).text(), payload.text()), token.ErrKey},
		{"kid a command", forge(header.with(m{"kid": "|sleep 10"}).text(), payload.text()), token.ErrKey},
		{"kid a query", forge(header.with(m{"kid": "x' UNION SELECT '1';--"}).text(), payload.text()), token.ErrKey},
		{"kid a number", forge(header.with(m{"kid": 7}).text(), payload.text()), token.ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, judge, c.raw, c.want) })
	}
	t.Run("the public key as an HMAC secret", func(t *testing.T) {
		key := must(token.Ed25519(keyID, edKey(0)))
		v := must(token.NewVerifier([]token.TrustedIssuer{{
			Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(newMemory(t, time.Now)),
		}}, nil))
		public := edKey(0).Public()
		raw := forgeWith(edBytes(public), header.text(), payload.text())
		refused(t, func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }, raw, token.ErrKey)
	})
}

// TestClaims holds what a well-signed payload may not say.
func TestClaims(t *testing.T) {
	header, payload, judge := baseline(t)
	iat := start.Unix()
	long := strings.Repeat("x", store.MaxNameLen+1)
	cases := []struct {
		name    string
		changes m
		want    error // nil: accepted
	}{
		{"as it is", m{}, nil},
		{"another issuer", m{"iss": "https://" + mark}, token.ErrIssuer},
		{"an issuer with a slash more", m{"iss": issuerName + "/"}, token.ErrIssuer},
		{"no issuer", m{"iss": nil}, token.ErrIssuer},
		{"an issuer that is a list", m{"iss": []string{issuerName}}, token.ErrMalformed},
		{"aud a string", m{"aud": issuerName}, nil},
		{"aud among others", m{"aud": []string{"a", issuerName}}, nil},
		{"aud another", m{"aud": "https://" + mark}, token.ErrAudience},
		{"aud empty", m{"aud": ""}, token.ErrAudience},
		{"aud an empty list (CVE-2020-26160)", m{"aud": []string{}}, token.ErrAudience},
		{"no aud", m{"aud": nil}, token.ErrAudience},
		{"aud a list with a number", m{"aud": []any{issuerName, 7}}, token.ErrMalformed},
		{"aud an object", m{"aud": m{issuerName: true}}, token.ErrMalformed},
		{"no sub", m{"sub": nil}, token.ErrMalformed},
		{"sub empty", m{"sub": ""}, token.ErrMalformed},
		{"sub too long", m{"sub": long}, token.ErrMalformed},
		{"sub a number", m{"sub": 7}, token.ErrMalformed},
		{"no jti", m{"jti": nil}, token.ErrMalformed},
		{"jti too long", m{"jti": long}, token.ErrMalformed},
		{"no sid", m{"sid": nil}, token.ErrMalformed},
		{"sid too long", m{"sid": long}, token.ErrMalformed},
		{"realm too long", m{"realm": long}, token.ErrMalformed},
		{"no client_id", m{"client_id": nil}, token.ErrMalformed},
		{"no seq", m{"seq": nil}, token.ErrMalformed},
		{"seq a string", m{"seq": "1"}, token.ErrMalformed},
		{"seq negative", m{"seq": -1}, token.ErrMalformed},
		{"seq with a fraction", m{"seq": 1.5}, token.ErrMalformed},
		{"no iat", m{"iat": nil}, token.ErrMalformed},
		{"iat with a fraction", m{"iat": float64(iat) + 0.5}, nil},
		{"exp before iat", m{"exp": iat - 1}, token.ErrLifetime},
		{"exp a day and a second after iat", m{"exp": iat + 86401}, token.ErrLifetime},
		{"exp a day after iat", m{"exp": iat + 86400}, nil},
		{"exp further away than any token lives", m{"iat": iat + 86400, "exp": iat + 2*86400}, token.ErrNotYetValid},
		{"nbf past", m{"nbf": iat - 5}, nil},
		{"nbf within the leeway", m{"nbf": iat + 30}, nil},
		{"nbf beyond the leeway", m{"nbf": iat + 40}, token.ErrNotYetValid},
		{"custom claims", m{"roles": []string{"admin"}, "deep": m{"a": m{}}}, nil},
		{"another session's id", m{"sid": store.NewID()}, token.ErrUnknownSession},
		{"another subject with this session's id", m{"sub": "bob"}, token.ErrUnknownSession},
		{"another realm", m{"realm": "north"}, token.ErrUnknownSession},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			raw := forge(header.text(), payload.with(c.changes).text())
			if c.want != nil {
				refused(t, judge, raw, c.want)
				return
			}
			_, err := judge(raw)
			noErr(t, err)
		})
	}
}

// TestHeaderAccepted holds what a header may say besides.
func TestHeaderAccepted(t *testing.T) {
	header, payload, judge := baseline(t)
	for name, changes := range map[string]m{
		"typ with its prefix (RFC 9068 §4)":                {"typ": "application/at+jwt"},
		"a parameter nobody knows (RFC 7515 §4)":           {"vendor": m{"a": 1}},
		"jwk and jku, which are not looked at":             {"jwk": m{"kty": "oct"}, "jku": "https://elsewhere.example"},
		"a name that is a known one but for an underscore": {"k_id": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge(forge(header.with(changes).text(), payload.text()))
			noErr(t, err)
		})
	}
}

// TestExpiry holds exp and the leeway to the second, on a clock with a fraction.
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		name   string
		leeway time.Duration
		after  time.Duration // exp
		want   error
	}{
		{"the last instant of the default leeway", 0, 30*time.Second - time.Nanosecond, nil},
		{"the end of the default leeway", 0, 30 * time.Second, token.ErrExpired},
		{"the last instant without leeway", -1, -time.Nanosecond, nil},
		{"exp itself without leeway", -1, 0, token.ErrExpired},
		{"the end of the largest leeway", store.MaxLeeway, store.MaxLeeway, token.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{verify: token.VerifierOptions{Leeway: c.leeway}})
			p := k.login()
			k.clock.Set(p.AccessExpiresAt.Add(c.after))
			err := k.verify(p)
			if !errors.Is(err, c.want) {
				t.Errorf("the error is %v, want %v", err, c.want)
			}
		})
	}
}
