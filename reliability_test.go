package jeton_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReliabilityNames: every test that docs/reliability.md names is there, in the directory that it names.
func TestReliabilityNames(t *testing.T) {
	named := regexp.MustCompile("`([a-z/]+): (Test[A-Za-z]+)`").FindAllStringSubmatch(read(t, "docs/reliability.md"), -1)
	if len(named) < 40 {
		t.Fatalf("only %d tests are named: the page's form has changed", len(named))
	}
	for _, m := range named {
		files, err := filepath.Glob(filepath.Join(m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(b), "\nfunc "+m[2]+"(")
		}
		if !found {
			t.Errorf("%s has no %s", m[1], m[2])
		}
	}
}
