package config

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/store"
	storebreaker "github.com/jetonkit/jeton/store/breaker"
	storecache "github.com/jetonkit/jeton/store/cache"
	memorystore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "hunter2-hunter2-hunter2-hunter2-hunter2"

// sound is a Config that a program filled in.
func sound() *Config {
	return &Config{Store: Store{URL: NewSecret("memory://")}, Key: Key{Secret: NewSecret(secret)}, IssuerName: "https://example.com"}
}

// shell is a store around another that tells its name and its end.
type shell struct {
	store.TokenStore
	name  string
	ended *[]string
}

func (l shell) Unwrap() store.TokenStore { return l.TokenStore }

func (l shell) Close() error {
	*l.ended = append(*l.ended, l.name)
	return l.TokenStore.Close()
}

func around(name string, ended *[]string) Wrap {
	return func(_ context.Context, inner store.TokenStore) (store.TokenStore, error) {
		return shell{inner, name, ended}, nil
	}
}

// TestWrapOrder: the first is the outermost, and Close goes through it, once. Killed mutants: the loop turned round;
// Close without sync.OnceValue.
func TestWrapOrder(t *testing.T) {
	var ended []string
	c := sound()
	c.Wrap = []Wrap{around("outer", &ended), around("inner", &ended)}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := s.Store.(shell); !ok || l.name != "outer" {
		t.Errorf("the outermost is %#v", s.Store)
	}
	if s.Feed != nil { // the layer has no such face, and a feed that passes it by would miss what it does
		t.Errorf("a feed past the outermost layer: %T", s.Feed)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || !slices.Equal(ended, []string{"outer", "inner"}) {
		t.Errorf("%v, %v", ended, err)
	}
	if _, err := s.Store.Lookup(t.Context(), store.User("x")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestWrapFails: a layer that cannot be made closes what is below it. Killed mutant: no Close on that way.
func TestWrapFails(t *testing.T) {
	broken := errors.New("broken")
	for rule, wrap := range map[string]Wrap{
		"an error": func(context.Context, store.TokenStore) (store.TokenStore, error) { return nil, broken },
		"nothing":  func(context.Context, store.TokenStore) (store.TokenStore, error) { return nil, nil }, //nolint:nilnil // what is to be refused
	} {
		var ended []string
		c := sound()
		c.Wrap = []Wrap{wrap, around("inner", &ended)}
		s, err := c.Build(t.Context())
		if s != nil || err == nil || !strings.Contains(err.Error(), "Config.Wrap[0]") || len(ended) != 1 {
			t.Errorf("%s: %v, %v, %v", rule, s, err, ended)
		}
		if rule == "an error" && !errors.Is(err, broken) {
			t.Errorf("%s: the cause is lost in %v", rule, err)
		}
	}
}

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

// TestBuildClosesOnMistake: a stack that cannot be made leaves nothing open. Killed mutant: no Close behind the constructors.
func TestBuildClosesOnMistake(t *testing.T) {
	var ended []string
	c := sound()
	c.Issuer.AccessTTL = 36 * time.Hour // a new store records 24h
	c.Wrap = []Wrap{around("layer", &ended)}
	if s, err := c.Build(t.Context()); s != nil || !errors.Is(err, store.ErrInvalid) || len(ended) != 1 {
		t.Errorf("%v, %v, %v", s, err, ended)
	}
}

// TestHandMade: a Config that no file made is judged as well; its errors name keys and no file.
func TestHandMade(t *testing.T) {
	for rule, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing at all":            {func(c *Config) { *c = Config{} }, "jeton: store.url is missing"},
		"an unknown algorithm":      {func(c *Config) { c.Key.Algorithm = "none" }, "jeton: key.algorithm is not a known word"},
		"a retirement of the key":   {func(c *Config) { c.Key.RetiredAt = time.Now() }, "jeton: key.retired_at is of previous_keys alone"},
		"a retirement of the next":  {func(c *Config) { c.NextKeys = []Key{{Secret: NewSecret("x" + secret), RetiredAt: time.Now()}} }, "jeton: next_keys[0].retired_at is of"},
		"an unknown check":          {func(c *Config) { c.Verifier.Check = "x" }, "jeton: verifier.check is not a known word"},
		"an unknown fallback":       {func(c *Config) { c.Verifier.Check, c.View.Fallback = Local, "x" }, "jeton: view.fallback is not a known word: write denylist, sessions or none"},
		"a view that is too stale":  {func(c *Config) { c.Verifier.Check, c.View.MaxStale = Local, time.Hour }, "jeton: view.max_stale is 1h0m0s, the range is 100ms to 1m0s"},
		"no time for a view":        {func(c *Config) { c.Verifier.Check, c.View.OpenWithin = Local, -1 }, "jeton: view.open_within is negative"},
		"an unknown level":          {func(c *Config) { c.Store.Durability = "x" }, "jeton: store.durability is more than"},
		"a negative lifetime":       {func(c *Config) { c.Issuer.IdleTTL = -1 }, "jeton: issuer.idle_ttl is -1ns"},
		"a policy that there isn't": {func(c *Config) { c.Issuer.Limit = store.Limit{Max: 1, Policy: 9} }, "jeton: issuer.limit.policy is not"},
	} {
		cfg := sound()
		c.change(cfg)
		if _, err := cfg.Build(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

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

// late is a store whose last-seen times take a while, and that notes whether they come after Close.
type late struct {
	store.TokenStore
	begun                  chan struct{}
	touched, closed, after *atomic.Int32
}

func (l late) Touch(ctx context.Context, r store.TouchRequest) error {
	close(l.begun)
	time.Sleep(100 * time.Millisecond) // longer than Close would take
	l.touched.Add(1)
	l.after.Add(l.closed.Load())
	return l.TokenStore.Touch(ctx, r)
}

func (l late) Close() error {
	l.closed.Store(1)
	return l.TokenStore.Close()
}

// TestCloseOrder: the verifier's last-seen times are written before the store is closed, and many may call Close. Killed
// mutants: a verifier that is not closed, or after the store.
func TestCloseOrder(t *testing.T) {
	l := late{begun: make(chan struct{}), touched: new(atomic.Int32), closed: new(atomic.Int32), after: new(atomic.Int32)}
	c := sound()
	c.Verifier.TouchInterval = time.Nanosecond
	c.Wrap = []Wrap{func(_ context.Context, inner store.TokenStore) (store.TokenStore, error) {
		l.TokenStore = inner
		return l, nil
	}}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := s.Issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verifier.Verify(t.Context(), pair.Access.Reveal()); err != nil {
		t.Fatal(err)
	}
	<-l.begun
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if l.touched.Load() != 1 || l.after.Load() != 0 {
		t.Errorf("%d last-seen times were written, %d of them after the store's end", l.touched.Load(), l.after.Load())
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

// TestStoreURL: what the keys put into the URL. Killed mutants: a password that is not escaped; parameters put in front.
func TestStoreURL(t *testing.T) {
	for _, c := range []struct {
		rule  string
		store Store
		want  string
	}{
		{"nothing to put", Store{URL: NewSecret("redis://h?a=%20b")}, "redis://h?a=%20b"},
		{"a password with everything", Store{URL: NewSecret("redis://u@h:1/2"), Password: NewSecret("a:/?#@ %")}, "redis://u:a%3A%2F%3F%23%40%20%25@h:1/2"},
		{"the same password twice", Store{URL: NewSecret("redis://:p@h"), Password: NewSecret("p")}, "redis://:p@h"},
		{"parameters behind others", Store{URL: NewSecret("redis://h?pool=4"), Durability: "fsynced", MaxMarks: 10, MaxTokenLife: time.Hour}, "redis://h?pool=4&durability=fsynced&max_token_life=1h0m0s&max_marks=10"},
		{"a level that memory has anyhow", Store{URL: NewSecret("memory://"), Durability: "memory"}, "memory://"},
		{"a path with no host", Store{URL: NewSecret("bolt:file.db"), MaxMarks: 1}, "bolt:file.db?max_marks=1"},
		{"somebody's own scheme", Store{URL: NewSecret("mine://h"), Durability: "fsynced", Password: NewSecret("p")}, "mine://:p@h?durability=fsynced"},
	} {
		cfg := Config{Store: c.store}
		got, f := cfg.storeURL()
		if f != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.rule, got, f)
		}
		if u, err := url.Parse(got); err != nil || u.Scheme == "" {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

// TestRedisURL: what REDIS_HOST, REDIS_PORT and REDIS_DB make.
func TestRedisURL(t *testing.T) {
	for env, want := range map[string]string{
		"REDIS_HOST=h":                             "redis://h:6379/0",
		"REDIS_HOST=h REDIS_PORT=1 REDIS_DB=2":     "redis://h:1/2",
		"REDIS_HOST=::1 REDIS_DATABASE=7":          "redis://[::1]:6379/7",
		"REDIS_HOST=10.0.0.1 REDIS_PASSWORD=a/b":   "redis://:a%2Fb@10.0.0.1:6379/0",
		"REDIS_HOST=h JETON_STORE_PASSWORD=p":      "redis://:p@h:6379/0",
		"JETON_STORE_URL=memory://":                "memory://",
		"REDIS_DB=2 REDIS_DATABASE=2 REDIS_HOST=h": "redis://h:6379/2",
	} {
		t.Chdir(t.TempDir())
		cfg, err := load(t.Context(), "", append(strings.Fields(env), "JWT_SECRET="+secret, "JETON_ISSUER_NAME=x"))
		if err != nil {
			t.Errorf("%s: %v", env, err)
			continue
		}
		if got, f := cfg.storeURL(); f != nil || got != want {
			t.Errorf("%s: %s, %v", env, got, f)
		}
	}
}

// TestLoadReadsTheProcess: Load itself takes the environment, and honours its context.
func TestLoadReadsTheProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("JETON_STORE_URL", "memory://")
	t.Setenv("JWT_SECRET", secret)
	t.Setenv("JETON_ISSUER_NAME", "x")
	if cfg, err := Load(t.Context(), ""); err != nil || cfg.IssuerName != "x" || cfg.Key.Secret.Reveal() != secret {
		t.Errorf("%v, %v", cfg, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestLargeFiles: a file that is too large is refused and not read to its end.
func TestLargeFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jeton.yaml")
	for rule, c := range map[string]struct{ yaml, jwt, want string }{
		"the configuration":  {strings.Repeat("# long\n", maxFile/7+1), secret, "the file is a file of more than 64 KiB"},
		"a secret":           {"key: {secret_file: jwt}", strings.Repeat("x", maxFile+1), "key.secret_file names a file that is a file of more than 64 KiB"},
		"no end of mistakes": {strings.Repeat("a: 1\n", maxFile/5), secret, "more mistakes: correct"},
		"nesting":            {strings.Repeat("[", maxFile/2), secret, "is not YAML"},
	} {
		for name, text := range map[string]string{path: c.yaml, filepath.Join(dir, "jwt"): c.jwt} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := load(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestPage: the file that docs/configuration.md shows loads, and its mistakes read as it says.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page shows no file")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "jeton.yaml")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("jeton.yaml", strings.ReplaceAll(text, "/run/secrets/", ""))
	write("redis", "password\n")
	write("jeton", secret+"\n")
	if _, err := load(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
	write("jeton.yaml", "store:\n  ulr: memory://\n\n# the key\nkey:\n  secret: too short\nissuer: {name: x}\n")
	_, err = load(t.Context(), path, nil)
	for line := range strings.Lines(err.Error()) {
		if line = strings.ReplaceAll(strings.TrimSpace(line), dir+"/", ""); !strings.Contains(string(page), "\n"+line+"\n") {
			t.Errorf("the page does not show %s", line)
		}
	}
}
