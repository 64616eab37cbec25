package config

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/store"
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
