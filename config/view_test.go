package config

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// silent drops what a view logs of the outages that a test makes.
var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// ann is who logs in.
var ann = store.User("ann")

// frail builds a stack by verifier.check local over a memory store that fails as the test says.
func frail(t *testing.T, view View, more ...func(*Config)) (*Stack, *storetest.Faults) {
	t.Helper()
	c := sound()
	c.Store.URL = NewSecret("test-frail://")
	c.Verifier.Check, c.View = Local, view
	if c.View.Logger == nil {
		c.View.Logger = silent
	}
	for _, change := range more {
		change(c)
	}
	s, err := c.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	faults, ok := store.As[*storetest.Faults](s.Store)
	if !ok {
		t.Fatalf("no faults in %T", s.Store)
	}
	return s, faults
}

// cut lets every poll of the feed fail until the view has noticed, in a bubble. What it returns mends it.
func cut(f *storetest.Faults) (mend func()) {
	restore := f.Inject(storetest.Fault{Verb: storetest.VerbPoll, Err: store.ErrUnavailable})
	time.Sleep(10 * time.Second)
	return func() {
		restore()
		time.Sleep(10 * time.Second)
	}
}

// TestView: a ready view judges without asking the store, and one that is not leaves it to its fallback. Killed mutants: a
// view that is opened and not asked; each fallback in another's place; none by default.
func TestView(t *testing.T) {
	for _, tt := range []struct {
		rule, fallback string
		down           bool
		what           func(context.Context, *Stack, token.Pair) error
		want           error
		asked          int
	}{
		{"a ready view accepts", "", false, nil, nil, 0},
		{"a ready view refuses what was revoked", "", false, logout, token.ErrRevoked, 0},
		{"a session that merely ended is no revocation", "", false, end, nil, 0},
		{"the same without a fallback", NoFallback, false, nil, nil, 0},
		{"and refuses", NoFallback, false, logout, token.ErrRevoked, 0},
		{"by default the store accepts meanwhile", "", true, nil, nil, 1},
		{"and refuses what was revoked meanwhile", "", true, logout, token.ErrRevoked, 1},
		{"by default it judges as the view does", "", true, end, nil, 1},
		{"a denylist by its name", Denylist, true, end, nil, 1},
		{"by sessions it accepts", Sessions, true, nil, nil, 1},
		{"by sessions it refuses what was revoked", Sessions, true, logout, token.ErrRevoked, 1},
		{"by sessions it refuses what has ended", Sessions, true, end, token.ErrUnknownSession, 1},
		{"without a fallback nobody is let in", NoFallback, true, nil, revocation.ErrNotReady, 0},
		{"nor told why", NoFallback, true, logout, revocation.ErrNotReady, 0},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, faults := frail(t, View{Fallback: tt.fallback})
				p := login(t, s)
				if err := verify(t, s, p); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until the view listens
				mend := func() {}
				if tt.down {
					mend = cut(faults)
				}
				if tt.what != nil {
					if err := tt.what(t.Context(), s, p); err != nil {
						t.Fatal(err)
					}
					synctest.Wait() // until the bell was heard
				}
				before := faults.Calls(storetest.VerbLookup)
				err := verify(t, s, p)
				asked := faults.Calls(storetest.VerbLookup) - before
				if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || asked != tt.asked {
					t.Errorf("%v after %d lookups, want %v after %d", err, asked, tt.want, tt.asked)
				}
				mend()
				before = faults.Calls(storetest.VerbLookup)
				dead := tt.what != nil && tt.want != nil && tt.want != token.ErrUnknownSession //nolint:errorlint // the row's own
				if err := verify(t, s, p); errors.Is(err, token.ErrRevoked) != dead || (err != nil) != dead || faults.Calls(storetest.VerbLookup) != before {
					t.Errorf("once it is mended: %v", err)
				}
			})
		})
	}
}

// logout revokes all that ann has.
func logout(ctx context.Context, s *Stack, _ token.Pair) error {
	return s.Revoker.Subject(ctx, ann, "logout")
}

// end lets a session end while its token is good, in a bubble.
func end(ctx context.Context, s *Stack, p token.Pair) error {
	r := p.Session
	_, err := s.Store.Update(ctx, store.UpdateRequest{Subject: r.Subject, ID: r.ID, Version: r.Version, ExpiresAt: time.Now().Add(time.Second)})
	time.Sleep(3 * time.Second)
	return err
}

// TestReady: readiness is what the configuration needs to judge tokens. Killed mutants: without the store; without the view;
// the view where there is a fallback.
func TestReady(t *testing.T) {
	for _, tt := range []struct {
		rule, check, fallback string
		verb                  storetest.Verb
		want                  error
	}{
		{"sessions and a store that answers", Sessions, "", "", nil},
		{"sessions and a store that does not", Sessions, "", storetest.VerbPing, store.ErrUnavailable},
		{"sessions need no feed", Sessions, "", storetest.VerbPoll, nil},
		{"a view and a store that answers", Local, NoFallback, "", nil},
		{"a view and a store that does not", Local, NoFallback, storetest.VerbPing, store.ErrUnavailable},
		{"a view without its feed", Local, NoFallback, storetest.VerbPoll, revocation.ErrNotReady},
		{"a view without its feed, and a fallback", Local, "", storetest.VerbPoll, nil},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, faults := frail(t, View{}, func(c *Config) {
					if c.Verifier.Check = tt.check; tt.check == Local {
						c.View.Fallback = tt.fallback
					} else {
						c.View = View{}
					}
				})
				if tt.verb != "" {
					faults.Inject(storetest.Fault{Verb: tt.verb, Err: store.ErrUnavailable})
				}
				time.Sleep(10 * time.Second)
				err := s.Ready(t.Context())
				if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				if tt.want != revocation.ErrNotReady && errors.Is(err, revocation.ErrNotReady) { //nolint:errorlint // which of the two
					t.Errorf("%v", err)
				}
				if s.View != nil && (s.View.Ready() == nil) != (tt.verb != storetest.VerbPoll) {
					t.Errorf("the view: %v", s.View.Ready())
				}
				if (s.View != nil) != (tt.check == Local) {
					t.Errorf("a view under %s: %t", tt.check, s.View != nil)
				}
			})
		})
	}
}

// TestViewOptions: each option arrives. Killed mutants: one that does not; a default of the start that is longer or none.
func TestViewOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told strings.Builder
		s, faults := frail(t, View{MaxStale: 30 * time.Second, MaxTokenLife: time.Hour, Logger: slog.New(slog.NewTextHandler(&told, nil))})
		if got := s.View.MaxTokenLife(); got != time.Hour {
			t.Errorf("it judges tokens of %v", got)
		}
		mend := cut(faults)
		if err := s.View.Ready(); err != nil {
			t.Errorf("10 seconds after the last poll: %v", err)
		}
		time.Sleep(25 * time.Second)
		if err := s.View.Ready(); !errors.Is(err, revocation.ErrNotReady) {
			t.Errorf("35 seconds after the last poll: %v", err)
		}
		mend()
		_ = s.Close()
		if !strings.Contains(told.String(), "feed") {
			t.Errorf("it logged %q", told.String())
		}
	})
	for limit, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var ended []string
			c := sound()
			c.Store.URL = NewSecret("test-mute://")
			c.Verifier.Check, c.View = Local, View{OpenWithin: limit, Logger: silent}
			c.Wrap = []Wrap{passOn("layer", &ended)}
			start := time.Now()
			s, err := c.Build(t.Context())
			var e *Error
			if s != nil || !errors.As(err, &e) || e.Key != "view.open_within" || !errors.Is(err, store.ErrUnavailable) || time.Since(start) != want {
				t.Errorf("%v after %v, want a mistake after %v", err, time.Since(start), want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start = time.Now()
			_, err = c.Build(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "view.open_within") || time.Since(start) != time.Second {
				t.Errorf("the caller's end: %v", err)
			}
			if len(ended) != 2 {
				t.Errorf("closed %v", ended)
			}
		})
	}
}

// feeding is a shell that passes the feed on, and may say more at its end.
type feeding struct {
	shell
	store.Feed
	last func()
}

func (f feeding) Close() error {
	if f.last != nil {
		f.last()
	}
	return f.shell.Close()
}

// passOn wraps a store in a layer that has its feed.
func passOn(name string, ended *[]string, last ...func()) Wrap {
	return func(_ context.Context, inner store.TokenStore) (store.TokenStore, error) {
		feed, err := store.FeedOf(inner)
		f := feeding{shell: shell{inner, name, ended}, Feed: feed}
		if len(last) > 0 {
			f.last = last[0]
		}
		return f, err
	}
}

// TestViewClose: the view ends before the store that it follows, and a view over layers follows the outermost. Killed mutants:
// a view that is not closed, or after the store.
func TestViewClose(t *testing.T) {
	var ended []string
	var s *Stack
	atEnd := errors.New("nobody asked")
	s, _ = frail(t, View{}, func(c *Config) {
		c.Wrap = []Wrap{passOn("layer", &ended, func() { atEnd = s.View.Ready() })}
	})
	if err := s.View.Ready(); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || len(ended) != 1 {
		t.Errorf("%v, %v", err, ended)
	}
	if !errors.Is(atEnd, revocation.ErrNotReady) {
		t.Errorf("when the store was closed the view was %v", atEnd)
	}
}

// TestViewBehindLayer: a layer without the feed hides it.
func TestViewBehindLayer(t *testing.T) {
	var ended []string
	c := sound()
	c.Verifier.Check = Local
	c.Wrap = []Wrap{around("layer", &ended)}
	s, err := c.Build(t.Context())
	if s != nil || err == nil || !strings.Contains(err.Error(), "verifier.check is local on a store that tells no") || len(ended) != 1 {
		t.Errorf("%v, %v, %v", s, err, ended)
	}
}

// TestViewReload: what a view was opened with does not change under way, each key by its name.
func TestViewReload(t *testing.T) {
	view := func(change func(*Config)) *Config {
		c := sound()
		c.Verifier.Check = Local
		c.View = View{MaxStale: time.Second, MaxTokenLife: time.Hour, FirstInstall: time.Unix(1e9, 0), Fallback: NoFallback, OpenWithin: time.Minute}
		change(c)
		return c
	}
	s, err := view(func(*Config) {}).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a memory store
	for key, change := range map[string]func(*Config){
		"view.max_stale":      func(c *Config) { c.View.MaxStale = 2 * time.Second },
		"view.max_token_life": func(c *Config) { c.View.MaxTokenLife = 2 * time.Hour },
		"view.first_install":  func(c *Config) { c.View.FirstInstall = time.Unix(2, 0) },
		"view.fallback":       func(c *Config) { c.View.Fallback = Denylist },
		"view.open_within":    func(c *Config) { c.View.OpenWithin = 0 },
		"verifier.check":      func(c *Config) { c.Verifier.Check, c.View = Denylist, View{} },
	} {
		err := s.Reload(t.Context(), view(change))
		if err == nil || !strings.Contains(err.Error(), key+" is not what this process was started with") || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := s.Reload(t.Context(), view(func(*Config) {})); err != nil {
		t.Errorf("no change at all: %v", err)
	}
	if err := s.View.Ready(); err != nil {
		t.Error(err)
	}
}
