package httpauth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// mixed is a verifier that takes JWTs and API keys, and tokens of both with and without scopes.
type mixed struct {
	verifier *token.Verifier
	store    *brittleStore
	tokens   map[string]string
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	inner := must(memstore.New(nil))(t)
	t.Cleanup(func() { _ = inner.Close() })
	s := &brittleStore{TokenStore: inner}
	key := must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)
	seal := must(token.NewSecret(1, []byte("fedcba9876543210fedcba9876543210")))(t)
	keys := must(token.NewAPIKeys(s, "acme", []token.Secret{seal}, nil))(t)
	issuer := must(token.NewIssuer(s, issuerName, key, nil))(t)
	m := &mixed{store: s, tokens: map[string]string{}}
	m.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: key.VerifyKey(), Check: token.Sessions(s)},
		{
			Issuer: foreignName, Keys: must(token.HS256("f1", foreignSecret))(t).VerifyKey(), Audience: []string{issuerName},
			Check: anybody{s}, Foreign: &token.Foreign{},
		},
	},
		&token.VerifierOptions{APIKeys: []*token.APIKeys{keys}, TouchInterval: -1}))(t)
	owner := store.User("ann")
	create := func(name string, scopes ...string) token.APIKey {
		b, made, err := keys.Create(t.Context(), owner, token.CreateOptions{Scopes: scopes})
		check(t, err)
		m.tokens[name] = b.Reveal()
		return made
	}
	login := func(name string, claims any) {
		p := must(issuer.Login(t.Context(), owner, token.LoginOptions{Claims: claims}))(t)
		m.tokens[name] = p.Access.Reveal()
	}
	create("key:read", "orders:read")
	create("key:read+write", "orders:write", "orders:read")
	create("key")
	check(t, keys.Revoke(t.Context(), owner, create("key:revoked", "orders:read", "orders:write").ID, "x"))
	login("jwt", nil)
	login("jwt:read", map[string]string{"scope": "orders:read"})
	login("jwt:read+write", map[string]string{"scope": "orders:read orders:write"})
	login("jwt:empty", map[string]string{"scope": ""})
	m.tokens["foreign"], m.tokens["foreign:read"] = foreignToken(t, ""), foreignToken(t, `,"scope":"orders:read"`)
	m.tokens["key:garbage"] = m.tokens["key:read"] + "x"
	return m
}

const foreignName = "https://foreign.test"

var foreignSecret = []byte("foreignforeignforeignforeign0123")

// foreignToken makes a token of another issuer's.
func foreignToken(t *testing.T, more string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	signed := text([]byte(`{"alg":"HS256","kid":"f1","typ":"at+jwt"}`)) + "." + text(fmt.Appendf(nil,
		`{"iss":%q,"aud":%q,"sub":"ann","iat":%d,"exp":%d%s}`, foreignName, issuerName, now, now+300, more))
	mac := hmac.New(sha256.New, foreignSecret)
	mac.Write([]byte(signed))
	return signed + "." + text(mac.Sum(nil))
}

// anybody is a checker that lets everything live, while there is a store.
type anybody struct{ s store.TokenStore }

func (anybody) MaxTokenLife() (time.Duration, error) { return time.Hour, nil }

func (a anybody) Check(ctx context.Context, t *token.Token) (token.Answer, error) {
	_, err := a.s.Lookup(ctx, t.Subject(), t.ID())
	return token.Answer{Verdict: store.Verdict{Alive: true}}, err
}

// brittleStore is a store with an outage at will.
type brittleStore struct {
	store.TokenStore
	err error
}

func (b *brittleStore) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	if b.err != nil {
		return store.State{}, b.err
	}
	return b.TokenStore.Lookup(ctx, s, ids...)
}

func TestRequiredScopes(t *testing.T) {
	m := newMixed(t)
	strict := must(httpauth.New(m.verifier, nil))(t)
	open := must(httpauth.New(m.verifier, &httpauth.Options{SessionsUnscoped: true}))(t)
	both := []string{"orders:read", "orders:write"}
	for _, c := range []struct {
		rule, token      string
		scopes           []string
		status, unscoped int // as it is, and with SessionsUnscoped
	}{
		{"a key with the scope", "key:read", both[:1], 200, 200},
		{"a key with more than the scope", "key:read+write", both[:1], 200, 200},
		{"a key with all scopes", "key:read+write", both, 200, 200},
		{"a key with one of two", "key:read", both, 403, 403},
		{"a key with another scope", "key:read", both[1:], 403, 403},
		{"the beginning of a scope is another", "key:read", []string{"orders"}, 403, 403},
		{"a key without scopes", "key", both[:1], 403, 403},
		{"a key without scopes where none is needed", "key", nil, 200, 200},
		{"a revoked key", "key:revoked", both, 401, 401},
		{"no key at all", "key:garbage", both, 401, 401},
		{"a JWT with the scope", "jwt:read", both[:1], 200, 200},
		{"a JWT with all scopes", "jwt:read+write", both, 200, 200},
		{"a JWT with one of two", "jwt:read", both, 403, 403},
		{"a JWT with an empty scope", "jwt:empty", both[:1], 403, 403},
		{"a JWT without a scope", "jwt", both[:1], 403, 200},
		{"a foreign JWT with the scope", "foreign:read", both[:1], 200, 200},
		{"a foreign JWT without a scope is no login of ours", "foreign", both[:1], 403, 403},
		{"nobody", "", both, 401, 401},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for auth, want := range map[*httpauth.Middleware]int{strict: c.status, open: c.unscoped} {
				reached, owner := false, store.User("ann")
				if strings.HasPrefix(c.token, "foreign") {
					owner = token.ForeignUser("", foreignName, "ann")
				}
				w := present(auth.RequiredScopes(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					got, ok := httpauth.Token(r.Context())
					reached = ok && got.Owner() == owner
				}), c.scopes...), m.tokens[c.token])
				if w.Code != want || reached != (want == 200) {
					t.Errorf("the answer is %d, want %d; reached: %v", w.Code, want, reached)
				}
				lacks := `Bearer realm="api", error="insufficient_scope", error_description="token lacks a scope", scope="` +
					strings.Join(c.scopes, " ") + `"`
				if challenge := w.Header().Get("WWW-Authenticate"); (want == 403) != (challenge == lacks) {
					t.Errorf("the challenge is %s", challenge)
				}
			}
		})
	}
}

// present asks a handler with a bearer token, or without one where the text is empty.
func present(h http.Handler, raw string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if raw != "" {
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	return presentRequest(h, r)
}

func presentRequest(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnOutageIsNoLackOfScopes(t *testing.T) {
	m := newMixed(t)
	auth := must(httpauth.New(m.verifier, &httpauth.Options{SessionsUnscoped: true}))(t)
	m.store.err = store.ErrUnavailable
	for name, raw := range m.tokens {
		want := http.StatusServiceUnavailable
		if name == "key:garbage" {
			want = http.StatusUnauthorized // proven without the store
		}
		for route, h := range map[string]http.Handler{
			"required": auth.Required(http.NotFoundHandler()), "scopes": auth.RequiredScopes(http.NotFoundHandler(), "orders:read"),
		} {
			if w := present(h, raw); w.Code != want {
				t.Errorf("%s: %s is answered %d, want %d", route, name, w.Code, want)
			}
		}
	}
}

// A handler may decide later, and nobody has no scopes.
func TestCheckScopes(t *testing.T) {
	m := newMixed(t)
	auth := must(httpauth.New(m.verifier, &httpauth.Options{SessionsUnscoped: true}))(t)
	h := auth.Optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tok, _ := httpauth.Token(r.Context())
		if err := auth.CheckScopes(tok, "orders:read"); err != nil {
			auth.WriteError(w, r, err)
		}
	}))
	for name, want := range map[string]int{
		"": 403, "key": 403, "key:read": 200, "jwt": 200, "jwt:empty": 403, "key:revoked": 403,
	} {
		if w := present(h, m.tokens[name]); w.Code != want {
			t.Errorf("%s is answered %d, want %d", name, w.Code, want)
		}
	}
	hostile := httptest.NewRecorder()
	auth.WriteError(hostile, httptest.NewRequest(http.MethodGet, "/", nil), &httpauth.ScopeError{Scopes: []string{"a\"\r\nSet-Cookie: x"}})
	if got := hostile.Header().Get("WWW-Authenticate"); !strings.HasSuffix(got, `scope="a'??Set-Cookie: x"`) {
		t.Errorf("the challenge is %q", got)
	}
}
