// Package document makes a full store of any key-value store with compare-and-swap: three methods, [KV], and every verb,
// limit and refresh of the contract works. Each subject's ledger is one value.
//
// It suits subjects with up to some hundreds of sessions: every write reads and writes the whole ledger. For more, write a
// store with a key per token, as store/bolt does.
package document

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// Store implements the verbs of the contract and no face: a KV cannot be enumerated, and has no feed.
var _ store.TokenStore = (*Store)(nil)

// KV is what a document store stands on. It is safe for concurrent use. An error says that there was no answer; it becomes
// [store.ErrUnavailable], and after CompareAndSwap also [store.ErrIndeterminate].
type KV interface {
	// Load returns the value under a key and a tag that stands for this version of it. A key that is not there, or has
	// expired, has the tag nil. The document store does not keep or change the value after its step.
	Load(ctx context.Context, key string) (value []byte, tag any, err error)
	// CompareAndSwap stores a value if the key's version is still the tag's, and otherwise returns false, which says that
	// nothing was written: whoever cannot know returns an error. The tag nil makes the value where there is none, and never
	// replaces one (no upsert). Other tags are ones that Load returned for the same key at most a few seconds ago. The value is
	// the KV's to keep.
	//
	// A value may be removed once expires has passed, an absolute time, and not before. Everything in it has then been over
	// for a day or longer, so its loss is seen only on a clock that is set back by more than that: cuts, marks and nonces of
	// before the removal bar nothing any more there, and what they barred lives until it expires on that clock. Where clocks
	// may be that wrong, remove later, or never.
	CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error)
	// Close ends the KV. It is called once.
	Close() error
}

// Options change a store's defaults. The zero value, and nil, are the defaults.
type Options struct {
	// Name is what errors call the store. Defaults to "document".
	Name string
	// MaxBytes is the largest value that the KV takes: 16 KiB and more. An Issue, Rotate or Update that would leave no room
	// for a later revocation is [store.ErrTooLarge]. Defaults to 1,000,000.
	MaxBytes int
	// MaxMarks is how many unexpired marks a subject holds before the floor takes their place. 1 to 4096.
	// Defaults to 256; a small MaxBytes lowers it to what fits in half of it.
	MaxMarks int
	// MaxSkew is how far another process's clock may be ahead: a ledger written further in the future is [store.ErrClock].
	// Negative turns the check off, for a KV with one process. Defaults to 30 s.
	MaxSkew time.Duration
	// Attempts is how often a write that lost against another one is tried before it is [store.ErrUnavailable].
	// Defaults to 64.
	Attempts int
	// Now is the store's clock, for tests. Defaults to time.Now.
	Now func() time.Time
}

// The most bytes that a mark and a head take (keys.md), so that room can be kept for them.
const (
	markBytes = 160
	headBytes = 2048
	minBytes  = 16 << 10
)

func (o *Options) fill() error {
	if o.Name == "" {
		o.Name = "document"
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1_000_000
	}
	if o.MaxBytes < minBytes {
		return &store.FieldError{Field: "Options.MaxBytes", Problem: fmt.Sprintf("is %d, the least is %d", o.MaxBytes, minBytes), Remedy: "use a KV with larger values"}
	}
	fit := (o.MaxBytes/2 - headBytes) / markBytes
	if o.MaxMarks == 0 {
		o.MaxMarks = min(store.DefaultMaxMarks, fit)
	}
	if err := ledger.FillMaxMarks(&o.MaxMarks); err != nil {
		return err
	}
	if o.MaxMarks > fit {
		return &store.FieldError{Field: "Options.MaxMarks", Problem: fmt.Sprintf("is %d, values of %d bytes have room for %d", o.MaxMarks, o.MaxBytes, fit), Remedy: "lower it, or use 0"}
	}
	switch {
	case o.MaxSkew == 0:
		o.MaxSkew = 30 * time.Second
	case o.MaxSkew < 0:
		o.MaxSkew = 0
	}
	if o.Attempts == 0 {
		o.Attempts = 64
	}
	if o.Attempts < 1 {
		return &store.FieldError{Field: "Options.Attempts", Problem: fmt.Sprintf("is %d, the least is 1", o.Attempts), Remedy: "use 0 for the default of 64"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Store keeps ledgers in a KV. It is made by New and safe for concurrent use.
type Store struct {
	verbs.Verbs
	errs   verbs.Errors
	o      Options
	kv     KV
	caps   store.Capabilities
	space  wire.Keyspace
	closed atomic.Bool
}

// New makes a store over a KV and takes what it promises, for only its author knows: Durable, Shared, NeverEvicts, and
// MaxTokenLife (1s to 30 days), which is recorded in a new keyspace, 24h where it is zero, and read from an old one: there,
// another value than the recorded is an error. Precision is always a millisecond. o may be nil. Close closes the KV; after
// an error of New it is the caller's to close.
func New(ctx context.Context, kv KV, c store.Capabilities, o *Options) (*Store, error) {
	if kv == nil {
		return nil, &store.FieldError{Field: "kv", Problem: "is nil", Remedy: "pass what keeps the values"}
	}
	s := &Store{kv: kv, caps: c}
	if o != nil {
		s.o = *o
	}
	if err := s.o.fill(); err != nil {
		return nil, err
	}
	if err := ledger.CheckMaxTokenLife("Capabilities.MaxTokenLife", c.MaxTokenLife, "use 0 for the default of 24h"); err != nil {
		return nil, err
	}
	s.errs = verbs.NewErrors(s.o.Name, s.closed.Load)
	s.Verbs = verbs.New(s.errs, backend{s})
	if err := s.join(ctx); err != nil {
		return nil, s.errs.Fail("open", store.Digest{}, err)
	}
	s.caps.Precision, s.caps.MaxTokenLife = ledger.Precision, s.space.MaxTokenLife
	return s, nil
}

// spaceKey is the key of what all ledgers of a keyspace share.
const spaceKey = "jeton"

// join reads the keyspace, or begins it.
func (s *Store) join(ctx context.Context) error {
	for {
		value, tag, err := s.kv.Load(ctx, spaceKey)
		if err != nil {
			return unavailable(err)
		}
		if tag != nil {
			if s.space, err = wire.DecodeKeyspace(value); err != nil {
				return err
			}
			if life := s.caps.MaxTokenLife; life != 0 && life != s.space.MaxTokenLife {
				return &store.FieldError{
					Field: "Capabilities.MaxTokenLife", Problem: fmt.Sprintf("is %v, the keyspace was made with %v", life, s.space.MaxTokenLife),
					Remedy: "use 0 for what it was made with; marks were kept for that long",
				}
			}
			return nil
		}
		now := s.o.Now().UTC().Truncate(time.Microsecond)
		space := wire.Keyspace{Birth: now, MaxTokenLife: s.caps.MaxTokenLife}
		if space.MaxTokenLife == 0 {
			space.MaxTokenLife = store.DefaultMaxTokenLife
		}
		if _, err := s.kv.CompareAndSwap(ctx, spaceKey, nil, wire.AppendKeyspace(nil, space), now.Add(store.MaxLife)); err != nil {
			return unavailable(err)
		}
		// Read it back, whoever won. An ended context ends the loop by the KV's error, or here.
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Capabilities implements store.TokenStore.
func (s *Store) Capabilities() store.Capabilities { return s.caps }

// Close implements store.TokenStore.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	if err := s.kv.Close(); err != nil {
		return s.errs.Fail("close", store.Digest{}, unavailable(err))
	}
	return nil
}

func (s *Store) env() ledger.Env {
	return ledger.Env{
		Now: s.o.Now(), MaxTokenLife: s.space.MaxTokenLife, MaxMarks: s.o.MaxMarks, MaxSkew: s.o.MaxSkew,
		Horizon: uint64(max(0, s.space.Birth.UnixMicro())), HorizonTime: s.space.Birth,
	}
}

func key(d store.Digest) string { return hex.EncodeToString(d[:]) }
