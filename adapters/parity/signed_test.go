package parity_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/adapters/signature"
	memstore "github.com/jetonkit/jeton/store/memory"
)

var _ httpauth.Refusal = (*signature.Error)(nil)

// A rule of mode Internal lets signed calls through, knows who calls, gives the body on, and answers others as package signature does.
func TestSignedCalls(t *testing.T) {
	s, err := memstore.New(nil)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	key, err := signature.NewKey("billing", []byte("0123456789abcdef0123456789abcdef"))
	check(t, err)
	keys, err := signature.NewKeys(key)
	check(t, err)
	signer, err := signature.NewSigner(keys, "orders", nil)
	check(t, err)
	signed, err := signature.NewVerifier(s, keys, "orders", nil)
	check(t, err)
	v, raw := login(t)
	auth, err := httpauth.New(v, &httpauth.Options{
		Internal: signed.Authenticate, Rules: []httpauth.Rule{{Prefix: "/internal", Mode: httpauth.Internal}},
	})
	check(t, err)
	server := httptest.NewServer(auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := signature.Caller(r.Context())
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, caller+" "+string(body))
	})))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		rule      string
		transport http.RoundTripper
		status    int
		body      string
	}{
		{"signed", signature.NewTransport(signer, http.DefaultTransport), http.StatusOK, "billing hello"},
		{"not signed, though with a token", http.DefaultTransport, http.StatusUnauthorized, "missing_signature"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/internal/x", strings.NewReader("hello"))
		check(t, err)
		r.Header.Set("Authorization", "Bearer "+raw)
		response, err := (&http.Client{Transport: c.transport}).Do(r)
		check(t, err)
		body, err := io.ReadAll(response.Body)
		check(t, err)
		check(t, response.Body.Close())
		if response.StatusCode != c.status || !strings.Contains(string(body), c.body) {
			t.Errorf("%s: got %d %s, want %d %s", c.rule, response.StatusCode, body, c.status, c.body)
		}
		challenge := response.Header.Get("WWW-Authenticate")
		if strings.HasPrefix(challenge, signature.Scheme+" ") != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s: the challenge is %q", c.rule, challenge)
		}
	}
}
