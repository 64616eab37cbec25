package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/jetonkit/jeton/internal/bell"
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

// The buckets of a file, and what its meta bucket holds.
var (
	metaBucket    = []byte("jeton.meta")
	ledgersBucket = []byte("jeton.ledgers")
	feedBucket    = []byte("jeton.feed")

	formatKey  = []byte("format")
	birthKey   = []byte("birth")
	lifeKey    = []byte("max_token_life")
	horizonKey = []byte("horizon")
	sumKey     = []byte("sum")
)

// format is that of the file's keys; package wire versions the values.
const format = 1

// Store keeps ledgers in a bolt file. It is made by Open and safe for concurrent use.
type Store struct {
	verbs.Verbs
	errs  verbs.Errors
	o     Options
	db    *bbolt.DB
	birth time.Time
	life  time.Duration
	bell  bell.Bell

	// horizon is what new ledgers start with. It rises before the commit that makes a swept ledger disappear, so that
	// nobody sees the ledger gone and the horizon low.
	horizon atomic.Pointer[horizon]
	// update is db.Update; tests make it fail.
	update func(func(*bbolt.Tx) error) error

	calls    chan *call
	closed   atomic.Bool
	stop     chan struct{} // closed to end what runs in the background
	gone     chan struct{} // closed when the committer has ended
	stopped  sync.WaitGroup
	closeDB  sync.Once
	closeErr error

	commits, writes, sweeps atomic.Int64
}

type horizon struct {
	seq uint64
	at  time.Time
}

// Open opens a file, and makes it if it is not there (its directory must be). A file that another process has open is
// [store.ErrLocked] after Options.Timeout, one that is damaged or another program's [store.ErrCorrupt]. Close the store,
// or the file stays locked.
func Open(ctx context.Context, path string, o *Options) (*Store, error) {
	s := &Store{calls: make(chan *call, mostCalls), stop: make(chan struct{}), gone: make(chan struct{})}
	if o != nil {
		s.o = *o
	}
	s.errs = verbs.NewErrors(scheme, s.closed.Load)
	s.Verbs = verbs.New(s.errs, backend{s})
	if err := s.open(ctx, path); err != nil {
		return nil, s.errs.Fail("open", store.Digest{}, err)
	}
	s.stopped.Go(s.commitAlways)
	if s.o.SweepInterval > 0 {
		s.stopped.Go(func() { verbs.SweepAlways(s, s.o.SweepInterval, s.stop) })
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	if err := s.o.fill(); err != nil {
		return err
	}
	if path == "" {
		return &store.FieldError{Field: "path", Problem: "is empty", Remedy: "name the file"}
	}
	if err := s.openFile(ctx, path); err != nil {
		return err
	}
	err := verifyPages(path, s.db.Info().PageSize)
	if err == nil {
		err = guarded(s.prepare)
	}
	if err != nil {
		_ = s.db.Close() // the error at hand says more
		return err
	}
	s.update = s.db.Update
	return nil
}

// openFile opens and locks the file. bbolt waits by polling, so the context is honoured as a shorter timeout.
func (s *Store) openFile(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := s.o.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Millisecond, min(wait, time.Until(deadline)))
	}
	_, missing := os.Stat(path)
	err := guarded(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: wait, FreelistType: bbolt.FreelistMapType})
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: the file was held for %v: stop the other process, or use a store that processes can share", store.ErrLocked, wait)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("%w: the file is no bolt file, or damaged: %w", store.ErrCorrupt, err)
	case errors.Is(err, store.ErrCorrupt):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w: make the directory, or correct the path", store.ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if errors.Is(missing, fs.ErrNotExist) {
		if err := syncDir(filepath.Dir(path)); err != nil { // or the new file's name may not survive power loss
			_ = s.db.Close()
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it was only read
	return d.Sync()
}

// prepare makes a new file's buckets, or reads an old one's and verifies it.
func (s *Store) prepare() error {
	isNew := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil {
			return s.load(tx, meta)
		}
		if name, _ := tx.Cursor().First(); name != nil {
			return fmt.Errorf("%w: the file belongs to another program: name one of its own", store.ErrCorrupt)
		}
		isNew = true
		return nil
	})
	if isNew {
		err = s.db.Update(s.create)
	}
	if err != nil && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrClock) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

func (s *Store) create(tx *bbolt.Tx) error {
	s.birth = s.o.Now().UTC().Truncate(time.Microsecond)
	if err := ledger.CheckClock(s.birth); err != nil {
		return err
	}
	if s.life = s.o.MaxTokenLife; s.life == 0 {
		s.life = store.DefaultMaxTokenLife
	}
	s.horizon.Store(&horizon{seq: uint64(s.birth.UnixMicro()), at: s.birth})
	meta, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	for _, name := range [][]byte{ledgersBucket, feedBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	for _, kv := range []struct {
		key []byte
		n   uint64
	}{{formatKey, format}, {birthKey, uint64(s.birth.UnixMicro())}, {lifeKey, uint64(s.life)}, {sumKey, 0}} {
		if err := putNumber(meta, kv.key, kv.n); err != nil {
			return err
		}
	}
	if err := s.saveHorizon(tx); err != nil {
		return err
	}
	_, err = s.appendEvent(tx, store.Event{Time: s.birth})
	return err
}

func (s *Store) load(tx *bbolt.Tx, meta *bbolt.Bucket) error {
	var got [4]uint64
	for i, key := range [][]byte{formatKey, birthKey, lifeKey, sumKey} {
		n, err := number(meta, key)
		if err != nil {
			return err
		}
		got[i] = n
	}
	if got[0] != format {
		return fmt.Errorf("%w: the file has format %d, this release reads %d", store.ErrCorrupt, got[0], format)
	}
	s.birth, s.life = time.UnixMicro(int64(got[1])).UTC(), time.Duration(got[2])
	if s.o.MaxTokenLife != 0 && s.o.MaxTokenLife != s.life {
		return &store.FieldError{
			Field: "Options.MaxTokenLife", Problem: fmt.Sprintf("is %v, the file was made with %v", s.o.MaxTokenLife, s.life),
			Remedy: "use 0 for what the file says; marks were kept for that long",
		}
	}
	b, err := unseal(horizonKey, meta.Get(horizonKey))
	if err != nil || len(b) != 16 {
		return fmt.Errorf("%w: the file's horizon cannot be read", store.ErrCorrupt)
	}
	s.horizon.Store(&horizon{
		seq: binary.BigEndian.Uint64(b),
		at:  time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
	})
	if tx.Bucket(ledgersBucket) == nil || tx.Bucket(feedBucket) == nil {
		return fmt.Errorf("%w: the file lacks a bucket", store.ErrCorrupt)
	}
	if err := verifyLedgers(tx.Bucket(ledgersBucket), got[3]); err != nil {
		return err
	}
	return verifyFeed(tx.Bucket(feedBucket))
}

// putNumber writes a number of the meta bucket.
func putNumber(meta *bbolt.Bucket, key []byte, n uint64) error {
	return meta.Put(key, seal(key, binary.BigEndian.AppendUint64(nil, n)))
}

// saveHorizon writes the horizon with the transaction.
func (s *Store) saveHorizon(tx *bbolt.Tx) error {
	h := s.horizon.Load()
	b := binary.BigEndian.AppendUint64(nil, h.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(h.at.UnixMicro()))
	return tx.Bucket(metaBucket).Put(horizonKey, seal(horizonKey, b))
}

// keep is how long the feed keeps events: as long as a token that they bar could live.
func (s *Store) keep() time.Duration { return s.life + store.MarkMargin }

func (s *Store) env() ledger.Env {
	h := s.horizon.Load()
	return ledger.Env{
		Now: s.o.Now(), MaxTokenLife: s.life, MaxMarks: s.o.MaxMarks,
		Horizon: h.seq, HorizonTime: h.at,
	}
}

// guarded runs what reads the mapped file. bbolt panics on pages that make no sense, and a file cut short faults: both
// are errors here.
func guarded(run func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the file is damaged: %v", store.ErrCorrupt, p)
		}
	}()
	return run()
}

// Capabilities implements store.TokenStore.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{Durable: true, NeverEvicts: true, Precision: ledger.Precision, MaxTokenLife: s.life}
}

// Close implements store.TokenStore. It waits for writes under way, the sweeper and readers, and unlocks the file.
func (s *Store) Close() error {
	if s.closed.CompareAndSwap(false, true) {
		close(s.stop)
		s.bell.Close()
	}
	s.stopped.Wait()
	s.closeDB.Do(func() {
		if err := s.db.Close(); err != nil {
			s.closeErr = s.errs.Fail("close", store.Digest{}, fmt.Errorf("%w: %w", store.ErrUnavailable, err))
		}
	})
	return s.closeErr
}
