package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// shop is the client of the server, by golang.org/x/oauth2 and forms.
type shop struct {
	t      *testing.T
	url    string
	secret string
	config oauth2.Config
}

func newShop(t *testing.T, style oauth2.AuthStyle) *shop {
	t.Helper()
	s, err := store.Open(t.Context(), "memory://")
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	secret, hash := endpoints.NewSecret()
	mux := http.NewServeMux()
	listening := httptest.NewServer(mux)
	t.Cleanup(listening.Close)
	h, err := server(s, listening.URL, hash)
	check(t, err)
	mux.Handle("/", h)
	c := &shop{t: t, url: listening.URL, secret: secret}
	meta := c.metadata()
	c.config = oauth2.Config{ClientID: "shop", ClientSecret: secret, Endpoint: oauth2.Endpoint{TokenURL: meta["token_endpoint"], AuthStyle: style}}
	return c
}

// metadata are the members that are texts (RFC 8414 §3).
func (c *shop) metadata() map[string]string {
	c.t.Helper()
	resp, err := http.Get(c.url + "/.well-known/oauth-authorization-server") //nolint:noctx // the test's own server
	check(c.t, err)
	defer resp.Body.Close()
	var doc map[string]any
	check(c.t, json.NewDecoder(resp.Body).Decode(&doc))
	out := map[string]string{}
	for name, value := range doc {
		if text, ok := value.(string); ok {
			out[name] = text
		}
	}
	return out
}

// login logs in and lets the access token look expired, so that the client refreshes.
func (c *shop) login(name string) *oauth2.Token {
	c.t.Helper()
	status, body := c.post(c.url+"/login", url.Values{"username": {name}}, false)
	var t oauth2.Token
	check(c.t, json.Unmarshal([]byte(body), &t))
	if status != 200 || t.AccessToken == "" {
		c.t.Fatalf("the login answers %d %s", status, body)
	}
	t.Expiry = time.Now().Add(-time.Hour)
	return &t
}

func (c *shop) post(at string, form url.Values, authenticated bool) (status int, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, at, strings.NewReader(form.Encode()))
	check(c.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authenticated {
		r.SetBasicAuth("shop", c.secret)
	}
	resp, err := http.DefaultClient.Do(r)
	check(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(c.t, err)
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// active asks by RFC 7662.
func (c *shop) active(raw string) bool {
	c.t.Helper()
	status, body := c.post(c.metadata()["introspection_endpoint"], url.Values{"token": {raw}}, true)
	var told struct {
		Active bool `json:"active"`
	}
	check(c.t, json.Unmarshal([]byte(body), &told))
	if status != 200 {
		c.t.Fatalf("introspection answers %d %s", status, body)
	}
	return told.Active
}

// TestOAuth2Client: golang.org/x/oauth2 refreshes here in every way that it can authenticate; after a revocation by form it is
// told so.
func TestOAuth2Client(t *testing.T) {
	for name, style := range map[string]oauth2.AuthStyle{
		"header": oauth2.AuthStyleInHeader, "params": oauth2.AuthStyleInParams, "found out": oauth2.AuthStyleAutoDetect,
	} {
		t.Run(name, func(t *testing.T) {
			c := newShop(t, style)
			old := c.login("ann")
			source := c.config.TokenSource(t.Context(), old)
			next, err := source.Token()
			check(t, err)
			if next.RefreshToken == old.RefreshToken || next.AccessToken == old.AccessToken || next.Type() != "Bearer" || time.Until(next.Expiry) < 14*time.Minute {
				t.Errorf("it got a token of type %s until %v", next.Type(), next.Expiry)
			}
			if again, err := source.Token(); err != nil || again.AccessToken != next.AccessToken {
				t.Errorf("a good token is not used again: %v", err)
			}
			if !c.active(next.AccessToken) {
				t.Error("the new token is not active")
			}
			if status, body := c.post(c.metadata()["revocation_endpoint"], url.Values{"token": {next.RefreshToken}, "token_type_hint": {"refresh_token"}}, true); status != 200 || body != "" {
				t.Errorf("the revocation answers %d %s", status, body)
			}
			if c.active(next.AccessToken) || c.active(old.AccessToken) {
				t.Error("an access token of the session is active after it")
			}
			next.Expiry = old.Expiry
			_, err = c.config.TokenSource(t.Context(), next).Token()
			var refused *oauth2.RetrieveError
			if !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" || refused.Response.StatusCode != 400 {
				t.Errorf("a revoked token refreshes: %v", err)
			}
		})
	}
}

// TestOAuth2ClientUnknown: what x/oauth2 reads of the other refusals.
func TestOAuth2ClientUnknown(t *testing.T) {
	c := newShop(t, oauth2.AuthStyleInHeader)
	good := c.login("ann")
	c.config.ClientSecret = "wrong"
	_, err := c.config.TokenSource(t.Context(), good).Token()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != 401 {
		t.Errorf("a wrong secret: %v", err)
	}
	c.config.ClientSecret = c.secret
	if _, err := c.config.TokenSource(t.Context(), good).Token(); err != nil {
		t.Errorf("the refused request used the token up: %v", err)
	}
}

// TestResourceServer: another process with the issuer's URL alone verifies its tokens.
func TestResourceServer(t *testing.T) {
	c := newShop(t, oauth2.AuthStyleInHeader)
	keys, err := token.NewDiscoveredKeys(c.url, nil)
	check(t, err)
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: c.url, Keys: keys, Check: everyone{}}}, &token.VerifierOptions{TouchInterval: -1})
	check(t, err)
	got, err := v.Verify(t.Context(), c.login("ann").AccessToken)
	check(t, err)
	if got.Subject() != store.User("ann") || got.ClientID() != "shop" {
		t.Errorf("it is %v", got)
	}
}

// everyone is a checker that revokes nothing: the test is of keys.
type everyone struct{}

func (everyone) MaxTokenLife() (time.Duration, error) { return time.Hour, nil }

func (everyone) Check(context.Context, *token.Token) (token.Answer, error) {
	return token.Answer{Verdict: store.Verdict{Alive: true}}, nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
