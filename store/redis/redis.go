// Package redisstore is the store on Redis (7.0 or later) or Valkey: one server, Sentinel or Cluster. It is the reference:
// many processes share it, every question is one round trip, and an acknowledged write is as durable as Options.Durability
// says.
//
//	import redisstore "github.com/jetonkit/jeton/store/redis"
//
// Its URLs are "redis://user:password@host:6379/0", "rediss://…" for TLS, "redis+cluster://host:7000" and
// "redis+sentinel://host:26379?master=mymaster"; see [Parse] for their parameters. A program that has a go-redis client
// already passes it to [New].
//
// The expiry of a session and the order of revocations follow the server's clock, never the client's.
package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

// scheme is the name in errors, whichever way the store was reached.
const scheme = "redis"

// Options change a store's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// Prefix begins every key, so that keyspaces can share a server: at most 64 bytes without braces or spaces.
	// Defaults to "jeton:".
	Prefix string
	// Partitions is how many feeds and slots the keyspace is spread over: 16, 64 or 256. It is recorded in a new keyspace,
	// 64 by default, and read from an old one: there, another value than the recorded is an error.
	Partitions int
	// MaxTokenLife is the longest life of an access token, and so how long marks are kept: 1s to 30 days. It is recorded
	// as Partitions is, 24h by default.
	MaxTokenLife time.Duration
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place: 1 to 4096, the same for
	// every process. Defaults to 256.
	MaxMarks int
	// Durability is what an acknowledged write has survived. Defaults to Memory.
	Durability Durability
	// FencedLookups lets no master answer Lookup and List that was cut off from its replicas: behind Sentinel an old master may
	// go on for a while beside its successor, and would tell what was revoked since as live. It costs a command a second for
	// each partition in use, and needs replicas: while the master has fewer than min-replicas-to-write, nobody can be verified
	// there, ErrUnavailable. Open refuses a server that asks for none. A cluster's masters fence themselves.
	FencedLookups bool
	// Timeout ends calls whose context has no deadline, the retries of one included. 10ms to 1min. Defaults to 3s.
	Timeout time.Duration
	// Logger gets what is no error but should be known: a check that the ACL denies, say. Defaults to slog.Default.
	Logger *slog.Logger
	// Now, where it is not nil, takes the place of the server's clock and the process's, for tests. It must not be earlier
	// than the server's, which removes expired keys by its own.
	Now func() time.Time
}

func (o *Options) fill() error {
	if o.Prefix == "" {
		o.Prefix = "jeton:"
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case len(o.Prefix) > 64 || strings.ContainsAny(o.Prefix, "{} \r\n"):
		return &store.FieldError{Field: "Options.Prefix", Problem: "is over 64 bytes, or has a brace or a space in it", Remedy: `use a short name such as "jeton:"`}
	case o.Partitions != 0 && o.Partitions != 16 && o.Partitions != 64 && o.Partitions != 256:
		return &store.FieldError{Field: "Options.Partitions", Problem: fmt.Sprintf("is %d", o.Partitions), Remedy: "use 16, 64 or 256, or 0 for what the keyspace says"}
	case o.Timeout < 10*time.Millisecond || o.Timeout > time.Minute:
		return &store.FieldError{Field: "Options.Timeout", Problem: fmt.Sprintf("is %v, the range is 10ms to 1m", o.Timeout), Remedy: "use 0 for the default of 3s"}
	case o.Durability.replicas < 0 || o.Durability.replicas > 5:
		return &store.FieldError{Field: "Options.Durability", Problem: fmt.Sprintf("waits for %d replicas, the range is 1 to 5", o.Durability.replicas), Remedy: "use Replicated(1) or Replicated(2)"}
	}
	if err := ledger.CheckMaxTokenLife("Options.MaxTokenLife", o.MaxTokenLife, "use 0 for what the keyspace says, 24h in a new one"); err != nil {
		return err
	}
	return ledger.FillMaxMarks(&o.MaxMarks)
}

// Store keeps ledgers on a server. It is made by Open or New and safe for concurrent use.
type Store struct {
	errs    verbs.Errors
	o       Options
	client  redis.UniversalClient
	cluster *redis.ClusterClient // client, where it is one
	owned   bool
	dial    time.Duration // how long the client may dial, all its tries together

	keys       keyspace.Redis
	life       time.Duration
	facts      facts
	level      durability
	partitions []partition
	bells      bells
	polls      gatherer
	mute       sync.Once   // tells that the bell is denied
	scripted   atomic.Bool // this user may not call functions
	fixed      fixed
	lanes      sync.Map // *redis.Client -> *lanes
	guests     sync.Map // address -> *redis.Client

	misfit   atomic.Pointer[error] // why the keyspace is no longer this store's
	closed   atomic.Bool
	stop     chan struct{}
	ended    sync.Once
	closeErr error

	trips, shared, retries, failures counter
}

type counter = atomic.Int64

var (
	_ store.TokenStore    = (*Store)(nil)
	_ store.Feed          = (*Store)(nil)
	_ store.SubjectLister = (*Store)(nil)
	_ store.Pinger        = (*Store)(nil)
	_ store.StatsReporter = (*Store)(nil)
)

// New returns a store on a client of the caller's: *redis.Client (also that of redis.NewFailoverClient) or
// *redis.ClusterClient. Close does not close it. The client must have ContextTimeoutEnabled, or a call could outlast its
// deadline, and must send every command to masters: a replica does not know the latest revocations.
func New(ctx context.Context, client redis.UniversalClient, o *Options) (*Store, error) {
	s := &Store{client: client, stop: make(chan struct{})}
	if o != nil {
		s.o = *o
	}
	s.errs = verbs.NewErrors(scheme, s.closed.Load)
	if err := s.open(ctx); err != nil {
		return nil, s.errs.Fail("open", store.Digest{}, err)
	}
	return s, nil
}

// ready refuses calls that should not begin.
func (s *Store) ready(ctx context.Context, op string) error {
	if err := s.errs.Ready(ctx, op); err != nil {
		return err
	}
	if misfit := s.misfit.Load(); misfit != nil {
		return s.errs.Fail(op, store.Digest{}, *misfit)
	}
	return nil
}

// Capabilities implements store.TokenStore. NeverEvicts is what the server's policy was when the store was opened; Health
// looks again.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{
		Durable: s.o.Durability != Memory(), Shared: true, NeverEvicts: s.facts.neverEvicts,
		Precision: ledger.Precision, MaxTokenLife: s.life,
	}
}

// Close implements store.TokenStore.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.ended.Do(func() {
		close(s.stop)
		s.guests.Range(func(_, n any) bool {
			_ = n.(*redis.Client).Close() //nolint:errcheck // nothing else is in it
			return true
		})
		if s.owned {
			if err := s.client.Close(); err != nil {
				s.closeErr = s.errs.Fail("close", store.Digest{}, unreachable(err))
			}
		}
	})
	return s.closeErr
}

// Stats implements store.StatsReporter.
func (s *Store) Stats() []store.Stat {
	return []store.Stat{
		{Name: "redis_round_trips", Value: s.trips.Load()},
		{Name: "redis_shared_calls", Value: s.shared.Load()},
		{Name: "redis_retries", Value: s.retries.Load()},
		{Name: "redis_failures", Value: s.failures.Load()},
	}
}

// now is the process's clock; a variable of its own so that it is read in one place.
func now() time.Time { return time.Now() }
