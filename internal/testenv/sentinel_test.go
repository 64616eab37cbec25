package testenv_test

import (
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestSentinelFollowsTheMaster(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	s := testenv.RedisSentinel(t)
	t.Logf("up after %v", time.Since(begin))
	old := s.Master()
	if old != s.Nodes()[0] {
		t.Fatalf("the sentinels report %s, not the master they were given", old.Addr())
	}
	begin = time.Now()
	old.Kill()
	s.AwaitOK()
	t.Logf("failed over after %v", time.Since(begin))
	if s.Master() == old {
		t.Error("the sentinels report the master that was killed")
	}
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := testenv.RedisSentinel(t, testenv.On(testenv.Valkey), testenv.Password("secret"))
	old := s.Master()
	begin := time.Now()
	s.Failover()
	t.Logf("failed over after %v", time.Since(begin))
	if s.Master() == old {
		t.Error("the master did not change")
	}
}
