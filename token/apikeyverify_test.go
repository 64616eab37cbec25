package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestOutagesAreNotRefusals(t *testing.T) {
	var down error
	fail := func(context.Context) error { return down }
	k := newKeyKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore {
		return &altered{TokenStore: s, lookup: fail, issue: fail, revoke: func(context.Context, store.Revocation) error { return down }}
	}}, token.APIKeyOptions{})
	raw, key := k.create(token.CreateOptions{})
	for _, err := range []error{store.ErrUnavailable, context.DeadlineExceeded, store.ErrCorrupt} {
		down = err
		got, answer := k.ask(raw)
		wantErr(t, answer, err)
		if errors.Is(answer, token.ErrInvalidToken) || got != nil {
			t.Errorf("%v looks like a refusal", err)
		}
		_, _, answer = k.keys.Create(t.Context(), ann, token.CreateOptions{})
		wantErr(t, answer, err)
		_, answer = k.keys.Begin(t.Context(), ann)
		wantErr(t, answer, err)
		wantErr(t, k.keys.Revoke(t.Context(), ann, key.ID, "x"), err)
		wantErr(t, k.keys.RevokeAll(t.Context(), ann, "x"), err)
	}
	if n, m := k.events.count(token.EventFailed), k.made.count(token.EventFailed); n != 3 || m != 12 {
		t.Errorf("%d and %d failures are told", n, m)
	}
}

// A store that answers about something else proves nothing.
func TestOddAnswersAreOutages(t *testing.T) {
	odd := &oddLookup{}
	k := newKeyKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore { odd.TokenStore = s; return odd }}, token.APIKeyOptions{})
	raw, _ := k.create(token.CreateOptions{})
	for name, change := range map[string]func(*store.State){
		"no entry":         func(s *store.State) { s.Entries = nil },
		"two entries":      func(s *store.State) { s.Entries = append(s.Entries, s.Entries[0]) },
		"another id":       func(s *store.State) { s.Entries[0].Record.ID += "x" },
		"another subject":  func(s *store.State) { s.Entries[0].Record.Subject.Name = "bob" },
		"the user himself": func(s *store.State) { s.Entries[0].Record.Subject.Kind = store.KindUser },
		"no known status":  func(s *store.State) { s.Entries[0].Status = 9 },
	} {
		odd.change = change
		if got, err := k.ask(raw); got != nil || !errors.Is(err, store.ErrCorrupt) || errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

type oddLookup struct {
	store.TokenStore
	change func(*store.State)
}

func (o *oddLookup) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	state, err := o.TokenStore.Lookup(ctx, s, ids...)
	if o.change != nil {
		o.change(&state)
	}
	return state, err
}

func TestOneLookupForAKey(t *testing.T) {
	asked := 0
	k := newKeyKit(t, setup{wrap: func(s store.TokenStore) store.TokenStore {
		return &altered{TokenStore: s, lookup: func(context.Context) error { asked++; return nil }}
	}}, token.APIKeyOptions{})
	raw, _ := k.create(token.CreateOptions{})
	must(k.ask(raw))
	if asked != 1 {
		t.Errorf("a verification takes %d lookups", asked)
	}
	must(k.verifier.Parse(t.Context(), raw))
	if _, err := k.ask(raw + "x"); err == nil || asked != 1 {
		t.Errorf("a text that is no key: %v after %d lookups", err, asked)
	}
}

func TestLastSeenOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c touches
		k := newKeyKit(t, setup{now: time.Now, wrap: func(s store.TokenStore) store.TokenStore {
			return &altered{TokenStore: s, touch: c.touch}
		}, verify: token.VerifierOptions{Slide: time.Hour}}, token.APIKeyOptions{TTL: 10 * time.Minute})
		raw, key := k.create(token.CreateOptions{})
		seen := func() time.Time { return must(k.keys.List(t.Context(), ann, store.Page{})).Items[0].LastSeen }
		if !seen().IsZero() {
			t.Error("a new key was seen")
		}
		time.Sleep(time.Second)
		for range 10 {
			must(k.ask(raw))
		}
		synctest.Wait()
		if d := time.Since(seen()); d != 0 || c.n[key.ID] != 1 {
			t.Errorf("a key used just now was seen %v ago, after %d touches", d, c.n[key.ID])
		}
		time.Sleep(time.Minute)
		must(k.ask(raw))
		must(k.ask(raw))
		synctest.Wait()
		if d := time.Since(seen()); d != 0 || c.n[key.ID] != 2 {
			t.Errorf("a minute later it was seen %v ago, after %d touches", d, c.n[key.ID])
		}
		time.Sleep(9 * time.Minute)
		if _, err := k.ask(raw); !errors.Is(err, token.ErrUnknownSession) {
			t.Errorf("a key slid past its end: %v", err)
		}
	})
}

func TestVerifiersOfKeysThatAreRefused(t *testing.T) {
	s := newMemory(t, time.Now)
	of := func(prefix string) *token.APIKeys {
		return must(token.NewAPIKeys(s, prefix, []token.Secret{secretOf(1)}, nil))
	}
	for _, c := range []struct {
		name, field string
		keys        []*token.APIKeys
	}{
		{"nil", "VerifierOptions.APIKeys[1]", []*token.APIKeys{of("acme"), nil}},
		{"one prefix twice", "VerifierOptions.APIKeys[1]", []*token.APIKeys{of("acme"), of("acme")}},
		{"a prefix that continues another", "VerifierOptions.APIKeys[1]", []*token.APIKeys{of("acme"), of("acme_live")}},
		{"a prefix that another continues", "VerifierOptions.APIKeys[2]", []*token.APIKeys{of("acme_live"), of("other"), of("acme")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: c.keys})
			wantField(t, err, c.field)
		})
	}
	for _, keys := range [][]*token.APIKeys{{of("acme")}, {of("acme"), of("acmelive")}, {of("acme_live"), of("acme_test")}} {
		if _, err := token.NewVerifier(nil, &token.VerifierOptions{APIKeys: keys}); err != nil {
			t.Errorf("%v", err)
		}
	}
}

// Keys of two prefixes on one store and one secret are different keys: one is never taken for the other.
func TestPrefixesAreApart(t *testing.T) {
	s := newMemory(t, time.Now)
	of := func(prefix string) *token.APIKeys {
		return must(token.NewAPIKeys(s, prefix, []token.Secret{secretOf(1)}, nil))
	}
	live, test := of("acme_live"), of("acme_test")
	v := must(token.NewVerifier(nil, &token.VerifierOptions{APIKeys: []*token.APIKeys{live, test}, TouchInterval: -1}))
	for _, k := range []*token.APIKeys{live, test} {
		b, key, err := k.Create(t.Context(), ann, token.CreateOptions{})
		noErr(t, err)
		if got := must(v.Verify(t.Context(), b.Reveal())); got.ID() != key.ID {
			t.Errorf("the token is %v", got)
		}
	}
	b, _, err := test.Create(t.Context(), ann, token.CreateOptions{})
	noErr(t, err)
	moved := strings.Replace(b.Reveal(), "acme_test_", "acme_live_", 1)
	moved = moved[:len(moved)-6]
	_, err = v.Verify(t.Context(), moved+token.ChecksumForTest(moved))
	wantErr(t, err, token.ErrSignature)
	if n := len(must(live.List(t.Context(), ann, store.Page{})).Items); n != 3 {
		t.Errorf("%d keys are listed", n)
	}
}

func TestScopesOfJWTs(t *testing.T) {
	for _, c := range []struct {
		name     string
		claims   any
		want     string
		unscoped bool
	}{
		{"no claims", nil, "", true},
		{"other claims", m{"roles": "x"}, "", true},
		{"a scope", m{"scope": "a b", "roles": "x"}, "a b", false},
		{"an empty scope", m{"scope": ""}, "", false},
		{"null", m{"scope": nil}, "", false},
		{"a list", m{"scope": []string{"a", "b"}}, "a b", false},
		{"a mixed list", m{"scope": []any{"a", 1}}, "", false},
		{"a number", m{"scope": 1}, "", false},
		{"scp, as a list", m{"scp": []string{"a"}}, "a", false},
		{"scope and scp", m{"scope": "a", "scp": "b"}, "a", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKeyKit(t, setup{}, token.APIKeyOptions{})
			p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Class: "web", Claims: c.claims}))
			got := must(k.ask(p.Access.Reveal()))
			if s := strings.Join(got.Scopes(), " "); s != c.want || got.Unscoped() != c.unscoped {
				t.Errorf("the scopes are %q, unscoped %v", s, got.Unscoped())
			}
			if _, isKey := got.APIKey(); isKey || got.IsAPIKey() || got.Owner() != ann || got.Class() != "web" {
				t.Errorf("a JWT looks like a key: %v", got)
			}
		})
	}
}
