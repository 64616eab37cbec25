package jeton_test

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme: the first line says what Jeton is, the program is the package example's, and every link into the repository
// leads somewhere, in this page and in all others.
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

	for _, file := range append([]string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/authserver/README.md"}, markdown(t)...) {
		for _, finding := range deadLinks(file, read(t, file)) {
			t.Error(finding)
		}
	}
}

// TestDeadLinks: a link that leads nowhere is noticed, by its file and by its heading.
func TestDeadLinks(t *testing.T) {
	for _, c := range []struct {
		rule, file, text string
		dead             bool
	}{
		{"a file", "docs/x.md", "[a](design.md)", false},
		{"no file", "docs/x.md", "[a](nothing.md)", true},
		{"a file above", "docs/x.md", "[a](../README.md)", false},
		{"a heading", "README.md", "[a](docs/design.md#api-keys)", false},
		{"no heading", "README.md", "[a](docs/design.md#nothing)", true},
		{"no file with a heading", "README.md", "[a](docs/nothing.md#api-keys)", true},
		{"a heading of its own", "x.md", "# A `b` c, d\n[a](#a-b-c-d)", false},
		{"no heading of its own", "x.md", "```sh\n# a\n```\n[a](#a)", true},
		{"elsewhere", "README.md", "[a](https://nothing.example/#a)", false},
	} {
		if got := deadLinks(c.file, c.text); len(got) > 0 != c.dead {
			t.Errorf("%s: found %q", c.rule, got)
		}
	}
}

var (
	linkForm    = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	headingForm = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeForm    = regexp.MustCompile("(?ms)^```.*?^```")
	dropped     = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// deadLinks returns the links of a page into the repository that lead nowhere.
func deadLinks(file, text string) (findings []string) {
	for _, m := range linkForm.FindAllStringSubmatch(text, -1) {
		page := text
		if m[1] != "" {
			b, err := os.ReadFile(path.Join(path.Dir(file), m[1]))
			if info, other := os.Stat(path.Join(path.Dir(file), m[1])); err != nil && (other != nil || !info.IsDir()) {
				findings = append(findings, fmt.Sprintf("%s links to %s, which is not there", file, m[1]))
				continue
			}
			page = string(b)
		}
		if m[2] != "" && !slices.Contains(anchors(page), m[2]) {
			findings = append(findings, fmt.Sprintf("%s links to %s%s, and there is no such heading", file, m[1], m[2]))
		}
	}
	return findings
}

// anchors returns the names that a page's headings have on the web: in lower case, without punctuation, - for a space.
func anchors(page string) (names []string) {
	for _, m := range headingForm.FindAllStringSubmatch(codeForm.ReplaceAllString(page, ""), -1) {
		names = append(names, "#"+strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
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
