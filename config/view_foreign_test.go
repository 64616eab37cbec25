package config

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// TestViewForeign: issuers without a Check are judged as our own, and their tokens from before the first install pass. Killed
// mutants: a Check that is left nil; one that replaces the program's; a first install that does not arrive.
func TestViewForeign(t *testing.T) {
	key, err := token.HS256("theirs", []byte(strings.Repeat("other", 8)))
	if err != nil {
		t.Fatal(err)
	}
	const iss = "https://other.example"
	trust := func(check func(store.TokenStore) token.Checker) func(c *Config) {
		return func(c *Config) {
			c.Issuers = func(s store.TokenStore) ([]token.TrustedIssuer, error) {
				other := token.TrustedIssuer{
					Issuer: iss, Keys: key.VerifyKey(), Audience: []string{"api"}, Types: []string{"other+jwt"}, Foreign: &token.Foreign{},
				}
				if check != nil {
					other.Check = check(s)
				}
				return []token.TrustedIssuer{other}, nil
			}
		}
	}
	ago := func(d time.Duration) string {
		now := time.Now()
		raw, err := token.SignClaims(key, "other+jwt", map[string]any{
			"iss": iss, "sub": "ann", "aud": "api", "jti": store.NewID(),
			"iat": now.Add(-d).Unix(), "exp": now.Add(time.Hour).Unix(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, tt := range []struct {
		rule    string
		first   func() time.Time
		check   func(store.TokenStore) token.Checker
		age     time.Duration
		down    bool
		want    error
		lookups int
	}{
		{"a new one is judged by the view", nil, nil, 0, false, nil, 0},
		{"one from before the store is refused", nil, nil, 30 * time.Minute, false, token.ErrRevoked, 0},
		{"and passes where this is the first install", time.Now, nil, 30 * time.Minute, false, nil, 0},
		{"but not while the store judges, which does not know of it", time.Now, nil, 30 * time.Minute, true, token.ErrRevoked, 1},
		{"and not where that was long ago", func() time.Time { return time.Now().Add(-48 * time.Hour) }, nil, 30 * time.Minute, false, token.ErrRevoked, 0},
		{"a program's own Check stays", nil, token.Denylist, 0, false, nil, 1},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var view View
				if tt.first != nil {
					view.FirstInstall = tt.first()
				}
				s, faults := frail(t, view, trust(tt.check))
				time.Sleep(2 * time.Minute) // behind the skew of clocks
				if tt.down {
					cut(faults)
				}
				_, err := s.Verifier.Verify(t.Context(), ago(tt.age))
				asked := faults.Calls(storetest.VerbLookup)
				if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || asked != tt.lookups {
					t.Errorf("%v after %d lookups, want %v after %d", err, asked, tt.want, tt.lookups)
				}
			})
		})
	}
	c := sound()
	c.Verifier.Check, c.View = Local, View{Fallback: Sessions}
	trust(nil)(c)
	if s, err := c.Build(t.Context()); s != nil || err == nil || !strings.Contains(err.Error(), "issuers[1].Check is Sessions") {
		t.Errorf("sessions as the fallback of a foreign issuer: %v", err)
	}
}
