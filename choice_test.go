package jeton_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cell is a place in the README's table "Which store".
type cell struct{ row, column string }

// proof is what stands in a cell, word for word, and the tests that show it: directory.Function.
type proof struct {
	says  string
	tests []string
}

// described are the columns that say what a store is; every other one promises something, and is proven.
var described = []string{"import", "URL", "for"}

var proofs = map[cell]proof{
	{"store/memory", "restart"}: {
		"everybody is logged out; no revoked token comes back",
		[]string{"store/memory.TestRestart", "examples/authserver.TestMemoryIsLostAtTheEnd"},
	},
	{"store/memory", "second process"}: {"has sessions of its own", []string{"examples/authserver.TestSecondProcess"}},
	{"store/memory", "evicts"}:         {"never", []string{"store/memory.TestNothingGoes", "store/memory.TestCapabilities"}},
	{"store/memory", "failover"}:       {"none: as a restart", []string{"store/memory.TestRestart"}},

	{"store/bolt", "restart"}: {
		"every acknowledged write is there, after `kill -9` too",
		[]string{"store/bolt.TestKill", "examples/authserver.TestKill", "examples/authserver.TestStopping"},
	},
	{"store/bolt", "second process"}: {"refused: `ErrLocked`", []string{"store/bolt.TestLocked", "examples/authserver.TestSecondProcess"}},
	{"store/bolt", "evicts"}:         {"never", []string{"store/bolt.TestNothingGoes"}},
	{"store/bolt", "failover"}:       {"none: the next process goes on with the file", []string{"store/bolt.TestKill", "store/bolt.TestLocked"}},

	{"store/redis", "restart"}: {
		"`durability=fsynced`: every acknowledged write is there; nothing persisted: everybody is logged out, no revoked token comes back; " +
			"snapshots alone: revocations since the last one are lost",
		[]string{"store/redis.TestRestart", "store/redis.TestFsynced", "store/redis.TestLostData"},
	},
	{"store/redis", "second process"}: {"shares all", []string{"examples/authserver.TestSecondProcess"}},
	{"store/redis", "evicts"}: {
		"under `noeviction` never, else as a logout",
		[]string{"store/redis.TestFullServer", "store/redis.TestEviction", "store/redis.TestEvictingPolicy"},
	},
	{"store/redis", "failover"}: {
		"Sentinel, Cluster: nothing acknowledged is lost with `durability=replicated-n`, n = all replicas; the last writes may be, revocations too, with less",
		[]string{"store/redis.TestSentinelFailover", "store/redis.TestClusterFailover", "store/redis.TestClusterFailoverControl", "store/redis.TestFeedRollback"},
	},

	{"store/memcache", "restart"}:        {"everybody is logged out; no revoked token comes back", []string{"store/memcache.TestLoss"}},
	{"store/memcache", "second process"}: {"shares all", []string{"examples/authserver.TestSecondProcess"}},
	{"store/memcache", "evicts"}:         {"as a logout; never with `-M`", []string{"store/memcache.TestEviction", "store/memcache.TestFull"}},
	{"store/memcache", "failover"}: {
		"none: who is on a server that is down gets `ErrUnavailable`, the others go on",
		[]string{"store/memcache.TestServerDown", "store/memcache.TestLossWhileAnotherIsDown"},
	},
}

// TestChoice: every promise of the table has its tests, and they are there.
func TestChoice(t *testing.T) {
	for _, finding := range unproven(read(t, "README.md"), functions(t)) {
		t.Error(finding)
	}
}

// TestChoiceNotices: what a hand could get wrong is noticed.
func TestChoiceNotices(t *testing.T) {
	readme, all := read(t, "README.md"), functions(t)
	replace := func(old, with string) string {
		if !strings.Contains(readme, old) {
			t.Fatalf("README.md does not have %q", old)
		}
		return strings.Replace(readme, old, with, 1)
	}
	without := maps.Clone(all)
	delete(without, "store/bolt.TestKill")
	for _, c := range []struct {
		rule, readme string
		tests        map[string]bool
		want         string
	}{
		{"a cell says more", replace("| refused: `ErrLocked` |", "| refused, or waits |"), all, `store/bolt, second process: README.md says "refused, or waits"`},
		{"a new row", replace("\n| `store/bolt` |", "\n| `store/etcd` | x | x | all is kept | x | x | x |\n| `store/bolt` |"), all, `store/etcd, restart: README.md says "all is kept"`},
		{"a row is gone", replace("| `store/memcache` |", "| `store/other` |"), all, "store/memcache, restart: README.md has no such cell"},
		{"another column", replace("| evicts | failover |", "| evicts | takeover |"), all, "store/bolt, takeover: README.md says"},
		{"a column that promises nothing is moved", replace("| import | URL | for |", "| import | for | URL |"), all, ""},
		{"a test is gone", readme, without, "store/bolt, restart: there is no test store/bolt.TestKill"},
		{"no table", "# Jeton\n", all, "README.md has no table of stores"},
	} {
		got := unproven(c.readme, c.tests)
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
			t.Errorf("%s: found %q, want %q", c.rule, got, c.want)
		}
	}
}

// unproven returns what the table promises without tests, and proofs of what it does not say.
func unproven(readme string, tests map[string]bool) (findings []string) {
	table := choice(readme)
	if len(table) == 0 {
		return []string{"README.md has no table of stores"}
	}
	for at, says := range table {
		if p, ok := proofs[at]; !ok || p.says != says {
			findings = append(findings, fmt.Sprintf("%s, %s: README.md says %q, which is not what choice_test.go has tests for", at.row, at.column, says))
		}
	}
	for at, p := range proofs {
		if _, ok := table[at]; !ok {
			findings = append(findings, fmt.Sprintf("%s, %s: README.md has no such cell", at.row, at.column))
		}
		if len(p.tests) == 0 {
			findings = append(findings, fmt.Sprintf("%s, %s: it names no test", at.row, at.column))
		}
		for _, name := range p.tests {
			if !tests[name] {
				findings = append(findings, fmt.Sprintf("%s, %s: there is no test %s", at.row, at.column, name))
			}
		}
	}
	slices.Sort(findings)
	return findings
}

// choice reads the cells that promise something.
func choice(readme string) map[cell]string {
	_, table, _ := strings.Cut(readme, "\n## Which store\n\n")
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	cells := map[cell]string{}
	if len(lines) < 3 { // the names, the line under them, a row
		return nil
	}
	columns := texts(lines[0])
	for _, line := range lines[2:] {
		row := texts(line)
		for i, says := range row {
			if i < len(columns) && !slices.Contains(described, columns[i]) {
				cells[cell{strings.Trim(row[0], "`"), columns[i]}] = says
			}
		}
	}
	return cells
}

// texts returns the cells of a line.
func texts(line string) []string { return strings.Split(strings.Trim(line, "| "), " | ") }

var testForm = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// functions returns the tests of the directories that proofs name.
func functions(t *testing.T) map[string]bool {
	t.Helper()
	found, seen := map[string]bool{}, map[string]bool{}
	for _, p := range proofs {
		for _, name := range p.tests {
			dir, _, ok := strings.Cut(name, ".Test")
			if !ok {
				t.Fatalf("%q names no test", name)
			}
			if seen[dir] {
				continue
			}
			seen[dir] = true
			files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range testForm.FindAllStringSubmatch(string(text), -1) {
					found[dir+"."+m[1]] = true
				}
			}
		}
	}
	return found
}
