package endpoints_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// bySignature is the method of clients that sign; the ids of their keys begin with theirs: web-2026-11.
func bySignature(v *signature.Verifier) endpoints.Method {
	return endpoints.Signed("", func(r *http.Request) (string, error) {
		ctx, err := v.Authenticate(r)
		if err != nil {
			return "", err
		}
		key, _ := signature.Caller(ctx)
		client, _, _ := strings.Cut(key, "-")
		return client, nil
	})
}

// A client that signs its requests, and keeps no other secret.
func ExampleSigned() {
	p := setUp()
	keys := orFatal(signature.NewKeys(orFatal(signature.NewKey("shop-2026-11", []byte("32 bytes of a random source ....")))))
	clients := orFatal(endpoints.NewClientAuth(bySignature(orFatal(signature.NewVerifier(p.store, keys, "login", nil)))))
	server := httptest.NewServer(orFatal(endpoints.NewIntrospection(p.verifier, clients, nil)))
	defer server.Close()

	// The client's side.
	signer := orFatal(signature.NewSigner(keys, "login", nil))
	client := &http.Client{Transport: signature.NewTransport(signer, nil)}
	pair := orFatal(p.issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{}))
	resp, err := client.PostForm(server.URL, url.Values{"token": {pair.Access.Reveal()}})
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body := orFatal(io.ReadAll(resp.Body))
	fmt.Println(resp.StatusCode, strings.Contains(string(body), `"active":true`))
	// Output: 200 true
}

// TestSignedCalls: signed by package signature, over HTTP. A request without a signature may use another method; one whose
// signature is no good may not.
func TestSignedCalls(t *testing.T) {
	k := newKit(t, nil)
	key := must(signature.NewKey("web-1", []byte("32 bytes of a random source ....")))
	keys, stranger := must(signature.NewKeys(key)), must(signature.NewKeys(must(signature.NewKey("web-1", []byte("32 others of a random source ...")))))
	v := must(signature.NewVerifier(k.store, keys, "login", &signature.Options{Now: k.clock.Now, MaxBody: 1 << 10}))
	clients := must(endpoints.NewClientAuth(bySignature(v), endpoints.SecretBasic(k.registry), endpoints.Public(k.registry)))
	s := serve(t, k.token(endpoints.TokenOptions{Clients: clients}))
	signed := func(keys *signature.Keys) change {
		return func(r *http.Request) {
			noErr(t, must(signature.NewSigner(keys, "login", &signature.SignerOptions{Now: k.clock.Now})).Sign(r))
		}
	}
	both := func(r *http.Request) { signed(keys)(r); asWeb(r) }
	var sent string
	once := func(r *http.Request) { signed(keys)(r); sent = r.Header.Get(signature.Header) }
	again := func(r *http.Request) { r.Header.Set(signature.Header, sent) }
	for _, c := range []struct {
		name   string
		body   string
		as     change
		status int
		code   string
	}{
		{"signed", grant("unknown"), once, 400, "invalid_grant"},
		{"the same again", grant("unknown"), again, 401, "invalid_client"},
		{"another body", grant("other"), again, 401, "invalid_client"},
		{"not signed, and a secret", grant("unknown"), asWeb, 400, "invalid_grant"},
		{"not signed, and public", grant("unknown", "client_id", "app"), func(*http.Request) {}, 400, "invalid_grant"},
		{"not signed, and nothing", grant("unknown"), func(*http.Request) {}, 401, "invalid_client"},
		{"signed by a stranger", grant("unknown"), signed(stranger), 401, "invalid_client"},
		{"signed by a stranger, and public", grant("unknown", "client_id", "app"), signed(stranger), 401, "invalid_client"},
		{"malformed, and public", grant("unknown", "client_id", "app"), header(signature.Header, "x"), 401, "invalid_client"},
		{"signed, and a secret", grant("unknown"), both, 400, "invalid_request"},
		{"signed, and too large for the verifier", grant("unknown", "x", strings.Repeat("x", 1<<10)), signed(keys), 401, "invalid_client"},
		{"signed, and another client named", grant("unknown", "client_id", "api"), signed(keys), 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) { wantOAuth(t, post(t, s, c.body, c.as), c.status, c.code) })
	}
	t.Run("the nonces' store is down", func(t *testing.T) {
		restore := k.down(storetest.VerbIssue)
		wantOAuth(t, post(t, s, grant("unknown"), signed(keys)), 503, "temporarily_unavailable")
		wantOAuth(t, post(t, s, grant("unknown"), both), 503, "temporarily_unavailable")
		wantOAuth(t, post(t, s, grant("unknown"), asWeb), 400, "invalid_grant")
		restore()
		p := k.login(ann)
		wantOAuth(t, post(t, s, grant(p.Refresh.Reveal()), signed(keys)), 200, "")
	})
}
