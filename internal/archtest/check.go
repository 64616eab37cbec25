package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Package is what the checks read of one package: `go list -deps -json` prints it, tests make it up.
type Package struct {
	ImportPath string
	Standard   bool
	Imports    []string // of the non-test files
	Deps       []string // the same, with everything below
}

// CheckImports returns a sentence for each import that the table does not allow, and for each package
// of the repository that no row describes.
func CheckImports(table []Row, graph []Package) []string {
	var broken []string
	for _, p := range graph {
		rel, ours := relative(p.ImportPath)
		if !ours {
			continue
		}
		row, ok := find(table, rel)
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: no row describes this package: add one to internal/archtest/table.go", rel))
			continue
		}
		for _, imp := range p.Imports {
			if !row.allows(imp) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", rel, short(imp), row.Reason))
			}
		}
	}
	return broken
}

// CheckTestLibraries returns a sentence for each package that is no test support and yet links, at
// whatever distance, a test library or a package that is.
func CheckTestLibraries(table []Row, graph []Package) []string {
	var broken []string
	for _, p := range graph {
		rel, ours := relative(p.ImportPath)
		if row, ok := find(table, rel); !ours || !ok || row.TestSupport {
			continue
		}
		for _, dep := range p.Deps {
			if testOnly(table, dep) {
				broken = append(broken, fmt.Sprintf("%s links %s: only tests may", rel, short(dep)))
			}
		}
	}
	return broken
}

// CheckDeps returns a sentence for each of the forbidden libraries that pkg (a path below the root
// module) links, and one if the graph has no such package.
func CheckDeps(graph []Package, pkg string, forbidden []string) []string {
	i := slices.IndexFunc(graph, func(p Package) bool { return p.ImportPath == absolute(pkg) })
	if i < 0 {
		return []string{pkg + ": no such package"}
	}
	var broken []string
	for _, dep := range graph[i].Deps {
		if within(dep, forbidden...) {
			broken = append(broken, fmt.Sprintf("%s links %s", pkg, dep))
		}
	}
	return broken
}

// CheckTable returns a sentence for each flaw of the table itself: rows that match the same package,
// no reason, entries that a wider one of the same row makes void.
func CheckTable(table []Row) []string {
	var broken []string
	for i, row := range table {
		if row.Reason == "" {
			broken = append(broken, row.Package+": a row says why")
		}
		for _, other := range table[:i] {
			if covers(row.Package, other.Package) || covers(other.Package, row.Package) {
				broken = append(broken, fmt.Sprintf("%s and %s match the same package", other.Package, row.Package))
			}
		}
		for j, imp := range row.Imports {
			for k, wider := range row.Imports {
				if j != k && covers(wider, imp) {
					broken = append(broken, fmt.Sprintf("%s: %s is part of %s", row.Package, imp, wider))
				}
			}
		}
	}
	return broken
}

func find(table []Row, rel string) (Row, bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return covers(r.Package, rel) })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}

// allows does not know test support; CheckTestLibraries does.
func (r Row) allows(imp string) bool {
	if standard(imp) {
		return true
	}
	if rel, ours := relative(imp); ours {
		return covers(r.Package, rel) && r.subtree() ||
			slices.ContainsFunc(r.Imports, func(p string) bool { return !library(p) && covers(p, rel) })
	}
	return slices.Contains(r.Imports, AnyLibrary) ||
		slices.ContainsFunc(r.Imports, func(p string) bool { return library(p) && within(imp, p) })
}

func (r Row) subtree() bool { return strings.HasSuffix(r.Package, "/...") }

func testOnly(table []Row, path string) bool {
	if within(path, TestLibraries...) {
		return true
	}
	rel, ours := relative(path)
	row, ok := find(table, rel)
	return ours && ok && row.TestSupport
}

// covers reports whether pattern, a path or "x/...", matches path, itself a path or such a pattern.
func covers(pattern, path string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(strings.TrimSuffix(path, "/..."), tree)
	}
	return pattern == path
}

// within reports whether path is one of roots or below one.
func within(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}

func library(pattern string) bool { return pattern != "." && !standard(pattern) }

// standard relies on what the go command relies on: only paths of other modules have a dot in the first element.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// relative cuts the root module off, "." for the root package, and reports whether path is of this repository.
func relative(path string) (string, bool) {
	if path == Module {
		return ".", true
	}
	return strings.CutPrefix(path, Module+"/")
}

func absolute(rel string) string {
	if rel == "." {
		return Module
	}
	return Module + "/" + rel
}

func short(path string) string {
	rel, _ := relative(path)
	return rel
}
