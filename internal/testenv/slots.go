package testenv

import (
	"fmt"
	"strconv"
)

// Migration moves a slot between two masters in steps, so that a test can look in between. Until Finish, keys
// that moved are reached by ASK, and commands over keys on both sides get TRYAGAIN.
type Migration struct {
	cluster  *Cluster
	slot     int
	From, To *RedisServer
}

// Migrate begins to move a slot: no key has moved yet.
func (c *Cluster) Migrate(slot int, to *RedisServer) *Migration {
	c.t.Helper()
	to.mayBreak()
	m := &Migration{cluster: c, slot: slot, From: c.MasterOf(slot), To: to}
	to.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "IMPORTING", m.From.id)
	m.From.Do("CLUSTER", "SETSLOT", strconv.Itoa(slot), "MIGRATING", to.id)
	return m
}

// Move moves up to n keys and returns how many it did, 0 when none is left.
func (m *Migration) Move(n int) int {
	m.cluster.t.Helper()
	reply := m.From.Do("CLUSTER", "GETKEYSINSLOT", strconv.Itoa(m.slot), strconv.Itoa(n))
	keys, _ := reply.([]any)
	if len(keys) == 0 {
		return 0
	}
	args := []string{"MIGRATE", loopback, strconv.Itoa(m.To.Port()), "", "0", "5000"}
	if m.cluster.password != "" {
		args = append(args, "AUTH", m.cluster.password)
	}
	args = append(args, "KEYS")
	for _, key := range keys {
		args = append(args, fmt.Sprint(key))
	}
	m.From.Do(args...)
	return len(keys)
}

// Finish moves what is left and hands the slot over. It returns when all nodes know.
func (m *Migration) Finish() {
	m.cluster.t.Helper()
	for moved := 1; moved > 0; {
		moved = m.Move(100)
	}
	m.To.Do("CLUSTER", "SETSLOT", strconv.Itoa(m.slot), "NODE", m.To.id)
	m.From.Do("CLUSTER", "SETSLOT", strconv.Itoa(m.slot), "NODE", m.To.id)
	m.cluster.AwaitOK()
}

// MigrateSlot moves a slot with its keys to another master.
func (c *Cluster) MigrateSlot(slot int, to *RedisServer) {
	c.t.Helper()
	c.Migrate(slot, to).Finish()
}
