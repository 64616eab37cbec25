package signature_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
)

// signV1 signs as callers of version 1 do.
func signV1(r *http.Request, secret []byte, nonce string, at time.Time) {
	ts := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-Nonce", nonce)
	r.Header.Set("X-Timestamp", ts)
	r.Header.Set("X-Signature", hmacHex(secret, "nonce="+nonce+"&timestamp="+ts))
}

func TestV1(t *testing.T) {
	secret, second := []byte("a secret of version 1, 32 bytes."), []byte("another one of version 1, 32 b..")
	keys := must(signature.NewKeys(
		must(signature.NewKey("old", secret))(t), must(signature.NewKey("older", second))(t),
	))(t)
	on := signature.Options{AllowV1: keys, Skew: 5 * time.Minute}
	for _, c := range []struct {
		rule   string
		o      signature.Options
		secret []byte
		ago    time.Duration
		change func(*world, *http.Request)
		want   signature.Reason
		caller string
	}{
		{"is not looked at by default", signature.Options{}, secret, 0, nil, signature.ReasonMissing, ""},
		{"passes where it is allowed", on, secret, 0, nil, "", "old"},
		{"passes by each of its keys", on, second, 0, nil, "", "older"},
		{"a wrong secret", on, []byte("a secret of nobody's, of 32 byte"), 0, nil, signature.ReasonSignature, ""},
		{"five minutes ago", on, secret, 5 * time.Minute, nil, "", "old"},
		{"longer ago", on, secret, 301 * time.Second, nil, signature.ReasonExpired, ""},
		{"too far ahead", on, secret, -301 * time.Second, nil, signature.ReasonFuture, ""},
		{"another nonce", on, secret, 0, setting("X-Nonce", "other"), signature.ReasonSignature, ""},
		{"another timestamp", on, secret, 0, setting("X-Timestamp", "1795359601"), signature.ReasonSignature, ""},
		{"no nonce", on, secret, 0, func(_ *world, r *http.Request) { r.Header.Del("X-Nonce") }, signature.ReasonAmbiguous, ""},
		{"two nonces", on, secret, 0, func(_ *world, r *http.Request) { r.Header.Add("X-Nonce", "n-1") }, signature.ReasonAmbiguous, ""},
		{"two signatures", on, secret, 0, func(_ *world, r *http.Request) { r.Header.Add("X-Signature", "x") }, signature.ReasonAmbiguous, ""},
		{"an empty nonce", on, secret, 0, setting("X-Nonce", ""), signature.ReasonMalformed, ""},
		{"a nonce that reaches into the timestamp", on, secret, 0, setting("X-Nonce", "n-1&timestamp=1"), signature.ReasonMalformed, ""},
		{"a nonce too long", on, secret, 0, setting("X-Nonce", strings.Repeat("n", 129)), signature.ReasonMalformed, ""},
		{"a timestamp with a space", on, secret, 0, setting("X-Timestamp", " 1795359600"), signature.ReasonMalformed, ""},
		{"a signature in capitals", on, secret, 0, setting("X-Signature", strings.Repeat("A", 64)), signature.ReasonMalformed, ""},
		{"beside a signature of version 2", on, secret, 0, func(w *world, r *http.Request) {
			if err := w.signer.Sign(r); err != nil {
				panic(err)
			}
		}, signature.ReasonAmbiguous, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t, c.o)
			w.pass(time.Hour)
			r := httptest.NewRequest("GET", "/", nil)
			signV1(r, c.secret, "n-1", w.now().Add(-c.ago))
			if c.change != nil {
				c.change(w, r)
			}
			expect(t, w.verifier.Check(r), c.want)
			if id, _ := signature.Caller(r.Context()); id != c.caller {
				t.Errorf("the caller is %q, want %q", id, c.caller)
			}
			if n := w.store.issued.Load(); (n == 1) != (c.want == "") {
				t.Errorf("%d nonces were stored", n)
			}
		})
	}
	t.Run("passes once", func(t *testing.T) {
		w := newWorld(t, on)
		r := httptest.NewRequest("GET", "/", nil)
		signV1(r, secret, "n-1", w.now())
		expect(t, w.verifier.Check(again(r, "GET", "/", "")), "")
		expect(t, w.verifier.Check(again(r, "POST", "/else", "")), signature.ReasonReplayed)
	})
	t.Run("has nonces of its own", func(t *testing.T) {
		w := newWorld(t, signature.Options{})
		w.verifier = must(signature.NewVerifier(w.store, w.keys, audience, &signature.Options{AllowV1: w.keys, Now: w.now}))(t)
		two, one := w.request(t, "GET", "/", ""), httptest.NewRequest("GET", "/", nil)
		signV1(one, seeded(1), strings.Split(two.Header.Get(signature.Header), " ")[3], w.now())
		expect(t, w.verifier.Check(one), "")
		expect(t, w.verifier.Check(two), "")
	})
	t.Run("its keys do not sign version 2, nor those of 2 it", func(t *testing.T) {
		w := newWorld(t, on)
		s := must(signature.NewSigner(keys, audience, &signature.SignerOptions{Now: w.now}))(t)
		r := httptest.NewRequest("GET", "/", nil)
		sign(t, s, r)
		expect(t, w.verifier.Check(r), signature.ReasonKey)
		r = httptest.NewRequest("GET", "/", nil)
		signV1(r, seeded(1), "n-2", w.now())
		expect(t, w.verifier.Check(r), signature.ReasonSignature)
	})
}

func setting(name, value string) func(*world, *http.Request) {
	return func(_ *world, r *http.Request) { r.Header.Set(name, value) }
}
