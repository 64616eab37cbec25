package endpoints_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func (k *kit) token(o endpoints.TokenOptions) http.Handler {
	o.Answers = k.answers()
	return must(endpoints.NewToken(k.issuer, &o))
}

func grant(raw string, more ...string) string {
	return f(append([]string{"grant_type", "refresh_token", "refresh_token", raw}, more...)...)
}

// TestToken: RFC 6749 §6 with the errors of §5.2. After a refusal the token is as good as before, unless the case says that
// it was no good.
func TestToken(t *testing.T) {
	whole := func(p token.Pair) string { return grant(p.Refresh.Reveal()) }
	for _, c := range []struct {
		name   string
		client string // the issuer's
		form   func(p token.Pair) string
		as     change
		status int
		code   string
	}{
		{"§6", "web", whole, asWeb, 200, ""},
		{"§3.2.1: a public client says who it is", "app", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "client_id", "app") }, nil, 200, ""},
		{"§2.3.1: client_id beside Basic", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "client_id", "web") }, asWeb, 200, ""},
		{"§3.2: an empty scope counts as none", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "scope", "") }, asWeb, 200, ""},
		{"§5.2 invalid_client: nobody", "web", whole, nil, 401, "invalid_client"},
		{"§5.2 invalid_client: a wrong secret", "web", whole, basic("web", "wrong"), 401, "invalid_client"},
		{"§6: a confidential client cannot pass for a public one", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "client_id", "web") }, nil, 401, "invalid_client"},
		{"§5.2 invalid_grant: issued to another client", "web", whole, asAPI, 400, "invalid_grant"},
		{"§5.2 invalid_grant: another client that is public", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "client_id", "app") }, nil, 400, "invalid_grant"},
		{"§5.2 invalid_grant: an access token", "web", func(p token.Pair) string { return grant(p.Access.Reveal()) }, asWeb, 400, "invalid_grant"},
		{"§5.2 invalid_grant: unknown", "web", func(token.Pair) string { return grant("unknown") }, asWeb, 400, "invalid_grant"},
		{"§5.2 unsupported_grant_type", "web", func(p token.Pair) string {
			return f("grant_type", "password", "username", "ann", "password", "x", "refresh_token", p.Refresh.Reveal())
		}, asWeb, 400, "unsupported_grant_type"},
		{"§5.2 invalid_request: no grant_type", "web", func(p token.Pair) string { return f("refresh_token", p.Refresh.Reveal()) }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: no refresh_token", "web", func(token.Pair) string { return f("grant_type", "refresh_token") }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: refresh_token twice", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "refresh_token", "x") }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: grant_type twice", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "grant_type", "refresh_token") }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: scope twice", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "scope", "a", "scope", "b") }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: two methods", "web", func(p token.Pair) string {
			return grant(p.Refresh.Reveal(), "client_id", "web", "client_secret", webSecret)
		}, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_request: client_id is another", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "client_id", "api") }, asWeb, 400, "invalid_request"},
		{"§5.2 invalid_scope: scopes are not chosen", "web", func(p token.Pair) string { return grant(p.Refresh.Reveal(), "scope", "read") }, asWeb, 400, "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, func(o *token.IssuerOptions) { o.ClientID = c.client })
			s := serve(t, k.token(endpoints.TokenOptions{Clients: k.clients}))
			p := k.login(ann)
			var changes []change
			if c.as != nil {
				changes = append(changes, c.as)
			}
			got := post(t, s, c.form(p), changes...)
			wantOAuth(t, got, c.status, c.code)
			if c.status != http.StatusOK {
				if !k.refreshes(p.Refresh.Reveal()) {
					t.Error("the token was used up")
				}
				return
			}
			body := got.json(t)
			access, _ := body["access_token"].(string)
			refresh, _ := body["refresh_token"].(string)
			if len(body) != 4 || !k.alive(access) || !k.refreshes(refresh) || k.refreshes(p.Refresh.Reveal()) || body["token_type"] != "Bearer" || body["expires_in"] != 900.0 {
				t.Errorf("§5.1: it answers %v", body)
			}
			if got.header.Get("Pragma") != "no-cache" {
				t.Errorf("§5.1: Pragma %q", got.header.Get("Pragma"))
			}
		})
	}
}

// TestTokenWithoutClients: an issuer whose one client is public; nothing but the token is asked for.
func TestTokenWithoutClients(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.token(endpoints.TokenOptions{}))
	wantOAuth(t, post(t, s, grant(k.login(ann).Refresh.Reveal())), 200, "")
	wantOAuth(t, post(t, s, grant(k.login(ann).Refresh.Reveal(), "client_id", "whoever")), 200, "")
	wantOAuth(t, post(t, s, grant("unknown")), 400, "invalid_grant")
}

// TestTokenReuse: within the grace window the same successor, up to its limit (409, the session lives); later reuse, which
// ends the session (RFC 9700 §4.14.2).
func TestTokenReuse(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) { o.GraceReplays = 2 })
	s := serve(t, k.token(endpoints.TokenOptions{Clients: k.clients}))
	p := k.login(ann)
	first := post(t, s, grant(p.Refresh.Reveal()), asWeb)
	for range 2 {
		again := post(t, s, grant(p.Refresh.Reveal()), asWeb)
		wantOAuth(t, again, 200, "")
		if again.json(t)["refresh_token"] != first.json(t)["refresh_token"] {
			t.Error("a replay got another successor")
		}
	}
	wantOAuth(t, post(t, s, grant(p.Refresh.Reveal()), asWeb), 409, "replay_limit")
	next, _ := first.json(t)["refresh_token"].(string)
	if !k.refreshes(next) {
		t.Error("the replay limit ended the session")
	}
	k.clock.Advance(time.Minute)
	got := post(t, s, grant(p.Refresh.Reveal()), asWeb)
	wantOAuth(t, got, 400, "invalid_grant")
	if got.json(t)["error_description"] != "refresh token was used before" || k.refreshes(next) {
		t.Errorf("reuse: %s; its successor lives: %v", got.body, k.refreshes(next))
	}
	wantOAuth(t, post(t, s, grant(next), asWeb), 400, "invalid_grant")
}

// TestTokenInAnOutage: 503, and the same token is good afterwards.
func TestTokenInAnOutage(t *testing.T) {
	for _, err := range []error{store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrCorrupt, errors.Join(store.ErrUnavailable, store.ErrReplayLimit)} {
		k := newKit(t, nil)
		s := serve(t, k.token(endpoints.TokenOptions{}))
		p := k.login(ann)
		restore := k.store.Inject(storetest.Fault{Verb: storetest.VerbRotate, Err: err})
		wantOAuth(t, post(t, s, grant(p.Refresh.Reveal())), 503, "temporarily_unavailable")
		restore()
		wantOAuth(t, post(t, s, grant(p.Refresh.Reveal())), 200, "")
	}
}

// TestTokenScope: §6, a scope is judged before the token is used, and its claims are those of the next access token.
func TestTokenScope(t *testing.T) {
	k := newKit(t, func(o *token.IssuerOptions) {
		o.Claims = func(context.Context, store.Record) (any, error) { return map[string]any{"scope": "read write"}, nil }
	})
	s := serve(t, k.token(endpoints.TokenOptions{Scope: func(_ context.Context, tk *token.RefreshToken, scope []string) (any, error) {
		for _, one := range scope {
			switch one {
			case "read", "write":
			case "down":
				return nil, errors.New("the directory is down")
			case "large":
				return map[string]any{"x": strings.Repeat("x", token.MaxBytes)}, nil
			default:
				return nil, &httpauth.Failure{Status: 400, Code: endpoints.CodeInvalidScope, Description: "not granted"}
			}
		}
		return map[string]any{"scope": strings.Join(scope, " "), "for": tk.Subject().Name}, nil
	}}))
	p := k.login(ann)
	raw := p.Refresh.Reveal()
	for _, c := range []struct {
		scope  string
		status int
		code   string
		want   string
	}{
		{"admin", 400, "invalid_scope", ""},
		{"read admin", 400, "invalid_scope", ""},
		{"down", 503, "temporarily_unavailable", ""},
		{"large", 500, "server_error", ""},
		{"read", 200, "", "read"},
		{"write read", 200, "", "write read"},
		{"", 200, "", "read write"},
	} {
		got := post(t, s, grant(raw, "scope", c.scope))
		wantOAuth(t, got, c.status, c.code)
		if c.status != 200 {
			if !k.refreshes(raw) {
				t.Fatalf("%q used the token up", c.scope)
			}
			continue
		}
		access, _ := got.json(t)["access_token"].(string)
		raw, _ = got.json(t)["refresh_token"].(string)
		if scopes := must(k.verifier.Verify(t.Context(), access)).Scopes(); strings.Join(scopes, " ") != c.want {
			t.Errorf("%q gives %q", c.scope, scopes)
		}
	}
}

// TestTokenBinding: it is presented with each refresh, and judges replays.
func TestTokenBinding(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.token(endpoints.TokenOptions{Binding: func(r *http.Request) string { return r.Header.Get("Device") }}))
	p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Binding: "d1"}))
	wantOAuth(t, post(t, s, grant(p.Refresh.Reveal()), header("Device", "d1")), 200, "")
	wantOAuth(t, post(t, s, grant(p.Refresh.Reveal()), header("Device", "d1")), 200, "")
	wantOAuth(t, post(t, s, grant(p.Refresh.Reveal()), header("Device", "d2")), 400, "invalid_grant")
}

func TestNewTokenRefuses(t *testing.T) {
	_, err := endpoints.NewToken(nil, nil)
	wantField(t, err, "issuer")
}
