package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

func (s *Store) open(ctx context.Context) error {
	if err := s.o.fill(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.adopt(); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	s.level = durability{Durability: Durability{}} // nothing that open writes needs waiting for
	s.keys = keyspace.NewRedis(s.o.Prefix, 1)
	f, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	s.facts = *f
	if err := s.join(ctx); err != nil {
		return err
	}
	s.level = f.level
	s.lanes.Clear() // the lanes so far wait for nothing
	return nil
}

// adopt checks the client.
func (s *Store) adopt() error {
	timeouts, where := false, ""
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		s.cluster = c
		o := c.Options()
		timeouts, where = o.ContextTimeoutEnabled, "ClusterOptions"
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return &store.FieldError{Field: "client", Problem: "reads from replicas, which do not know the latest revocations", Remedy: "leave ReadOnly, RouteByLatency and RouteRandomly false"}
		}
	case *redis.Client:
		timeouts, where = c.Options().ContextTimeoutEnabled, "Options"
	case nil:
		return &store.FieldError{Field: "client", Problem: "is nil", Remedy: "pass a *redis.Client or a *redis.ClusterClient"}
	default:
		return &store.FieldError{Field: "client", Problem: fmt.Sprintf("is a %T", s.client), Remedy: "pass a *redis.Client (also of NewFailoverClient) or a *redis.ClusterClient"}
	}
	if !timeouts {
		return &store.FieldError{Field: "client", Problem: "would outlast a call's deadline", Remedy: "set " + where + ".ContextTimeoutEnabled"}
	}
	return nil
}

// join reads what the keyspace's processes share, or makes it, and sees to it that every partition has a feed.
func (s *Store) join(ctx context.Context) error {
	k, err := s.space(ctx)
	if err != nil {
		return err
	}
	if s.o.Partitions != 0 && s.o.Partitions != k.Partitions {
		return &store.FieldError{
			Field: "Options.Partitions", Problem: fmt.Sprintf("is %d, the keyspace was made with %d", s.o.Partitions, k.Partitions),
			Remedy: "use 0 for what the keyspace says; every key depends on it",
		}
	}
	if s.o.MaxTokenLife != 0 && s.o.MaxTokenLife != k.MaxTokenLife {
		return &store.FieldError{
			Field: "Options.MaxTokenLife", Problem: fmt.Sprintf("is %v, the keyspace was made with %v", s.o.MaxTokenLife, k.MaxTokenLife),
			Remedy: "use 0 for what the keyspace says; marks were kept for that long",
		}
	}
	s.life = k.MaxTokenLife
	s.keys = keyspace.NewRedis(s.o.Prefix, k.Partitions)
	s.partitions = make([]partition, k.Partitions)
	for part := range k.Partitions {
		if err := s.found(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// space returns what the keyspace's processes share.
func (s *Store) space(ctx context.Context) (wire.Keyspace, error) {
	k, known, err := s.readSpace(ctx)
	if err != nil || known {
		return k, err
	}
	k = wire.Keyspace{Birth: s.timeOr(now().UTC().Truncate(time.Microsecond)), MaxTokenLife: s.o.MaxTokenLife, Partitions: s.o.Partitions}
	if err := ledger.CheckClock(k.Birth); err != nil {
		return k, err
	}
	if k.MaxTokenLife == 0 {
		k.MaxTokenLife = store.DefaultMaxTokenLife
	}
	if k.Partitions == 0 {
		k.Partitions = 64
	}
	_, err = s.send(ctx, call{key: s.keys.Space(), write: true, make: func() []redis.Cmder {
		return []redis.Cmder{command(ctx, "set", s.keys.Space(), string(wire.AppendKeyspace(nil, k)), "nx")}
	}})
	if err != nil {
		return k, err
	}
	k, known, err = s.readSpace(ctx) // another process may have been faster
	if err == nil && !known {
		err = fmt.Errorf("%w: the keyspace's settings vanished at once: something else deletes keys", store.ErrUnavailable)
	}
	return k, err
}

func (s *Store) readSpace(ctx context.Context) (k wire.Keyspace, known bool, err error) {
	cmds, err := s.send(ctx, call{key: s.keys.Space(), make: func() []redis.Cmder {
		return []redis.Cmder{command(ctx, "get", s.keys.Space())}
	}})
	if err != nil {
		return k, false, err
	}
	c, _ := cmds[0].(once)
	text, err := c.Text()
	switch {
	case errors.Is(err, redis.Nil):
		return k, false, nil
	case err != nil:
		return k, false, errReply
	}
	k, err = wire.DecodeKeyspace([]byte(text))
	if err == nil && !slices.Contains([]int{16, 64, 256}, k.Partitions) {
		err = fmt.Errorf("%w: the keyspace has %d partitions: it is no Redis keyspace", store.ErrCorrupt, k.Partitions)
	}
	return k, err == nil, err
}

// found sees to it that a partition has a feed, and looks at it and at the server's clock for the first time. A user who
// may not write leaves it to those who may.
func (s *Store) found(ctx context.Context, part int) error {
	key := s.keys.Feed(part)
	see := func() error {
		var sent time.Time
		cmds, err := s.send(ctx, call{key: key, make: func() []redis.Cmder {
			sent = now()
			return s.look(ctx, part)
		}})
		if err != nil {
			return err
		}
		return s.note(part, sent, cmds)
	}
	if err := see(); err != nil || !s.partitions[part].seen.Load().unborn {
		return err
	}
	args := s.common(store.Subject{}, store.Digest{}, part)
	args[1] = key // the feed stands for the ledger, which is not touched
	_, err := s.send(ctx, call{
		key: key, write: true,
		make: func() []redis.Cmder { return run(ctx, "evalsha", genesisScript.sha, args) },
		eval: func() []redis.Cmder { return run(ctx, "eval", genesisScript.text, args) },
	})
	if err != nil {
		return err
	}
	return see()
}
