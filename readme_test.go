package jeton_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme: the first line says what Jeton is, the program is the package example's, and every link into the repository
// leads somewhere.
func TestReadme(t *testing.T) {
	text := read(t, "README.md")
	first, _, _ := strings.Cut(text, "\n")
	for _, word := range []string{"token store for Go", "JWT sessions", "revocation", "any backend"} {
		if !strings.Contains(first, word) {
			t.Errorf("the first line lacks %q: %s", word, first)
		}
	}
	if n := strings.Count(text, "\n"); n > 220 {
		t.Errorf("README.md has %d lines, the limit is 220", n)
	}

	_, program, ok := strings.Cut(text, "```go\n")
	if !ok {
		t.Fatal("there is no program")
	}
	program, _, _ = strings.Cut(program, "```")
	example := read(t, "example_test.go")
	for line := range strings.Lines(program) {
		line = strings.TrimSpace(line)
		at := strings.Index(example, line)
		if at < 0 {
			t.Fatalf("the example does not have this line of the program, or in another order: %s", line)
		}
		example = example[at+len(line):]
	}

	for _, file := range append([]string{"README.md"}, markdown(t)...) {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(read(t, file), -1) {
			target := m[1]
			if dir, _, nested := strings.Cut(file, "/"); nested {
				target = dir + "/" + target
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}

func markdown(t *testing.T) (files []string) {
	t.Helper()
	entries, err := os.ReadDir("docs")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") {
			files = append(files, "docs/"+e.Name())
		}
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
