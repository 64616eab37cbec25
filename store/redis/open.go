package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
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
	ctx, cancel := s.bounded(ctx, new(until), now())
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
	s.fix()
	s.lanes.Clear() // the lanes so far wait for nothing
	return nil
}

// adopt checks the client.
func (s *Store) adopt() error {
	timeouts, where := false, ""
	if v := reflect.ValueOf(s.client); !v.IsValid() || (v.Kind() == reflect.Pointer && v.IsNil()) {
		return &store.FieldError{Field: "client", Problem: "is nil", Remedy: "pass a *redis.Client or a *redis.ClusterClient"}
	}
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		s.cluster = c
		o := c.Options()
		timeouts, where = o.ContextTimeoutEnabled, "ClusterOptions"
		s.dial = o.DialTimeout * time.Duration(max(1, o.DialerRetries))
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return &store.FieldError{Field: "client", Problem: "reads from replicas, which do not know the latest revocations", Remedy: "leave ReadOnly, RouteByLatency and RouteRandomly false"}
		}
	case *redis.Client:
		o := c.Options()
		timeouts, where = o.ContextTimeoutEnabled, "Options"
		s.dial = o.DialTimeout * time.Duration(max(1, o.DialerRetries))
	default:
		return &store.FieldError{Field: "client", Problem: fmt.Sprintf("is a %T", s.client), Remedy: "pass a *redis.Client (also of NewFailoverClient) or a *redis.ClusterClient"}
	}
	if !timeouts {
		return &store.FieldError{Field: "client", Problem: "would outlast a call's deadline", Remedy: "set " + where + ".ContextTimeoutEnabled"}
	}
	return nil
}

// mostSkew is how far the server's clock may be from the machine's without a warning.
const mostSkew = 5 * time.Second

// join reads what the keyspace's processes share, or makes it, and sees to it that every partition has a feed.
func (s *Store) join(ctx context.Context) error {
	k, err := s.space(ctx, s.o)
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
	if err := s.stated(k); err != nil {
		return err
	}
	s.life = k.MaxTokenLife
	s.keys = keyspace.NewRedis(s.o.Prefix, k.Partitions)
	s.fix()
	s.partitions = make([]partition, k.Partitions)
	errs := make([]error, k.Partitions)
	var all sync.WaitGroup
	for part := range k.Partitions { // together they take a few round trips, however far the server is
		all.Go(func() { errs[part] = s.sight(ctx, part, true) })
	}
	all.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	unborn, skew := 0, time.Duration(0)
	for part := range s.partitions {
		seen := s.partitions[part].seen.Load()
		if seen.unborn {
			unborn++
		}
		skew = max(skew, seen.ahead.Abs())
	}
	if skew > mostSkew && s.o.Now == nil { // nothing here depends on it, but tokens' iat and exp are read by others
		s.o.Logger.WarnContext(ctx, "jeton: the server's clock and this machine's differ: set them, by NTP", "by", skew.Round(time.Second))
	}
	if unborn > 0 { // until a writer has opened it, everything there counts as older than the loss
		s.o.Logger.WarnContext(ctx, "jeton: partitions of the keyspace have no feed, and this user may not make it: have a writer open it", "partitions", unborn)
	}
	return nil
}

// stated refuses settings other than the usual ones on a server that may evict them, unless every process states them: one
// that finds them gone would make the usual ones, and write where nobody else reads.
func (s *Store) stated(k wire.Keyspace) error {
	const remedy = "state it in every process, or set maxmemory-policy noeviction"
	switch {
	case s.facts.neverEvicts:
	case k.Partitions != usualPartitions && s.o.Partitions == 0:
		return &store.FieldError{Field: "Options.Partitions", Problem: fmt.Sprintf("is %d in the keyspace, which the server may evict", k.Partitions), Remedy: remedy}
	case k.MaxTokenLife != store.DefaultMaxTokenLife && s.o.MaxTokenLife == 0:
		return &store.FieldError{Field: "Options.MaxTokenLife", Problem: fmt.Sprintf("is %v in the keyspace, which the server may evict", k.MaxTokenLife), Remedy: remedy}
	}
	return nil
}

// usualPartitions is how many a new keyspace has where nothing else is said.
const usualPartitions = 64

// space returns what the keyspace's processes share; where there is nothing yet, it makes it after o.
func (s *Store) space(ctx context.Context, o Options) (wire.Keyspace, error) {
	k, known, err := s.readSpace(ctx)
	if err != nil || known {
		return k, err
	}
	k = wire.Keyspace{Birth: s.timeOr(now().UTC().Truncate(time.Microsecond)), MaxTokenLife: o.MaxTokenLife, Partitions: o.Partitions}
	if err := ledger.CheckClock(k.Birth); err != nil {
		return k, err
	}
	if k.MaxTokenLife == 0 {
		k.MaxTokenLife = store.DefaultMaxTokenLife
	}
	if k.Partitions == 0 {
		k.Partitions = usualPartitions
	}
	_, err = s.send(ctx, call{key: s.keys.Space(), write: true, args: []any{"set", s.keys.Space(), string(wire.AppendKeyspace(nil, k)), "nx"}})
	if errors.Is(err, errDenied) {
		return k, fmt.Errorf("%w: the keyspace is new, and this user may not make it: have a writer open it first", err)
	}
	if err != nil {
		return k, err
	}
	k, known, err = s.readSpace(ctx) // another process may have been faster
	if err == nil && !known {
		err = fmt.Errorf("%w: the keyspace's settings vanished at once: something else deletes keys", store.ErrUnavailable)
	}
	return k, err
}

// rejoin looks at the keyspace's settings after a loss, and makes them anew if they went too. Where another process was
// faster and made others, this one keeps to keys that nobody else reads: from then on it refuses every call.
func (s *Store) rejoin(ctx context.Context) error {
	o := s.o
	o.Partitions, o.MaxTokenLife = s.keys.Partitions(), s.life
	k, err := s.space(ctx, o)
	if errors.Is(err, errDenied) { // this user only reads; a writer will make them
		return nil
	}
	if err != nil || (k.Partitions == o.Partitions && k.MaxTokenLife == o.MaxTokenLife) {
		return err
	}
	misfit := fmt.Errorf("%w: the keyspace was lost, and made anew with %d partitions and a MaxTokenLife of %v: open the store again",
		store.ErrUnavailable, k.Partitions, k.MaxTokenLife)
	s.misfit.Store(&misfit)
	return misfit
}

func (s *Store) readSpace(ctx context.Context) (k wire.Keyspace, known bool, err error) {
	t, err := s.send(ctx, call{key: s.keys.Space(), args: []any{"get", s.keys.Space()}})
	if err != nil {
		return k, false, err
	}
	c, _ := t.cmds[0].(once)
	text, err := c.Text()
	switch {
	case isNil(err):
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

// bear sees to it that a partition has a feed.
func (s *Store) bear(ctx context.Context, part int) error {
	key := s.keys.Feed(part)
	a := s.common(owner{part: part, key: key}, 0) // the feed stands for the ledger, which is not touched
	_, err := s.send(ctx, call{key: key, write: true, script: genesisScript, args: a.list})
	return err
}
