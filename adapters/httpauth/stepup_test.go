package httpauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// Each case names the rule that it is there for.
func TestStepUp(t *testing.T) {
	f := newFixture(t)
	now := time.Now().Truncate(time.Second)
	m := f.middleware(t, &httpauth.Options{Now: func() time.Time { return now }})
	claims := func(age time.Duration, acr string) map[string]any {
		return map[string]any{"auth_time": now.Add(-age).Unix(), "acr": acr}
	}
	recent, strong := httpauth.Access{MaxAge: 5 * time.Minute}, httpauth.Access{ACR: []string{"mfa", "phr"}}
	both := httpauth.Access{MaxAge: 5 * time.Minute, ACR: []string{"mfa"}, Scopes: []string{"a"}}
	for _, c := range []struct {
		rule      string
		access    httpauth.Access
		claims    any
		status    int
		challenge string
	}{
		{"recent enough", recent, claims(5*time.Minute, ""), 200, ""},
		{"too long ago", recent, claims(5*time.Minute+time.Second, ""), 401, `, max_age="300"`},
		{"a token that does not say when", recent, nil, 401, `, max_age="300"`},
		{"a time that is no time", recent, map[string]any{"auth_time": "now"}, 401, `, max_age="300"`},
		{"clocks may differ", recent, claims(-2*time.Minute, ""), 200, ""},
		{"but not by more", recent, claims(-2*time.Minute-time.Second, ""), 401, `, max_age="300"`},
		{"the first way", strong, claims(0, "mfa"), 200, ""},
		{"the second way", strong, claims(0, "phr"), 200, ""},
		{"another way", strong, claims(0, "pwd"), 401, `, acr_values="mfa phr"`},
		{"a token that does not say how", strong, nil, 401, `, acr_values="mfa phr"`},
		{"ways are no prefixes", strong, claims(0, "mf"), 401, `, acr_values="mfa phr"`},
		{"what it may do comes first", both, claims(0, "mfa"), 403, ""},
		{"any age, any way", httpauth.Access{}, nil, 200, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			pair := must(f.issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{Claims: c.claims}))(t)
			gate := must(m.Gate(c.access))(t)
			w := present(gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), pair.Access.Reveal())
			if w.Code != c.status {
				t.Fatalf("got %d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.status != 401 {
				return
			}
			want := bare + `, error="insufficient_user_authentication", error_description="log in again for this"` + c.challenge
			if got := w.Header().Get("WWW-Authenticate"); got != want {
				t.Errorf("the challenge is\n %s, want\n %s", got, want)
			}
		})
	}
}

// Rules that meet one request add up, and the shorter age counts.
func TestStepUpOfSeveralRules(t *testing.T) {
	f := newFixture(t)
	m := f.middleware(t, &httpauth.Options{Rules: []httpauth.Rule{
		{Prefix: "/a", MaxAge: time.Hour, ACR: []string{"mfa"}},
		{Regexp: "/a/.*", Example: "/a/b", MaxAge: time.Minute, ACR: []string{"phr"}},
		{Regexp: "/a/b.*", Example: "/a/b"},
		{Regexp: "/b", Example: "/b", Mode: httpauth.Optional},
		{Regexp: "/b?", Example: "/b", MaxAge: time.Minute},
	}})
	for path, want := range map[string]string{
		"/a": `acr_values="mfa", max_age="3600"`, "/a/x": `acr_values="mfa phr", max_age="60"`, "/a/bc": `acr_values="mfa phr", max_age="60"`,
		"/b": `max_age="60"`,
	} {
		r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))(t)
		r.Header.Set("Authorization", "Bearer "+f.good)
		w := presentRequest(m.Protect(http.NotFoundHandler()), r)
		if got := w.Header().Get("WWW-Authenticate"); !strings.HasSuffix(got, ", "+want) {
			t.Errorf("%s: the challenge is %s", path, got)
		}
	}
}

func TestStepUpErrorSaysWhatIsNeeded(t *testing.T) {
	err := error(&httpauth.StepUpError{MaxAge: time.Minute, ACR: []string{"a", "b"}})
	if got := err.Error(); got != "the user must be authenticated again, at most 1m0s ago, by one of: a b" {
		t.Errorf("got %s", got)
	}
	if errors.Is(err, token.ErrInvalidToken) || httpauth.FailureOf(err).Reason() != httpauth.CodeInsufficientAuthentication {
		t.Error("it says that the token is no good")
	}
}
