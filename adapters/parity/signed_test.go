package parity_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/adapters/signature"
	memstore "github.com/jetonkit/jeton/store/memory"
)

var _ httpauth.Refusal = (*signature.Error)(nil)

// signing signs the calls of a service, and judges them.
func signing(t *testing.T) (*signature.Signer, *signature.Verifier) {
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
	return signer, signed
}

// A rule of mode Internal lets signed calls through, knows who calls, gives the body on, and answers others as package signature does.
func TestSignedCalls(t *testing.T) {
	signer, signed := signing(t)
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

// The messages of a gRPC call are not what package signature has signed: such a call is refused, whatever body it was signed for.
func TestSignedCallsOfGRPC(t *testing.T) {
	signer, signed := signing(t)
	v, _ := login(t)
	auth, err := httpauth.New(v, &httpauth.Options{
		Internal: signed.Authenticate, Rules: []httpauth.Rule{{Prefix: "/shop.Orders", Mode: httpauth.Internal}},
	})
	check(t, err)
	const method = "/shop.Orders/Pay"
	for _, body := range []io.Reader{nil, strings.NewReader("pay 1 to ann")} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+method, body)
		check(t, err)
		check(t, signer.Sign(r))
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(signature.Header, r.Header.Get(signature.Header)))
		_, err = grpcauth.Unary(auth)(ctx, "pay 1000 to eve", &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) {
			t.Error("a message that nobody has signed was let in")
			return nil, nil
		})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("it is answered by %v", err)
		}
	}
}
