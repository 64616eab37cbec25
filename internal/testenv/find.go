package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build names a build of the Redis protocol's server, by its command.
type Build string

const (
	// Stable is the redis-server of this machine, Debian's where there was none. It is the default.
	Stable Build = "redis-server"
	// Newer is the Redis of a later Debian release.
	Newer Build = "redis-server-newer"
	// Valkey is Valkey, of a later Debian release too.
	Valkey Build = "valkey-server"
)

// Builds are all that tests may ask for.
var Builds = []Build{Stable, Newer, Valkey}

const memcached = "memcached"

// packages says which Debian package holds a command, for whoever lacks it. Newer has none in this
// machine's release.
var packages = map[string]string{
	string(Stable): "redis-server",
	string(Valkey): "valkey-server",
	memcached:      "memcached",
}

// EachBuild runs a test on every build, as subtests with their names. It is for what differs between them:
// WAIT, scripts, failover.
func EachBuild(t *testing.T, test func(t *testing.T, build Build)) {
	t.Helper()
	for _, build := range Builds {
		t.Run(string(build), func(t *testing.T) {
			find(t, string(build)) // skips before anything else is set up
			test(t, build)
		})
	}
}

// Version returns what the build says of itself, "8.1.1", and skips the test where there is none.
func (b Build) Version(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(find(t, string(b)), "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", b, err)
	}
	_, version, _ := strings.Cut(string(out), "v=")
	version, _, _ = strings.Cut(version, " ")
	return version
}

// find returns the path of a command. Without one the test is skipped, or fails where servers are required.
func find(t testing.TB, command string) string {
	t.Helper()
	path, err := locate(command)
	if err == nil {
		return path
	}
	if required() {
		t.Fatalf("%v; in CI, and with JETON_SERVERS=required, a missing server is a failure", err)
	}
	t.Skip(err)
	return ""
}

// required says that a missing server must not pass for a passed test.
func required() bool {
	return os.Getenv("JETON_SERVERS") == "required" || os.Getenv("CI") == "true"
}

// locate looks into .bin/servers first, so that what make test fetched is what is tested, then on the PATH
// and where Debian puts daemons. Its error is a sentence for who lacks the server.
func locate(command string) (string, error) {
	var dirs []string
	if root, err := workspace(); err == nil {
		dirs = append(dirs, filepath.Join(root, ".bin", "servers", "bin"))
	}
	if path := os.Getenv("PATH"); path != "" {
		dirs = append(dirs, filepath.SplitList(path)...)
		dirs = append(dirs, "/usr/local/sbin", "/usr/sbin")
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return filepath.Abs(path)
		}
	}
	how := "run make test (scripts/servers.sh fetches it where there is apt-get)"
	if pkg := packages[command]; pkg != "" {
		how = "apt-get install " + pkg + ", or " + how
	}
	return "", fmt.Errorf("%s is not on this machine: %s", command, how)
}

// workspace returns the directory of go.work. Tests run in their package's directory, of whichever module.
func workspace() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.work above the working directory")
		}
		dir = parent
	}
}
