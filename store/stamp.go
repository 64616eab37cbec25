package store

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/age"
)

// Stamp says how long an answer may be used without asking again. It holds the counters of the cache that gave the
// answer as they were before the backend was read, and is valid while they have not moved and time has not run out.
// The zero Stamp is never valid: ask again. A Stamp is immutable and safe for concurrent use.
type Stamp struct {
	s   StampSource
	and *Stamp // nil: none
}

// StampSource is what a cache makes a [Stamp] of. All of it is read before the backend is.
type StampSource struct {
	// Gen counts the changes of the subject's shard; GenSeen is its value.
	Gen     *atomic.Uint64
	GenSeen uint64
	// Writes counts the writes of the subject's shard that are on their way, and whose outcome others may know before Gen moves:
	// meanwhile the answer does not count. Nil for none.
	Writes *atomic.Int64
	// Absent counts the Issues of the subject's shard; AbsentSeen is its value. Nil for an answer without an unknown id,
	// which no Issue can change.
	Absent     *atomic.Uint64
	AbsentSeen uint64
	// Epoch counts the cache's doubts about all that it was told; EpochSeen is its value.
	Epoch     *atomic.Uint64
	EpochSeen uint64
	// SyncedAt is when the last drained poll of the subject's partition was sent. Nil for a cache without a feed, whose
	// MaxAge is the only bound.
	SyncedAt *atomic.Pointer[time.Time]
	// At is when the answer was asked for, with its monotonic reading.
	At time.Time
	// MaxAge bounds the age of the answer. Required.
	MaxAge time.Duration
	// MaxStale bounds the age of the last poll. Required with SyncedAt.
	MaxStale time.Duration
}

// NewStamp returns the stamp of an answer. A source without counters or bounds gives the zero Stamp.
func NewStamp(s StampSource) Stamp {
	if s.Gen == nil || s.Epoch == nil || s.At.IsZero() || s.MaxAge <= 0 || (s.SyncedAt != nil && s.MaxStale <= 0) {
		return Stamp{}
	}
	return Stamp{s: s}
}

// And returns the stamp of what stands on both answers: it is valid while both are.
func (t Stamp) And(other Stamp) Stamp {
	if t.s.Gen == nil || other.s.Gen == nil {
		return Stamp{}
	}
	if t.and != nil {
		other = t.and.And(other)
	}
	t.and = &other
	return t
}

// Valid reports whether the answer may be used at now, which must come from time.Now with its monotonic reading, after
// the check began that the answer is used for.
func (t Stamp) Valid(now time.Time) bool {
	// The poll first. Read after the counters, it could be one that came since, with the very revocation that the
	// counters did not show yet.
	return t.timely(now) && t.unchanged()
}

// Timely reports whether the answer is young enough at now, and the last poll of the feed recent enough. By itself it says
// nothing about revocations; ask it before Unchanged.
func (t Stamp) Timely(now time.Time) bool { return t.timely(now) }

func (t *Stamp) timely(now time.Time) bool {
	s := &t.s
	if s.Gen == nil {
		return false
	}
	if s.SyncedAt != nil {
		synced := s.SyncedAt.Load()
		if synced == nil || age.Of(*synced, now) > s.MaxStale {
			return false
		}
	}
	return age.Of(s.At, now) < s.MaxAge && (t.and == nil || t.and.timely(now))
}

// Unchanged reports whether no counter has moved: the cache has heard of nothing that changed the answer. It may have
// stopped hearing; what serves answers through an outage, outside of every promise, needs at least this.
func (t Stamp) Unchanged() bool { return t.unchanged() }

func (t *Stamp) unchanged() bool {
	s := &t.s
	// Who is on their way first. Read after Gen, it could be without one that has moved Gen since and was known before.
	return s.Gen != nil && (s.Writes == nil || s.Writes.Load() == 0) && s.Gen.Load() == s.GenSeen && s.Epoch.Load() == s.EpochSeen &&
		(s.Absent == nil || s.Absent.Load() == s.AbsentSeen) && (t.and == nil || t.and.unchanged())
}

// Age is how old the answer is at now, of two the older one's. The zero Stamp's is the longest that there is.
func (t Stamp) Age(now time.Time) time.Duration {
	if t.s.Gen == nil {
		return math.MaxInt64
	}
	old := age.Of(t.s.At, now)
	if t.and != nil {
		old = max(old, t.and.Age(now))
	}
	return old
}
