package config

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// TestAPIKeys: a program's API keys are made on the opened store, with its layers, and accepted by the verifier; a mistake
// closes the store. Killed mutants: the verifier without them; no Close on the way of an error; the store below the layers.
func TestAPIKeys(t *testing.T) {
	var ended []string
	seal, err := token.NewSecret(1, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	c := sound()
	c.Wrap = []Wrap{around("layer", &ended)}
	c.APIKeys = func(s store.TokenStore) ([]*token.APIKeys, error) {
		if _, ok := s.(shell); !ok {
			t.Errorf("the keys are made on %T", s)
		}
		k, err := token.NewAPIKeys(s, "acme", []token.Secret{seal}, nil)
		return []*token.APIKeys{k}, err
	}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := s.APIKeys[0].Create(t.Context(), store.User("ann"), token.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Verifier.Verify(t.Context(), b.Reveal()); err != nil || got.Owner() != store.User("ann") {
		t.Errorf("%v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	c.APIKeys = func(store.TokenStore) ([]*token.APIKeys, error) { return nil, broken }
	ended = nil
	if s, err := c.Build(t.Context()); s != nil || !errors.Is(err, broken) || !strings.Contains(err.Error(), "Config.APIKeys") || len(ended) != 1 {
		t.Errorf("%v, %v, %v", s, err, ended)
	}
}

// TestCache: the cache is in front of the store and behind the program's layers, with the feed, and Close ends both. Killed
// mutants: no cache; the layers below it; options that do not arrive.
func TestCache(t *testing.T) {
	var ended []string
	c := sound()
	c.Cache = Cache{MaxStale: 900 * time.Millisecond, MaxBytes: 1 << 20}
	c.Wrap = []Wrap{around("layer", &ended)}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outer, ok := s.Store.(shell)
	if !ok {
		t.Fatalf("the outermost is %T", s.Store)
	}
	if _, ok := outer.TokenStore.(*storecache.Cache); !ok {
		t.Errorf("behind the layer is %T", outer.TokenStore)
	}
	pair, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Revoker.Subject(t.Context(), store.User("ann"), "logout"); err != nil {
		t.Error(err)
	}
	if _, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal()); !errors.Is(err, token.ErrRevoked) && !errors.Is(err, token.ErrUnknownSession) {
		t.Errorf("after the logout: %v", err)
	}
	if err := s.Close(); err != nil || len(ended) != 1 {
		t.Errorf("%v, %v", err, ended)
	}
}

// TestBreaker: the breaker is between the cache and the store, and opens as it was told to. Killed mutants: no breaker; one
// around the cache; options that do not arrive.
func TestBreaker(t *testing.T) {
	var ended []string
	var told []string
	c := sound()
	c.Store.URL = NewSecret("test-frail://")
	c.Cache = Cache{MaxStale: time.Second}
	c.Breaker = Breaker{
		OpenFor: 10 * time.Minute, Failures: 2, Percent: 30, Window: time.Minute, Probes: 1, ProbeTimeout: time.Second, Slow: time.Second,
		OnChange: func(from, to storebreaker.State) { told = append(told, from.String()+" → "+to.String()) },
	}
	c.Wrap = []Wrap{around("layer", &ended)}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	outer, _ := s.Store.(shell)
	cache, _ := outer.TokenStore.(*storecache.Cache)
	if cache == nil {
		t.Fatalf("behind the layer is %T", outer.TokenStore)
	}
	breaker, _ := cache.Unwrap().(*storebreaker.Breaker)
	if breaker == nil {
		t.Fatalf("behind the cache is %T", cache.Unwrap())
	}
	faults, _ := breaker.Unwrap().(*storetest.Faults)
	if faults == nil {
		t.Fatalf("behind the breaker is %T", breaker.Unwrap())
	}
	ask := func() error {
		_, err := s.Store.List(t.Context(), store.User("ann"), store.Page{})
		return err
	}
	for range 4 { // 2 outages of 6 calls are 33 %
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	faults.Inject(storetest.Fault{Verb: storetest.VerbList, Err: store.ErrUnavailable})
	for n, want := range []bool{false, false, true} {
		if err := ask(); errors.Is(err, storebreaker.ErrOpen) != want {
			t.Errorf("call %d: %v", n, err)
		}
	}
	if len(told) != 1 || told[0] != "closed → open" {
		t.Errorf("told %q", told)
	}
}

// TestBreakerTimes: each of the breaker's times arrives as itself. Killed mutants: any two of them swapped; one left out.
func TestBreakerTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sound()
		c.Store.URL = NewSecret("test-frail://")
		c.Breaker = Breaker{OpenFor: 20 * time.Second, Failures: 2, Percent: 1, Window: 5 * time.Minute, ProbeTimeout: 3 * time.Second, Slow: 40 * time.Second}
		s, err := c.Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		faults, _ := store.As[*storetest.Faults](s.Store)
		faults.Inject(storetest.Fault{Verb: storetest.VerbList, Delay: time.Hour})
		ask := func(patience time.Duration) (took time.Duration, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			began := time.Now()
			_, err = s.Store.List(ctx, store.User("ann"), store.Page{})
			return time.Since(began), err
		}
		for _, step := range []struct {
			rule                  string
			wait, patience, takes time.Duration
			open                  bool
		}{
			{"a caller that is not slow yet", 0, 39 * time.Second, 39 * time.Second, false},
			{"so is another", 0, 39 * time.Second, 39 * time.Second, false},
			{"the first outage", 0, 40 * time.Second, 40 * time.Second, false},
			{"the second, within the window of the first", 3 * time.Minute, 40 * time.Second, 40 * time.Second, false},
			{"the breaker is open", 19 * time.Second, time.Minute, 0, true},
			{"a probe of the breaker's own patience", 2 * time.Second, time.Minute, 3 * time.Second, false},
			{"the breaker is open again", 0, time.Minute, 0, true},
		} {
			time.Sleep(step.wait)
			if took, err := ask(step.patience); err == nil || errors.Is(err, storebreaker.ErrOpen) != step.open || took != step.takes {
				t.Errorf("%s: %v after %v", step.rule, err, took)
			}
		}
	})
}

// TestIssuers: what a program trusts beside our own issuer is judged by the opened store, with its layers; a mistake closes it.
// Killed mutants: our own issuer alone; an error that is dropped.
func TestIssuers(t *testing.T) {
	other, err := token.HS256("theirs", []byte(strings.Repeat("other", 8)))
	if err != nil {
		t.Fatal(err)
	}
	var ended []string
	c := sound()
	c.Wrap = []Wrap{around("layer", &ended)}
	trusted := token.TrustedIssuer{Issuer: "https://other.example", Keys: other.VerifyKey(), Audience: []string{"api"}, Foreign: &token.Foreign{}}
	c.Issuers = func(s store.TokenStore) ([]token.TrustedIssuer, error) {
		if _, ok := s.(shell); !ok {
			t.Errorf("the store is %T", s)
		}
		trusted.Check = token.Denylist(s)
		return []token.TrustedIssuer{trusted}, nil
	}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for iss, want := range map[string]error{"https://other.example": token.ErrSignature, "https://nobody.example": token.ErrIssuer} {
		enc := base64.RawURLEncoding
		raw := enc.EncodeToString([]byte(`{"alg":"HS256","kid":"theirs"}`)) + "." + enc.EncodeToString([]byte(`{"iss":"`+iss+`"}`)) + ".AAAA"
		if _, err := s.Verifier.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("a forged token of %s: %v, want %v", iss, err, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	for rule, f := range map[string]func(store.TokenStore) ([]token.TrustedIssuer, error){
		"an error":  func(store.TokenStore) ([]token.TrustedIssuer, error) { return nil, broken },
		"a mistake": func(store.TokenStore) ([]token.TrustedIssuer, error) { return []token.TrustedIssuer{{}}, nil },
	} {
		c.Issuers, ended = f, nil
		s, err := c.Build(t.Context())
		named := err != nil && strings.Contains(err.Error(), "ssuers")
		if s != nil || !named || errors.Is(err, broken) != (rule == "an error") || len(ended) != 1 {
			t.Errorf("%s: %v, %v, %v", rule, s, err, ended)
		}
	}
}

// TestExtra: custom claims go from the issuer's option to the verifier's. Killed mutant: a verifier without Extra.
func TestExtra(t *testing.T) {
	type roles struct {
		Role string `json:"role"`
	}
	c := sound()
	c.Issuer.Claims = func(context.Context, store.Record) (any, error) { return roles{"admin"}, nil }
	c.Verifier.Extra = token.ExtraOf[roles]()
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	pair, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := token.Extra[roles](tok); !ok || got.Role != "admin" {
		t.Errorf("%v, %t", got, ok)
	}
}

// TestDefaultLifetime: the lifetime that a file's max_lifetime is compared with is the issuer's: at it, tokens are good.
func TestDefaultLifetime(t *testing.T) {
	c := sound()
	c.Verifier.MaxLifetime = 15 * time.Minute
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	pair, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal()); err != nil {
		t.Error(err)
	}
	c.Verifier.MaxLifetime -= time.Second
	if _, err := c.Build(t.Context()); err == nil || !strings.Contains(err.Error(), "no token would be good") {
		t.Errorf("%v", err)
	}
}

// TestEvents: one Events serves all three, unless one has its own.
func TestEvents(t *testing.T) {
	var all, own int
	c := sound()
	c.Events = func(context.Context, token.Event) { all++ }
	c.Revoker.Events = func(context.Context, token.Event) { own++ }
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	pair, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal()); err != nil || all != 2 {
		t.Errorf("%d events, %v", all, err)
	}
	if err := s.Revoker.Subject(t.Context(), store.User("ann"), "x"); err != nil || own != 1 || all != 2 {
		t.Errorf("%d and %d events, %v", all, own, err)
	}
}
