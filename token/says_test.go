package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/token"
)

// A refusal tells whoever reads the log which claim it was, and of the usual mistakes what to do.
func TestRefusalsSay(t *testing.T) {
	k := newKit(t, setup{verify: token.VerifierOptions{TouchInterval: -1}})
	pair := k.login()
	access := pair.Access.Reveal()
	verifier := func(name string, audience ...string) *token.Verifier {
		v, err := token.NewVerifier([]token.TrustedIssuer{
			{Issuer: name, Keys: k.key.VerifyKey(), Audience: audience, Check: token.Sessions(k.store)},
		}, &token.VerifierOptions{TouchInterval: -1, Now: k.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		mistake string
		judge   *token.Verifier
		raw     string
		later   time.Duration
		says    string
	}{
		{"another audience", verifier(issuerName, "https://api.example"), access, 0, "another audience: aud holds no name of TrustedIssuer.Audience"},
		{"another issuer", verifier("https://else.example"), access, 0, "another issuer: iss is the Issuer of no TrustedIssuer"},
		{"a refresh token", k.verifier, pair.Refresh.Reveal(), 0, "another type: it is a refresh token"},
		{"with the scheme", k.verifier, "Bearer " + access, 0, "it has a space: cut the scheme Bearer off"},
		{"with the line's end", k.verifier, access + "\n", 0, "it has a line break: trim it off"},
		{"expired", k.verifier, access, time.Hour, "expired: exp has passed by more than the leeway"},
		{"minted ahead", k.verifier, access, -30 * time.Hour, "not valid yet: it was issued in the future"},
	} {
		k.clock.Advance(c.later)
		_, err := c.judge.Verify(t.Context(), c.raw)
		k.clock.Advance(-c.later)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s says %v", c.mistake, err)
		}
	}
	_, err := k.issuer.Refresh(t.Context(), access, token.RefreshOptions{})
	if err == nil || !strings.Contains(err.Error(), "it is an access token") {
		t.Errorf("an access token to refresh with says %v", err)
	}
}
