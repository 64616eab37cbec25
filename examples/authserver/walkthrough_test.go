package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// The fenced block behind the marker.
	blockForm = regexp.MustCompile("(?s)<!-- walkthrough -->\n+```sh\n(.*?)```")
	// How the text before it starts the server.
	startForm = regexp.MustCompile(`AUTHSERVER_ADMIN_PASSWORD='([^']*)' make run`)
)

// walkthrough returns the README and the block in it.
func walkthrough(t *testing.T) (text, block string) {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	check(t, err)
	found := blockForm.FindStringSubmatch(string(b))
	if found == nil {
		t.Fatal("README.md has no block behind <!-- walkthrough -->")
	}
	return string(b), found[1]
}

// The walk-through is run word for word: each command with bash, against the program in an empty directory, on each store.
// Only the first line, which has the address, gets the port that was free. All that is printed must stand behind #> in the
// block.
func TestWalkthrough(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the walk-through needs %s: %v", tool, err)
		}
	}
	text, block := walkthrough(t)
	found := startForm.FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the text does not say how to start the server")
	}
	first, rest, _ := strings.Cut(block, "\n")
	if first != "API=http://127.0.0.1:8080/api/v1" {
		t.Fatalf("the first line is %q", first)
	}
	walk := func(t *testing.T, dir string, flags ...string) {
		t.Helper()
		p := launch(t, dir, found[1], flags...)
		compare(t, rest, follow(t, p, rest))
	}
	t.Run("make run", func(t *testing.T) {
		t.Parallel()
		walk(t, t.TempDir())
	})
	for _, place := range places {
		t.Run("-store "+place.scheme, func(t *testing.T) {
			t.Parallel()
			walk(t, t.TempDir(), "-store", place.url(t))
		})
	}
	for name, prepare := range files {
		t.Run("-config, "+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			prepare(t, dir)
			walk(t, dir, "-config", "jeton.yaml")
			if made, err := filepath.Glob(filepath.Join(dir, "jeton.key")); err != nil || len(made) > 0 {
				t.Errorf("with a file it made the key of the flags too (%v)", err)
			}
		})
	}
}

// follow runs the commands against a server and returns the lines that they print.
func follow(t *testing.T, p *process, commands string) []string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "walkthrough.sh")
	check(t, os.WriteFile(script, []byte("API="+p.root+"/api/v1\n"+commands), 0o600))
	cmd := exec.Command("bash", script)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	check(t, cmd.Run())
	if stderr.Len() > 0 {
		t.Errorf("it complains:\n%s", &stderr)
	}
	return strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
}

// compare holds what was printed to what stands behind #>, where … is anything.
func compare(t *testing.T, commands string, got []string) {
	t.Helper()
	var want []string
	for line := range strings.Lines(commands) {
		if expected, ok := strings.CutPrefix(line, "#> "); ok {
			want = append(want, strings.TrimSuffix(expected, "\n"))
		}
	}
	if len(got) != len(want) || len(want) < 10 {
		t.Fatalf("it prints %d lines, the text has %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, line := range got {
		form := strings.ReplaceAll(regexp.QuoteMeta(want[i]), "…", ".*")
		if !regexp.MustCompile("^" + form + "$").MatchString(line) {
			t.Errorf("line %d is\n %s, the text says\n %s", i+1, line, want[i])
		}
	}
}

// make run starts this program, with no flags but the caller's: what launch does.
func TestMakeRun(t *testing.T) {
	for path, form := range map[string]string{
		"../../scripts/run.sh": `(?m)^[^#]*\./examples/authserver.*"\$@"`,
		"../../Makefile":       `(?m)^\t@scripts/run\.sh \$\(ARGS\)$`,
	} {
		b, err := os.ReadFile(path)
		check(t, err)
		if !regexp.MustCompile(form).Match(b) {
			t.Errorf("%s has no line like %s", path, form)
		}
	}
}
