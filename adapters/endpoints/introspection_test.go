package endpoints_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func (k *kit) introspection(o endpoints.IntrospectionOptions) http.Handler {
	o.Answers = k.answers()
	return must(endpoints.NewIntrospection(k.verifier, k.clients, &o))
}

// inactive is all that RFC 7662 §2.2 lets a server say.
const inactive = `{"active":false}`

// TestIntrospection: RFC 7662 §2. A case is active or not, and where it is not, nothing else is told.
func TestIntrospection(t *testing.T) {
	access := func(_ *kit, p token.Pair) string { return p.Access.Reveal() }
	refresh := func(_ *kit, p token.Pair) string { return p.Refresh.Reveal() }
	apis := endpoints.IntrospectionOptions{Audiences: map[string][]string{"api": {"x", ownAPI}}}
	none, every := endpoints.IntrospectionOptions{}, endpoints.IntrospectionOptions{AnyAudience: true}
	for _, c := range []struct {
		name   string
		o      endpoints.IntrospectionOptions
		token  func(k *kit, p token.Pair) string
		more   string
		as     change
		active bool
	}{
		{"§2.2: for the resource server that it is meant for", apis, access, "", asAPI, true},
		{"§2.1: a wrong hint", apis, access, "&token_type_hint=refresh_token", asAPI, true},
		{"§4: not for another resource server", endpoints.IntrospectionOptions{Audiences: map[string][]string{"api": {"https://third.test"}}}, access, "", asAPI, false},
		{"§4: not for a client that is no resource server", none, access, "", asAPI, false},
		{"a client learns of its own", none, access, "", asWeb, true},
		{"anybody of any, by option", every, access, "", asAPI, true},
		{"§2.2: unknown", every, func(*kit, token.Pair) string { return "unknown" }, "", asAPI, false},
		{"§2.2: changed", every, func(_ *kit, p token.Pair) string { return p.Access.Reveal() + "A" }, "", asAPI, false},
		{"§2.2: expired", every, func(k *kit, p token.Pair) string {
			k.clock.Advance(16 * time.Minute)
			return p.Access.Reveal()
		}, "", asAPI, false},
		{"§2.2: revoked by itself", every, func(k *kit, p token.Pair) string {
			noErr(k.t, k.revoker.Token(k.t.Context(), must(k.verifier.Parse(k.t.Context(), p.Access.Reveal())), "leak"))
			return p.Access.Reveal()
		}, "", asAPI, false},
		{"§2.2: its session has ended", every, func(k *kit, p token.Pair) string {
			noErr(k.t, k.revoker.Session(k.t.Context(), ann, p.Session.ID, "kick"))
			return p.Access.Reveal()
		}, "", asAPI, false},
		{"§2.2: another issuer's", every, func(k *kit, _ token.Pair) string { return foreignAccess(k.clock.Now(), "ann", "s1") }, "", asWeb, false},
		{"a refresh token, not asked for", every, refresh, "", asWeb, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, nil)
			raw := c.token(k, k.login(ann))
			got := post(t, serve(t, k.introspection(c.o)), f("token", raw)+c.more, c.as)
			wantOAuth(t, got, http.StatusOK, "")
			if !c.active && got.body != inactive {
				t.Errorf("it tells %s", got.body)
			}
			if c.active && got.json(t)["active"] != true {
				t.Errorf("it tells %s", got.body)
			}
		})
	}
}

// TestIntrospectionCallers: §2.1, who asks must prove itself; the answer does not depend on the token then.
func TestIntrospectionCallers(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{AnyAudience: true}))
	good := k.login(ann).Access.Reveal()
	for _, raw := range []string{good, "unknown", ""} {
		for name, do := range map[string]change{
			"no credentials": func(*http.Request) {}, "a wrong secret": basic("api", "wrong"), "an unknown client": basic("x", apiSecret),
			"a token instead": header("Authorization", "Bearer "+good), "rubbish": header("Authorization", "Basic !"),
		} {
			got := post(t, s, f("token", raw), do)
			wantOAuth(t, got, 401, "invalid_client")
			if got.header.Get("WWW-Authenticate") != `Basic realm="oauth"` {
				t.Errorf("%s: the challenge is %q", name, got.header.Get("WWW-Authenticate"))
			}
		}
		wantOAuth(t, post(t, s, f("token", raw, "client_id", "app")), 401, "invalid_client") // public: it proves nothing
	}
	wantOAuth(t, post(t, s, f("token", ""), asAPI), 400, "invalid_request")
	wantOAuth(t, post(t, s, f("token", good, "token", good), asAPI), 400, "invalid_request")
}

// TestIntrospectionMembers: §2.2, every member by its value, and nothing else.
func TestIntrospectionMembers(t *testing.T) {
	claims := map[string]any{
		"scope": "read write", "auth_time": 1700000000, "acr": "2", "amr": []string{"otp"}, "cnf": map[string]any{"new": "x"}, "roles": []string{"secret"},
	}
	k := newKit(t, func(o *token.IssuerOptions) {
		o.Claims = func(context.Context, store.Record) (any, error) { return claims, nil }
	})
	p := k.login(store.Subject{Realm: "eu", Name: "ann"})
	parsed := must(k.verifier.Parse(t.Context(), p.Access.Reveal()))
	now := float64(k.clock.Now().Unix())
	want := map[string]any{
		"active": true, "scope": "read write", "client_id": "web", "token_type": "Bearer", "exp": now + 900, "iat": now,
		"sub": "ann", "realm": "eu", "aud": []any{ownAPI, otherAPI}, "iss": issuerName, "jti": parsed.ID(), "sid": p.Session.ID,
		"auth_time": 1700000000.0, "acr": "2", "amr": []any{"otp"}, "cnf": map[string]any{"new": "x"},
	}
	got := post(t, serve(t, k.introspection(endpoints.IntrospectionOptions{})), f("token", p.Access.Reveal()), asWeb).json(t)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it tells %v\nwant %v", got, want)
	}
	bare := newKit(t, nil)
	p = bare.login(ann)
	got = post(t, serve(t, bare.introspection(endpoints.IntrospectionOptions{})), f("token", p.Access.Reveal()), asWeb).json(t)
	names := slices.Sorted(maps.Keys(got))
	if text := strings.Join(names, " "); text != "active aud client_id exp iat iss jti sid sub token_type" {
		t.Errorf("of a plain token it tells %s", text)
	}
}

// TestIntrospectionOfNotBefore: an nbf is told too, of a token that somebody else made with our key.
func TestIntrospectionOfNotBefore(t *testing.T) {
	k := newKit(t, nil)
	now := k.clock.Now().Unix()
	made := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": issuerName, "sub": "ann", "aud": ownAPI, "iat": now, "nbf": now - 5, "exp": now + 60, "jti": "j", "sid": "s", "client_id": "web",
		"seq": int64(1) << 52,
	})
	made.Header["kid"], made.Header["typ"] = "k1", "at+jwt"
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{}))
	got := post(t, s, f("token", must(made.SignedString(signingKey("issuer")))), asWeb).json(t)
	if got["nbf"] != float64(now-5) {
		t.Errorf("it tells %v", got)
	}
}

// TestIntrospectionOfMoreMembers: a program adds some, replaces none of a token's, and its outage is one.
func TestIntrospectionOfMoreMembers(t *testing.T) {
	k := newKit(t, nil)
	var fail error
	more := map[string]any{"sub": "bob", "active": false, "cnf": "x", "scope": "admin"}
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{
		Members: func(_ context.Context, tk *token.Token, client string) (map[string]any, error) {
			more["username"] = tk.Owner().Name + "@" + client
			return more, fail
		},
	}))
	raw := k.login(ann).Access.Reveal()
	got := post(t, s, f("token", raw), asWeb).json(t)
	if got["username"] != "ann@web" || got["sub"] != "ann" || got["active"] != true || got["cnf"] != nil || got["scope"] != nil {
		t.Errorf("it tells %v", got)
	}
	if got := post(t, s, f("token", "unknown"), asWeb); got.body != inactive {
		t.Errorf("of an unknown token it tells %s", got.body)
	}
	more = map[string]any{"x": math.Inf(1)}
	wantOAuth(t, post(t, s, f("token", raw), asWeb), 500, "server_error")
	fail = errors.New("the directory is down")
	wantOAuth(t, post(t, s, f("token", raw), asWeb), 503, "temporarily_unavailable")
}

// TestIntrospectionOfRefreshTokens: told to the client that owns them alone, without token_type, and not used up.
func TestIntrospectionOfRefreshTokens(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{RefreshTokens: k.issuer, AnyAudience: true}))
	p := k.login(ann)
	ask := func(as change) answer { return post(t, s, f("token", p.Refresh.Reveal()), as) }
	for range 3 {
		got := ask(asWeb).json(t)
		if got["active"] != true || got["token_type"] != nil || got["sid"] != p.Session.ID || got["sub"] != "ann" || got["client_id"] != "web" ||
			got["exp"] != float64(p.Session.ExpiresAt.Unix()) {
			t.Errorf("it tells %v", got)
		}
	}
	if got := ask(asAPI); got.body != inactive {
		t.Errorf("a resource server is told %s", got.body)
	}
	next := must(k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{}))
	if got := ask(asWeb); got.body != inactive {
		t.Errorf("of a used one it tells %s", got.body)
	}
	if !k.refreshes(next.Refresh.Reveal()) || !k.alive(next.Access.Reveal()) {
		t.Error("asking ended the session")
	}
	restore := k.down(storetest.VerbLookup)
	wantOAuth(t, ask(asWeb), 503, "temporarily_unavailable")
	restore()
}

// TestIntrospectionOfAPIKeys: they have no audience, so that they are told where any is, or to a first-party client.
func TestIntrospectionOfAPIKeys(t *testing.T) {
	k := newKit(t, nil)
	bearer, key, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{Scopes: []string{"read"}})
	noErr(t, err)
	for _, c := range []struct {
		o      endpoints.IntrospectionOptions
		active bool
	}{
		{endpoints.IntrospectionOptions{Audiences: map[string][]string{"api": {ownAPI}}}, false},
		{endpoints.IntrospectionOptions{AnyAudience: true}, true},
		{endpoints.IntrospectionOptions{FirstParty: []string{"api"}}, true},
	} {
		got := post(t, serve(t, k.introspection(c.o)), f("token", bearer.Reveal()), asAPI)
		if !c.active {
			if got.body != inactive {
				t.Errorf("%+v: it tells %s", c.o, got.body)
			}
			continue
		}
		told := got.json(t)
		if told["sub"] != "ann" || told["scope"] != "read" || told["jti"] != key.ID || told["exp"] != float64(key.ExpiresAt.Unix()) || told["iss"] != nil {
			t.Errorf("it tells %v", told)
		}
	}
}

// TestIntrospectionInAnOutage: never "inactive" for a token that nobody could look up.
func TestIntrospectionInAnOutage(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{RefreshTokens: k.issuer}))
	raw := k.login(ann).Access.Reveal()
	for _, err := range []error{store.ErrUnavailable, store.ErrCorrupt, store.ErrClosed, store.ErrNotFound} {
		restore := k.store.Inject(storetest.Fault{Verb: storetest.VerbLookup, Err: err})
		wantOAuth(t, post(t, s, f("token", raw), asWeb), 503, "temporarily_unavailable")
		restore()
	}
	if got := post(t, s, f("token", raw), asWeb); got.json(t)["active"] != true {
		t.Errorf("afterwards it tells %s", got.body)
	}
}

// TestIntrospectionClient: a plain client by RFC 7662 alone, as a resource server of another make would have it.
func TestIntrospectionClient(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) {
		o.Claims = func(context.Context, store.Record) (any, error) { return map[string]any{"scope": "orders:read"}, nil }
	})
	s := serve(t, k.introspection(endpoints.IntrospectionOptions{Audiences: map[string][]string{"api": {ownAPI}}}))
	introspect := func(raw string) (active bool, subject string, scopes []string, until time.Time) {
		t.Helper()
		a := post(t, s, f("token", raw, "token_type_hint", "access_token"), asAPI, header("Accept", "application/json"))
		var out struct {
			Active  *bool  `json:"active"`
			Subject string `json:"sub"`
			Scope   string `json:"scope"`
			Expires int64  `json:"exp"`
		}
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 || out.Active == nil {
			t.Fatalf("no answer of RFC 7662: %d %s", a.status, a.body)
		}
		return *out.Active, out.Subject, strings.Fields(out.Scope), time.Unix(out.Expires, 0)
	}
	p := k.login(ann)
	active, subject, scopes, until := introspect(p.Access.Reveal())
	if !active || subject != "ann" || !slices.Contains(scopes, "orders:read") || !until.Equal(p.AccessExpiresAt) {
		t.Errorf("%v %v %v %v", active, subject, scopes, until)
	}
	noErr(t, k.revoker.Subject(t.Context(), ann, "logout"))
	if active, _, _, _ := introspect(p.Access.Reveal()); active {
		t.Error("it is active after the logout")
	}
}

func TestNewIntrospectionRefuses(t *testing.T) {
	k := newKit(t, nil)
	build := func(v *token.Verifier, c *endpoints.ClientAuth, o *endpoints.IntrospectionOptions) error {
		_, err := endpoints.NewIntrospection(v, c, o)
		return err
	}
	wantField(t, build(nil, k.clients, nil), "v")
	wantField(t, build(k.verifier, nil, nil), "clients")
	wantField(t, build(k.verifier, must(endpoints.NewClientAuth(endpoints.Public(k.registry))), nil), "clients")
	for _, names := range [][]string{nil, {""}} {
		o := endpoints.IntrospectionOptions{Audiences: map[string][]string{"api": names}}
		wantField(t, build(k.verifier, k.clients, &o), "IntrospectionOptions.Audiences")
	}
}
