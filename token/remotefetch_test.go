package token_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// What an endpoint may answer.
func TestRemoteAnswers(t *testing.T) {
	set := string(must(token.MarshalJWKS(pub(1)...)))
	with := func(members string) string { return strings.TrimSuffix(set, "]}") + "," + members + "]}" }
	cases := []struct {
		name    string
		handler http.HandlerFunc
		problem string // empty: key-1 is found
	}{
		{"a set", text(set), ""},
		{"keys that nobody knows", text(with(`{"kty":"PQC","kid":"x"},{"kty":"EC","crv":"secp256k1","kid":"y","x":"AA","y":"AA"}`)), ""},
		{"a set with a secret", text(with(`{"kty":"oct","kid":"s","k":"aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg"}`)), "no JWK set of use here"},
		{"a set with a private key", text(strings.Replace(set, `"crv"`, `"d":"aHVudGVyMg","crv"`, 1)), "no JWK set of use here"},
		{"no keys", text(`{"keys":[]}`), "no JWK set of use here"},
		{"a page", text(`<html>hunter2</html>`), "no JWK set of use here"},
		{"two values", text(set + set), "no JWK set of use here"},
		{"too much", text(strings.Repeat(" ", token.MaxJWKSBytes) + set), "over 262144 bytes"},
		{"too much, packed", packed(strings.Repeat(" ", 64<<20)), "over 262144 bytes"},
		{"an error", status(http.StatusInternalServerError), "status 500"},
		{"no content", status(http.StatusNoContent), "status 204"},
		{"half of it", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, set[:10])
		}, "cannot be reached"},
		{"a redirect on the host", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there?key=hunter2", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, set)
		}, ""},
		{"a redirect to another host", redirect("http://127.0.0.2/hunter2"), "redirects"},
		{"a redirect to another port", redirect("http://127.0.0.1:1/hunter2"), "redirects"},
		{"a redirect to https", func(w http.ResponseWriter, r *http.Request) { redirect("https://"+r.Host+"/hunter2")(w, r) }, "redirects"},
		{"a redirect to a file", redirect("file:///etc/hunter2"), "redirects"},
		{"a redirect to nowhere", redirect("http://[hunter2"), "cannot be reached"},
		{"a redirect with a password", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				_, _ = io.WriteString(w, set)
				return
			}
			http.Redirect(w, r, "http://u:hunter2@"+r.Host, http.StatusFound)
		}, "redirects"},
		{"redirects without end", redirect("/"), "redirects"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var asks atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asks.Add(1)
				c.handler(w, r)
			}))
			t.Cleanup(server.Close)
			keys := must(token.NewRemoteKeys(server.URL+"?key=hunter2", nil)) // by the transport of our own
			err := find(t, keys, "key-1")
			if asks.Load() > 4 {
				t.Errorf("%d requests", asks.Load())
			}
			if c.problem == "" {
				noErr(t, err)
				return
			}
			unanswered(t, err)
			if !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v", err)
			}
			if errors.Is(err, store.ErrInvalid) {
				t.Error("the issuer's mistake is taken for the caller's")
			}
		})
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

func packed(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, s)
		_ = z.Close()
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// counted is a body that is read no further than it may be.
type counted struct{ read, most int }

func (c *counted) Read(b []byte) (int, error) {
	if c.read >= c.most {
		return 0, io.EOF
	}
	c.read += len(b)
	return len(b), nil
}

func (*counted) Close() error { return nil }

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A body is read up to its bound.
func TestRemoteBodyIsBounded(t *testing.T) {
	body := &counted{most: 16 << 20}
	keys := must(token.NewRemoteKeys(setURL, &token.RemoteOptions{Transport: transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
	})}))
	unanswered(t, find(t, keys, "x"))
	if body.read > 2*token.MaxJWKSBytes {
		t.Errorf("%d bytes were read", body.read)
	}
}

// A server that is not there, and one whose certificate nobody vouches for.
func TestRemoteUnreachable(t *testing.T) {
	server := httptest.NewUnstartedServer(text("{}"))
	server.Config.ErrorLog = nil
	server.StartTLS()
	url := server.URL
	err := find(t, must(token.NewRemoteKeys(url, nil)), "x")
	unanswered(t, err)
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the error is %v", err)
	}
	server.Close()
	err = find(t, must(token.NewRemoteKeys(url, nil)), "x")
	unanswered(t, err)
	if !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the error is %v", err)
	}
	// A transport that says of its own token that it is invalid does not say it of ours.
	odd := &publisher{err: fmt.Errorf("my own: %w", token.ErrExpired)}
	unanswered(t, find(t, newRemote(odd, token.RemoteOptions{}), "x"))
}

// Discovery: the metadata are those of the issuer, letter for letter, and say where the keys are.
func TestRemoteDiscovery(t *testing.T) {
	var issuer string
	document := func(w http.ResponseWriter, name string) {
		_, _ = io.WriteString(w, m{"issuer": name, "jwks_uri": "http://" + strings.TrimPrefix(issuer, "http://")[:strings.Index(strings.TrimPrefix(issuer, "http://")+"/", "/")] + "/keys", "more": true}.text())
	}
	const oidc, oauth = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	cases := []struct {
		name, path, at string
		answer         func(w http.ResponseWriter)
		problem        string
	}{
		{"OpenID Connect", "", oidc, func(w http.ResponseWriter) { document(w, issuer) }, ""},
		{"with a slash at its end", "/", oidc, func(w http.ResponseWriter) { document(w, issuer) }, ""},
		{"with a path", "/realms/a", "/realms/a" + oidc, func(w http.ResponseWriter) { document(w, issuer) }, ""},
		{"RFC 8414", "", oauth, func(w http.ResponseWriter) { document(w, issuer) }, ""},
		{"RFC 8414 with a path", "/a/", oauth + "/a", func(w http.ResponseWriter) { document(w, issuer) }, ""},
		{"another issuer", "", oidc, func(w http.ResponseWriter) { document(w, "http://evil.example") }, "another issuer"},
		{"a slash too much", "", oidc, func(w http.ResponseWriter) { document(w, issuer+"/") }, "another issuer"},
		{"no issuer", "", oidc, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"jwks_uri":"https://x"}`) }, "another issuer"},
		{"no jwks_uri", "", oidc, func(w http.ResponseWriter) { _, _ = io.WriteString(w, m{"issuer": issuer}.text()) }, "no jwks_uri"},
		{"an http jwks_uri elsewhere", "", oidc, func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, m{"issuer": issuer, "jwks_uri": "http://evil.example/hunter2"}.text())
		}, "no jwks_uri"},
		{"two issuers", "", oidc, func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"issuer":"`+issuer+`","issuer":"x","jwks_uri":"https://x"}`)
		}, "strict JSON"},
		{"none", "", "/nowhere", nil, "status 404"},
		{"an error at the first place", "", oidc, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, "status 502"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case c.at:
					c.answer(w)
				case "/keys":
					_, _ = w.Write(must(token.MarshalJWKS(pub(1)...)))
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(server.Close)
			issuer = server.URL + c.path
			keys := must(token.NewDiscoveredKeys(issuer, nil))
			err := find(t, keys, "key-1")
			if c.problem == "" {
				noErr(t, err)
				wantErr(t, find(t, keys, "key-2"), token.ErrKey)
				return
			}
			unanswered(t, err)
			if err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	// An https issuer has https keys, on this machine too.
	p := &publisher{body: m{"issuer": "https://login.example", "jwks_uri": "http://localhost/keys"}.text()}
	unanswered(t, find(t, must(token.NewDiscoveredKeys("https://login.example", &token.RemoteOptions{Transport: p, AllowHTTP: true})), "x"))
	p.asked(t, 1)
}
