package testenv

import (
	"slices"
	"strconv"
	"strings"
)

// nodeLine is one line of CLUSTER NODES: a node as another one sees it.
type nodeLine struct {
	id       string
	flags    []string
	masterID string   // "-" for a master
	ranges   []string // "0-5461" or "7"; migrating slots, in brackets, are left out
}

func (n nodeLine) master() bool { return slices.Contains(n.flags, "master") }
func (n nodeLine) myself() bool { return slices.Contains(n.flags, "myself") }

func (n nodeLine) failed() bool {
	return slices.Contains(n.flags, "fail") || slices.Contains(n.flags, "fail?")
}

func (n nodeLine) serves(slot int) bool {
	return slices.ContainsFunc(n.ranges, func(r string) bool {
		from, to, ranged := strings.Cut(r, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		return err == nil && err2 == nil && first <= slot && slot <= last
	})
}

// clusterNodes returns what a node sees.
func (s *RedisServer) clusterNodes() ([]nodeLine, error) {
	reply, err := s.Try("CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	text, _ := reply.(string)
	var nodes []nodeLine
	for line := range strings.Lines(text) {
		// id addr flags master ping pong epoch link ranges…
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		ranges := slices.DeleteFunc(fields[8:], func(r string) bool { return strings.HasPrefix(r, "[") })
		nodes = append(nodes, nodeLine{id: fields[0], flags: strings.Split(fields[2], ","), masterID: fields[3], ranges: ranges})
	}
	return nodes, nil
}

// views returns what each node that answers sees.
func (c *Cluster) views() [][]nodeLine {
	var views [][]nodeLine
	for _, node := range c.alive() {
		if seen, err := node.clusterNodes(); err == nil {
			views = append(views, seen)
		}
	}
	return views
}
