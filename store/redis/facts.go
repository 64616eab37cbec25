package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
)

// facts are what the servers say of themselves.
type facts struct {
	neverEvicts bool
	denied      bool // the ACL denies the question
	level       durability
	warnings    []string
}

// least is the lowest version: partial ids of XADD and script flags come with it.
const least = 7

// inspect asks every master what its settings promise, and refuses what does not keep the level. Where the ACL denies the
// question it promises nothing, and warns.
func (s *Store) inspect(ctx context.Context) (*facts, error) {
	all := facts{neverEvicts: true, level: durability{Durability: s.o.Durability, always: true}}
	nodes, err := s.masters(ctx)
	if err != nil {
		return nil, translate(ctx, err)
	}
	for _, node := range nodes {
		f, err := s.inspectNode(ctx, node)
		if err != nil {
			return nil, translate(ctx, err)
		}
		all.neverEvicts = all.neverEvicts && f.neverEvicts
		all.denied = all.denied || f.denied
		all.level.always = all.level.always && f.level.always
		all.warnings = append(all.warnings, f.warnings...)
	}
	for _, w := range all.warnings {
		s.o.Logger.WarnContext(ctx, "jeton: "+w)
	}
	return &all, nil
}

func (s *Store) inspectNode(ctx context.Context, node *redis.Client) (*facts, error) {
	f := &facts{level: durability{Durability: s.o.Durability}}
	info, err := node.Info(ctx, "server", "memory", "persistence", "replication").Result()
	if err != nil {
		if message, told := asServer(err); !told || code(message) != "NOPERM" {
			return nil, err
		}
		if s.o.Durability != Memory() {
			return nil, fmt.Errorf("%w: the ACL denies INFO, so the level %v cannot be checked: allow it", store.ErrUnavailable, s.o.Durability)
		}
		f.denied = true
		f.warn("the ACL denies INFO: NeverEvicts is not claimed, and a denylist is refused; allow it to this user")
		return f, s.fenced(ctx, node, f)
	}
	facts := parse(info)
	if err := version(facts["redis_version"]); err != nil {
		return nil, err
	}
	if facts["role"] == "slave" {
		return nil, fmt.Errorf("%w: the server is a replica, which does not know the latest revocations: name the master, or use redis+sentinel", store.ErrUnavailable)
	}
	if facts["redis_mode"] == "cluster" && s.cluster == nil {
		return nil, fmt.Errorf("%w: the server is part of a cluster: use redis+cluster://, or a *redis.ClusterClient", store.ErrUnavailable)
	}
	policy := facts["maxmemory_policy"]
	if f.neverEvicts = policy == "noeviction"; !f.neverEvicts {
		f.warn(fmt.Sprintf("the server's maxmemory-policy is %q: evicted sessions are logged out, and a denylist is refused; set noeviction", policy))
	}
	return f, cmp.Or(s.fenced(ctx, node, f), s.durable(ctx, node, facts, f))
}

// fenced checks that a master refuses what a fence does once it has lost its replicas.
func (s *Store) fenced(ctx context.Context, node *redis.Client, f *facts) error {
	if !s.o.FencedLookups {
		return nil
	}
	keeps, err := setting(ctx, node, "min-replicas-to-write", f)
	if err == nil && keeps == "0" {
		err = &store.FieldError{
			Field: "Options.FencedLookups", Problem: "is true, and the server's min-replicas-to-write is 0: a master that was cut off would answer all the same",
			Remedy: "set min-replicas-to-write to 1 or more, or use false",
		}
	}
	return err
}

func (f *facts) warn(text string) { f.warnings = append(f.warnings, text) }

// durable checks that a master can keep the level.
func (s *Store) durable(ctx context.Context, node *redis.Client, info map[string]string, f *facts) error {
	level := s.o.Durability
	if level == Memory() {
		return nil
	}
	const field = "Options.Durability"
	aof := info["aof_enabled"] == "1"
	if level.fsync {
		always, err := setting(ctx, node, "appendfsync", f)
		if err != nil {
			return err
		}
		f.level.always = aof && always == "always"
		if f.level.always || (aof && atLeast(info["redis_version"], 7, 2)) {
			return nil
		}
		return &store.FieldError{Field: field, Problem: "is fsynced, and the server does not write each command to disk", Remedy: "set appendonly yes, and appendfsync always where the server is older than 7.2"}
	}
	if !aof {
		return &store.FieldError{
			Field: field, Problem: fmt.Sprintf("is %v, and the server has no append-only file: a fast restart would lose what the replicas have too", level),
			Remedy: "set appendonly yes",
		}
	}
	keeps, err := setting(ctx, node, "min-replicas-to-write", f)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(keeps); keeps != "" && (err != nil || n < level.replicas) {
		return &store.FieldError{
			Field: field, Problem: fmt.Sprintf("is %v, and the server's min-replicas-to-write is %s: a master that was cut off would go on", level, keeps),
			Remedy: fmt.Sprintf("set min-replicas-to-write to %d or more", level.replicas),
		}
	}
	if n := online(info); n < level.replicas {
		return fmt.Errorf("%w: the level %v needs %d replicas, the master has %d: start them", store.ErrUnavailable, level, level.replicas, n)
	}
	if n := online(info); n > level.replicas {
		f.warn(fmt.Sprintf("the master has %d replicas and the level waits for %d: a failover to another one may lose the last writes; wait for as many as there are", n, level.replicas))
	}
	return nil
}

// online counts the replicas that follow, those apart that still load.
func online(info map[string]string) (n int) {
	for name, value := range info {
		if strings.HasPrefix(name, "slave") && strings.Contains(value, ",state=online,") {
			n++
		}
	}
	return n
}

// setting returns a setting of the server; empty, with a warning, where the ACL denies the question.
func setting(ctx context.Context, node *redis.Client, name string, f *facts) (string, error) {
	got, err := node.ConfigGet(ctx, name).Result()
	if message, told := asServer(err); told && (code(message) == "NOPERM" || code(message) == "ERR") {
		f.warn("the server denies CONFIG GET " + name + ", so that it is not checked: allow it to this user, or make sure of it")
		return "", nil
	}
	return got[name], err
}

// parse reads the lines of INFO.
func parse(info string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out
}

func version(text string) error {
	if atLeast(text, least, 0) {
		return nil
	}
	return fmt.Errorf("%w: the server has version %q, jeton needs %d.0 or later: upgrade it", store.ErrUnavailable, text, least)
}

func atLeast(text string, major, minor int) bool {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (a > major || (a == major && b >= minor))
}

// Health looks again at what Open checked, and returns an error where the server no longer keeps what the store promises.
func (s *Store) Health(ctx context.Context) error {
	if err := s.ready(ctx, "health"); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx, new(until), now())
	defer cancel()
	f, err := s.inspect(ctx)
	switch {
	case err != nil || !s.facts.neverEvicts || f.neverEvicts:
	case f.denied:
		err = fmt.Errorf("%w: NOPERM: the ACL denies INFO now, and did not when the store was opened: %s", store.ErrUnavailable, remedies["NOPERM"])
	default:
		err = fmt.Errorf("%w: the server's maxmemory-policy evicts now, and did not when the store was opened: set noeviction", store.ErrUnavailable)
	}
	if err == nil {
		err = s.rejoin(ctx) // the keyspace's settings are there, and are this store's
	}
	return s.errs.Fail("health", store.Digest{}, err)
}

// Ping implements store.Pinger: every master answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.ready(ctx, "ping"); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx, new(until), now())
	defer cancel()
	nodes, err := s.masters(ctx)
	for _, node := range nodes {
		err = cmp.Or(err, node.Ping(ctx).Err())
	}
	return s.errs.Fail("ping", store.Digest{}, translate(ctx, err))
}
