package memstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		rule  string
		o     *memstore.Options
		field string
		limit string
	}{
		{"none are the defaults", nil, "", ""},
		{"the zero value is too", &memstore.Options{}, "", ""},
		{"the least", &memstore.Options{MaxTokenLife: time.Second, MaxMarks: 1, SweepInterval: 1}, "", ""},
		{"the most", &memstore.Options{MaxTokenLife: 720 * time.Hour, MaxMarks: 4096, SweepInterval: 1 << 62}, "", ""},
		{"no sweeper", &memstore.Options{SweepInterval: -1}, "", ""},
		{"a short token life", &memstore.Options{MaxTokenLife: time.Second - 1}, "Options.MaxTokenLife", "1s to 720h"},
		{"a long one", &memstore.Options{MaxTokenLife: 720*time.Hour + 1}, "Options.MaxTokenLife", "1s to 720h"},
		{"a negative one", &memstore.Options{MaxTokenLife: -time.Hour}, "Options.MaxTokenLife", "1s to 720h"},
		{"negative marks", &memstore.Options{MaxMarks: -1}, "Options.MaxMarks", "1 to 4096"},
		{"4097 marks", &memstore.Options{MaxMarks: 4097}, "Options.MaxMarks", "1 to 4096"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := memstore.New(c.o)
			if c.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				shut(t, s)
				return
			}
			var f *store.FieldError
			if !errors.As(err, &f) || f.Field != c.field || !strings.Contains(f.Problem, c.limit) || f.Remedy == "" || s != nil {
				t.Errorf("%v, %+v", s, f)
			}
		})
	}
	t.Run("the caller's options are not the store's", func(t *testing.T) {
		o := &memstore.Options{SweepInterval: -1}
		s, err := memstore.New(o)
		if err != nil {
			t.Fatal(err)
		}
		shut(t, s)
		if *o = (memstore.Options{MaxTokenLife: time.Minute}); s.Capabilities().MaxTokenLife != 24*time.Hour {
			t.Error("they changed with them")
		}
	})
}

// TestClockAtOpen: a horizon taken from a wrong clock could never be put right.
func TestClockAtOpen(t *testing.T) {
	for _, year := range []int{1, 1969, 2200, 9999} {
		s, err := memstore.New(&memstore.Options{Now: func() time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }})
		if !errors.Is(err, store.ErrClock) || s != nil {
			t.Errorf("%d: %v, want ErrClock", year, err)
		}
	}
}

func TestURL(t *testing.T) {
	for rule, c := range map[string]struct{ url, says string }{
		"no parameters":           {"memory://", ""},
		"all parameters":          {"memory://?max_token_life=1h&max_marks=8&sweep=-1s", ""},
		"a host":                  {"memory://host", "names a place"},
		"a path":                  {"memory:///var", "names a place"},
		"an opaque part":          {"memory:here", "names a place"},
		"a user":                  {"memory://ann:hunter2@", "names a place"},
		"a fragment":              {"memory://#hunter2", "fragment"},
		"an unknown parameter":    {"memory://?timeout=1s", `"timeout" is unknown`},
		"a bad value":             {"memory://?max_marks=many", `"max_marks" does not parse`},
		"a value out of range":    {"memory://?max_marks=4097", "1 to 4096"},
		"a parameter given twice": {"memory://?sweep=1h&sweep=2h", "more than once"},
	} {
		t.Run(rule, func(t *testing.T) {
			s, err := store.Open(t.Context(), c.url)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				shut(t, s)
				return
			}
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v", err)
			}
			if s != nil {
				t.Error("there is a store all the same")
			}
		})
	}
	t.Run("the parameters arrive", func(t *testing.T) {
		s, err := store.Open(t.Context(), "memory://?max_token_life=1h&max_marks=1")
		if err != nil {
			t.Fatal(err)
		}
		shut(t, s)
		for _, id := range []string{"a", "b"} {
			if err := s.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{id}}); err != nil {
				t.Fatal(err)
			}
		}
		if st, err := s.Lookup(t.Context(), ann); err != nil || st.Floor == 0 || s.Capabilities().MaxTokenLife != time.Hour {
			t.Errorf("%+v, %v, %+v", st, err, s.Capabilities())
		}
	})
	t.Run("each opened store is its own", func(t *testing.T) {
		var stores [2]store.TokenStore
		for i := range stores {
			var err error
			if stores[i], err = store.Open(t.Context(), "memory://"); err != nil {
				t.Fatal(err)
			}
			shut(t, stores[i])
		}
		if err := stores[0].Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		if st, err := stores[1].Lookup(t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Unknown {
			t.Errorf("%+v, %v", st, err)
		}
	})
	t.Run("its feed is nobody else's", func(t *testing.T) {
		if _, err := store.OpenFeed(t.Context(), "memory://"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	})
}
