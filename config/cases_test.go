package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/bolt"
	memorystore "github.com/jetonkit/jeton/store/memory"
	_ "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

var update = flag.Bool("update", false, "write what the cases of testdata want from what they get")

// marker is in every secret of every case; nothing may print it.
const marker = "hunter2"

// forgetful is a store that may evict.
type forgetful struct{ store.TokenStore }

func (s forgetful) Capabilities() store.Capabilities {
	c := s.TokenStore.Capabilities()
	c.NeverEvicts = false
	return c
}

// evictable is a store that may evict, and tells revocations.
type evictable struct{ *storetest.Faults }

func (s evictable) Capabilities() store.Capabilities {
	c := s.Faults.Capabilities()
	c.NeverEvicts = false
	return c
}

// feedless is a store that tells nobody of revocations.
type feedless struct{ store.TokenStore }

// down is a store that opens and does not answer.
type down struct{ store.TokenStore }

func (s down) Ping(context.Context) error {
	return &store.Error{Op: "ping", Store: "test-down", Err: store.ErrUnavailable}
}

func init() {
	open := func(wrap func(store.TokenStore) store.TokenStore) store.Driver {
		return store.Driver{Open: func(context.Context, *url.URL) (store.TokenStore, error) {
			s, err := memorystore.New(nil)
			if err != nil {
				return nil, err
			}
			return wrap(s), nil
		}}
	}
	store.Register("test-evicts", open(func(s store.TokenStore) store.TokenStore { return forgetful{s} }))
	store.Register("test-evicts-feed", open(func(s store.TokenStore) store.TokenStore { return evictable{storetest.NewFaults(s)} }))
	store.Register("test-mute", open(func(s store.TokenStore) store.TokenStore {
		f := storetest.NewFaults(s)
		f.Inject(storetest.Fault{Verb: storetest.VerbPoll, Err: store.ErrUnavailable})
		return f
	}))
	store.Register("test-feedless", open(func(s store.TokenStore) store.TokenStore { return feedless{s} }))
	store.Register("test-down", open(func(s store.TokenStore) store.TokenStore { return down{s} }))
	store.Register("test-frail", open(func(s store.TokenStore) store.TokenStore { return storetest.NewFaults(s) }))
	store.Register("test-leaky", store.Driver{Open: func(_ context.Context, u *url.URL) (store.TokenStore, error) {
		password, _ := u.User.Password()
		return nil, fmt.Errorf("%w: no way into %v,\nnot by %s", store.ErrUnavailable, u, password)
	}})
}

func init() {
	repeats := func(what func(*url.URL) any) store.Driver {
		return store.Driver{Open: func(_ context.Context, u *url.URL) (store.TokenStore, error) {
			return nil, fmt.Errorf("%w: no way by %v", store.ErrUnavailable, what(u))
		}}
	}
	store.Register("test-leaky-url", repeats(func(u *url.URL) any { return u }))
	store.Register("test-leaky-user", repeats(func(u *url.URL) any { return u.User }))
	store.Register("test-leaky-query", repeats(func(u *url.URL) any { return u.Query() }))
}

// testCase is a file of testdata/cases: lines of # with the rule and flags, then files behind lines of "-- name --". The file
// environ is the environment, and want is what comes of it.
type testCase struct {
	path, rule          string
	schema, build, bare bool // what the schema says; whether to Build; whether Load is given no path
	names               []string
	files               map[string]string
}

func readCase(t *testing.T, path string) testCase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := testCase{path: path, schema: true, files: map[string]string{}}
	at := ""
	for line := range strings.Lines(string(data)) {
		name, isMark := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		switch {
		case isMark && strings.HasSuffix(name, " --"):
			at = strings.TrimSuffix(name, " --")
			c.names = append(c.names, at)
			c.files[at] = ""
		case at != "":
			c.files[at] += line
		case strings.HasPrefix(line, "# rule: "):
			c.rule = strings.TrimSpace(line[len("# rule: "):])
		case line == "# schema: refuses\n":
			c.schema = false
		case line == "# build\n":
			c.build = true
		case line == "# environment alone\n":
			c.bare = true
		default:
			t.Fatalf("%s: what is %q?", path, line)
		}
	}
	if c.rule == "" {
		t.Fatalf("%s has no rule", path)
	}
	return c
}

// write puts the case's want back.
func (c testCase) write(t *testing.T, got string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# rule: %s\n", c.rule)
	if !c.schema {
		b.WriteString("# schema: refuses\n")
	}
	if c.build {
		b.WriteString("# build\n")
	}
	if c.bare {
		b.WriteString("# environment alone\n")
	}
	for _, name := range c.names {
		if name != "want" {
			fmt.Fprintf(&b, "-- %s --\n%s", name, c.files[name])
		}
	}
	fmt.Fprintf(&b, "-- want --\n%s", got)
	if err := os.WriteFile(c.path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load unpacks the case and loads it.
func (c testCase) load(t *testing.T) (dir string, cfg *Config, err error) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range c.files {
		text = strings.ReplaceAll(text, "$DIR", dir)
		if name, isDir := strings.CutSuffix(name, "/"); isDir {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "jeton.yaml")
	if c.bare {
		path = ""
		t.Chdir(dir)
	}
	env := strings.Split(strings.TrimSpace(strings.ReplaceAll(c.files["environ"], "$DIR", dir)), "\n")
	cfg, err = load(t.Context(), path, env)
	return dir, cfg, err
}

func cases(t *testing.T) []testCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	var list []testCase
	for _, path := range paths {
		path, err := filepath.Abs(path) // a case may change the directory
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, readCase(t, path))
	}
	return list
}

// TestCases loads every case of testdata, builds those that say so, and compares the mistakes, or the printed Config.
func TestCases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(c.path), ".txt"), func(t *testing.T) {
			dir, cfg, err := c.load(t)
			got := ""
			if err != nil {
				got = "load: " + strings.ReplaceAll(err.Error(), "\n", "\nload: ") + "\n"
				checkTyped(t, err)
			} else {
				got = cfg.String() + "\n"
				checkPrints(t, cfg)
			}
			if err == nil && c.build {
				got += build(t, cfg)
			}
			got = strings.NewReplacer(dir+"/", "", dir, "$DIR").Replace(got)
			if strings.Contains(got, marker) {
				t.Errorf("a secret is told:\n%s", got)
			}
			if *update {
				c.write(t, got)
			} else if got != c.files["want"] {
				t.Errorf("the rule is: %s\ngot:\n%swant:\n%s", c.rule, got, c.files["want"])
			}
		})
	}
}

// build builds a stack and tells what it has.
func build(t *testing.T, cfg *Config) string {
	t.Helper()
	s, err := cfg.Build(t.Context())
	if err != nil {
		checkTyped(t, err)
		return "build: " + strings.ReplaceAll(err.Error(), "\n", "\nbuild: ") + "\n"
	}
	got := fmt.Sprintf("built: feed %t, issuer %t, verifier %t, revoker %t\n", s.Feed != nil, s.Issuer != nil, s.Verifier != nil, s.Revoker != nil)
	if s.View != nil {
		got += fmt.Sprintf("built: a view, ready: %t\n", s.View.Ready() == nil)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return got
}

// checkTyped holds that every line of an error is an Error with all that it must say.
func checkTyped(t *testing.T, err error) {
	t.Helper()
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, one := range list {
		var e *Error
		if !errors.As(one, &e) || e.File == "" || e.Problem == "" || e.Remedy == "" || strings.Contains(e.Error(), "\n") {
			t.Errorf("%T says too little or too much: %v", one, one)
		}
		if !errors.Is(one, store.ErrInvalid) && !errors.Is(one, store.ErrUnavailable) {
			t.Errorf("no sentinel in %v", one)
		}
	}
}

// checkPrints holds that no way of printing a Config tells a secret.
func checkPrints(t *testing.T, cfg *Config) {
	t.Helper()
	var log bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&log, nil))
	l.Info("x", "pointer", cfg, "value", *cfg, "secret", cfg.Key.Secret, "key", cfg.Key, "store", cfg.Store, "previous", cfg.PreviousKeys)
	l = slog.New(slog.NewTextHandler(&log, nil))
	l.Info("x", "pointer", cfg, "value", *cfg, "secret", cfg.Key.Secret, "key", cfg.Key, "store", cfg.Store, "previous", cfg.PreviousKeys)
	type wrapper struct{ hidden Config }
	for _, v := range []any{cfg, *cfg, cfg.Key, &cfg.Key, cfg.Store, cfg.PreviousKeys, wrapper{*cfg}, struct{ k Key }{cfg.Key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		if j, err := json.Marshal(v); err == nil {
			log.Write(j)
		}
	}
	for _, v := range []any{cfg, *cfg, cfg.Key, cfg.Store, cfg.PreviousKeys} {
		y, err := yaml.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		log.Write(y)
	}
	text := log.String()
	if i := strings.Index(text, marker); i >= 0 || strings.Contains(text, fmt.Sprintf("%x", marker)) {
		t.Errorf("a secret is printed: …%s", text[max(0, i-200):max(0, i)])
	}
	for line := range strings.Lines(cfg.Key.Secret.Reveal()) {
		if len(line) > 30 && strings.Contains(text, line[:30]) {
			t.Error("a line of the key is printed")
		}
	}
}
