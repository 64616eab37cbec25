package endpoints_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func (k *kit) revocation(o endpoints.RevocationOptions) http.Handler {
	o.Answers = k.answers()
	return must(endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, &o))
}

// TestRevocation: RFC 7009, clause by clause. Each case says what is dead afterwards: of the token's session the access
// token and the refresh token; a second login of the same user always lives.
func TestRevocation(t *testing.T) {
	access := func(_ *kit, p token.Pair) string { return p.Access.Reveal() }
	refresh := func(_ *kit, p token.Pair) string { return p.Refresh.Reveal() }
	for _, c := range []struct {
		name   string
		o      endpoints.RevocationOptions
		client string // the issuer's
		token  func(k *kit, p token.Pair) string
		more   string // of the form
		as     change
		status int
		code   string
		dead   string // access, refresh
	}{
		{"§2.1: an access token is barred, its session lives", endpoints.RevocationOptions{}, "web", access, "", asWeb, 200, "", "access"},
		{"§2.1 MAY: its session ends with it", endpoints.RevocationOptions{AccessEndsSession: true}, "web", access, "", asWeb, 200, "", "access refresh"},
		{"§2.1 SHOULD: with a refresh token its access tokens die", endpoints.RevocationOptions{}, "web", refresh, "", asWeb, 200, "", "access refresh"},
		{"§2.1: an older refresh token of the session too", endpoints.RevocationOptions{}, "web", func(k *kit, p token.Pair) string {
			must(k.issuer.Refresh(k.t.Context(), p.Refresh.Reveal(), token.RefreshOptions{}))
			return p.Refresh.Reveal()
		}, "", asWeb, 200, "", "access refresh"},
		{"§2.1: the hint of an access token", endpoints.RevocationOptions{}, "web", access, "&token_type_hint=access_token", asWeb, 200, "", "access"},
		{"§2.1: a wrong hint still finds it", endpoints.RevocationOptions{}, "web", access, "&token_type_hint=refresh_token", asWeb, 200, "", "access"},
		{"§2.1: the other wrong hint too", endpoints.RevocationOptions{}, "web", refresh, "&token_type_hint=access_token", asWeb, 200, "", "access refresh"},
		{"§2.1: an unknown hint is ignored", endpoints.RevocationOptions{}, "web", refresh, "&token_type_hint=pizza", asWeb, 200, "", "access refresh"},
		{"§2.1: an unknown parameter is ignored", endpoints.RevocationOptions{}, "web", access, "&x=1&x=2", asWeb, 200, "", "access"},
		{"§2.1: a client in the body", endpoints.RevocationOptions{}, "web", access, "&client_id=web&client_secret=" + f("", webSecret)[1:], nil, 200, "", "access"},
		{"§2.1: a public client", endpoints.RevocationOptions{}, "app", access, "&client_id=app", nil, 200, "", "access"},
		{"§2.1: another client's access token", endpoints.RevocationOptions{}, "app", access, "", asWeb, 400, "invalid_grant", ""},
		{"§2.1: another client's refresh token", endpoints.RevocationOptions{}, "app", refresh, "", asWeb, 400, "invalid_grant", ""},
		{"nobody's in particular", endpoints.RevocationOptions{}, issuerName, access, "", asWeb, 400, "invalid_grant", ""},
		{"nobody's, by a first-party client", endpoints.RevocationOptions{FirstParty: []string{"web"}}, issuerName, refresh, "", asWeb, 200, "", "access refresh"},
		{"another's, by a first-party client", endpoints.RevocationOptions{FirstParty: []string{"web"}}, "app", refresh, "", asWeb, 400, "invalid_grant", ""},

		{"§2.2: an unknown token", endpoints.RevocationOptions{}, "web", func(*kit, token.Pair) string { return "unknown" }, "", asWeb, 200, "", ""},
		{"§2.2: a token that was changed", endpoints.RevocationOptions{}, "web", func(_ *kit, p token.Pair) string { return p.Access.Reveal()[:200] }, "", asWeb, 200, "", ""},
		{"§2.2: a token of 8 KiB and more", endpoints.RevocationOptions{}, "web", func(*kit, token.Pair) string { return strings.Repeat("a", token.MaxBytes+1) }, "", asWeb, 200, "", ""},
		{"§2.2.1: another issuer's token", endpoints.RevocationOptions{FirstParty: []string{"web"}}, "web", func(k *kit, _ token.Pair) string {
			return foreignAccess(k.clock.Now(), "ann", "s1")
		}, "", asWeb, 400, "unsupported_token_type", ""},
		{"§2.2.1: another issuer's ID token", endpoints.RevocationOptions{}, "web", func(k *kit, _ token.Pair) string {
			return byProvider("ID", jwt.MapClaims{"iss": provider, "sub": "ann", "aud": "web", "exp": k.clock.Now().Unix() + 60})
		}, "", asWeb, 400, "unsupported_token_type", ""},
		{"§2.1: no credentials", endpoints.RevocationOptions{}, "web", access, "", nil, 401, "invalid_client", ""},
		{"§2.1: a wrong secret", endpoints.RevocationOptions{}, "web", access, "", basic("web", "wrong"), 401, "invalid_client", ""},
		{"§2.1: an unknown client", endpoints.RevocationOptions{}, "web", access, "", basic("nobody", webSecret), 401, "invalid_client", ""},
		{"§2.1: token twice", endpoints.RevocationOptions{}, "web", access, "&token=unknown", asWeb, 400, "invalid_request", ""},
		{"§2.1: the hint twice", endpoints.RevocationOptions{}, "web", access, "&token_type_hint=a&token_type_hint=b", asWeb, 400, "invalid_request", ""},
		{"§2.1: an empty token", endpoints.RevocationOptions{}, "web", func(*kit, token.Pair) string { return "" }, "", asWeb, 400, "invalid_request", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, func(o *token.IssuerOptions) { o.ClientID = c.client })
			first, second := k.login(ann), k.login(ann)
			raw := c.token(k, first)
			var changes []change
			if c.as != nil {
				changes = append(changes, c.as)
			}
			got := post(t, serve(t, k.revocation(c.o)), f("token", raw)+c.more, changes...)
			wantOAuth(t, got, c.status, c.code)
			if c.status == http.StatusOK && got.body != "" {
				t.Errorf("the body is %q; §2.2 gives it no meaning", got.body)
			}
			session, err := k.store.Lookup(t.Context(), ann, first.Session.ID)
			noErr(t, err)
			if dead := !k.alive(first.Access.Reveal()); dead != strings.Contains(c.dead, "access") {
				t.Errorf("the access token is dead: %v", dead)
			}
			if dead := session.Entries[0].Status != store.Live; dead != strings.Contains(c.dead, "refresh") {
				t.Errorf("the session is dead: %v", dead)
			}
			if !k.alive(second.Access.Reveal()) || !k.refreshes(second.Refresh.Reveal()) {
				t.Error("another login died with it")
			}
		})
	}
}

// TestRevocationOfAPIKeys: they were issued to no client, so that only a first-party one ends them.
func TestRevocationOfAPIKeys(t *testing.T) {
	for _, c := range []struct {
		o      endpoints.RevocationOptions
		status int
		code   string
		alive  bool
	}{
		{endpoints.RevocationOptions{}, 400, "invalid_grant", true},
		{endpoints.RevocationOptions{FirstParty: []string{"api"}}, 400, "invalid_grant", true},
		{endpoints.RevocationOptions{FirstParty: []string{"api", "web"}, AccessEndsSession: true}, 200, "", false},
	} {
		k := newKit(t, nil)
		raw, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{})
		noErr(t, err)
		other, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{})
		noErr(t, err)
		wantOAuth(t, post(t, serve(t, k.revocation(c.o)), f("token", raw.Reveal()), asWeb), c.status, c.code)
		if k.alive(raw.Reveal()) != c.alive || !k.alive(other.Reveal()) {
			t.Errorf("%+v: it lives: %v", c.o, k.alive(raw.Reveal()))
		}
	}
}

// TestRevocationOfDeadTokens: §2.2, a token that is dead already is 200, whatever killed it; nothing is written for one that
// has expired.
func TestRevocationOfDeadTokens(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.revocation(endpoints.RevocationOptions{}))
	p := k.login(ann)
	for range 2 {
		wantOAuth(t, post(t, s, f("token", p.Refresh.Reveal()), asWeb), 200, "")
		wantOAuth(t, post(t, s, f("token", p.Access.Reveal()), asWeb), 200, "")
	}
	p = k.login(ann)
	k.clock.Advance(91 * 24 * time.Hour)
	before := k.store.Calls(storetest.VerbRevoke)
	for _, raw := range []string{p.Access.Reveal(), p.Refresh.Reveal()} {
		wantOAuth(t, post(t, s, f("token", raw), asWeb), 200, "")
	}
	if k.store.Calls(storetest.VerbRevoke) != before {
		t.Error("an expired token was written to the store")
	}
}

// TestRevocationInAnOutage: §2.2.1, never 200 for a token that may live; and what says so holds no token.
func TestRevocationInAnOutage(t *testing.T) {
	for name, err := range map[string]error{
		"unavailable": store.ErrUnavailable, "indeterminate": store.ErrIndeterminate, "closed": store.ErrClosed, "corrupt": store.ErrCorrupt,
		"an answer that is none": store.ErrNotFound,
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil)
			s := serve(t, k.revocation(endpoints.RevocationOptions{}))
			p := k.login(ann)
			restore := k.store.Inject(storetest.Fault{Verb: storetest.VerbRevoke, Err: err})
			for _, raw := range []string{p.Access.Reveal(), p.Refresh.Reveal()} {
				got := post(t, s, f("token", raw), asWeb)
				wantOAuth(t, got, 503, "temporarily_unavailable")
				if got.header.Get("Retry-After") != "3" {
					t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
				}
				if told := k.failed[len(k.failed)-1]; strings.Contains(told.Error(), raw) || told.Err == nil {
					t.Errorf("the log has %v", told)
				}
			}
			restore()
			wantOAuth(t, post(t, s, f("token", p.Refresh.Reveal()), asWeb), 200, "")
			if k.alive(p.Access.Reveal()) {
				t.Error("sent again, it did not end")
			}
		})
	}
}

// TestRevocationOfAnAudienceUnknownHere: a token of our own that the verifier does not take is not said to be dead.
func TestRevocationOfAnAudienceUnknownHere(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) { o.Audience = []string{otherAPI} })
	s := serve(t, k.revocation(endpoints.RevocationOptions{}))
	wantOAuth(t, post(t, s, f("token", k.login(ann).Access.Reveal()), asWeb), 400, "unsupported_token_type")
}

// madeWithOurKey is an access token that another program made with the issuer's key; nil removes a claim.
func (k *kit) madeWithOurKey(changes jwt.MapClaims) string {
	now := k.clock.Now().Unix()
	claims := jwt.MapClaims{
		"iss": issuerName, "sub": "ann", "aud": ownAPI, "iat": now, "exp": now + 600, "jti": store.NewID(), "sid": "s", "client_id": "web",
		"seq": int64(1) << 52,
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	made := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	made.Header["kid"], made.Header["typ"] = "k1", "at+jwt"
	return must(made.SignedString(signingKey("issuer")))
}

// TestRevocationOfLongTokens: one that lives longer than is allowed here may live elsewhere, and is not called dead.
func TestRevocationOfLongTokens(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.revocation(endpoints.RevocationOptions{}))
	long := k.madeWithOurKey(jwt.MapClaims{"iat": k.clock.Now().Add(-48 * time.Hour).Unix()})
	wantOAuth(t, post(t, s, f("token", long), asWeb), 400, "unsupported_token_type")
}

// TestRevocationOfTomorrowsTokens: RFC 7009 §2.2, 200 says that a token is dead. One that is not valid yet is none of those: it
// would come to life. Its nbf has not come, or the clock here is behind the issuer's.
func TestRevocationOfTomorrowsTokens(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) { o.AccessTTL = 24 * time.Hour })
	s := serve(t, k.revocation(endpoints.RevocationOptions{}))
	later := k.madeWithOurKey(jwt.MapClaims{"nbf": k.clock.Now().Unix() + 60})
	ahead := k.login(ann).Access.Reveal()
	slow := must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: k.key.VerifyKey(), Audience: []string{ownAPI}, Check: token.Denylist(k.store)},
	}, &token.VerifierOptions{Now: func() time.Time { return k.clock.Now().Add(-time.Hour) }}))
	behind := serve(t, must(endpoints.NewRevocation(k.issuer, slow, k.revoker, k.clients, nil)))
	wantOAuth(t, post(t, s, f("token", later), asWeb), 503, "temporarily_unavailable")
	wantOAuth(t, post(t, behind, f("token", ahead), asWeb), 503, "temporarily_unavailable")
	k.clock.Advance(time.Minute)
	if !k.alive(later) || !k.alive(ahead) {
		t.Fatal("they never were to come to life")
	}
	for _, raw := range []string{later, ahead} {
		if wantOAuth(t, post(t, s, f("token", raw), asWeb), 200, ""); k.alive(raw) {
			t.Error("it lives")
		}
	}
}

// TestRevocationAfterAChangeOfKeys: a refresh token outlives the time for which its key checks access tokens, and can be revoked
// as long as it can be used.
func TestRevocationAfterAChangeOfKeys(t *testing.T) {
	k := newKit(t, nil)
	ring := must(token.NewKeyring(token.RingKeys{Signing: k.key}, &token.KeyringOptions{Now: k.clock.Now}))
	issuer := must(token.NewIssuer(k.store, issuerName, ring, &token.IssuerOptions{ClientID: "web", Now: k.clock.Now}))
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: ring, Check: token.Denylist(k.store)}},
		&token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	p := must(issuer.Login(t.Context(), ann, token.LoginOptions{}))
	next := must(token.Ed25519("k2", signingKey("next")))
	noErr(t, ring.Update(token.RingKeys{Signing: next, Retired: []token.RetiredKey{{Key: k.key.VerifyKey()}}}))
	k.clock.Advance(24 * time.Hour)
	s := serve(t, must(endpoints.NewRevocation(issuer, v, k.revoker, k.clients, nil)))
	wantOAuth(t, post(t, s, f("token", p.Refresh.Reveal()), asWeb), 200, "")
	if _, err := issuer.CheckRefresh(t.Context(), p.Refresh.Reveal()); !errors.Is(err, token.ErrRevoked) {
		t.Errorf("afterwards it is %v", err)
	}
}

// lostKeys is a set that cannot be had for a while.
type lostKeys struct {
	token.KeySet
	down bool
}

func (l *lostKeys) FindKey(ctx context.Context, kid string) (token.VerifyKey, error) {
	if l.down {
		return noKeys{}.FindKey(ctx, kid)
	}
	return l.KeySet.FindKey(ctx, kid)
}

// TestWithoutKeys: a token that cannot be judged is neither dead nor inactive; a refresh token needs the issuer's own key alone.
func TestWithoutKeys(t *testing.T) {
	k := newKit(t, nil)
	keys := &lostKeys{KeySet: k.key.VerifyKey()}
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: keys, Audience: []string{ownAPI}, Check: token.Denylist(k.store)},
	}, &token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	revoke, introspect := serve(t, k.revocation(endpoints.RevocationOptions{})), serve(t, k.introspection(endpoints.IntrospectionOptions{}))
	p := k.login(ann)
	keys.down = true
	wantOAuth(t, post(t, revoke, f("token", p.Access.Reveal()), asWeb), 503, "temporarily_unavailable")
	wantOAuth(t, post(t, introspect, f("token", p.Access.Reveal()), asWeb), 503, "temporarily_unavailable")
	wantOAuth(t, post(t, revoke, f("token", p.Refresh.Reveal()), asWeb), 200, "")
	other := must(token.Ed25519("k0", signingKey("older")))
	older := must(token.NewIssuer(k.store, issuerName, other, &token.IssuerOptions{Now: k.clock.Now}))
	k.issuer = must(token.NewIssuer(k.store, issuerName, k.key, &token.IssuerOptions{Now: k.clock.Now, Keys: keys}))
	raw := must(older.Login(t.Context(), ann, token.LoginOptions{})).Refresh.Reveal()
	keys.down = false
	k.verifier = must(token.NewVerifier([]token.TrustedIssuer{
		{Issuer: issuerName, Keys: k.key.VerifyKey(), Audience: []string{ownAPI}, Check: token.Denylist(k.store)},
	}, &token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	revoke = serve(t, k.revocation(endpoints.RevocationOptions{}))
	keys.down = true
	wantOAuth(t, post(t, revoke, f("token", raw), asWeb), 503, "temporarily_unavailable")
	keys.down = false
	if k.alive(p.Access.Reveal()) {
		t.Error("its session lives on")
	}
}

func TestNewRevocationRefuses(t *testing.T) {
	k := newKit(t, nil)
	for field, build := range map[string]func() error{
		"issuer": func() error {
			_, err := endpoints.NewRevocation(nil, k.verifier, k.revoker, k.clients, nil)
			return err
		},
		"v":       func() error { _, err := endpoints.NewRevocation(k.issuer, nil, k.revoker, k.clients, nil); return err },
		"r":       func() error { _, err := endpoints.NewRevocation(k.issuer, k.verifier, nil, k.clients, nil); return err },
		"clients": func() error { _, err := endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, nil, nil); return err },
		"Answers.MaxBody": func() error {
			o := endpoints.RevocationOptions{Answers: endpoints.Answers{MaxBody: 1}}
			_, err := endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, &o)
			return err
		},
		"Answers.Realm": func() error {
			o := endpoints.RevocationOptions{Answers: endpoints.Answers{Realm: "a\"b"}}
			_, err := endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, &o)
			return err
		},
		"Answers.RetryAfter": func() error {
			o := endpoints.RevocationOptions{Answers: endpoints.Answers{RetryAfter: -1}}
			_, err := endpoints.NewRevocation(k.issuer, k.verifier, k.revoker, k.clients, &o)
			return err
		},
	} {
		wantField(t, build(), field)
	}
}
