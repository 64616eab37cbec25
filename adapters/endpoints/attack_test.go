package endpoints_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// TestRegistryInAnOutageOfTwoMethods: while the clients cannot be looked up, nobody knows whether a certificate is meant as
// a second proof; nor does a wrong one of another method make an outage a refusal.
func TestRegistryInAnOutageOfTwoMethods(t *testing.T) {
	k := newKit(t, nil)
	ca := newAuthority(t)
	leaf := ca.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "web"}, DNSNames: []string{"web.shop.test"}})
	down := true
	r := registryFunc(func(id string) (endpoints.Client, bool, error) {
		if down {
			return endpoints.Client{}, false, errors.New("the database is down")
		}
		return endpoints.Client{ID: id, Secrets: []endpoints.SecretHash{must(endpoints.HashSecret(webSecret))}}, true, nil
	})
	refused := endpoints.Signed("", func(r *http.Request) (string, error) {
		if r.Header.Get("Signature") == "" {
			return "", endpoints.ErrNoCredentials
		}
		return "", endpoints.ErrInvalidClient
	})
	clients := must(endpoints.NewClientAuth(refused, endpoints.Certificate(r), endpoints.SecretPost(r)))
	s := httptest.NewUnstartedServer(k.token(endpoints.TokenOptions{Clients: clients}))
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.pool, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	transport, _ := s.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.Certificates = []tls.Certificate{*leaf}
	form := grant("unknown", "client_id", "web", "client_secret", webSecret)
	wantOAuth(t, post(t, s, form), 503, "temporarily_unavailable")
	wantOAuth(t, post(t, s, form, header("Signature", "x")), 503, "temporarily_unavailable")
	down = false
	wantOAuth(t, post(t, s, form), 400, "invalid_grant")
	wantOAuth(t, post(t, s, form, header("Signature", "x")), 400, "invalid_request")
}

// TestSecretsOfAMethodThatIsNotHere: a public client that sends one all the same is not proven, and not public.
func TestSecretsOfAMethodThatIsNotHere(t *testing.T) {
	k := newKit(t, nil)
	clients := must(endpoints.NewClientAuth(endpoints.SecretBasic(k.registry), endpoints.Public(k.registry)))
	s := serve(t, k.token(endpoints.TokenOptions{Clients: clients}))
	wantOAuth(t, post(t, s, grant("unknown", "client_id", "app")), 400, "invalid_grant")
	wantOAuth(t, post(t, s, grant("unknown", "client_id", "app", "client_secret", "x")), 401, "invalid_client")
}

// TestFailuresWithoutAStatus: a program's own refusal that has no status of one is an outage, never a success.
func TestFailuresWithoutAStatus(t *testing.T) {
	k := newKit(t, nil)
	for _, status := range []int{0, 100, 200, 302, 600} {
		s := serve(t, k.token(endpoints.TokenOptions{Scope: func(context.Context, *token.RefreshToken, []string) (any, error) {
			return nil, &httpauth.Failure{Status: status, Code: "x"}
		}}))
		wantOAuth(t, post(t, s, grant(k.login(ann).Refresh.Reveal(), "scope", "read")), 503, "temporarily_unavailable")
	}
}

// TestIntrospectionByTheNameOfTheCaller: a resource server that is named nowhere has its client id, in aud, as a name.
func TestIntrospectionByTheNameOfTheCaller(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) { o.Audience = []string{ownAPI, "api"} })
	raw := k.login(ann).Access.Reveal()
	for _, c := range []struct {
		audiences map[string][]string
		active    bool
	}{{nil, true}, {map[string][]string{"web": {"api"}}, true}, {map[string][]string{"api": {otherAPI}}, false}} {
		got := post(t, serve(t, k.introspection(endpoints.IntrospectionOptions{Audiences: c.audiences})), f("token", raw), asAPI)
		if got.json(t)["active"] != c.active {
			t.Errorf("%v: it tells %s", c.audiences, got.body)
		}
	}
}

// TestTokenScopeWithoutClaims: a program that returns no claims for a narrower scope does not give the whole one.
func TestTokenScopeWithoutClaims(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) {
		o.Claims = func(context.Context, store.Record) (any, error) { return map[string]any{"scope": "read write"}, nil }
	})
	s := serve(t, k.token(endpoints.TokenOptions{Scope: func(context.Context, *token.RefreshToken, []string) (any, error) { return nil, nil }}))
	p := k.login(ann)
	wantOAuth(t, post(t, s, grant(p.Refresh.Reveal(), "scope", "read")), 500, "server_error")
	if !k.refreshes(p.Refresh.Reveal()) {
		t.Error("the token was used up")
	}
}

// TestTokenSubmittedTwiceAtOnce: RFC 9700 §4.14.2 with a grace window: all copies of one request get one successor, and the
// session lives.
func TestTokenSubmittedTwiceAtOnce(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.token(endpoints.TokenOptions{Clients: k.clients}))
	p := k.login(ann)
	got := make([]answer, 4) // one, and as many replays as the default allows
	var wg sync.WaitGroup
	for n := range got {
		wg.Go(func() { got[n] = post(t, s, grant(p.Refresh.Reveal()), asWeb) })
	}
	wg.Wait()
	for _, a := range got {
		wantOAuth(t, a, 200, "")
		if a.json(t)["refresh_token"] != got[0].json(t)["refresh_token"] {
			t.Error("two successors")
		}
	}
	next, _ := got[0].json(t)["refresh_token"].(string)
	wantOAuth(t, post(t, s, grant(next), asWeb), 200, "")
}

// TestBackChannelLogoutOfTwoTenants: one provider that two tenants trust tells both by one token; each ends its own.
func TestBackChannelLogoutOfTwoTenants(t *testing.T) {
	k := newKit(t, nil)
	raw := k.logoutToken(nil)
	ended := map[string]int{}
	for _, realm := range []string{"", "eu", "us"} {
		v := k.logoutVerifier(func(o *token.LogoutOptions) { o.Realm = realm })
		s := serve(t, must(endpoints.NewBackChannelLogout(v, k.revoker, k.store, &endpoints.BackChannelOptions{
			End: func(context.Context, *token.LogoutToken) error { ended[realm]++; return nil },
		})))
		wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
		wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
	}
	if ended[""] != 1 || ended["eu"] != 1 || ended["us"] != 1 {
		t.Errorf("ended: %v", ended)
	}
}

// TestBackChannelLogoutJTIOfAnotherIssuer: a jti is its issuer's own, and no split of the two texts is another's.
func TestBackChannelLogoutJTIOfAnotherIssuer(t *testing.T) {
	k := newKit(t, nil)
	for _, c := range [][2]string{{provider, "x1"}, {provider + "x", "1"}, {provider + "/", "x1"}} {
		v := must(token.NewLogoutVerifier(c[0], providerKey(), []string{"web"}, &token.LogoutOptions{Now: k.clock.Now}))
		s := serve(t, must(endpoints.NewBackChannelLogout(v, k.revoker, k.store, nil)))
		raw := k.logoutToken(jwt.MapClaims{"iss": c[0], "jti": c[1]})
		wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
		wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
	}
}

// TestBackChannelLogoutManyAtOnce: copies at the same moment: each is 200 or "used before", one at least is 200, and it has ended.
func TestBackChannelLogoutManyAtOnce(t *testing.T) {
	k := newKit(t, nil)
	s := k.logout(endpoints.BackChannelOptions{})
	access, raw := foreignAccess(k.clock.Now(), "ann", "s1"), k.logoutToken(nil)
	status := make([]int, 8)
	var wg sync.WaitGroup
	for n := range status {
		wg.Go(func() { status[n] = post(t, s, f("logout_token", raw)).status })
	}
	wg.Wait()
	done := 0
	for _, code := range status {
		switch code {
		case 200:
			done++
		case 400:
		default:
			t.Errorf("it answers %d", code)
		}
	}
	if done == 0 || k.alive(access) {
		t.Errorf("%d were done; the session lives: %v", done, k.alive(access))
	}
}

// TestBackChannelLogoutOnceOnAStoreAhead: the store's clock may be as far ahead as Leeway allows; an id is remembered as long
// as its token is fresh all the same, and what was issued since lives on.
func TestBackChannelLogoutOnceOnAStoreAhead(t *testing.T) {
	k := newKit(t, nil)
	ahead := must(memstore.New(&memstore.Options{Now: func() time.Time { return k.clock.Now().Add(store.MaxLeeway - time.Second) }, SweepInterval: -1}))
	t.Cleanup(func() { noErr(t, ahead.Close()) })
	s := serve(t, must(endpoints.NewBackChannelLogout(k.logoutVerifier(nil), must(token.NewRevoker(ahead, nil)), ahead, nil)))
	raw := k.logoutToken(jwt.MapClaims{"exp": nil})
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
	for range 14 { // of the 150 seconds
		k.clock.Advance(10 * time.Second)
		wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
	}
}

// TestJWKSOfAnotherKeyOfOneLength: two sets of one length are two sets.
func TestJWKSOfAnotherKeyOfOneLength(t *testing.T) {
	set := func(id string) []byte {
		return must(must(endpoints.PublicKeys(must(token.Ed25519(id, signingKey(id))).VerifyKey())).JWKS())
	}
	now := set("k1")
	s := serve(t, must(endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return now, nil }), nil)))
	first := get(t, s, "")
	now = set("k2")
	second := get(t, s, "", header("If-None-Match", first.header.Get("Etag")))
	if len(first.body) != len(second.body) || second.status != 200 || second.body != string(now) {
		t.Errorf("after a change it answers %d %s", second.status, second.body)
	}
}

// TestTokensOfOtherKinds: RFC 8725 §3.11, what is good in one place is nothing in another, though one key signs all.
func TestTokensOfOtherKinds(t *testing.T) {
	k := newKit(t, nil)
	v := k.logoutVerifier(func(o *token.LogoutOptions) { o.Types = []string{"JWT", "", "logout+jwt"} })
	logout := serve(t, must(endpoints.NewBackChannelLogout(v, k.revoker, k.store, nil)))
	now := k.clock.Now().Unix()
	id := byProvider("JWT", jwt.MapClaims{"iss": provider, "sub": "ann", "aud": "web", "iat": now, "exp": now + 60, "sid": "s1", "jti": "i", "nonce": "n"})
	idWithout := byProvider("JWT", jwt.MapClaims{"iss": provider, "sub": "ann", "aud": "web", "iat": now, "exp": now + 60, "sid": "s1", "jti": "i"})
	access := foreignAccess(k.clock.Now(), "ann", "s1")
	own := k.login(ann)
	for name, raw := range map[string]string{
		"an ID token": id, "an ID token without a nonce": idWithout, "an access token": access, "ours": own.Access.Reveal(), "our refresh token": own.Refresh.Reveal(),
	} {
		if got := post(t, logout, f("logout_token", raw)); got.status != 400 {
			t.Errorf("%s logs out: %d", name, got.status)
		}
	}
	if !k.alive(access) || !k.alive(own.Access.Reveal()) {
		t.Error("something was ended")
	}
	// And a logout token of type JWT, for our audience too, opens nothing.
	lt := byProvider("JWT", jwt.MapClaims{
		"iss": provider, "sub": "ann", "sid": "s1", "aud": []string{"web", ownAPI}, "iat": now, "exp": now + 120, "jti": store.NewID(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	})
	if k.alive(lt) {
		t.Error("a logout token opens something")
	}
	wantOAuth(t, post(t, logout, f("logout_token", lt)), 200, "")
	refresh := serve(t, k.token(endpoints.TokenOptions{}))
	for _, raw := range []string{own.Access.Reveal(), id, access, lt} {
		wantOAuth(t, post(t, refresh, grant(raw)), 400, "invalid_grant")
	}
}

// TestFormsThatAreGood: a charset, and a type in capitals, are the same type (RFC 9110 §8.3.1); HEAD is no POST.
func TestFormsThatAreGood(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.token(endpoints.TokenOptions{}))
	for _, kind := range []string{"application/x-www-form-urlencoded; charset=utf-8", "Application/X-WWW-Form-URLEncoded;charset=UTF-8"} {
		wantOAuth(t, post(t, s, grant(k.login(ann).Refresh.Reveal()), header("Content-Type", kind)), 200, "")
	}
	got := post(t, s, "", method(http.MethodHead))
	if got.status != 405 || got.header.Get("Allow") != "POST" || got.body != "" {
		t.Errorf("HEAD answers %d %v", got.status, got.header)
	}
	raw := k.login(ann).Refresh.Reveal()
	wantOAuth(t, post(t, s, "grant_type=refresh_token", func(r *http.Request) { r.URL.RawQuery = url.Values{"refresh_token": {raw}}.Encode() }), 400, "invalid_request")
	wantOAuth(t, post(t, s, "refresh_token="+raw, func(r *http.Request) { r.URL.RawQuery = "grant_type=refresh_token" }), 400, "invalid_request")
	wantOAuth(t, post(t, s, grant(raw, "scope", ""), func(r *http.Request) { r.URL.RawQuery = "scope=admin" }), 400, "invalid_request")
	if !k.refreshes(raw) {
		t.Error("a refused request used the token up")
	}
}

// TestSessionsFromACookie: another site cannot make a browser end a login.
func TestSessionsFromACookie(t *testing.T) {
	k := newKit(t, nil)
	s := k.sessions(t, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Cookie("access")}})
	p := k.login(ann)
	cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access", Value: p.Access.Reveal()}) }
	for _, path := range []string{"/sessions", "/sessions/others", "/sessions/" + p.Session.ID} {
		for _, from := range []change{header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.test")} {
			got := get(t, s, path, cookie, from, method(http.MethodDelete))
			if got.status != 403 || got.code(t) != "cross_origin" {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	}
	if !k.alive(p.Access.Reveal()) {
		t.Error("it was ended")
	}
	wantOAuth(t, get(t, s, "/sessions/"+p.Session.ID, cookie, header("Sec-Fetch-Site", "same-origin"), method(http.MethodDelete)), 204, "")
}

// TestJWKSNeverPrivateParts: whatever kind of key, and whichever of its private members.
func TestJWKSNeverPrivateParts(t *testing.T) {
	good := string(must(must(endpoints.PublicKeys(must(token.Ed25519("k1", signingKey("one"))).VerifyKey())).JWKS()))
	for _, member := range []string{
		`{"kty":"OKP","crv":"X25519","kid":"k2","x":"AAAA","d":"AAAA"}`, `{"kty":"AKP","alg":"ML-DSA-44","kid":"k2","pub":"AAAA","priv":"AAAA"}`,
		`{"kty":"RSA","kid":"k2","n":"AAAA","e":"AQAB","p":"AAAA"}`, `{"kty":"EC","crv":"secp256k1","kid":"k2","x":"AAAA","y":"AAAA","d":"AAAA"}`,
		`{"kty":"oct","kid":"k2","alg":"A128KW","k":"AAAA"}`, `{"kty":"oct","kid":"k2","use":"enc","k":"AAAA"}`,
	} {
		text := strings.Replace(good, `]}`, `,`+member+`]}`, 1)
		if _, err := endpoints.NewJWKS(keysFunc(func() ([]byte, error) { return []byte(text), nil }), nil); err == nil {
			t.Errorf("it publishes %s", member)
		}
	}
}

// TestJWKSWhileKeysChange: every answer has the tag of its own text, and an If-None-Match of an older set gets the new one.
func TestJWKSWhileKeysChange(t *testing.T) {
	one := must(token.Ed25519("k0", signingKey("0")))
	published := []token.VerifyKey{}
	ring := must(token.NewKeyring(token.RingKeys{Signing: one}, nil))
	s := serve(t, must(endpoints.NewJWKS(ring, nil)))
	var mu sync.Mutex
	tags := map[string]string{}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for m := range 10 {
				if n == 0 {
					id := "k" + strconv.Itoa(m+1)
					published = append(published, must(token.Ed25519(id, signingKey(id))).VerifyKey())
					noErr(t, ring.Update(token.RingKeys{Signing: one, Published: published}))
					continue
				}
				got := get(t, s, "")
				mu.Lock()
				if text, known := tags[got.header.Get("Etag")]; known && text != got.body {
					t.Error("one tag, two texts")
				}
				tags[got.header.Get("Etag")] = got.body
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestRevocationOfAGuessedAPIKey: who knows a key's name and not its secret does not end it.
func TestRevocationOfAGuessedAPIKey(t *testing.T) {
	k := newKit(t, nil)
	bearer, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{})
	noErr(t, err)
	raw := bearer.Reveal()
	s := serve(t, k.revocation(endpoints.RevocationOptions{FirstParty: []string{"web"}}))
	for n := range len(raw) {
		other := []byte(raw)
		if other[n] = 'A'; raw[n] == 'A' {
			other[n] = 'B'
		}
		wantOAuth(t, post(t, s, f("token", string(other)), asWeb), 200, "")
	}
	if !k.alive(raw) {
		t.Error("it was ended by a text that is not the key")
	}
}

// TestSlowBodies: a body that breaks off is 400, and changes nothing.
func TestSlowBodies(t *testing.T) {
	k := newKit(t, nil)
	h := k.revocation(endpoints.RevocationOptions{})
	r := httptest.NewRequest(http.MethodPost, "/", brokenBody{strings.NewReader(f("token", k.login(ann).Refresh.Reveal()))})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	asWeb(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 400 || k.store.Calls(storetest.VerbRevoke) != 0 {
		t.Errorf("it answers %d", w.Code)
	}
}

type brokenBody struct{ r *strings.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	if b.r.Len() == 0 {
		return 0, errors.New("the connection broke")
	}
	return b.r.Read(p)
}
