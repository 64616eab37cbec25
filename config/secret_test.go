package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	memorystore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// TestLeakyDrivers: whatever of the URL a driver repeats, and in whatever form, no error tells a secret. Killed mutants: only
// the URL as it was given; only plain texts; no parameters; no user without a password; the current key alone.
func TestLeakyDrivers(t *testing.T) {
	for rule, s := range map[string]Store{
		"the URL with a password of another key": {URL: NewSecret("test-leaky-url://u@h"), Password: NewSecret("hunter2@/ ?")},
		"a password with escapes, alone":         {URL: NewSecret("test-leaky-user://u:hunter2%40%2F%20@h"), MaxMarks: 3},
		"a user that is one":                     {URL: NewSecret("test-leaky-user://hunter2@h"), MaxMarks: 3},
		"a parameter":                            {URL: NewSecret("test-leaky-query://h?auth_token=hunter2&db=3")},
		"a parameter with escapes":               {URL: NewSecret("test-leaky-url://h?apikey=hunter2%2F"), MaxMarks: 3},
		"a previous key":                         {URL: NewSecret("test-leaky-query://h?name=another%20hunter2-hunter2-hunter2-hunter2")},
		"a next key":                             {URL: NewSecret("test-leaky-query://h?name=next%20hunter2-hunter2-hunter2-hunter2")},
	} {
		c := sound()
		c.Store = s
		c.PreviousKeys = []Key{{Secret: NewSecret("another hunter2-hunter2-hunter2-hunter2")}}
		c.NextKeys = []Key{{Secret: NewSecret("next hunter2-hunter2-hunter2-hunter2")}}
		_, err := c.Build(t.Context())
		if err == nil || strings.Contains(err.Error(), marker) || !strings.Contains(err.Error(), "no way by") {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestHandMadePrint: a Config that nobody has judged yet prints no secret either, and prints. Killed mutants: a URL that is
// none, as it is; key.public as it is; a policy without bounds.
func TestHandMadePrint(t *testing.T) {
	c := sound()
	c.Store.URL = NewSecret("hunter2 hunter2")
	c.Key.Public = "-----BEGIN PRIVATE KEY-----\nhunter2"
	c.Issuer.Limit.Policy = 9
	if text := c.String(); strings.Contains(text, marker) || !strings.Contains(text, `key.public="(redacted)"`) || !strings.Contains(text, `store.url="(redacted)"`) {
		t.Error(text)
	}
}

// TestSecretFile: of a file that holds a secret one line end is left out, and nothing else.
func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	for _, c := range []struct{ tail, want string }{
		{"", ""},
		{"\n", ""},
		{"\r\n", ""},
		{"\n\n", "\n"},
		{" \n", " "},
		{"\t", "\t"},
	} {
		if err := os.WriteFile(path, []byte(" "+secret+c.tail), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := load(t.Context(), "", []string{"JWT_SECRET_FILE=" + path, "JETON_STORE_URL=memory://", "JETON_ISSUER_NAME=x"})
		if err != nil || cfg.Key.Secret.Reveal() != " "+secret+c.want {
			t.Errorf("behind the secret %q: %v", c.tail, err)
		}
	}
}

// serve builds a stack over a store of the test's, as several processes over one server would have it.
func serve(t *testing.T, c *Config, s store.TokenStore) *Stack {
	t.Helper()
	c.Wrap = []Wrap{func(_ context.Context, own store.TokenStore) (store.TokenStore, error) { return kept{s}, own.Close() }}
	stack, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	return stack
}

// kept is a store that its stack does not close.
type kept struct{ store.TokenStore }

func (kept) Close() error { return nil }

// TestKeyChange: tokens of the key before, with an id or without, are good until it leaves the list. Killed mutants: the
// verifier with the current key alone; the issuer without the previous ones; a kid that is the same for all keys.
func TestKeyChange(t *testing.T) {
	s, err := memorystore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	before := sound()
	before.Issuer.Audience = []string{"https://api.example.com"}
	pair, err := serve(t, before, s).Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	after := sound()
	after.Issuer.Audience = before.Issuer.Audience
	after.Key.Secret = NewSecret("another " + secret)
	after.PreviousKeys = []Key{before.Key}
	both := serve(t, after, s)
	if _, err := both.Verifier.Verify(t.Context(), pair.Access.Reveal()); err != nil {
		t.Errorf("the old key's access token: %v", err)
	}
	if _, err := both.Issuer.Refresh(t.Context(), pair.Refresh.Reveal(), token.RefreshOptions{}); err != nil {
		t.Errorf("the old key's refresh token: %v", err)
	}
	after.PreviousKeys = nil
	if _, err := serve(t, after, s).Verifier.Verify(t.Context(), pair.Access.Reveal()); !errors.Is(err, token.ErrKey) {
		t.Errorf("without the old key: %v", err)
	}
}
