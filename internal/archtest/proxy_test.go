package archtest

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// proxy is a GOPROXY directory that holds the working tree as one version of the root module.
type proxy struct {
	dir, version string
}

// newProxy publishes the working tree, with its go.mod as change returns it.
func newProxy(t *testing.T, change func(gomod string) string) proxy {
	t.Helper()
	// The go command keeps what it downloads, so no version may ever have two contents.
	p := proxy{t.TempDir(), fmt.Sprintf("v0.0.0-test.%d", time.Now().UnixNano())}
	files := moduleFiles(t)
	files["go.mod"] = []byte(change(string(files["go.mod"])))

	p.write(t, "list", []byte(p.version+"\n"))
	p.write(t, p.version+".mod", files["go.mod"])
	info, err := json.Marshal(map[string]any{"Version": p.version, "Time": time.Now().UTC()})
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, p.version+".info", info)
	p.writeZip(t, files)
	return p
}

func (p proxy) path(name string) string {
	return filepath.Join(p.dir, filepath.FromSlash(Module), "@v", name)
}

func (p proxy) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p proxy) writeZip(t *testing.T, files map[string][]byte) {
	t.Helper()
	out, err := os.Create(p.path(p.version + ".zip"))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(out)
	for name, content := range files {
		f, err := w.Create(Module + "@" + p.version + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// moduleFiles reads what the root module's zip would hold of use to an importer: all but tests and the
// modules nested in it. Files beside the packages (scripts that they embed) belong to it.
func moduleFiles(t *testing.T) map[string][]byte {
	t.Helper()
	var all, nested []string
	err := walk(func(rel string) error {
		if dir, name := path.Split(rel); name == "go.mod" && dir != "" {
			nested = append(nested, dir)
		}
		all = append(all, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, rel := range all {
		below := func(dir string) bool { return strings.HasPrefix(rel, dir) }
		if strings.HasSuffix(rel, "_test.go") || slices.ContainsFunc(nested, below) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			t.Fatal(err)
		}
		files[rel] = content
	}
	return files
}
