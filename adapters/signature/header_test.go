package signature_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/signature"
)

// One way only to write a signature. Each case is a good header with one thing changed.
func TestMalformedHeaders(t *testing.T) {
	w := newWorld(t, signature.Options{})
	good := w.request(t, "GET", "/", "").Header.Get(signature.Header)
	words := func(n int, text string) string {
		words := strings.Split(good, " ")
		words[n] = text
		return strings.Join(words, " ")
	}
	for _, c := range []struct {
		rule   string
		values []string
		want   signature.Reason
	}{
		{"none", nil, signature.ReasonMissing},
		{"two, though both are good", []string{good, good}, signature.ReasonAmbiguous},
		{"two that a proxy joined", []string{good + ", " + good}, signature.ReasonMalformed},
		{"empty", []string{""}, signature.ReasonMalformed},
		{"another version", []string{words(0, "v3")}, signature.ReasonMalformed},
		{"a version in capitals", []string{words(0, "V2")}, signature.ReasonMalformed},
		{"a seventh word", []string{good + " x"}, signature.ReasonMalformed},
		{"five words", []string{good[:strings.LastIndex(good, " ")]}, signature.ReasonMalformed},
		{"two spaces", []string{strings.Replace(good, " ", "  ", 1)}, signature.ReasonMalformed},
		{"a tab", []string{strings.Replace(good, " ", "\t", 1)}, signature.ReasonMalformed},
		{"a space in front", []string{" " + good}, signature.ReasonMalformed},
		{"a space behind", []string{good + " "}, signature.ReasonMalformed},
		{"a line feed in the key id", []string{words(1, "orders\n1")}, signature.ReasonMalformed},
		{"a key id too long", []string{words(1, strings.Repeat("k", 65))}, signature.ReasonMalformed},
		{"a key id with a slash", []string{words(1, "../x")}, signature.ReasonMalformed},
		{"no key id", []string{words(1, "")}, signature.ReasonMalformed},
		{"a timestamp with a sign", []string{words(2, "+1795359600")}, signature.ReasonMalformed},
		{"a negative timestamp", []string{words(2, "-1")}, signature.ReasonMalformed},
		{"a timestamp with a leading zero", []string{words(2, "01795359600")}, signature.ReasonMalformed},
		{"the timestamp 0", []string{words(2, "0")}, signature.ReasonMalformed},
		{"a timestamp with a fraction", []string{words(2, "1795359600.0")}, signature.ReasonMalformed},
		{"a timestamp in milliseconds and more", []string{words(2, "179535960000")}, signature.ReasonMalformed},
		{"a timestamp beyond every integer", []string{words(2, strings.Repeat("9", 400))}, signature.ReasonMalformed},
		{"a nonce too short for 128 bits", []string{words(3, strings.Repeat("a", 21))}, signature.ReasonMalformed},
		{"a nonce too long", []string{words(3, strings.Repeat("a", 65))}, signature.ReasonMalformed},
		{"a nonce with other characters", []string{words(3, strings.Repeat("a", 22)+"=")}, signature.ReasonMalformed},
		{"a hash in capitals", []string{words(4, strings.ToUpper(emptyHash))}, signature.ReasonMalformed},
		{"a hash too short", []string{words(4, emptyHash[1:])}, signature.ReasonMalformed},
		{"a signature in capitals", []string{words(5, strings.Repeat("A", 64))}, signature.ReasonMalformed},
		{"no signature", []string{words(5, "")}, signature.ReasonMalformed},
		{"broken UTF-8", []string{words(1, "\xff\xfe")}, signature.ReasonMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := again(w.request(t, "GET", "/", ""), "GET", "/", "")
			r.Header[signature.Header] = c.values
			expect(t, w.verifier.Check(r), c.want)
		})
	}
	if n := w.store.issued.Load(); n != 0 {
		t.Errorf("%d nonces were stored", n)
	}
}

// What is signed is the target as it came, whatever a router made of the URL.
func TestTarget(t *testing.T) {
	w := newWorld(t, signature.Options{})
	for _, c := range []struct {
		rule, received string
		change         func(*http.Request)
		want           signature.Reason
	}{
		{"as sent", "/a%2Fb?x", nil, ""},
		{"a router has cut a prefix off", "/a%2Fb?x", func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/b", "" }, ""},
		{"a router has changed the query", "/a%2Fb?x", func(r *http.Request) { r.URL.RawQuery = "y" }, ""},
		{"with scheme and authority, as for a proxy", "http://billing:80/a%2Fb?x", nil, ""},
		{"another scheme's", "ftp://billing/a%2Fb?x", nil, signature.ReasonSignature},
		{"unescaped", "/a/b?x", nil, signature.ReasonSignature},
		{"with an empty query", "/a%2Fb?", nil, signature.ReasonSignature},
		{"with a line feed", "/a\n/b?x", nil, signature.ReasonMalformed},
		{"with a space", "/a b?x", nil, signature.ReasonMalformed},
		{"a method with a line feed", "/a%2Fb?x", func(r *http.Request) { r.Method = "GET\n/a" }, signature.ReasonMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := w.request(t, "GET", "/a%2Fb?x", "")
			r.RequestURI = c.received
			if c.change != nil {
				c.change(r)
			}
			expect(t, w.verifier.Check(r), c.want)
		})
	}
	for _, same := range []string{"http://billing", "https://billing/", "/"} {
		r := w.request(t, "GET", "/", "")
		r.RequestURI = same
		expect(t, w.verifier.Check(r), "")
	}
	r := w.request(t, "GET", "/?x", "")
	r.RequestURI = "http://billing?x"
	expect(t, w.verifier.Check(r), "")
}

func TestAnswers(t *testing.T) {
	w := newWorld(t, signature.Options{MaxBody: 4})
	send := func(change func(*http.Request)) *http.Response {
		t.Helper()
		r := w.request(t, "POST", "/", "1234")
		change(r)
		return serve(w.verifier.Required(echo), r)
	}
	const bare = `Jeton-Signature realm="internal"`
	invalid := func(why string) string { return bare + `, error="invalid_signature", error_description="` + why + `"` }
	request := func(why string) string { return bare + `, error="invalid_request", error_description="` + why + `"` }
	for _, c := range []struct {
		rule            string
		change          func(*http.Request)
		status          int
		challenge, body string
	}{
		{"passes", func(*http.Request) {}, 200, "", "orders-1:1234"},
		{"missing", func(r *http.Request) { r.Header.Del(signature.Header) }, 401, bare, `{"error":"missing_signature","error_description":"send a signed request"}` + "\n"},
		{
			"twice", func(r *http.Request) { r.Header.Add(signature.Header, "x") }, 400, request("send one signature, with each of its headers once"),
			`{"error":"invalid_request","error_description":"send one signature, with each of its headers once"}` + "\n",
		},
		{"malformed", func(r *http.Request) { r.Header.Set(signature.Header, "x") }, 400, request("signature is malformed"), ""},
		{"wrong", func(r *http.Request) { r.RequestURI = "/x" }, 401, invalid("signature is not valid"), ""},
		{"old", func(*http.Request) { w.pass(2 * 60e9) }, 401, invalid("timestamp is too long ago"), ""},
		{"too large", func(r *http.Request) { r.ContentLength = 5 }, 413, "", `{"error":"request_too_large","error_description":"body is too large"}` + "\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			resp := send(c.change)
			body := bodyText(t, resp)
			if resp.StatusCode != c.status || resp.Header.Get("WWW-Authenticate") != c.challenge || (c.body != "" && body != c.body) {
				t.Errorf("%d %q %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"), body)
			}
			if c.status != 200 && (resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json") {
				t.Errorf("headers: %v", resp.Header)
			}
		})
	}
}
