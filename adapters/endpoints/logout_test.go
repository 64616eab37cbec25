package endpoints_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func (k *kit) logoutVerifier(change func(*token.LogoutOptions)) *token.LogoutVerifier {
	o := &token.LogoutOptions{Now: k.clock.Now}
	if change != nil {
		change(o)
	}
	return must(token.NewLogoutVerifier(provider, providerKey(), []string{"web"}, o))
}

func (k *kit) logout(o endpoints.BackChannelOptions) *httptest.Server {
	o.Answers = k.answers()
	return serve(k.t, must(endpoints.NewBackChannelLogout(k.logoutVerifier(nil), k.revoker, k.store, &o)))
}

// logoutToken is the provider's, as Back-Channel Logout §2.4 has it; changes replace claims, nil removes one.
func (k *kit) logoutToken(changes jwt.MapClaims) string {
	now := k.clock.Now().Unix()
	claims := jwt.MapClaims{
		"iss": provider, "sub": "ann", "sid": "s1", "aud": "web", "iat": now, "exp": now + 120, "jti": store.NewID(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return byProvider("logout+jwt", claims)
}

// TestBackChannelLogout: §2.5 to §2.8 over HTTP: what ends, and what lives.
func TestBackChannelLogout(t *testing.T) {
	for _, c := range []struct {
		name   string
		change jwt.MapClaims
		status int
		dead   []string // of ann/s1, ann/s2, bob/s3
	}{
		{"§2.7: sid and sub end the session", nil, 200, []string{"ann/s1"}},
		{"§2.7: sid alone", jwt.MapClaims{"sub": nil}, 200, []string{"ann/s1"}},
		{"§2.7: sub alone ends all of the user's", jwt.MapClaims{"sid": nil}, 200, []string{"ann/s1", "ann/s2"}},
		{"a session that nobody has", jwt.MapClaims{"sid": "s9"}, 200, nil},
		{"§2.6: another issuer", jwt.MapClaims{"iss": issuerName}, 400, nil},
		{"§2.6: another client", jwt.MapClaims{"aud": "other"}, 400, nil},
		{"§2.6: no event", jwt.MapClaims{"events": map[string]any{}}, 400, nil},
		{"§2.6: a nonce", jwt.MapClaims{"nonce": "x"}, 400, nil},
		{"§2.6: no jti", jwt.MapClaims{"jti": nil}, 400, nil},
		{"§2.6: old", jwt.MapClaims{"iat": 1700000000}, 400, nil},
		{"§2.6: nobody named", jwt.MapClaims{"sub": nil, "sid": nil}, 400, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, nil)
			tokens := map[string]string{}
			for _, who := range [][2]string{{"ann", "s1"}, {"ann", "s2"}, {"bob", "s3"}} {
				tokens[who[0]+"/"+who[1]] = foreignAccess(k.clock.Now(), who[0], who[1])
			}
			own := k.login(ann)
			got := post(t, k.logout(endpoints.BackChannelOptions{}), f("logout_token", k.logoutToken(c.change), "extra", "ignored", "extra", "twice"))
			code := ""
			if c.status != 200 {
				code = "invalid_request"
			}
			wantOAuth(t, got, c.status, code)
			dead := map[string]bool{}
			for _, who := range c.dead {
				dead[who] = true
			}
			for who, raw := range tokens {
				if k.alive(raw) == dead[who] {
					t.Errorf("%s lives: %v", who, !dead[who])
				}
			}
			if !k.alive(own.Access.Reveal()) {
				t.Error("our own ann was logged out with the provider's")
			}
		})
	}
}

// TestBackChannelLogoutOnce: §2.6 (7), a token is good once, as long as it is fresh; what is issued after it lives on.
func TestBackChannelLogoutOnce(t *testing.T) {
	k := newKit(t, nil)
	s := k.logout(endpoints.BackChannelOptions{})
	raw := k.logoutToken(nil)
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
	k.clock.Advance(time.Minute)
	later := foreignAccess(k.clock.Now(), "ann", "s1")
	if !k.alive(later) {
		t.Fatal("a token that was issued later is dead")
	}
	for k.clock.Now().Before(time.Date(2026, 3, 4, 6, 8, 37, 0, time.UTC)) { // iat + 2 minutes + 30 s
		wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
		k.clock.Advance(10 * time.Second)
	}
	if !k.alive(later) {
		t.Error("a replay ended it")
	}
	wantOAuth(t, post(t, s, f("logout_token", k.logoutToken(nil))), 200, "")
	if k.alive(later) {
		t.Error("the next logout did not end it")
	}
}

// TestBackChannelLogoutBehindACache: an id that the cache has just told as free is used once it was taken.
func TestBackChannelLogoutBehindACache(t *testing.T) {
	k := newKit(t, nil)
	cached := must(storecache.New(t.Context(), k.store, nil))
	t.Cleanup(func() { noErr(t, cached.Close()) })
	s := serve(t, must(endpoints.NewBackChannelLogout(k.logoutVerifier(nil), must(token.NewRevoker(cached, nil)), cached, nil)))
	raw := k.logoutToken(nil)
	restore := k.down(storetest.VerbRevoke)
	wantOAuth(t, post(t, s, f("logout_token", raw)), 503, "temporarily_unavailable")
	restore()
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
	for range 3 {
		wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
	}
}

// TestBackChannelLogoutInAnOutage: whatever fails, the answer is 503, and the same token does its work when it comes again.
func TestBackChannelLogoutInAnOutage(t *testing.T) {
	for _, v := range []storetest.Verb{storetest.VerbLookup, storetest.VerbRevoke, storetest.VerbIssue} {
		t.Run(string(v), func(t *testing.T) {
			k := newKit(t, nil)
			s := k.logout(endpoints.BackChannelOptions{})
			access, raw := foreignAccess(k.clock.Now(), "ann", "s1"), k.logoutToken(nil)
			restore := k.down(v)
			got := post(t, s, f("logout_token", raw))
			wantOAuth(t, got, 503, "temporarily_unavailable")
			restore()
			wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
			if k.alive(access) {
				t.Error("the session lives on")
			}
			wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
		})
	}
	t.Run("keys", func(t *testing.T) {
		k := newKit(t, nil)
		v := must(token.NewLogoutVerifier(provider, noKeys{}, []string{"web"}, &token.LogoutOptions{Now: k.clock.Now}))
		s := serve(t, must(endpoints.NewBackChannelLogout(v, k.revoker, k.store, nil)))
		wantOAuth(t, post(t, s, f("logout_token", k.logoutToken(nil))), 503, "temporarily_unavailable")
	})
}

type noKeys struct{}

func (noKeys) FindKey(context.Context, string) (token.VerifyKey, error) {
	return token.VerifyKey{}, &token.RemoteError{Place: provider, Problem: "it does not answer in time"}
}

// TestBackChannelLogoutTwice: of two copies at the same moment both are done: the second found the first between its end and
// its taking of the id.
func TestBackChannelLogoutTwice(t *testing.T) {
	k := newKit(t, nil)
	raw, inside := k.logoutToken(nil), false
	var s *httptest.Server
	s = k.logout(endpoints.BackChannelOptions{End: func(context.Context, *token.LogoutToken) error {
		if !inside {
			inside = true
			wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
		}
		return nil
	}})
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
	wantOAuth(t, post(t, s, f("logout_token", raw)), 400, "invalid_request")
}

// TestBackChannelLogoutEndsMore: a program's own sessions that began by a login there; an outage of it is retried.
func TestBackChannelLogoutEndsMore(t *testing.T) {
	k := newKit(t, nil)
	fail := errors.New("the table is down")
	own := k.login(ann)
	s := k.logout(endpoints.BackChannelOptions{End: func(ctx context.Context, lt *token.LogoutToken) error {
		user, named := lt.User()
		if fail != nil || !named || lt.SessionID() != "s1" {
			return fail
		}
		return k.revoker.Subject(ctx, store.User(user.Name), "logged out at "+lt.Issuer()[:8])
	}})
	raw := k.logoutToken(nil)
	wantOAuth(t, post(t, s, f("logout_token", raw)), 503, "temporarily_unavailable")
	fail = nil
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
	if k.alive(own.Access.Reveal()) {
		t.Error("our own session lives on")
	}
}

// TestBackChannelLogoutByPublishedKeys: the keys are those that the provider publishes, found by its metadata over HTTP; while it
// cannot be asked, the answer is 503.
func TestBackChannelLogoutByPublishedKeys(t *testing.T) {
	k := newKit(t, nil)
	mux := http.NewServeMux()
	op := serve(t, mux)
	remote := must(token.NewDiscoveredKeys(op.URL, nil))
	v := must(token.NewLogoutVerifier(op.URL, remote, []string{"web"}, &token.LogoutOptions{Now: k.clock.Now}))
	s := serve(t, must(endpoints.NewBackChannelLogout(v, k.revoker, k.store, nil)))
	raw := k.logoutToken(jwt.MapClaims{"iss": op.URL})
	wantOAuth(t, post(t, s, f("logout_token", raw)), 503, "temporarily_unavailable")
	published := must(endpoints.NewJWKS(must(endpoints.PublicKeys(providerKey())), nil))
	noErr(t, endpoints.Server{Issuer: op.URL, JWKS: published}.Register(mux))
	noErr(t, remote.Fetch(t.Context()))
	wantOAuth(t, post(t, s, f("logout_token", raw)), 200, "")
}

func TestNewBackChannelLogoutRefuses(t *testing.T) {
	k := newKit(t, nil)
	for field, build := range map[string]func() (*endpoints.BackChannelLogout, error){
		"v": func() (*endpoints.BackChannelLogout, error) {
			return endpoints.NewBackChannelLogout(nil, k.revoker, k.store, nil)
		},
		"r": func() (*endpoints.BackChannelLogout, error) {
			return endpoints.NewBackChannelLogout(k.logoutVerifier(nil), nil, k.store, nil)
		},
		"s": func() (*endpoints.BackChannelLogout, error) {
			return endpoints.NewBackChannelLogout(k.logoutVerifier(nil), k.revoker, nil, nil)
		},
	} {
		_, err := build()
		wantField(t, err, field)
	}
}
