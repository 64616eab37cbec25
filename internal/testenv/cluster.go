package testenv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// masters is what a cluster begins with: fewer cannot vote.
const masters = 3

const slots = 16384

// clusterFlags make failures noticed within a second. The default would be fifteen.
var clusterFlags = []Option{
	Config("cluster-enabled", "yes"), Config("cluster-node-timeout", "1000"), Config("cluster-config-file", "nodes.conf"),
}

// Cluster is a Redis Cluster. Its nodes are RedisServers: what can be done to one can be done to a node.
type Cluster struct {
	t     testing.TB
	nodes []*RedisServer // masters first
	config
}

// RedisCluster starts three masters, with one replica each unless Replicas says otherwise, and returns when all
// slots are served and all replicas are linked. It takes over two seconds: a new master refuses for the first two.
func RedisCluster(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	config := clusterConfig(t, options)
	c := &Cluster{t: t, config: config}
	err := c.launch(func(i int) (*RedisServer, error) { return redisFor(t, config, fmt.Sprintf("node%d", i)), nil })
	if err != nil {
		t.Fatalf("the cluster does not come up: %v", err)
	}
	return c
}

func clusterConfig(t testing.TB, options []Option) config {
	t.Helper()
	c := configure(slices.Concat(clusterFlags, options))
	if c.tls {
		t.Fatal("testenv: TLS is for single servers only")
	}
	return c
}

// Nodes returns all nodes, those that are down too.
func (c *Cluster) Nodes() []*RedisServer { return slices.Clone(c.nodes) }

// Addrs returns where the nodes listen, "127.0.0.1:12345".
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, node := range c.nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Slot returns the slot of a key.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	slot, _ := anyOf(c.t, c.nodes).Do("CLUSTER", "KEYSLOT", key).(int64)
	return int(slot)
}

// MasterOf returns the master of a slot, as most of the nodes that are up have it.
func (c *Cluster) MasterOf(slot int) *RedisServer {
	c.t.Helper()
	votes := c.votes(func(line nodeLine) bool { return line.serves(slot) })
	var best *RedisServer
	for _, node := range c.nodes {
		if votes[node.id] > 0 && (best == nil || votes[node.id] > votes[best.id]) {
			best = node
		}
	}
	if best == nil {
		c.t.Fatalf("no node serves slot %d", slot)
	}
	return best
}

// Masters returns the nodes that serve slots, as most of the nodes that are up have it.
func (c *Cluster) Masters() []*RedisServer {
	votes := c.votes(func(line nodeLine) bool { return len(line.ranges) > 0 })
	return slices.DeleteFunc(c.Nodes(), func(node *RedisServer) bool { return 2*votes[node.id] <= len(c.alive()) })
}

// votes counts for each node's id how many of those that are up hold it for one.
func (c *Cluster) votes(hold func(nodeLine) bool) map[string]int {
	votes := map[string]int{}
	for _, line := range slices.Concat(c.views()...) {
		if hold(line) {
			votes[line.id]++
		}
	}
	return votes
}

// ReplicasOf returns the replicas of a node that are up.
func (c *Cluster) ReplicasOf(master *RedisServer) []*RedisServer {
	c.t.Helper()
	var found []*RedisServer
	for _, node := range c.alive() {
		seen, err := node.clusterNodes()
		if err != nil {
			continue
		}
		if i := slices.IndexFunc(seen, nodeLine.myself); i >= 0 && seen[i].masterID == master.id {
			found = append(found, node)
		}
	}
	return found
}

// Failover makes a replica the master of its shard: mode "" is in agreement with the master and loses nothing,
// "FORCE" needs no master, "TAKEOVER" needs nobody's vote. It returns when the replica is a master.
func (c *Cluster) Failover(replica *RedisServer, mode string) {
	c.t.Helper()
	replica.mayBreak()
	args := []string{"CLUSTER", "FAILOVER"}
	if mode != "" {
		args = append(args, mode)
	}
	replica.Do(args...)
	c.await("promotion of "+replica.Addr(), func() error {
		role, err := replica.tryInfo("replication", "role")
		if err == nil && role != "master" {
			err = fmt.Errorf("it is a %s", role)
		}
		return err
	})
}

// AwaitOK returns when every node that is up sees all slots served, and every replica that is up is linked to
// its master. After the kill of a master that takes the node timeout (1 s) and the vote.
func (c *Cluster) AwaitOK() {
	c.t.Helper()
	c.await("cluster", c.settled)
}

func (c *Cluster) await(what string, try func() error) {
	c.t.Helper()
	if err := poll(startLimit, try); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// alive returns the nodes that are up and not paused.
func (c *Cluster) alive() []*RedisServer { return alive(c.nodes) }

func alive(servers []*RedisServer) []*RedisServer {
	return slices.DeleteFunc(slices.Clone(servers), func(s *RedisServer) bool { return !s.answers() })
}

// anyOf returns a server that is up and not paused.
func anyOf(t testing.TB, servers []*RedisServer) *RedisServer {
	t.Helper()
	up := alive(servers)
	if len(up) == 0 {
		t.Fatal("none of these servers is up")
	}
	return up[0]
}

func (c *Cluster) byID(id string) *RedisServer {
	for _, node := range c.nodes {
		if node.id == id {
			return node
		}
	}
	return nil
}

// settled says why the cluster is not yet what AwaitOK wants.
func (c *Cluster) settled() error {
	for _, node := range c.alive() {
		reply, err := node.Try("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		text, _ := reply.(string)
		if state := infoField(text, "cluster_state"); state != "ok" {
			return fmt.Errorf("%s says cluster_state:%s", node.Addr(), state)
		}
		if err := node.linked(); err != nil {
			return err
		}
	}
	return c.agreed()
}

// agreed says whether all nodes that are up have the same masters, each of which is up, and think well of each other.
func (c *Cluster) agreed() error {
	var first []string
	for i, seen := range c.views() {
		var serving []string
		for _, line := range seen {
			node := c.byID(line.id)
			up := node != nil && node.answers()
			if up && line.failed() {
				return fmt.Errorf("%s is still held for failed", node.Addr())
			}
			if len(line.ranges) == 0 {
				continue
			}
			if !up {
				return fmt.Errorf("node %s is down and still serves %v", line.id, line.ranges)
			}
			serving = append(serving, line.id+" "+strings.Join(line.ranges, " "))
		}
		slices.Sort(serving)
		if i == 0 {
			first = serving
		} else if !slices.Equal(serving, first) {
			return errors.New("the nodes differ on who serves what")
		}
	}
	return nil
}

// linked says whether a replica follows its master.
func (s *RedisServer) linked() error {
	reply, err := s.Try("INFO", "replication")
	if err != nil {
		return err
	}
	info, _ := reply.(string)
	if infoField(info, "role") == "slave" && infoField(info, "master_link_status") != "up" {
		return fmt.Errorf("replica %s is not linked", s.Addr())
	}
	return nil
}
