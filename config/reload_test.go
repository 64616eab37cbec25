package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	memorystore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// keyNamed is a key of its own.
func keyNamed(id string) Key {
	return Key{ID: id, Secret: NewSecret(id + " " + secret)}
}

// withKeys is a Config with these keys.
func withKeys(key Key, next, previous []Key, removed ...string) *Config {
	c := sound()
	c.Key, c.NextKeys, c.PreviousKeys, c.RemovedKeys = key, next, previous, removed
	return c
}

func verify(t *testing.T, s *Stack, p token.Pair) error {
	t.Helper()
	_, err := s.Verifier.Verify(t.Context(), p.Access.Reveal())
	return err
}

func login(t *testing.T, s *Stack) token.Pair {
	t.Helper()
	p, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReload: keys change under a running stack, and a second one that only knew the next key goes along. Killed mutants:
// Reload that takes the signing key alone; a ring for each of issuer and verifier.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, err := memorystore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer mem.Close() //nolint:errcheck // a memory store
		a, b, c := keyNamed("a"), keyNamed("b"), keyNamed("c")
		one := serve(t, withKeys(a, []Key{b}, nil), mem)
		two := serve(t, withKeys(a, []Key{b}, nil), mem) // another process, which reloads later
		reload := func(s *Stack, c *Config) {
			t.Helper()
			if err := s.Reload(t.Context(), c); err != nil {
				t.Error(err)
			}
		}
		first := login(t, one)
		reload(one, withKeys(b, []Key{c}, []Key{a}))
		second := login(t, one)
		for _, s := range []*Stack{one, two} {
			for _, p := range []token.Pair{first, second} {
				if err := verify(t, s, p); err != nil {
					t.Error(err)
				}
			}
		}
		late := login(t, two) // still by a
		time.Sleep(5 * time.Minute)
		reload(two, withKeys(b, []Key{c}, []Key{a}))
		if err := verify(t, one, late); err != nil {
			t.Error(err)
		}
		time.Sleep(10*time.Minute + 31*time.Second) // the access token of first has ended, and a is 15 minutes old in one
		if err := verify(t, one, late); !errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%v", err)
		}
		next, err := one.Issuer.Refresh(t.Context(), first.Refresh.Reveal(), token.RefreshOptions{})
		if err != nil {
			t.Errorf("a session that slept: %v", err)
		}
		reload(one, withKeys(c, nil, []Key{a}, "b")) // b leaked
		if _, err := one.Issuer.Refresh(t.Context(), next.Refresh.Reveal(), token.RefreshOptions{}); !errors.Is(err, token.ErrKey) {
			t.Errorf("the leaked key's token: %v", err)
		}
		if err := verify(t, one, login(t, one)); err != nil {
			t.Error(err)
		}
	})
}

// TestRetirementOutlivesALowerTTL: where tokens of a longer life are still accepted, a retired key checks them to their end. A
// clock that a program gives is the ring's too.
func TestRetirementOutlivesALowerTTL(t *testing.T) {
	now := time.Now()
	a, b := keyNamed("a"), keyNamed("b")
	c := withKeys(b, nil, []Key{a})
	c.Issuer.AccessTTL, c.Verifier.MaxLifetime = time.Minute, time.Hour
	c.Verifier.Now = func() time.Time { return now }
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	if s.built.Key != (Key{}) || s.built.PreviousKeys != nil {
		t.Error("the stack keeps the secrets that it was built of")
	}
	now = now.Add(time.Hour + 30*time.Second - 1)
	if _, err := s.Keys.FindKey(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	now = now.Add(1)
	if _, err := s.Keys.FindKey(t.Context(), "a"); !errors.Is(err, token.ErrKey) {
		t.Errorf("%v", err)
	}
}

// TestReloadRefuses: what is refused changes nothing, and names what is wrong. Killed mutants: no comparison; a ring that is
// changed before it.
func TestReloadRefuses(t *testing.T) {
	a, b, c := keyNamed("a"), keyNamed("b"), keyNamed("c")
	s, err := withKeys(b, []Key{c}, []Key{a}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	other := c
	other.Secret = NewSecret("another " + secret)
	public := Key{ID: "b", Algorithm: EdDSA, Public: "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA8WMCxgSoA9wurrFvQnlsKZB/W0Ks2GNBpsfJ7Zm/874=\n-----END PUBLIC KEY-----\n"}
	ahead := a
	ahead.RetiredAt = time.Now().Add(48 * time.Hour)
	for rule, test := range map[string]struct {
		c    *Config
		want string
	}{
		"a lifetime":          {change(withKeys(b, []Key{c}, []Key{a}), func(c *Config) { c.Issuer.AccessTTL = time.Minute }), "issuer.access_ttl is not what"},
		"two at once":         {change(withKeys(b, []Key{c}, []Key{a}), func(c *Config) { c.IssuerName = "x"; c.Verifier.Check = Denylist }), "issuer.name is not what"},
		"the store":           {change(withKeys(b, []Key{c}, []Key{a}), func(c *Config) { c.Store.URL = NewSecret("memory://?max_marks=9") }), "store.url is not what"},
		"a list":              {change(withKeys(b, []Key{c}, []Key{a}), func(c *Config) { c.Issuer.Audience = []string{"x"} }), "issuer.audience is not what"},
		"a mistake":           {withKeys(Key{}, []Key{c}, []Key{a}), "key.secret is missing"},
		"a key is missing":    {withKeys(b, []Key{c}, nil), `previous_keys lacks the key "a", whose tokens may live until`},
		"the current is gone": {withKeys(c, nil, []Key{a}), `previous_keys lacks the key "b", which has signed until now: put it there, or, to end its tokens now, name it in removed_keys`},
		"the next is gone":    {withKeys(b, nil, []Key{a}), `next_keys lacks the key "c"`},
		"a way back":          {withKeys(a, []Key{c}, []Key{b}), "key has retired"},
		"back to the next":    {withKeys(c, []Key{b}, []Key{a}), "next_keys[0] has signed: put it into previous_keys"},
		"another key":         {withKeys(b, []Key{other}, []Key{a}), "next_keys[0] has the kid of another key"},
		"far ahead":           {withKeys(b, []Key{c}, []Key{ahead}), "previous_keys[0].retired_at is more than"},
		"the public half":     {withKeys(public, []Key{c}, []Key{a}), "key has only a public key"},
	} {
		err := s.Reload(t.Context(), test.c)
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", rule, err)
		}
		if rule == "two at once" && !strings.Contains(err.Error(), "verifier.check is not what") {
			t.Errorf("%s: %v", rule, err)
		}
		if keys := s.Keys.Keys(); keys.Signing.KeyID() != "b" || len(keys.Published) != 1 || len(keys.Retired) != 1 {
			t.Errorf("%s: the keys are %v", rule, keys)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Reload(ctx, withKeys(b, []Key{c}, []Key{a})); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := s.Reload(t.Context(), withKeys(b, []Key{c}, []Key{a})); err != nil {
		t.Errorf("no change at all: %v", err)
	}
}

func change(c *Config, by func(*Config)) *Config {
	by(c)
	return c
}

// TestReloadPublic: a process that only checks tokens follows its issuer's keys.
func TestReloadPublic(t *testing.T) {
	ed := func(id, point string) Key {
		return Key{ID: id, Algorithm: EdDSA, Public: "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" + point + "=\n-----END PUBLIC KEY-----\n"}
	}
	one, two := ed("one", "8WMCxgSoA9wurrFvQnlsKZB/W0Ks2GNBpsfJ7Zm/874"), ed("two", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	s, err := withKeys(one, nil, nil).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	if err := s.Reload(t.Context(), withKeys(two, nil, []Key{one})); err != nil {
		t.Error(err)
	}
	if err := s.Reload(t.Context(), withKeys(keyNamed("three"), nil, []Key{one, two})); err == nil || !strings.Contains(err.Error(), "key can sign") {
		t.Errorf("%v", err)
	}
	if err := s.Reload(t.Context(), withKeys(one, nil, []Key{two})); err == nil || !strings.Contains(err.Error(), "key has retired") {
		t.Errorf("%v", err)
	}
	set, err := s.Keys.JWKS()
	if err != nil || !strings.Contains(string(set), `"two"`) || !strings.Contains(string(set), `"one"`) {
		t.Errorf("%s, %v", set, err)
	}
}

// TestReloadFile: the same file, read again, under verifiers at work; a mistake in it has its line.
func TestReloadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jeton.yaml")
	write := func(keys string) *Config {
		t.Helper()
		text := "store: {url: 'memory://'}\nissuer: {name: x}\n" + keys
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := load(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s, err := write("key: {id: a, secret: a " + secret + "}\nnext_keys:\n  - {id: b, secret: b " + secret + "}\n").Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	p := login(t, s)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := verify(t, s, p); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	if err := s.Reload(t.Context(), write("key: {id: b, secret: b "+secret+"}\nprevious_keys:\n  - {id: a, secret: a "+secret+"}\n")); err != nil {
		t.Error(err)
	}
	err = s.Reload(t.Context(), write("key:\n  id: b\n  secret: another "+secret+"\nprevious_keys:\n  - {id: a, secret: a "+secret+"}\n"))
	var e *Error
	if !errors.As(err, &e) || e.Key != "key" || e.File != path || e.Line != 4 {
		t.Errorf("%v", err)
	}
	close(stop)
	busy.Wait()
}
