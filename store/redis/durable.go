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

// Replicated acknowledges a write when n replicas (1 to 5) have it too: no failover to one of them loses it. Open refuses
// a server that does not keep min-replicas-to-write at n or higher, or that persists nothing.
func Replicated(n int) Durability { return Durability{replicas: n} }

// Fsynced acknowledges a write when it is on the master's disk: by WAITAOF (Redis 7.2, Valkey), or on an older server only
// where appendfsync is "always".
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

// mostWait bounds a WAIT where the caller has no deadline.
const mostWait = time.Second

// command returns the command that waits, at most until the caller's deadline.
func (d durability) command(ctx context.Context) *redis.Cmd {
	left := mostWait
	if end, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(end)-5*time.Millisecond) // the reply needs its way back
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
