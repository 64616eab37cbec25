package testenv_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

// hide leaves no place to find a server: an empty PATH, and no workspace above the working directory.
func hide(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", "")
	t.Chdir(t.TempDir())
}

func TestMissingServerIsANamedSkip(t *testing.T) {
	hide(t)
	t.Setenv("CI", "")
	t.Setenv("JETON_SERVERS", "")
	asks := map[string]func(testing.TB){
		"redis-server is not on this machine: apt-get install redis-server, or run make test":   func(t testing.TB) { testenv.Redis(t) },
		"memcached is not on this machine: apt-get install memcached, or run make test":         func(t testing.TB) { testenv.Memcached(t) },
		"valkey-server is not on this machine: apt-get install valkey-server, or run make test": func(t testing.TB) { testenv.RedisCluster(t, testenv.On(testenv.Valkey)) },
		"redis-server-newer is not on this machine: run make test":                              func(t testing.TB) { testenv.SharedRedis(t, testenv.On(testenv.Newer)) },
	}
	for want, ask := range asks {
		if said := try(t, ask); !strings.HasPrefix(said.skip, want) {
			t.Errorf("want a skip that says %q, got %+v", want, said)
		}
	}
}

func TestMissingServerFailsWhereItIsRequired(t *testing.T) {
	hide(t)
	for name, value := range map[string]string{"CI": "true", "JETON_SERVERS": "required"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CI", "")
			t.Setenv("JETON_SERVERS", "")
			if err := os.Setenv(name, value); err != nil { //nolint:usetesting // both were set above, this one again
				t.Fatal(err)
			}
			said := try(t, func(t testing.TB) { testenv.Redis(t) })
			if said.skip != "" || !strings.Contains(said.failure, "redis-server is not on this machine") {
				t.Errorf("want a failure, got %+v", said)
			}
		})
	}
}
