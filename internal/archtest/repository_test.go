package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is where the root module lies, seen from this package's tests.
const root = "../.."

func TestTableIsConsistent(t *testing.T) {
	report(t, CheckTable(Table))
}

func TestEveryPackageImportsWhatItsRowAllows(t *testing.T) {
	report(t, CheckImports(Table, repository(t)))
}

func TestOnlyTestsLinkTestLibraries(t *testing.T) {
	report(t, CheckTestLibraries(Table, repository(t)))
}

func TestBoltLinksNoForeignClientFrameworkOrTestLibrary(t *testing.T) {
	report(t, CheckDeps(repository(t), "store/bolt", slices.Concat(Foreign, TestLibraries)))
}

func TestDepguardSectionIsFresh(t *testing.T) {
	old, err := os.ReadFile(filepath.Join(root, ".golangci.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := Depguard(old, Table)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, fresh) {
		t.Error("the depguard section of .golangci.yaml is stale: run make docs")
	}
}

func report(t *testing.T, broken []string) {
	t.Helper()
	for _, sentence := range broken {
		t.Error(sentence)
	}
}

// repository returns the packages of every module of the workspace, or of the root alone without one,
// with all that they link.
func repository(t *testing.T) []Package {
	t.Helper()
	graph, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return graph
}

var load = sync.OnceValues(func() ([]Package, error) {
	if err := walk(func(string) error { return nil }); err != nil {
		return nil, err
	}
	dirs, err := goList("list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	args := []string{"list", "-deps", "-json=ImportPath,Standard,Imports,Deps"}
	for dir := range strings.Lines(string(dirs)) {
		args = append(args, strings.TrimSpace(dir)+"/...")
	}
	out, err := goList(args...)
	if err != nil {
		return nil, err
	}
	var graph []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return graph, nil
		case err != nil:
			return nil, err
		}
		graph = append(graph, p)
	}
})

func goList(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return nil, errors.Join(err, errors.New(string(failed.Stderr)))
	}
	return out, err
}

// walk calls file with the path, relative to root, of each file below root that is not hidden. It is
// also what keeps `go test` from answering out of its cache after a change: that sees only which
// directories the test itself has read, not those that its child processes have.
func walk(file func(rel string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return file(filepath.ToSlash(rel))
	})
}
