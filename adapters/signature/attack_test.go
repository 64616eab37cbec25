package signature_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
)

// A gateway that signs what it passes on signs what it sends, not what was sent to it: its own client chose that.
func TestSignedByAGateway(t *testing.T) {
	w := newWorld(t, signature.Options{})
	server, base := listen(t, w.verifier.Required(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, r.URL.RequestURI())
	})), false)
	at := must(url.Parse(server.URL + "/billing"))(t)
	front, _ := listen(t, &httputil.ReverseProxy{
		Transport: signature.NewTransport(w.signer, base),
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(at) },
	}, false)
	for sent, want := range map[string]string{"/a%2Fb?x=%20y": "/billing/a%2Fb?x=%20y", "/": "/billing/"} {
		resp := must(http.Post(front.URL+sent, "text/plain", strings.NewReader("hello")))(t)
		if got := bodyText(t, resp); resp.StatusCode != 200 || got != want {
			t.Errorf("%s: %s %q, want %q", sent, resp.Status, got, want)
		}
	}
}

// One secret under two ids, while a caller is renamed: a call of version 1 names no id, and passes once all the same.
func TestV1PassesOnceUnderTwoNames(t *testing.T) {
	old := must(signature.NewKeys(key(t, "old", 7), key(t, "new", 7)))(t)
	for range 20 { // the keys are tried in one order
		w := newWorld(t, signature.Options{AllowV1: old})
		r := httptest.NewRequest("GET", "/", nil)
		signV1(r, seeded(7), "n-1", w.now())
		expect(t, w.verifier.Check(again(r, "GET", "/", "")), "")
		for range 5 {
			expect(t, w.verifier.Check(again(r, "GET", "/", "")), signature.ReasonReplayed)
		}
	}
}

// Version 1 does not sign the audience: a call that one service has let in, another over the same store does not.
func TestV1PassesOnceAtAllServices(t *testing.T) {
	old := must(signature.NewKeys(key(t, "old", 7)))(t)
	w := newWorld(t, signature.Options{AllowV1: old})
	shipping := must(signature.NewVerifier(w.store, w.keys, "shipping", &signature.Options{AllowV1: old, Now: w.now}))(t)
	r := httptest.NewRequest("GET", "/", nil)
	signV1(r, seeded(7), "n-1", w.now())
	expect(t, w.verifier.Check(again(r, "GET", "/", "")), "")
	expect(t, shipping.Check(again(r, "GET", "/", "")), signature.ReasonReplayed)
}

// Of a body over the limit no more is read than shows it.
func TestEndlessBodies(t *testing.T) {
	w := newWorld(t, signature.Options{MaxBody: 1 << 10})
	r := w.request(t, "POST", "/", "x")
	body := &endless{}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	expect(t, w.verifier.Check(r), signature.ReasonTooLarge)
	if body.read > 1<<10+1 {
		t.Errorf("%d bytes were read", body.read)
	}
}

// endless gives bytes, and stops a test that would take all of them.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 1<<20 {
		return 0, io.ErrUnexpectedEOF
	}
	return len(p), nil
}

// A request that http.Transport refuses with an error is refused by ours as well.
func TestTransportOfRequestsThatAreNone(t *testing.T) {
	w := newWorld(t, signature.Options{})
	body := &closing{Reader: strings.NewReader("x")}
	r := &http.Request{Method: "POST", Header: http.Header{}, Body: body}
	_, err := signature.NewTransport(w.signer, nil).RoundTrip(r) //nolint:bodyclose // there is none
	expect(t, err, signature.ReasonMalformed)
	if !body.closed {
		t.Error("the body was not closed")
	}
}

// raw sends bytes to a server and returns the status line and the body.
func raw(t *testing.T, s *httptest.Server, text string) (status int, body string) {
	t.Helper()
	conn := must(net.Dial("tcp", s.Listener.Addr().String()))(t)
	defer func() { _ = conn.Close() }()
	must(io.WriteString(conn, text))(t)
	resp := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
	defer resp.Body.Close()
	return resp.StatusCode, string(must(io.ReadAll(resp.Body))(t))
}

// What a client cannot send by net/http, byte by byte.
func TestOnTheWire(t *testing.T) {
	w := newWorld(t, signature.Options{MaxBody: 64})
	served := 0
	server, _ := listen(t, w.verifier.Required(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		served++
		body, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(rw, "%s %s %v %v", r.URL.Path, body, err, r.Trailer)
	})), false)
	signed := func(method, target, body string) string {
		return w.request(t, method, target, body).Header.Get(signature.Header)
	}
	const head = " HTTP/1.1\r\nHost: billing\r\nConnection: close\r\n"
	for _, c := range []struct {
		rule, text string
		status     int
		body       string
	}{
		{"chunks are not signed, their bytes are", "POST /" + head + "Jeton-Signature: " + signed("POST", "/", "hello") +
			"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", 200, "/ hello <nil> map[]"},
		{"a signature in a trailer is none", "POST /" + head + "Trailer: Jeton-Signature\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nJeton-Signature: " +
			signed("POST", "/", "hello") + "\r\n\r\n", 401, `{"error":"missing_signature"`},
		{"a body that is compressed is its bytes", "POST /" + head + "Content-Encoding: gzip\r\nJeton-Signature: " + signed("POST", "/", "\x1f\x8b") +
			"\r\nContent-Length: 2\r\n\r\n\x1f\x8b", 200, "/ \x1f\x8b"},
		{"the absolute form", "GET http://elsewhere/a?b" + head + "Jeton-Signature: " + signed("GET", "/a?b", "") + "\r\n\r\n", 200, "/a "},
		{"a doubled slash is another target", "GET //a" + head + "Jeton-Signature: " + signed("GET", "/a", "") + "\r\n\r\n", 401, `{"error":"invalid_signature"`},
		{"a fragment is another target", "GET /a#b" + head + "Jeton-Signature: " + signed("GET", "/a", "") + "\r\n\r\n", 401, `{"error":"invalid_signature"`},
		{"a question mark at the end is another target", "GET /a?" + head + "Jeton-Signature: " + signed("GET", "/a", "") + "\r\n\r\n", 401, `{"error":"invalid_signature"`},
		{"the header twice", "GET /a" + head + "Jeton-Signature: " + signed("GET", "/a", "") + "\r\njeton-signature: x\r\n\r\n", 400, `{"error":"invalid_request"`},
		{"digits of another script", "GET /a" + head + "Jeton-Signature: " + strings.Replace(signed("GET", "/a", ""), " 17", " １7", 1) + "\r\n\r\n", 400, `{"error":"invalid_request"`},
		{"a stranger is not told to go on", "POST /" + head + "Expect: 100-continue\r\nContent-Length: 5\r\nJeton-Signature: " + signed("POST", "/other", "hello") +
			"\r\n\r\n", 401, `{"error":"invalid_signature"`},
		{"a body over the limit in chunks", "POST /" + head + "Jeton-Signature: " + signed("POST", "/", strings.Repeat("x", 65)) +
			"\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n" + strings.Repeat("x", 65) + "\r\n0\r\n\r\n", 413, `{"error":"request_too_large"`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			before := served
			status, body := raw(t, server, c.text)
			if status != c.status || !strings.HasPrefix(body, c.body) || (served > before) != (c.status == 200) {
				t.Errorf("%d %q, want %d %q", status, body, c.status, c.body)
			}
		})
	}
}

// A nonce is not free again while its time is past on the store's clock, whatever a verifier's clock says: the store refuses
// to keep it, and that is an outage.
func TestNoReplayOnAClockFarBehind(t *testing.T) {
	w := newWorld(t, signature.Options{})
	behind := must(signature.NewVerifier(w.store, w.keys, audience, &signature.Options{
		Now: func() time.Time { return w.now().Add(-10 * time.Minute) },
	}))(t)
	r := w.request(t, "GET", "/", "")
	expect(t, w.verifier.Check(again(r, "GET", "/", "")), "")
	w.pass(10 * time.Minute)
	expect(t, behind.Check(again(r, "GET", "/", "")), signature.ReasonUnavailable)
}

// Keys are replaced, and calls signed and judged, all at once.
func TestConcurrentRotation(t *testing.T) {
	w := newWorld(t, signature.Options{})
	one, two := w.key, key(t, "orders-2", 2)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for m := range 20 {
				if n == 0 {
					order := [][]signature.Key{{one, two}, {two, one}}[m%2]
					if err := w.keys.Replace(order...); err != nil {
						t.Error(err)
					}
					continue
				}
				r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
				if err := w.signer.Sign(r); err != nil {
					t.Error(err)
				}
				if err := w.verifier.Check(r); err != nil && n > 0 && m > 0 {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
