// Package memstore is the store in the process's own memory: the fastest, and lost at exit. It suits tests, single
// processes whose users may log in again after a restart, and the model that other stores are compared with.
//
//	import memstore "github.com/jetonkit/jeton/store/memory"
//
// Its URL is "memory://", with the parameters max_token_life, max_marks and sweep.
package memstore

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/bell"
	"github.com/jetonkit/jeton/internal/dsn"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

var (
	_ store.TokenStore    = (*Store)(nil)
	_ store.Feed          = (*Store)(nil)
	_ store.SubjectLister = (*Store)(nil)
	_ store.Sweeper       = (*Store)(nil)
	_ store.Pinger        = (*Store)(nil)
	_ store.StatsReporter = (*Store)(nil)
)

const scheme = "memory"

func init() {
	store.Register(scheme, store.Driver{Open: func(_ context.Context, u *url.URL) (store.TokenStore, error) {
		if u.Host != "" || u.Path != "" || u.Opaque != "" || u.User != nil {
			return nil, &store.FieldError{Field: "URL", Problem: "names a place", Remedy: "write memory://, each opened store is its own"}
		}
		var o Options
		p := dsn.Read(u)
		p.Duration("max_token_life", &o.MaxTokenLife)
		p.Int("max_marks", &o.MaxMarks)
		p.Duration("sweep", &o.SweepInterval)
		if err := p.Err(); err != nil {
			return nil, err
		}
		return New(&o)
	}})
}

// Options change a store's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// MaxTokenLife is the longest life of an access token, and so how long marks are kept. 1s to 30 days.
	// Defaults to 24h.
	MaxTokenLife time.Duration
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place. 1 to 4096.
	// Defaults to 256.
	MaxMarks int
	// SweepInterval is how often what is dead is removed in the background; negative means never. Defaults to 1h.
	SweepInterval time.Duration
	// Now is the store's clock, for tests. Defaults to time.Now.
	Now func() time.Time
}

// shards is how many locks subjects are spread over.
const shards = 64

// Store keeps ledgers in memory. It is made by New and safe for concurrent use.
type Store struct {
	verbs.Verbs
	errs   verbs.Errors
	o      Options
	birth  time.Time
	shards [shards]shard
	feed   feed
	bell   bell.Bell

	// horizon is what new ledgers start with; it rises, under the swept ledger's lock, before that ledger goes.
	horizon atomic.Pointer[horizon]

	sweeps  atomic.Int64
	closed  atomic.Bool
	stop    chan struct{}
	stopped sync.WaitGroup
}

type horizon struct {
	seq uint64
	at  time.Time
}

type shard struct {
	mu      sync.RWMutex
	ledgers map[store.Digest]*book
}

// New returns an empty store. Close it, or its sweeper stays.
func New(o *Options) (*Store, error) {
	s := &Store{stop: make(chan struct{})}
	if o != nil {
		s.o = *o
	}
	if err := s.o.fill(); err != nil {
		return nil, err
	}
	s.errs = verbs.NewErrors(scheme, s.closed.Load)
	s.Verbs = verbs.New(s.errs, backend{s})
	for i := range s.shards {
		s.shards[i].ledgers = map[store.Digest]*book{}
	}
	s.birth = s.o.Now().UTC().Truncate(time.Microsecond)
	if err := ledger.CheckClock(s.birth); err != nil {
		return nil, s.errs.Fail("open", store.Digest{}, err)
	}
	s.horizon.Store(&horizon{seq: uint64(s.birth.UnixMicro()), at: s.birth})
	s.tell(s.birth, store.Event{Time: s.birth})
	if s.o.SweepInterval > 0 {
		s.stopped.Go(func() { verbs.SweepAlways(s, s.o.SweepInterval, s.stop) })
	}
	return s, nil
}

func (o *Options) fill() error {
	if err := ledger.CheckMaxTokenLife("Options.MaxTokenLife", o.MaxTokenLife, "use 0 for the default of 24h"); err != nil {
		return err
	}
	if o.MaxTokenLife == 0 {
		o.MaxTokenLife = store.DefaultMaxTokenLife
	}
	if o.SweepInterval == 0 {
		o.SweepInterval = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return ledger.FillMaxMarks(&o.MaxMarks)
}

// keep is how long the feed keeps events: as long as a token that they bar could live.
func (o *Options) keep() time.Duration { return o.MaxTokenLife + store.MarkMargin }

func (s *Store) env() ledger.Env {
	h := s.horizon.Load()
	return ledger.Env{
		Now: s.o.Now(), MaxTokenLife: s.o.MaxTokenLife, MaxMarks: s.o.MaxMarks,
		Horizon: h.seq, HorizonTime: h.at,
	}
}

func (s *Store) shard(d store.Digest) *shard { return &s.shards[d[1]%shards] }

// backend is what the verbs run on.
type backend struct{ *Store }

// View implements verbs.Backend.
func (s backend) View(_ context.Context, d store.Digest, read func(ledger.Reader, ledger.Env) error) error {
	sh := s.shard(d)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return read(reader{sh.ledgers[d]}, s.env())
}

// Update implements verbs.Backend.
func (s backend) Update(_ context.Context, d store.Digest, step verbs.Step) error {
	sh := s.shard(d)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	b := sh.ledgers[d]
	env := s.env()
	c, err := step(reader{b}, env)
	if !c.Write {
		return err
	}
	if b == nil {
		b = newBook()
		sh.ledgers[d] = b
	}
	b.apply(&c)
	for _, e := range c.Events {
		s.tell(env.Now, e)
	}
	return err
}

// tell appends an event to the feed and rings it.
func (s *Store) tell(now time.Time, e store.Event) {
	e.Birth = s.birth
	s.feed.append(now.Add(-s.o.keep()), e, s.bell.Ring)
}

// Capabilities implements store.TokenStore: nothing is evicted, and nothing survives the process.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{NeverEvicts: true, Precision: ledger.Precision, MaxTokenLife: s.o.MaxTokenLife}
}

// Close implements store.TokenStore. It waits for the sweeper.
func (s *Store) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		close(s.stop)
		s.bell.Close()
	}
	s.stopped.Wait()
	return nil
}
