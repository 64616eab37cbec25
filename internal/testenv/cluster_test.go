package testenv_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestClusterSurvivesItsMaster(t *testing.T) {
	testenv.EachBuild(t, func(t *testing.T, build testenv.Build) {
		t.Parallel()
		begin := time.Now()
		c := testenv.RedisCluster(t, testenv.On(build))
		t.Logf("up after %v", time.Since(begin))
		slot := c.Slot("k")
		old := c.MasterOf(slot)
		replica := c.ReplicasOf(old)[0]
		write(t, old)

		begin = time.Now()
		old.Kill()
		c.AwaitOK()
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("failed over after %v, which is more than the node timeout and 5 s", took)
		}
		if now := c.MasterOf(slot); now != replica {
			t.Fatalf("%s serves the slot, not the replica %s", now.Addr(), replica.Addr())
		}
		if got := replica.Do("GET", "k"); got != "v" {
			t.Errorf("the new master has %v, not v", got)
		}
		old.Restart()
		c.AwaitOK()
		if got := c.ReplicasOf(replica); len(got) != 1 || got[0] != old {
			t.Errorf("the old master came back as something else than the replica of the new one")
		}
	})
}

// write sets k and waits for a replica to have it.
func write(t *testing.T, master *testenv.RedisServer) {
	t.Helper()
	conn, err := master.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's connection
	if _, err := conn.Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Do("WAIT", "1", "2000"); n != int64(1) || err != nil {
		t.Fatalf("WAIT said %v, %v", n, err)
	}
}

func TestClusterFailoverAndMigration(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t, testenv.Password("secret"), testenv.Replicas(1))
	slot := c.Slot("{tag}")
	from := c.MasterOf(slot)
	for i := range 10 {
		from.Do("SET", fmt.Sprintf("{tag}%d", i), "v")
	}
	replica := c.ReplicasOf(from)[0]
	c.Failover(replica, "")
	c.AwaitOK()
	if now := c.MasterOf(slot); now != replica {
		t.Fatalf("%s serves the slot after the failover to %s", now.Addr(), replica.Addr())
	}

	masters := c.Masters()
	if len(masters) != 3 {
		t.Fatalf("%d masters", len(masters))
	}
	to := masters[0]
	if to == replica {
		to = masters[1]
	}
	m := c.Migrate(slot, to)
	if moved := m.Move(4); moved != 4 {
		t.Errorf("%d keys moved, not 4", moved)
	}
	if _, err := replica.Try("MGET", "{tag}0", "{tag}1", "{tag}2", "{tag}3", "{tag}4", "{tag}5", "{tag}6"); err == nil ||
		!strings.Contains(err.Error(), "TRYAGAIN") {
		t.Errorf("a read over both sides of a migration: %v", err)
	}
	m.Finish()
	if now := c.MasterOf(slot); now != to {
		t.Errorf("%s serves the slot, not %s", now.Addr(), to.Addr())
	}
	if n := to.Do("EXISTS", "{tag}0", "{tag}9"); n != int64(2) {
		t.Errorf("%v of two keys arrived", n)
	}
}

// TestClusterFrozenMaster: to the others a paused node is as good as dead.
func TestClusterFrozenMaster(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t, testenv.Replicas(2))
	master := c.MasterOf(0)
	if got := len(c.ReplicasOf(master)); got != 2 {
		t.Errorf("%d replicas, not 2", got)
	}
	master.Pause()
	c.AwaitOK()
	if c.MasterOf(0) == master {
		t.Error("the frozen master still serves")
	}
	master.Resume()
	c.AwaitOK()
}

func TestSharedCluster(t *testing.T) {
	t.Parallel()
	c := testenv.SharedCluster(t)
	if got := c.MasterOf(16383).Addr(); got != testenv.SharedCluster(t).MasterOf(16383).Addr() {
		t.Error("two clusters were started for the same options")
	}
	said := try(t, func(t testing.TB) {
		c := testenv.SharedCluster(t)
		c.Failover(c.ReplicasOf(c.MasterOf(0))[0], "")
	})
	if !strings.Contains(said.failure, "starts its own") {
		t.Errorf("a failover of a shared cluster: %+v", said)
	}
}
