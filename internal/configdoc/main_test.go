package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/config"
)

// TestFill: the table goes between the marks and nothing else moves; a page without them is refused.
func TestFill(t *testing.T) {
	got, err := fill([]byte("a\n"+begin+"old\n"+end+"b\n"), "new\n")
	if err != nil || string(got) != "a\n"+begin+"new\n"+end+"b\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, page := range []string{"", begin, end, end + begin} {
		if _, err := fill([]byte(page), ""); err == nil {
			t.Errorf("%q is filled", page)
		}
	}
}

// TestTable: every key has a row of five cells.
func TestTable(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(table(config.Keys())), "\n")
	if len(rows) != len(config.Keys())+2 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		if strings.Count(row, "|") != 6 {
			t.Errorf("not five cells: %s", row)
		}
	}
}

// TestUpdate: -check tells of a stale file and leaves it.
func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, step := range []struct {
		rule, fresh, left string
		check, fails      bool
	}{
		{"a file that is not there is stale", "a", "", true, true},
		{"it is written", "a", "a", false, false},
		{"and is then fresh", "a", "a", true, false},
		{"another text makes it stale", "b", "a", true, true},
		{"and is written over it", "b", "b", false, false},
	} {
		err := update(path, []byte(step.fresh), step.check)
		left, _ := os.ReadFile(path)
		if (err != nil) != step.fails || string(left) != step.left {
			t.Errorf("%s: %q, %v", step.rule, left, err)
		}
	}
}
