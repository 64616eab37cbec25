package testenv_test

import (
	"slices"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestMemcachedForgetsOverARestart(t *testing.T) {
	m := testenv.Memcached(t, "-m", "8")
	if got := m.Do("set k 0 0 1\r\nv"); !slices.Equal(got, []string{"STORED"}) {
		t.Fatalf("set said %q", got)
	}
	if got := m.Do("get k"); !slices.Equal(got, []string{"VALUE k 0 1", "v", "END"}) {
		t.Fatalf("get said %q", got)
	}
	addr := m.Addr()
	m.Kill()
	if _, err := m.Try("get k"); err == nil {
		t.Error("a killed server answered")
	}
	m.Restart()
	if got := m.Do("get k"); !slices.Equal(got, []string{"END"}) || m.Addr() != addr {
		t.Errorf("after a restart get said %q at %s, not at %s", got, m.Addr(), addr)
	}
}
