package archtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pins are versions that were current when the first users of the seeds were written.
var pins = map[string]string{
	grpc:  "v1.60.1",
	echo4: "v4.11.4",
	otel:  "v1.21.0",
	gin:   "v1.9.1",
}

// A program that wants the embedded store must not have to take newer versions of libraries that the
// store does not use. One go.mod for everything would force them on it.
func TestConsumerOfBoltKeepsItsVersions(t *testing.T) {
	c := newConsumer(t, func(gomod string) string { return gomod })
	c.run("go", "mod", "tidy")
	c.run("go", "build", "./...")
	if got := c.versions(); !maps.Equal(got, pins) {
		t.Errorf("importing store/bolt changed the versions of a program\nfrom %v\nto   %v", pins, got)
	}
}

// The test above can fail: the same consumer of a root module that asks for a newer Echo is moved.
func TestConsumerNoticesAForcedVersion(t *testing.T) {
	c := newConsumer(t, func(gomod string) string { return gomod + "\nrequire " + echo4 + " v4.12.0\n" })
	c.run("go", "mod", "tidy")
	if got := c.versions()[echo4]; got != "v4.12.0" {
		t.Errorf("the consumer has Echo %s, want the forced v4.12.0", got)
	}
}

// consumer is somebody's program: a module outside the workspace that gets Jeton from a module proxy.
type consumer struct {
	t   *testing.T
	dir string
	env []string
}

func newConsumer(t *testing.T, change func(gomod string) string) consumer {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: downloads and builds four frameworks at their old versions")
	}
	p := newProxy(t, change)
	c := consumer{t: t, dir: t.TempDir(), env: os.Environ()}
	upstream := strings.TrimSpace(c.run("go", "env", "GOPROXY"))
	c.env = append(
		c.env,
		"GOWORK=off",
		"GOFLAGS=-mod=mod -modcacherw", // rw, so that removeFromCache can remove
		"GOPROXY=file://"+filepath.ToSlash(p.dir)+","+upstream,
		"GONOSUMDB="+Module, // this version is nowhere but here
		"GOPRIVATE=", "GONOPROXY=none",
	)
	t.Cleanup(func() { c.removeFromCache(p) })

	gomod := "module example.com/consumer\n\ngo 1.26\n\nrequire " + Module + " " + p.version + "\n"
	program := "package main\n\nimport (\n\t_ \"" + absolute("store/bolt") + "\"\n"
	for _, lib := range slices.Sorted(maps.Keys(pins)) {
		gomod += "require " + lib + " " + pins[lib] + "\n"
		program += "\t_ \"" + lib + "\"\n"
	}
	c.write("go.mod", gomod)
	c.write("main.go", program+")\n\nfunc main() {}\n")
	return c
}

func (c consumer) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c consumer) run(name string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	return string(out)
}

// versions returns what the build uses of the pinned libraries.
func (c consumer) versions() map[string]string {
	c.t.Helper()
	got := map[string]string{}
	for lib := range pins {
		got[lib] = strings.TrimSpace(c.run("go", "list", "-m", "-f", "{{.Version}}", lib))
	}
	return got
}

// removeFromCache takes the published version out of the module cache, where nobody will ask for it again.
func (c consumer) removeFromCache(p proxy) {
	cache := strings.TrimSpace(c.run("go", "env", "GOMODCACHE"))
	module := filepath.FromSlash(Module)
	stale, err := filepath.Glob(filepath.Join(cache, "cache", "download", module, "@v", p.version+".*"))
	if err != nil {
		c.t.Error(err)
	}
	for _, path := range append(stale, filepath.Join(cache, module+"@"+p.version)) {
		if err := os.RemoveAll(path); err != nil {
			c.t.Error(err)
		}
	}
}
