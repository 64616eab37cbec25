package archtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// The generated section of .golangci.yaml stands between two lines that end so.
const (
	sectionBegin = "# BEGIN depguard: written by `go run ./internal/archtest/gen`"
	sectionEnd   = "# END depguard"
)

// Depguard returns config, the text of a golangci-lint configuration, with the section between its
// two marker lines rewritten from the table.
func Depguard(config []byte, table []Row) ([]byte, error) {
	head, rest, ok := bytes.Cut(config, []byte(sectionBegin+"\n"))
	_, tail, ok2 := bytes.Cut(rest, []byte(sectionEnd))
	if !ok || !ok2 {
		return nil, fmt.Errorf("the configuration needs the lines %q and %q", sectionBegin, sectionEnd)
	}
	indent := head[bytes.LastIndexByte(head, '\n')+1:]
	var out bytes.Buffer
	out.Write(head)
	out.WriteString(sectionBegin + "\n")
	for line := range strings.Lines(depguardRules(table)) {
		out.Write(indent)
		out.WriteString(line)
	}
	out.Write(indent)
	out.WriteString(sectionEnd)
	out.Write(tail)
	return out.Bytes(), nil
}

func depguardRules(table []Row) string {
	var b strings.Builder
	b.WriteString("depguard:\n  rules:\n")
	for _, row := range table {
		allow, deny := row.depguardLists(table)
		mode := "strict"
		if slices.Contains(row.Imports, AnyLibrary) {
			mode = "lax" // strict has no way to say "any"; the deny list then names this repository
		}
		fmt.Fprintf(&b, "    %s:\n      list-mode: %s\n      files: [%q, \"!$test\"]\n      allow:\n", row.depguardName(), mode, row.depguardFiles())
		for _, path := range allow {
			fmt.Fprintf(&b, "        - %q\n", path)
		}
		if len(deny) == 0 {
			continue
		}
		b.WriteString("      deny:\n")
		for _, d := range deny {
			fmt.Fprintf(&b, "        - {pkg: %q, desc: %q}\n", d.path, d.reason)
		}
	}
	return b.String()
}

// depguardName keeps to the letters that golangci-lint's schema wants in a rule's name.
func (r Row) depguardName() string {
	if r.Package == "." {
		return "root"
	}
	return strings.TrimSuffix(r.Package, "/...")
}

func (r Row) depguardFiles() string {
	switch {
	case r.Package == ".":
		return "${config-path}/*.go"
	case r.subtree():
		return "${config-path}/" + strings.TrimSuffix(r.Package, "...") + "**.go"
	}
	return "${config-path}/" + r.Package + "/*.go"
}

type denied struct{ path, reason string }

// depguardLists translates the row: depguard matches by prefix, a trailing "$" makes it exact, and of
// an allowed and a denied prefix the longer one wins.
func (r Row) depguardLists(table []Row) (allow []string, deny []denied) {
	allow = []string{"$gostd"}
	patterns := r.Imports
	if r.subtree() {
		patterns = append([]string{r.Package}, patterns...)
	}
	for _, p := range patterns {
		switch tree, subtree := strings.CutSuffix(p, "/..."); {
		case p == AnyLibrary:
			deny = append(deny, denied{Module, r.Reason})
		case library(p):
			allow = append(allow, p)
		case subtree:
			allow = append(allow, absolute(tree)+"$", absolute(tree)+"/")
		default:
			allow = append(allow, absolute(p)+"$")
		}
	}
	if r.TestSupport {
		return allow, deny
	}
	for _, lib := range TestLibraries {
		if r.allows(lib) {
			deny = append(deny, denied{lib, "only tests may"})
		}
	}
	for _, other := range table {
		if path := absolute(strings.TrimSuffix(other.Package, "/...")); other.TestSupport && r.allows(path) {
			deny = append(deny, denied{path, "only tests may"})
		}
	}
	return allow, deny
}
