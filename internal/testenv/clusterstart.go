package testenv

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// launch starts the nodes and makes them a cluster. It is not left to redis-cli, which waits in steps of a
// second and may not be installed.
func (c *Cluster) launch(start func(i int) (*RedisServer, error)) error {
	for i := range masters * (1 + c.replicas) {
		node, err := start(i)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
	}
	for _, step := range []func() error{c.introduce, c.assign, c.meet, c.follow} {
		if err := step(); err != nil {
			return err
		}
	}
	return poll(startLimit, c.settled)
}

// introduce gives each node an epoch of its own, which they would otherwise have to agree on, and learns its id.
func (c *Cluster) introduce() error {
	for i, node := range c.nodes {
		if _, err := node.Try("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
		id, err := node.Try("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		node.id, _ = id.(string)
	}
	return nil
}

// assign spreads the slots over the masters as redis-cli does.
func (c *Cluster) assign() error {
	for i := range masters {
		first, last := i*slots/masters, (i+1)*slots/masters-1
		if _, err := c.nodes[i].Try("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
	}
	return nil
}

// meet introduces every node to every other, which is quicker than waiting for gossip.
func (c *Cluster) meet() error {
	for i, node := range c.nodes {
		for _, other := range c.nodes[:i] {
			if _, err := node.Try("CLUSTER", "MEET", loopback, strconv.Itoa(other.Port())); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow makes the later nodes replicas, once they know their masters.
func (c *Cluster) follow() error {
	var wait sync.WaitGroup
	errs := make([]error, len(c.nodes))
	for i := masters; i < len(c.nodes); i++ {
		wait.Go(func() {
			errs[i] = poll(startLimit, func() error {
				_, err := c.nodes[i].Try("CLUSTER", "REPLICATE", c.nodes[i%masters].id)
				return err
			})
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("replica %s: %w", c.nodes[i].Addr(), err)
		}
	}
	last := time.Now()
	return poll(startLimit, func() error {
		err := c.complete()
		if err != nil && time.Since(last) > time.Second {
			last = time.Now() // a busy machine loses handshakes, and then a node answers who is not in its list with silence
			err = errors.Join(err, c.meet())
		}
		return err
	})
}

// complete says whether every node knows the whole cluster and every replica's master knows it as one.
func (c *Cluster) complete() error {
	for _, node := range c.nodes {
		seen, err := node.clusterNodes()
		if err != nil {
			return err
		}
		following := 0
		for _, line := range seen {
			if line.masterID != "-" && !line.master() {
				following++
			}
		}
		if len(seen) != len(c.nodes) || following != len(c.nodes)-masters {
			return fmt.Errorf("%s knows %d nodes, %d of them replicas", node.Addr(), len(seen), following)
		}
	}
	return nil
}
