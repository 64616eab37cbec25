package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
)

// Durability is what an acknowledged write has survived. The zero value is Memory.
type Durability struct {
	replicas int
	fsync    bool
}

// Memory acknowledges a write when the master has it in memory: a failover or a crash may lose the last ones, revocations
// too.
func Memory() Durability { return Durability{} }

// Replicated acknowledges a write when n replicas (1 to 5) have it too: no failover to one of them loses it. A master with
// more replicas than n may be followed by one of the others, so let n be how many there are. Open refuses a server that
// does not keep min-replicas-to-write at n or higher, or that persists nothing.
func Replicated(n int) Durability { return Durability{replicas: n} }

// Fsynced acknowledges a write when it is on the master's disk: by WAITAOF (Redis 7.2, Valkey), or on an older server only
// where appendfsync is "always". With "everysec" a write takes up to a second. A failover may lose the last ones.
func Fsynced() Durability { return Durability{fsync: true} }

// String returns "memory", "replicated-2", "fsynced".
func (d Durability) String() string {
	switch {
	case d.fsync:
		return "fsynced"
	case d.replicas > 0:
		return fmt.Sprintf("replicated-%d", d.replicas)
	}
	return "memory"
}

// durability is a Durability on a server of a known version.
type durability struct {
	Durability
	// always: the server fsyncs each write before its reply, and there is nothing to wait for.
	always bool
}

// none reports whether nothing is to be waited for.
func (d durability) none() bool { return d.replicas == 0 && (!d.fsync || d.always) }

// most returns how long a wait lasts where the caller has more time. The disk is synced once a second, unless appendfsync is
// "always".
func (d durability) most() time.Duration {
	if d.fsync {
		return 2500 * time.Millisecond
	}
	return time.Second
}

// patient returns a client of the same connections that does not take one for dead while it waits.
func (d durability) patient(node *redis.Client) *redis.Client {
	if d.none() || node.Options().ReadTimeout < 0 {
		return node
	}
	return node.WithTimeout(node.Options().ReadTimeout + d.most())
}

// slack is what a wait's end may be late by: an idle server looks ten times a second, and the reply needs its way back.
const slack = 150 * time.Millisecond

// command returns the command that waits, at most until the caller's deadline.
func (d durability) command(ctx context.Context) *redis.Cmd {
	left := d.most()
	if end, ok := ctx.Deadline(); ok {
		rest := time.Until(end)
		left = min(left, rest-min(rest/2, slack))
	}
	ms := max(1, left.Milliseconds()) // 0 would wait for ever
	if d.fsync {
		return redis.NewCmd(ctx, "waitaof", 1, 0, ms)
	}
	return redis.NewCmd(ctx, "wait", d.replicas, ms)
}

// judge returns an error unless as many have the writes as the level promises.
func (d durability) judge(wait *redis.Cmd) error {
	reply, err := wait.Result()
	if message, told := asServer(err); told && code(message) != "UNBLOCKED" { // a failover ends the wait: its error passes
		return fmt.Errorf("%w: the server wrote and would not wait, %s: allow WAIT and WAITAOF to this user", store.ErrIndeterminate, code(message))
	}
	if err != nil {
		return err
	}
	got, want, who := reply, int64(d.replicas), "replicas have"
	if d.fsync {
		pair, ok := reply.([]any)
		if !ok || len(pair) != 2 {
			return fmt.Errorf("%w: an answer to WAITAOF that makes no sense", store.ErrIndeterminate)
		}
		got, want, who = pair[0], 1, "disks have"
	}
	if n, ok := got.(int64); !ok || n < want {
		return fmt.Errorf("%w: %v of %d %s the write: repeat the same request, which is safe, and look at the server's replicas and disk",
			store.ErrIndeterminate, got, want, who)
	}
	return nil
}
