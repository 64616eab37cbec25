package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestScopesAreParted by spaces alone, as RFC 6749 §3.3 has it.
func TestScopesAreParted(t *testing.T) {
	k := newForeignKit(t, nil)
	for text, want := range map[string]string{"a b": `["a" "b"]`, " a  b ": `["a" "b"]`, "a\tadmin": `["a\tadmin"]`, "a\u00a0admin": `["a\u00a0admin"]`, "": "[]"} {
		got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(m{"scope": text}))))
		if scopes := fmt.Sprintf("%q", got.Scopes()); scopes != want {
			t.Errorf("%q is %s, want %s", text, scopes, want)
		}
	}
}

// TestAForeignTokenPrintsOnOneLine, whatever its issuer writes.
func TestAForeignTokenPrintsOnOneLine(t *testing.T) {
	k := newForeignKit(t, nil)
	got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s\n1").with(m{"jti": "a\x1b[2J\nroot logged in"}))))
	for _, text := range []string{fmt.Sprint(got), fmt.Sprintf("%#v", got), got.String()} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("it prints as %q", text)
		}
	}
}

// TestStepUpClaims: what does not read says nothing of when and how, and a binding that does not read is one.
func TestStepUpClaims(t *testing.T) {
	k := newForeignKit(t, nil)
	for _, c := range []struct {
		name     string
		claims   m
		at       int64
		acr, amr string
		jkt, x5t string
		isBound  bool
	}{
		{"as they should be", m{"auth_time": 1700000000, "acr": "2", "amr": []string{"pwd", "otp"}, "cnf": m{"jkt": "a", "x5t#S256": "b"}}, 1700000000, "2", "pwd otp", "a", "b", true},
		{"none", m{"auth_time": nil, "acr": nil}, 0, "", "", "", "", false},
		{"a text for a time", m{"auth_time": "1700000000"}, 0, "1", "", "", "", false},
		{"a time before all", m{"auth_time": -5}, 0, "1", "", "", "", false},
		{"zero", m{"auth_time": 0}, 0, "1", "", "", "", false},
		{"a time after all", m{"auth_time": int64(253402300800)}, 0, "1", "", "", "", false},
		{"a number for acr", m{"auth_time": nil, "acr": 7}, 0, "", "", "", "", false},
		{"a binding that is none", m{"auth_time": nil, "cnf": "x"}, 0, "1", "", "", "", true},
		{"a binding to what is not known", m{"auth_time": nil, "cnf": m{"jwk": m{}}}, 0, "1", "", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := must(k.verifier.Verify(t.Context(), k.mint(k.keycloak("ann", "s1").with(c.claims))))
			at, said := got.AuthTime()
			if said != (c.at != 0) || said && at.Unix() != c.at || got.ACR() != c.acr || strings.Join(got.AMR(), " ") != c.amr {
				t.Errorf("auth_time %v, acr %q, amr %q", at, got.ACR(), got.AMR())
			}
			cnf, bound := got.Confirmation()
			if bound != c.isBound || cnf.KeyThumbprint != c.jkt || cnf.CertificateThumbprint != c.x5t {
				t.Errorf("cnf %+v, bound %v", cnf, bound)
			}
		})
	}
}

// TestForeignTypes: each issuer has its own.
func TestForeignTypes(t *testing.T) {
	k := newForeignKit(t, nil)
	for typ, accepted := range map[string][2]bool{ // Keycloak's, Auth0's
		"JWT": {true, true}, "application/JWT": {true, true}, "at+jwt": {false, true}, "": {false, true}, "rt+jwt": {}, "jwt": {}, "logout+jwt": {},
	} {
		for n, claims := range []m{k.keycloak("ann", "s1"), k.auth0("ann")} {
			header := m{"typ": typ}
			if typ == "" {
				header = m{}
			}
			err := k.judge(sign(foreignKeys()[claims["iss"].(string)], header, claims.text())) //nolint:errcheck // all have one
			if accepted[n] != (err == nil) || err != nil && !errors.Is(err, token.ErrType) {
				t.Errorf("%q of %v: %v", typ, claims["iss"], err)
			}
		}
	}
}

// TestOwnStepUpClaims: our tokens carry what RFC 9068 §2.2.1 names too, by IssuerOptions.Claims.
func TestOwnStepUpClaims(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) {
		return m{"auth_time": 1700000000, "acr": "2", "amr": []string{"otp"}, "cnf": m{"jkt": "a"}, "scope": "read"}, nil
	}}})
	got := must(k.verifier.Verify(t.Context(), k.login().Access.Reveal()))
	at, said := got.AuthTime()
	cnf, bound := got.Confirmation()
	if !said || at.Unix() != 1700000000 || got.ACR() != "2" || strings.Join(got.AMR(), " ") != "otp" || !bound || cnf.KeyThumbprint != "a" || !got.HasScopes("read") {
		t.Errorf("auth_time %v, acr %q, amr %q, cnf %v %+v, scopes %q", at, got.ACR(), got.AMR(), bound, cnf, got.Scopes())
	}
}

// TestUnboundCostsNothing: to ask whether a token is bound, as httpauth does with each request, takes no memory where it is not.
func TestUnboundCostsNothing(t *testing.T) {
	k := newKit(t, setup{})
	got := must(k.verifier.Verify(t.Context(), k.login().Access.Reveal()))
	bound := true
	if n := testing.AllocsPerRun(100, func() { _, bound = got.Confirmation() }); n != 0 || bound {
		t.Errorf("%v allocations, bound is %v", n, bound)
	}
}

// TestForeignClaimsWithOurNames: what our tokens say by seq, realm, rot and lnk, another issuer's cannot, whatever is in them;
// they are custom claims.
func TestForeignClaimsWithOurNames(t *testing.T) {
	k := newForeignKit(t, nil)
	for name, claims := range map[string]m{
		"as ours":     {"seq": 1 << 60, "realm": "admin", "rot": 1, "lnk": "x"},
		"seq alone":   {"seq": 7},
		"of another":  {"seq": "7/9", "realm": m{"id": 1}, "rot": -1, "lnk": []int{1}},
		"in capitals": {"Seq": "x", "REALM": "y", "Rot": 1, "LNK": nil},
	} {
		for _, form := range []string{"%s", " %s"} { // read by the scanner, and by the library
			t.Run(name+fmt.Sprintf(" %q", form), func(t *testing.T) {
				c := k.keycloak("ann", "s1")
				for n, v := range claims {
					c[n] = v
				}
				got, err := k.verifier.Verify(t.Context(), sign(foreignKeys()[keycloak], m{"typ": "JWT"}, fmt.Sprintf(form, c.text())))
				if err != nil {
					t.Fatal(err)
				}
				extra, _ := token.Extra[map[string]any](got)
				for n := range claims {
					if _, ok := extra[n]; !ok {
						t.Errorf("%s is not among the custom claims", n)
					}
				}
				if got.Subject() != token.ForeignUser("", keycloak, "ann") || got.Seq() != 0 {
					t.Errorf("the subject is %v, seq %d", got.Subject(), got.Seq())
				}
			})
		}
	}
}
