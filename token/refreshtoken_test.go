package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// TestCheckRefresh: what a refresh token is worth, without using it.
func TestCheckRefresh(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(k *kit, p token.Pair) (raw string)
		want error
	}{
		{"fresh", func(_ *kit, p token.Pair) string { return p.Refresh.Reveal() }, nil},
		{"used, within its grace window", func(k *kit, p token.Pair) string {
			must(k.issuer.Refresh(k.t.Context(), p.Refresh.Reveal(), token.RefreshOptions{}))
			return p.Refresh.Reveal()
		}, token.ErrReused},
		{"the successor", func(k *kit, p token.Pair) string {
			return must(k.issuer.Refresh(k.t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})).Refresh.Reveal()
		}, nil},
		{"of a session that was ended", func(k *kit, p token.Pair) string {
			noErr(k.t, k.revoker.Session(k.t.Context(), ann, p.Session.ID, "kick"))
			return p.Refresh.Reveal()
		}, token.ErrRevoked},
		{"of a session that idled out", func(k *kit, p token.Pair) string {
			k.clock.Advance(31 * 24 * time.Hour)
			return p.Refresh.Reveal()
		}, token.ErrUnknownSession},
		{"beyond its deadline", func(k *kit, p token.Pair) string {
			k.clock.Advance(91 * 24 * time.Hour)
			return p.Refresh.Reveal()
		}, token.ErrExpired},
		{"an access token", func(_ *kit, p token.Pair) string { return p.Access.Reveal() }, token.ErrType},
		{"rubbish", func(*kit, token.Pair) string { return "rubbish" }, token.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, setup{issuer: token.IssuerOptions{Audience: []string{"api"}, ClientID: "web"}})
			p := k.login()
			raw := c.do(k, p)
			for range 2 { // asking changes nothing
				got, err := k.issuer.CheckRefresh(t.Context(), raw)
				if !errors.Is(err, c.want) || (got == nil) == (err == nil) {
					t.Fatalf("%v, %v; want %v", got, err, c.want)
				}
				if err == nil && (got.Subject() != ann || got.SessionID() != p.Session.ID || got.ClientID() != "web" || got.Issuer() != issuerName) {
					t.Errorf("it says %v of %v, client %q", got, got.Subject(), got.ClientID())
				}
			}
			if c.want == nil {
				must(k.issuer.Refresh(t.Context(), raw, token.RefreshOptions{}))
			}
		})
	}
}

// TestCheckRefreshSays: the end is the session's, which may come before the token's.
func TestCheckRefreshSays(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	checked := must(k.issuer.CheckRefresh(t.Context(), p.Refresh.Reveal()))
	parsed := must(k.issuer.ParseRefresh(t.Context(), p.Refresh.Reveal()))
	if !checked.ExpiresAt().Equal(p.Session.ExpiresAt) || parsed.ExpiresAt().Unix() != p.Session.Deadline.Unix() {
		t.Errorf("checked ends at %v, parsed at %v", checked.ExpiresAt(), parsed.ExpiresAt())
	}
	if checked.IssuedAt().Unix() != p.Session.IssuedAt.Unix() || checked.ID() == "" || checked.ID() != parsed.ID() {
		t.Errorf("%v, issued at %v", checked, checked.IssuedAt())
	}
	for _, text := range []string{fmt.Sprint(checked), fmt.Sprintf("%+v %#v %d", checked, checked, checked), checked.LogValue().String()} {
		if strings.Contains(text, "ann") || strings.Contains(text, p.Refresh.Reveal()) {
			t.Errorf("it prints %s", text)
		}
	}
}

func TestCheckRefreshInAnOutage(t *testing.T) {
	var faults *storetest.Faults
	k := newKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore { faults = storetest.NewFaults(s); return faults }})
	raw := k.login().Refresh.Reveal()
	faults.Inject(storetest.Fault{Err: store.ErrUnavailable})
	if _, err := k.issuer.CheckRefresh(t.Context(), raw); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrInvalidToken) {
		t.Errorf("%v", err)
	}
	if _, err := k.issuer.ParseRefresh(t.Context(), raw); err != nil {
		t.Errorf("parsing asks the store: %v", err)
	}
}

// TestIntrospectedClaims: nbf, and cnf as it is written.
func TestIntrospectedClaims(t *testing.T) {
	k := newForeignKit(t, nil)
	now := k.clock.Now().Unix()
	got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(m{"nbf": now, "cnf": m{"new": m{"a": 1}}}))))
	if at, said := got.NotBefore(); !said || at.Unix() != now || string(got.ConfirmationJSON()) != `{"new":{"a":1}}` {
		t.Errorf("nbf %v, cnf %s", at, got.ConfirmationJSON())
	}
	got = must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1"))))
	if _, said := got.NotBefore(); said || got.ConfirmationJSON() != nil {
		t.Errorf("nbf said, or cnf %s", got.ConfirmationJSON())
	}
}
