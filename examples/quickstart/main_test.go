package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

// TestMain makes the test binary the program itself where it is started as that.
func TestMain(m *testing.M) {
	if os.Getenv("JETON_QUICKSTART") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestStores: the same program does the same on each store; only the flag differs. Twice: what is left of the first time
// does not disturb the second.
func TestStores(t *testing.T) {
	for _, c := range []struct {
		rule  string
		flags func(t *testing.T) []string
	}{
		{"no flag", func(*testing.T) []string { return nil }},
		{"memory", func(*testing.T) []string { return []string{"-store", "memory://"} }},
		{"bolt", func(t *testing.T) []string {
			return []string{"-store", "bolt://" + filepath.Join(t.TempDir(), "tokens.db")}
		}},
		{"redis", func(t *testing.T) []string { return []string{"-store", testenv.Redis(t).URL()} }},
		{"memcache", func(t *testing.T) []string { return []string{"-store", "memcache://" + testenv.Memcached(t).Addr()} }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			flags := c.flags(t)
			for range 2 {
				const want = "verified: ann\nrefused: jeton: token has been revoked\n"
				if out, err := program(t, flags...); err != nil || out != want {
					t.Errorf("%v, it prints\n%s", err, out)
				}
			}
		})
	}
}

// TestNoStore: a store that does not open ends the program with a sentence.
func TestNoStore(t *testing.T) {
	if out, err := program(t, "-store", "redi://localhost"); err == nil || !strings.Contains(out, `unknown scheme "redi"`) {
		t.Errorf("%v, it prints\n%s", err, out)
	}
}

// program runs main in a process of its own.
func program(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], flags...)
	cmd.Env = append(os.Environ(), "JETON_QUICKSTART=yes", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestLines: what a newcomer reads first fits a screen.
func TestLines(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if err != nil || bytes.Count(text, []byte("\n")) > 40 {
		t.Errorf("main.go has %d lines, the limit is 40 (%v)", bytes.Count(text, []byte("\n")), err)
	}
}
