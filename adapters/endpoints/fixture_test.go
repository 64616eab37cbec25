package endpoints_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuerName = "https://issuer.test"
	ownAPI     = "https://api.test"
	otherAPI   = "https://other.test"
)

var (
	ann = store.User("ann")
	bob = store.User("bob")
)

// Made once: each is a hash of a fixed text, so that a failure shows the same on every run.
const (
	webSecret = "web+secret/of=the:client %41"
	apiSecret = "api-secret-of-the-resource-server"
)

// kit is an authorization server in a test.
type kit struct {
	t        testing.TB
	clock    *storetest.Clock
	store    *storetest.Faults
	key      token.SigningKey
	issuer   *token.Issuer
	verifier *token.Verifier
	revoker  *token.Revoker
	apiKeys  *token.APIKeys
	registry endpoints.Registry
	clients  *endpoints.ClientAuth

	mu     sync.Mutex
	failed []*httpauth.Failure
}

func signingKey(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

// newKit makes one. change may be nil.
func newKit(t testing.TB, change func(*token.IssuerOptions)) *kit {
	t.Helper()
	return newKitOf(t, issuerName, change)
}

// newKitOf makes one of another name.
func newKitOf(t testing.TB, name string, change func(*token.IssuerOptions)) *kit {
	t.Helper()
	k := &kit{t: t, clock: storetest.NewClock(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))}
	memory := must(memstore.New(&memstore.Options{Now: k.clock.Now, SweepInterval: -1}))
	t.Cleanup(func() { noErr(t, memory.Close()) })
	k.store = storetest.NewFaults(memory)
	k.clock.Advance(time.Hour) // the store's data began before every token
	k.key = must(token.Ed25519("k1", signingKey("issuer")))
	o := &token.IssuerOptions{Audience: []string{ownAPI, otherAPI}, ClientID: "web", Now: k.clock.Now}
	if change != nil {
		change(o)
	}
	k.issuer = must(token.NewIssuer(k.store, name, k.key, o))
	seal := must(token.NewSecret(1, []byte("32 bytes of a random source ....")))
	k.apiKeys = must(token.NewAPIKeys(k.store, "acme", []token.Secret{seal}, &token.APIKeyOptions{Now: k.clock.Now}))
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: name, Keys: k.key.VerifyKey(), Audience: []string{ownAPI}, Check: token.Denylist(k.store)},
		foreignIssuer(k.store),
	}, &token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1, APIKeys: []*token.APIKeys{k.apiKeys}}))
	k.revoker = must(token.NewRevoker(k.store, nil))
	k.registry = must(endpoints.NewRegistry(
		endpoints.Client{ID: "web", Secrets: []endpoints.SecretHash{must(endpoints.HashSecret(webSecret))}},
		endpoints.Client{ID: "api", Secrets: []endpoints.SecretHash{must(endpoints.HashSecret(apiSecret))}},
		endpoints.Client{ID: "app", Public: true},
	))
	k.clients = must(endpoints.NewClientAuth(
		endpoints.SecretBasic(k.registry), endpoints.SecretPost(k.registry), endpoints.Public(k.registry)))
	return k
}

func (k *kit) answers() endpoints.Answers {
	return endpoints.Answers{RetryAfter: 2500 * time.Millisecond, Failed: func(_ *http.Request, f *httpauth.Failure) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.failed = append(k.failed, f)
	}}
}

// down makes a verb of the store fail until restore.
func (k *kit) down(v storetest.Verb) (restore func()) {
	return k.store.Inject(storetest.Fault{Verb: v, Err: store.ErrUnavailable})
}

func (k *kit) login(s store.Subject) token.Pair {
	k.t.Helper()
	return must(k.issuer.Login(k.t.Context(), s, token.LoginOptions{Class: "web", Metadata: map[string]string{"ip": "192.0.2.1", "note": "private"}}))
}

// alive reports whether an access token or an API key is accepted.
func (k *kit) alive(raw string) bool {
	k.t.Helper()
	_, err := k.verifier.Verify(context.WithoutCancel(k.t.Context()), raw)
	return err == nil
}

// refreshes reports whether a refresh token is the current one of a living session.
func (k *kit) refreshes(raw string) bool {
	k.t.Helper()
	_, err := k.issuer.CheckRefresh(context.WithoutCancel(k.t.Context()), raw)
	return err == nil
}

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   string
}

// json reads the body as one object.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("the body is no JSON object: %q", a.body)
	}
	return out
}

// code is the error code in the body; empty for none.
func (a answer) code(t testing.TB) string {
	t.Helper()
	if a.body == "" {
		return ""
	}
	code, _ := a.json(t)["error"].(string)
	return code
}

// serve starts a server.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// send makes a request over the network.
func send(t testing.TB, c *http.Client, r *http.Request) answer {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	noErr(t, err)
	return answer{resp.StatusCode, resp.Header, strings.TrimSuffix(string(body), "\n")}
}

// change alters a request before it is sent.
type change func(*http.Request)

// basic authenticates as RFC 6749 §2.3.1 says: both parts are form-urlencoded first.
func basic(id, secret string) change {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func asWeb(r *http.Request) { basic("web", webSecret)(r) }
func asAPI(r *http.Request) { basic("api", apiSecret)(r) }

func header(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// post sends a form as it is written.
func post(t testing.TB, s *httptest.Server, body string, changes ...change) answer {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(body)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range changes {
		c(r)
	}
	return send(t, s.Client(), r)
}

// f writes a form of names and values.
func f(pairs ...string) string {
	v := url.Values{}
	for n := 0; n+1 < len(pairs); n += 2 {
		v.Add(pairs[n], pairs[n+1])
	}
	return v.Encode()
}

// wantOAuth holds an answer to RFC 6749 §5.2: status, code, and headers that keep it out of caches.
func wantOAuth(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.code(t) != code {
		t.Errorf("it answers %d %s, want %d %s", a.status, a.body, status, code)
	}
	h := a.header
	if h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("Cache-Control %q, CORS %q", h.Get("Cache-Control"), h.Get("Access-Control-Allow-Origin"))
	}
	if a.body != "" && (h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff") {
		t.Errorf("Content-Type %q, X-Content-Type-Options %q", h.Get("Content-Type"), h.Get("X-Content-Type-Options"))
	}
	if (status == http.StatusUnauthorized) != (h.Get("WWW-Authenticate") != "") || (status == http.StatusServiceUnavailable) != (h.Get("Retry-After") != "") {
		t.Errorf("WWW-Authenticate %q, Retry-After %q with %d", h.Get("WWW-Authenticate"), h.Get("Retry-After"), status)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}

// wantField holds an error to name a field, and a remedy.
func wantField(t testing.TB, err error, field string) {
	t.Helper()
	var bad *store.FieldError
	if !errors.As(err, &bad) || bad.Field != field || bad.Remedy == "" {
		t.Errorf("the error is %v, want one of the field %s", err, field)
	}
}
