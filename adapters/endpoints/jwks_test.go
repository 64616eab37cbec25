package endpoints_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/token"
)

// get reads what is public.
func get(t *testing.T, s *httptest.Server, path string, changes ...change) answer {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil))
	for _, c := range changes {
		c(r)
	}
	return send(t, s.Client(), r)
}

func method(name string) change { return func(r *http.Request) { r.Method = name } }

// TestJWKS: RFC 7517 §5 and §8.5.1, and what readers may keep.
func TestJWKS(t *testing.T) {
	ring := must(token.NewKeyring(token.RingKeys{Signing: must(token.Ed25519("k1", signingKey("one")))}, nil))
	s := serve(t, must(endpoints.NewJWKS(ring, &endpoints.JWKSOptions{MaxAge: 90 * time.Second})))
	first := get(t, s, "")
	want := string(must(ring.JWKS()))
	if first.status != 200 || first.body != want || first.header.Get("Content-Type") != "application/jwk-set+json" ||
		first.header.Get("Cache-Control") != "public, max-age=90" || first.header.Get("Etag") == "" || first.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("it answers %d %v %s", first.status, first.header, first.body)
	}
	if strings.Contains(first.body, `"d"`) {
		t.Error("it publishes a private key")
	}
	same := header("If-None-Match", first.header.Get("Etag"))
	if got := get(t, s, "", same); got.status != 304 || got.body != "" {
		t.Errorf("unchanged it answers %d %q", got.status, got.body)
	}
	if got := get(t, s, "", method(http.MethodHead)); got.status != 200 || got.body != "" || got.header.Get("Content-Length") == "0" || got.header.Get("Etag") == "" {
		t.Errorf("HEAD answers %d %v", got.status, got.header)
	}
	for _, m := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		got := get(t, s, "", method(m))
		wantOAuth(t, got, 405, "invalid_request")
		if got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow %q", m, got.header.Get("Allow"))
		}
	}
	noErr(t, ring.Update(token.RingKeys{
		Signing: ring.Keys().Signing, Published: []token.VerifyKey{must(token.Ed25519("k2", signingKey("two"))).VerifyKey()},
	}))
	changed := get(t, s, "", same)
	if changed.status != 200 || !strings.Contains(changed.body, `"k2"`) || changed.header.Get("Etag") == first.header.Get("Etag") {
		t.Errorf("with another key it answers %d %s", changed.status, changed.body)
	}
}

// keysFunc is a source in a test.
type keysFunc func() ([]byte, error)

func (f keysFunc) JWKS() ([]byte, error) { return f() }

// TestJWKSOfOneBuffer: a source that writes each set into one buffer is told from one that does not change: the next set has its
// own tag, and is judged.
func TestJWKSOfOneBuffer(t *testing.T) {
	set := func(id string) []byte {
		return must(must(endpoints.PublicKeys(must(token.Ed25519(id, signingKey(id))).VerifyKey())).JWKS())
	}
	buffer := set("k1")
	s := serve(t, must(endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return buffer, nil }), nil)))
	first := get(t, s, "")
	copy(buffer, set("k2"))
	if second := get(t, s, "", header("If-None-Match", first.header.Get("Etag"))); second.status != 200 || second.body == first.body {
		t.Errorf("the next set is answered by %d %s", second.status, second.body)
	}
	copy(buffer, strings.Replace(string(set("k3")), `"x":"`, `"d":"`, 1))
	if third := get(t, s, ""); third.status != 503 {
		t.Errorf("a private key is answered by %d %s", third.status, third.body)
	}
}

// TestJWKSNeverPrivate: secrets and private keys are refused at the start, and later as an outage that no cache keeps.
func TestJWKSNeverPrivate(t *testing.T) {
	secret := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))
	if _, err := endpoints.PublicKeys(secret.VerifyKey()); err == nil {
		t.Error("a secret is published")
	}
	_, err := endpoints.NewJWKS(must(token.NewKeyring(token.RingKeys{Signing: secret}, nil)), nil)
	wantField(t, err, "Keyring")
	public := must(endpoints.PublicKeys(must(token.Ed25519("k1", signingKey("one"))).VerifyKey()))
	good := string(must(public.JWKS()))
	for name, text := range map[string]string{
		"a private key":   strings.Replace(good, `"x":`, `"d":"AAAA","x":`, 1),
		"a secret":        `{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","kid":"k1","alg":"HS256"}]}`,
		"no keys":         `{"keys":[]}`,
		"no JSON":         `keys`,
		"a secret beside": strings.Replace(good, `]}`, `,{"kty":"oct","k":"AAAA","kid":"k2"}]}`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return []byte(text), nil }), nil); err == nil {
				t.Error("it is taken at the start")
			}
			now, told := good, 0
			s := serve(t, must(endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return []byte(now), nil }), &endpoints.JWKSOptions{Failed: func(error) { told++ }})))
			if got := get(t, s, ""); got.status != 200 || got.body != good || got.header.Get("Cache-Control") != "public, max-age=300" {
				t.Errorf("it answers %d", got.status)
			}
			now = text
			got := get(t, s, "")
			wantOAuth(t, got, 503, "temporarily_unavailable")
			if strings.Contains(got.body, "AAAA") || told != 1 {
				t.Errorf("it tells %s; Failed heard it %d times", got.body, told)
			}
		})
	}
	down := errors.New("down")
	_, err = endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return nil, down }), nil)
	if !errors.Is(err, down) {
		t.Errorf("a source that fails: %v", err)
	}
	_, err = endpoints.NewJWKS(nil, nil)
	wantField(t, err, "source")
	for _, age := range []time.Duration{-1, time.Millisecond, 25 * time.Hour} {
		_, err = endpoints.NewJWKS(public, &endpoints.JWKSOptions{MaxAge: age})
		wantField(t, err, "JWKSOptions.MaxAge")
	}
}
