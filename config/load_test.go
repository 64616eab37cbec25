package config

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
