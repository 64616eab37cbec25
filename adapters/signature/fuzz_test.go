package signature

import (
	"strings"
	"testing"
)

// FuzzText: no two calls have one text, and every part is in it.
func FuzzText(f *testing.F) {
	add := func(a, b call) {
		f.Add(a.audience, a.keyID, a.timestamp, a.nonce, a.method, a.target, a.bodyHash,
			b.audience, b.keyID, b.timestamp, b.nonce, b.method, b.target, b.bodyHash)
	}
	nonce, hash := strings.Repeat("n", 22), strings.Repeat("0", 64)
	add(call{"a", "k", "1", nonce, "GET", "/", hash}, call{"a", "k", "1", nonce, "GET", "/?", hash})
	add(call{"a", "k", "1", nonce, "GET", "/", hash}, call{"a\nk", "1", nonce, "GET", "/", hash, ""})
	f.Fuzz(func(t *testing.T, a1, a2, a3, a4, a5, a6, a7, b1, b2, b3, b4, b5, b6, b7 string) {
		a, b := call{a1, a2, a3, a4, a5, a6, a7}, call{b1, b2, b3, b4, b5, b6, b7}
		if !allowed(&a) || !allowed(&b) {
			return
		}
		if (a == b) != (a.text() == b.text()) {
			t.Fatalf("%q and %q have one text", a, b)
		}
		if parts := strings.Split(a.text(), "\n"); len(parts) != 8 || parts[6] != a.target {
			t.Fatalf("%q cannot be told apart: %q", a, parts)
		}
	})
}

// allowed reports whether the package makes such a call.
func allowed(c *call) bool {
	keys := new(Keys)
	keys.now.Store(new(keyList))
	return check(keys, c.audience) == nil && isKeyID(c.keyID) && isTimestamp(c.timestamp) && isNonce(c.nonce) &&
		visible(c.method) && visible(c.target) && isDigest(c.bodyHash)
}

// FuzzHeader: what is accepted is written in the one way in which it is accepted.
func FuzzHeader(f *testing.F) {
	hash := strings.Repeat("0", 64)
	f.Add("v2 k 1 " + strings.Repeat("n", 22) + " " + hash + " " + hash)
	f.Add("v2  k 1")
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		c, mac, ok := parseHeader(value)
		if !ok {
			return
		}
		if c.header(mac) != value {
			t.Fatalf("%q is read as %q", value, c.header(mac))
		}
		if timeOf(c.timestamp).Unix() < 1 {
			t.Fatalf("%q has the time %v", value, timeOf(c.timestamp))
		}
		c.audience, c.method, c.target = "a", "GET", "/"
		if !allowed(&c) {
			t.Fatalf("%q", value)
		}
	})
}

// FuzzOriginForm: a target in origin form is left alone, and nothing but a scheme and an authority is cut off.
func FuzzOriginForm(f *testing.F) {
	for _, s := range []string{"/", "*", "http://a", "https://a/b?c", "HTTP://a?b", "a:443", "http:///x", "http://a/http://b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		out := originForm(target)
		if strings.HasPrefix(target, "/") && out != target {
			t.Fatalf("%q became %q", target, out)
		}
		if out != target && !strings.HasPrefix(out, "/") {
			t.Fatalf("%q became %q", target, out)
		}
		if out != target && out != "/" && !strings.HasSuffix(target, strings.TrimPrefix(out, "/")) {
			t.Fatalf("%q became %q", target, out)
		}
	})
}
