package signature_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/signature"
)

// listen serves a handler, on HTTP/1.1 or on HTTP/2.
func listen(t *testing.T, h http.Handler, two bool) (*httptest.Server, http.RoundTripper) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = two
	if two {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, s.Client().Transport
}

func (w *world) client(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: signature.NewTransport(w.signer, base)}
}

// Calls over real connections, with bodies of every kind.
func TestTransport(t *testing.T) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		w := newWorld(t, signature.Options{})
		server, base := listen(t, w.verifier.Required(echo), two)
		for _, c := range []struct {
			rule, method, path string
			body               io.Reader
			want               string
		}{
			{"no body", "GET", "/", nil, ""},
			{"no method is GET", "", "/x", nil, ""},
			{"an empty body", "POST", "/", strings.NewReader(""), ""},
			{"a body that can be had again", "POST", "/", strings.NewReader("hello"), "hello"},
			{"a body that cannot, in chunks", "POST", "/", io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")), "hello"},
			{"an empty body that cannot", "POST", "/", io.MultiReader(), ""},
			{"a path that is escaped", "GET", "/a%2Fb/c%20d//e;f?g=h%20i&&j=?", nil, ""},
			{"a path in another script", "GET", "/ä/ö?ü=ß", nil, ""},
			{"an empty query", "GET", "/a?", nil, ""},
			{"a fragment, which is not sent", "GET", "/a?b#c", nil, ""},
			{"HEAD", "HEAD", "/", nil, ""},
		} {
			t.Run(name+"/"+c.rule, func(t *testing.T) {
				r := must(http.NewRequest(c.method, server.URL+c.path, c.body))(t)
				resp := must(w.client(base).Do(r))(t)
				want := "orders-1:" + c.want
				if c.method == "HEAD" {
					want = ""
				}
				if got := bodyText(t, resp); resp.StatusCode != 200 || got != want {
					t.Errorf("%s: %q, want %q", resp.Status, got, want)
				}
				if r.Header.Get(signature.Header) != "" {
					t.Error("the caller's request was changed")
				}
			})
		}
	}
}

// A proxy may change the host; nothing else of the call is its business.
func TestThroughAProxy(t *testing.T) {
	w := newWorld(t, signature.Options{})
	server, base := listen(t, w.verifier.Required(echo), false)
	at := must(url.Parse(server.URL))(t)
	for _, c := range []struct {
		rule    string
		rewrite func(*httputil.ProxyRequest)
		status  int
	}{
		{"another host", func(p *httputil.ProxyRequest) { p.Out.Host = "inner.example" }, 200},
		{"headers of its own", func(p *httputil.ProxyRequest) { p.SetXForwarded() }, 200},
		{"another path", func(p *httputil.ProxyRequest) { p.Out.URL.Path = "/b" }, 401},
	} {
		t.Run(c.rule, func(t *testing.T) {
			front, _ := listen(t, &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(at)
				c.rewrite(p)
			}}, false)
			resp := must(w.client(base).Post(front.URL+"/a?x=%20y", "text/plain", strings.NewReader("hello")))(t)
			if got := bodyText(t, resp); resp.StatusCode != c.status {
				t.Errorf("%s: %q", resp.Status, got)
			}
		})
	}
}

// A redirect within the service is a call of its own. One to elsewhere carries no signature, nor does the way back from
// there: elsewhere has chosen it.
func TestRedirects(t *testing.T) {
	w := newWorld(t, signature.Options{})
	elsewhere, _ := listen(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(rw, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(rw, "signed:"+r.Header.Get(signature.Header))
	}), false)
	mux := http.NewServeMux()
	mux.Handle("/end", w.verifier.Required(echo))
	mux.Handle("/here", w.verifier.Required(http.RedirectHandler("/end?x=1", http.StatusTemporaryRedirect)))
	mux.Handle("/lobby", http.RedirectHandler("/end", http.StatusTemporaryRedirect)) // for everybody
	mux.Handle("/away", w.verifier.Required(http.RedirectHandler(elsewhere.URL+"/", http.StatusTemporaryRedirect)))
	mux.Handle("/round", w.verifier.Required(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL+"/back?to="+url.QueryEscape("http://"+r.Host+"/lobby"), http.StatusTemporaryRedirect)
	})))
	server, base := listen(t, mux, false)
	refused := `{"error":"missing_signature","error_description":"send a signed request"}` + "\n"
	for path, want := range map[string]string{"/here": "orders-1:hello", "/away": "signed:", "/round": refused} {
		t.Run(path, func(t *testing.T) {
			r := must(http.NewRequest("POST", server.URL+path, strings.NewReader("hello")))(t)
			r.Header.Set(signature.Header, "an older one")
			if got := bodyText(t, must(w.client(base).Do(r))(t)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// A redirect out of TLS leads elsewhere, though the host is the same: anybody on the way could read what is signed, and be faster.
func TestARedirectOutOfTLS(t *testing.T) {
	w := newWorld(t, signature.Options{})
	var signed []bool
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		signed = append(signed, r.Header.Get(signature.Header) != "")
		if r.URL.Scheme == "http" {
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		}
		to := http.Header{"Location": {"http://billing.example/"}}
		return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: to, Body: http.NoBody, Request: r}, nil
	})
	r := must(http.NewRequest("GET", "https://billing.example/", nil))(t)
	resp := must((&http.Client{Transport: signature.NewTransport(w.signer, base)}).Do(r))(t)
	resp.Body.Close()
	if len(signed) != 2 || !signed[0] || signed[1] {
		t.Errorf("signed: %v", signed)
	}
}

// What a transport behind ours is given.
func TestRoundTrip(t *testing.T) {
	w := newWorld(t, signature.Options{})
	var sent *http.Request
	tr := signature.NewTransport(w.signer, roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}))
	ask := func(body io.Reader) (*http.Request, error) {
		r := must(http.NewRequest("POST", "http://billing.example/", body))(t)
		resp, err := tr.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		return r, err
	}
	t.Run("every call has a nonce of its own", func(t *testing.T) {
		seen := map[string]bool{}
		for range 100 {
			must(ask(nil))(t)
			nonce := strings.Split(sent.Header.Get(signature.Header), " ")[3]
			if seen[nonce] || len(nonce) < 22 {
				t.Fatalf("the nonce %q", nonce)
			}
			seen[nonce] = true
		}
	})
	t.Run("an older signature is replaced", func(t *testing.T) {
		twice := signature.NewTransport(w.signer, tr)
		r := must(http.NewRequest("GET", "http://billing.example/", nil))(t)
		must(twice.RoundTrip(r))(t).Body.Close()
		if n := len(sent.Header.Values(signature.Header)); n != 1 {
			t.Errorf("%d signatures", n)
		}
	})
	t.Run("GetBody is the caller's, and still gives the body", func(t *testing.T) {
		must(ask(strings.NewReader("hello")))(t)
		again := must(sent.GetBody())(t)
		if a, b := must(io.ReadAll(sent.Body))(t), must(io.ReadAll(again))(t); string(a) != "hello" || string(b) != "hello" {
			t.Errorf("%q, %q", a, b)
		}
	})
	t.Run("a body without GetBody gets one, and a length", func(t *testing.T) {
		body := &closing{Reader: strings.NewReader("hello")}
		must(ask(body))(t)
		again := must(sent.GetBody())(t)
		a, b := must(io.ReadAll(sent.Body))(t), must(io.ReadAll(again))(t)
		if string(a) != "hello" || string(b) != "hello" || sent.ContentLength != 5 || !body.closed {
			t.Errorf("%q, %q, %d, closed: %v", a, b, sent.ContentLength, body.closed)
		}
	})
	t.Run("a body over the limit is refused and closed", func(t *testing.T) {
		body := &closing{Reader: bytes.NewReader(make([]byte, 1<<20+1))}
		sent = nil
		_, err := ask(body)
		expect(t, err, signature.ReasonTooLarge)
		if sent != nil || !body.closed {
			t.Errorf("sent: %v, closed: %v", sent, body.closed)
		}
	})
	t.Run("a body that cannot be read", func(t *testing.T) {
		body := &closing{Reader: broken{}}
		if _, err := ask(body); !errors.Is(err, io.ErrUnexpectedEOF) || !body.closed {
			t.Errorf("%v, closed: %v", err, body.closed)
		}
	})
	t.Run("a GetBody that fails", func(t *testing.T) {
		for _, get := range []func() (io.ReadCloser, error){
			func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe },
			func() (io.ReadCloser, error) { return &closing{Reader: io.MultiReader(broken{})}, nil },
		} {
			body := &closing{Reader: strings.NewReader("hello")}
			r := must(http.NewRequest("POST", "http://billing.example/", body))(t)
			r.GetBody = get
			if _, err := tr.RoundTrip(r); err == nil || !body.closed {
				t.Errorf("%v, closed: %v", err, body.closed)
			}
		}
	})
	t.Run("a query that cannot be sent is refused", func(t *testing.T) {
		r := must(http.NewRequest("GET", "http://billing.example/", nil))(t)
		r.URL.RawQuery = "a=b c"
		_, err := tr.RoundTrip(r)
		expect(t, err, signature.ReasonMalformed)
	})
	t.Run("a request without headers", func(t *testing.T) {
		r := &http.Request{URL: must(url.Parse("http://billing.example/"))(t)}
		if err := w.signer.Sign(r); err != nil || r.Header.Get(signature.Header) == "" {
			t.Errorf("%v, %v", err, r.Header)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
