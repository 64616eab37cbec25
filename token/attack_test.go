package token_test

import (
	"crypto/x509"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jetonkit/jeton/token"
)

// TestPublicKeyAsSecret holds RS→HS (CVE-2015-9235): the public key, which everybody has, as the secret of an HMAC, in every
// form that a server may have it in.
func TestPublicKeyAsSecret(t *testing.T) {
	header, payload, _ := baseline(t)
	for alg, key := range algorithms() {
		if strings.HasPrefix(alg, "HS") {
			continue
		}
		v := must(token.NewVerifier([]token.TrustedIssuer{{
			Issuer: issuerName, Keys: must(token.NewVerifyKey(keyID, alg, key[1])), Check: alive,
		}}, &token.VerifierOptions{Now: newClock().Now}))
		judge := func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }
		der := must(x509.MarshalPKIXPublicKey(key[1]))
		text := encode("PUBLIC KEY", der)
		for _, secret := range [][]byte{text, []byte(strings.TrimSpace(string(text))), der, nil} {
			refused(t, judge, forgeWith(secret, header.with(m{"alg": "HS256"}).text(), payload.text()), token.ErrKey)
			refused(t, judge, forgeWith(secret, header.with(m{"alg": alg}).text(), payload.text()), token.ErrSignature)
		}
		for _, hs := range []string{token.AlgHS256, token.AlgHS384, token.AlgHS512} { // the mistake that makes the attack
			_, err := token.NewVerifyKey(keyID, hs, text)
			wantField(t, err, "key")
			_, err = token.NewSigningKey(keyID, hs, text)
			wantField(t, err, "key")
		}
		for _, sig := range []string{"AA", b64(strings.Repeat("\x00", 64)), b64(strings.Repeat("\x00", 256))} {
			raw := b64(header.with(m{"alg": alg}).text()) + "." + b64(payload.text()) + "." + sig
			refused(t, judge, raw, token.ErrSignature)
		}
	}
}

// TestNobodyIsDialled holds jku and x5u, and the keys that a header brings along: a listener that they name hears nothing.
func TestNobodyIsDialled(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	var dials atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			dials.Add(1)
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}()
	header, payload, judge := baseline(t)
	at := "http://" + listener.Addr().String() + "/" + mark
	other := []byte(strings.Repeat("x", 32))
	jwk := m{"kty": "oct", "kid": keyID, "alg": "HS256", "k": b64(string(other))}
	for name, changes := range map[string]m{
		"jku": {"jku": at}, "x5u": {"x5u": at}, "jwk with x5u": {"jwk": jwk.with(m{"x5u": at})}, "kid a URL": {"kid": at}, "jwk": {"jwk": jwk}, "all": {"jku": at, "x5u": at, "jwk": jwk},
	} {
		want := token.ErrSignature
		if changes["kid"] != nil {
			want = token.ErrKey
		}
		t.Run(name, func(t *testing.T) {
			refused(t, judge, forgeWith(other, header.with(changes).text(), payload.text()), want)
		})
	}
	noErr(t, listener.Close())
	<-done
	if n := dials.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// TestHugeTextsCostLittle holds what a hostile text may cost before it is refused: 1 KiB of memory beyond MaxBytes, whatever
// its length, and twice its length within.
func TestHugeTextsCostLittle(t *testing.T) {
	header, payload, _ := baseline(t)
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: alive}},
		&token.VerifierOptions{Now: newClock().Now, TouchInterval: -1}))
	judge := func(raw string) (*token.Token, error) { return v.Verify(t.Context(), raw) }
	good := forge(header.text(), payload.text())
	_, err := judge(good)
	noErr(t, err)
	p := strings.Split(good, ".")
	nested := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"10 million dots":                  {strings.Repeat(".", 10_000_000), token.ErrTooLong},
		"8 MiB":                            {p[0] + "." + strings.Repeat("A", 8<<20) + "." + p[2], token.ErrTooLong},
		"8 MiB of header":                  {strings.Repeat("A", 8<<20), token.ErrTooLong},
		"8,000 dots":                       {strings.Repeat(".", 8000), token.ErrMalformed},
		"nesting of 10,000 in the payload": {forge(header.text(), nested(10_000)), token.ErrTooLong},
		"nesting of 10,000 in the header":  {forge(nested(10_000), payload.text()), token.ErrTooLong},
		"nesting of 2,800 in the payload":  {forge(header.text(), nested(2800)), token.ErrMalformed},
		"nesting of 2,800 in the header":   {forge(nested(2800), payload.text()), token.ErrMalformed},
		"open brackets in the payload":     {forge(header.text(), strings.Repeat("[", 5900)), token.ErrMalformed},
		"open objects in the payload":      {forge(header.text(), strings.Repeat(`{"":`, 1400)), token.ErrMalformed},
		"no base64url in the payload":      {p[0] + "." + strings.Repeat("!", 8000) + "." + p[2], token.ErrMalformed},
		"no base64url in the signature":    {p[0] + "." + p[1] + "." + strings.Repeat("!", 7000), token.ErrMalformed},
		"a signature of 5 KiB":             {p[0] + "." + p[1] + "." + strings.Repeat("A", 5120), token.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, judge, c.raw, c.want)
			most := uint64(1024)
			if len(c.raw) <= token.MaxBytes {
				most = uint64(2 * len(c.raw))
			}
			if n := bytesOf(func() { _, _ = judge(c.raw) }); n > most {
				t.Errorf("%d bytes", n)
			}
		})
	}
	// As deep as is allowed, with braces and backslashes in texts, which do not count.
	rest := payload.with(m{"x": strings.Repeat(`{[\"`, 99)}).text()[1:]
	for n, want := range map[int]error{62: nil, 63: token.ErrMalformed} {
		_, err := judge(forge(header.text(), `{"a":{"b":`+strings.Repeat("[", n)+strings.Repeat("]", n)+"},"+rest))
		wantErr(t, err, want)
	}
}

// bytesOf is how many bytes a call allocates.
func bytesOf(call func()) uint64 {
	const runs = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}
