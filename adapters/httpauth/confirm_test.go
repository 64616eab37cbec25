package httpauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// bound is an access token with a cnf as it is written; none for an empty text.
func (f *fixture) bound(t *testing.T, cnf string) string {
	t.Helper()
	claims := map[string]any{}
	if cnf != "" {
		claims["cnf"] = json.RawMessage(cnf)
	}
	return must(f.issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{Claims: claims}))(t).Access.Reveal()
}

// A token that is bound to a key is nobody's without a proof of it (RFC 7800 §3.1, RFC 8705 §3, RFC 9449 §7): whoever stole it
// has none.
func TestBoundTokens(t *testing.T) {
	f := newFixture(t)
	const jkt = `{"jkt":"a"}`
	answers := func(err error) func(*http.Request, *token.Token) error {
		return func(_ *http.Request, t *token.Token) error {
			if c, _ := t.Confirmation(); c.KeyThumbprint != "a" {
				return errors.New("asked of a token that is not bound")
			}
			return err
		}
	}
	for _, c := range []struct {
		rule     string
		confirm  func(*http.Request, *token.Token) error
		cnf      string
		required int
		optional int
		reason   string
	}{
		{"bound to nothing", nil, "", 200, 200, ""},
		{"bound to nothing, and nothing is asked", answers(errors.New("no proof")), "", 200, 200, ""},
		{"nobody asks for a proof", nil, jkt, 401, 204, "unconfirmed"},
		{"a key of a kind that is not known", nil, `{"new":{}}`, 401, 204, "unconfirmed"},
		{"a binding that does not read", nil, `"x"`, 401, 204, "unconfirmed"},
		{"a binding to nothing", nil, `{}`, 401, 204, "unconfirmed"},
		{"a proof", answers(nil), jkt, 200, 200, ""},
		{"no proof", answers(errors.New("a secret")), jkt, 401, 204, "unconfirmed"},
		{"an answer of its own", answers(&httpauth.Failure{Status: 400, Code: "use_dpop_nonce"}), jkt, 400, 400, "use_dpop_nonce"},
		{"the store of proofs is down", answers(store.ErrUnavailable), jkt, 503, 503, "temporarily_unavailable"},
		{"the proof took too long", answers(fmt.Errorf("judging: %w", context.DeadlineExceeded)), jkt, 503, 503, "temporarily_unavailable"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			reason := ""
			m := f.middleware(t, &httpauth.Options{Confirm: c.confirm, ErrorHandler: func(w http.ResponseWriter, r *http.Request, f *httpauth.Failure) {
				reason = f.Reason()
				httpauth.WriteJSON(w, r, f)
			}})
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := httpauth.Token(r.Context()); !ok {
					w.WriteHeader(http.StatusNoContent)
				}
			})
			raw := f.bound(t, c.cnf)
			if w := present(m.Optional(h), raw); w.Code != c.optional {
				t.Errorf("where it is optional: %d %s, want %d", w.Code, w.Body, c.optional)
			}
			w := present(m.Required(h), raw)
			if w.Code != c.required || reason != c.reason {
				t.Errorf("got %d %s for %q, want %d for %q", w.Code, w.Body, reason, c.required, c.reason)
			}
			want := bare + `, error="invalid_token", error_description="token is bound to a key that was not proven"`
			if got := w.Header().Get("WWW-Authenticate"); c.required == 401 && got != want {
				t.Errorf("the challenge is %s", got)
			}
			if got := present(m.Public(h), raw).Code; got != 204 {
				t.Errorf("a public route answers %d", got)
			}
		})
	}
}

// RFC 8705 §3: the certificate of the connection, over a real handshake; nobody has to have signed it.
func TestConfirmCertificate(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Confirm: httpauth.ConfirmCertificate})
	server := httptest.NewUnstartedServer(m.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	mine, other := selfSigned(t), selfSigned(t)
	sum := sha256.Sum256(mine.Certificate[0])
	thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
	for _, c := range []struct {
		rule, cnf string
		with      *tls.Certificate
		status    int
	}{
		{"the certificate", `{"x5t#S256":"` + thumbprint + `"}`, mine, 200},
		{"another certificate", `{"x5t#S256":"` + thumbprint + `"}`, other, 401},
		{"no certificate", `{"x5t#S256":"` + thumbprint + `"}`, nil, 401},
		{"a DPoP key besides", `{"x5t#S256":"` + thumbprint + `","jkt":"a"}`, mine, 401},
		{"a DPoP key", `{"jkt":"` + thumbprint + `"}`, mine, 401},
		{"bound to nothing", ``, nil, 200},
	} {
		transport := server.Client().Transport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // httptest's
		transport.DisableKeepAlives = true
		if c.with != nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{*c.with}
		}
		r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil))(t)
		r.Header.Set("Authorization", "Bearer "+f.bound(t, c.cnf))
		response := must((&http.Client{Transport: transport}).Do(r))(t)
		_, _ = io.Copy(io.Discard, response.Body)
		check(t, response.Body.Close())
		if response.StatusCode != c.status {
			t.Errorf("%s: got %d, want %d", c.rule, response.StatusCode, c.status)
		}
	}
	if w := present(m.Required(http.NotFoundHandler()), f.bound(t, `{"x5t#S256":"`+thumbprint+`"}`)); w.Code != 401 {
		t.Errorf("without TLS: %d", w.Code)
	}
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw := must(x509.CreateCertificate(rand.Reader, about, about, key.Public(), key))(t)
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}
