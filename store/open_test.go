package store_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
)

// stub is a store of nothing; its verbs are those of a nil interface.
type stub struct {
	store.TokenStore
	u *url.URL
}

// Close implements store.FeedCloser.
func (*stub) Close() error { return nil }

// Partitions implements store.Feed.
func (*stub) Partitions(context.Context) (int, error) { return 7, nil }

// Poll implements store.Feed.
func (*stub) Poll(context.Context, int, store.Position) (store.Batch, error) {
	return store.Batch{}, nil
}

// Listen implements store.Feed.
func (*stub) Listen(context.Context, func(store.Bell)) error { return store.ErrClosed }

var errBroken = errors.New("broken")

// The drivers of this package's tests. The table has no way to forget one, so they are registered once.
func init() {
	store.Register("test-plain", store.Driver{Open: func(_ context.Context, u *url.URL) (store.TokenStore, error) { return &stub{u: u}, nil }})
	store.Register("test-feed", store.Driver{
		Open:     func(_ context.Context, u *url.URL) (store.TokenStore, error) { return &stub{u: u}, nil },
		OpenFeed: func(_ context.Context, u *url.URL) (store.FeedCloser, error) { return &stub{u: u}, nil },
	})
	store.Register("test-broken", store.Driver{
		Open:     func(context.Context, *url.URL) (store.TokenStore, error) { return (*stub)(nil), errBroken },
		OpenFeed: func(context.Context, *url.URL) (store.FeedCloser, error) { return (*stub)(nil), errBroken },
	})
}

func TestOpen(t *testing.T) {
	t.Run("the scheme's driver gets the URL", func(t *testing.T) {
		for _, scheme := range []string{"test-plain", "TEST-Plain"} {
			s, err := store.Open(t.Context(), scheme+"://user:pw@host/path?q=1")
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := s.(*stub); !ok || got.u.Host != "host" || got.u.RawQuery != "q=1" {
				t.Errorf("%+v", s)
			}
		}
	})
	t.Run("so does a feed's", func(t *testing.T) {
		f, err := store.OpenFeed(t.Context(), "test-feed://host")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := f.Partitions(t.Context()); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("a backend whose feed lives in its process says so", func(t *testing.T) {
		f, err := store.OpenFeed(t.Context(), "test-plain://")
		if f != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "FeedOf") {
			t.Errorf("%v, %v", f, err)
		}
	})
	t.Run("with an error there is no store, not even a nil pointer of one", func(t *testing.T) {
		if s, err := store.Open(t.Context(), "test-broken://"); s != nil || !errors.Is(err, errBroken) {
			t.Errorf("%v, %v", s, err)
		}
		if f, err := store.OpenFeed(t.Context(), "test-broken://"); f != nil || !errors.Is(err, errBroken) {
			t.Errorf("%v, %v", f, err)
		}
	})
	t.Run("the schemes are told in order", func(t *testing.T) {
		got := store.Schemes()
		if !slices.IsSorted(got) || !slices.Contains(got, "test-plain") {
			t.Errorf("%v", got)
		}
	})
}

// TestOpenRefuses: every error says what to do, and none repeats what may be a password.
func TestOpenRefuses(t *testing.T) {
	const pw = "hunter2"
	for _, c := range []struct{ rule, url, problem, remedy string }{
		{"an unknown scheme names the missing import", "bolt:///tmp/x.db", `unknown scheme "bolt"`, `import _ "github.com/jetonkit/jeton/store/bolt"`},
		{"each backend's own", "memcache://host", `unknown scheme "memcache"`, `import _ "github.com/jetonkit/jeton/store/memcache"`},
		{"one that nobody knows names those there are", "etcd://u:" + pw + "@host", `unknown scheme "etcd"`, "test-plain"},
		{"no scheme", "//u:" + pw + "@host", "no scheme", "test-plain"},
		{"an empty URL", "", "no scheme", "test-plain"},
		{"a path alone", "/var/lib/tokens.db", "no scheme", "test-plain"},
		{"a bad port", "test-plain://u:" + pw + "@host:port", "parse", "scheme://"},
		{"a bad escape", "test-plain://u:%zz" + pw + "@host", "parse", "scheme://"},
		{"a control character", "test-plain://u:\x7f" + pw + "@host", "parse", "scheme://"},
		{"a password that breaks the URL", "test-plain://u:" + pw + "[/@host", "parse", "scheme://"},
		{"no scheme but a colon", "u:" + pw + "@host", `unknown scheme "u"`, "test-plain"},
		{"a colon first", ":" + pw, "parse", "scheme://"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := store.Open(t.Context(), c.url)
			_, feedErr := store.OpenFeed(t.Context(), c.url)
			for _, err := range []error{err, feedErr} {
				var f *store.FieldError
				if !errors.As(err, &f) || f.Field != "URL" || !strings.Contains(f.Problem, c.problem) || !strings.Contains(f.Remedy, c.remedy) {
					t.Errorf("%+v", f)
				}
				if strings.Contains(err.Error(), pw) {
					t.Errorf("the password is in %q", err)
				}
			}
		})
	}
}

func TestRegisterPanics(t *testing.T) {
	open := func(context.Context, *url.URL) (store.TokenStore, error) { return &stub{}, nil }
	for rule, c := range map[string]struct {
		scheme string
		d      store.Driver
		says   string
	}{
		"no scheme":             {"", store.Driver{Open: open}, "lower case"},
		"a scheme in capitals":  {"Test-new", store.Driver{Open: open}, "lower case"},
		"a driver without Open": {"test-new", store.Driver{}, "without Open"},
		"a scheme twice":        {"test-plain", store.Driver{Open: open}, "twice"},
	} {
		t.Run(rule, func(t *testing.T) {
			defer func() {
				if got, ok := recover().(string); !ok || !strings.Contains(got, c.says) {
					t.Errorf("it panicked with %v", got)
				}
			}()
			store.Register(c.scheme, c.d)
		})
	}
	if slices.Contains(store.Schemes(), "test-new") {
		t.Error("what panicked was registered")
	}
}
