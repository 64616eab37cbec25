package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// SubjectLister is the face of a store that can enumerate its subjects, for admin pages and migration.
type SubjectLister interface {
	// Subjects yields every subject that may have live records, in no order, without nonces and forgotten ones; a subject
	// written meanwhile may be missed. An error ends the sequence.
	Subjects(ctx context.Context) iter.Seq2[Subject, error]
}

// Subjects enumerates the subjects of s. Where s cannot, the one pair yielded is [errors.ErrUnsupported].
func Subjects(ctx context.Context, s TokenStore) iter.Seq2[Subject, error] {
	if f, ok := s.(SubjectLister); ok {
		return f.Subjects(ctx)
	}
	return func(yield func(Subject, error) bool) { yield(Subject{}, unsupported("subjects")) }
}

// Sweeper is the face of a store that can remove what is dead now instead of in the background.
type Sweeper interface {
	// Sweep removes expired ledgers, records and marks. It never removes what could still bar a token.
	Sweep(ctx context.Context) (Swept, error)
}

// Swept counts what a sweep removed.
type Swept struct {
	// Ledgers, Records and Marks are how many of each.
	Ledgers, Records, Marks int
}

// Sweep sweeps s. Where s cannot, it is [errors.ErrUnsupported].
func Sweep(ctx context.Context, s TokenStore) (Swept, error) {
	if f, ok := s.(Sweeper); ok {
		return f.Sweep(ctx)
	}
	return Swept{}, unsupported("sweep")
}

// Pinger is the face of a store that can tell cheaply whether it answers.
type Pinger interface {
	// Ping returns nil when the store answers.
	Ping(ctx context.Context) error
}

// Ping asks s whether it answers; where s has no Ping, by a Lookup of a subject that nobody has.
func Ping(ctx context.Context, s TokenStore) error {
	if f, ok := s.(Pinger); ok {
		return f.Ping(ctx)
	}
	_, err := s.Lookup(ctx, Subject{Kind: KindOnce, Realm: "jeton", Name: "ping"})
	return err
}

// StatsReporter is the face of a store that counts.
type StatsReporter interface {
	// Stats returns the counters since the store was opened. The names stay the same. A layer's come first, then what it wraps.
	Stats() []Stat
}

// Stat is one counter.
type Stat struct {
	// Name is the counter's, in snake case behind its store's or layer's name: "bolt_commits".
	Name string
	// Value is its value.
	Value int64
	// Level is true for a value that may fall too: a size, a state.
	Level bool
}

// Stats returns the counters of s; none where it does not count.
func Stats(s TokenStore) []Stat {
	if f, ok := s.(StatsReporter); ok {
		return f.Stats()
	}
	return nil
}

// Feed is the face of a store that tells its revocations: every one is appended, in the same atomic step, to its
// partition's feed, and followers poll it. A follower never misses a revocation that survived; see [Batch.After].
type Feed interface {
	// Partitions returns how many partitions there are; a subject's is its digest's first byte modulo that number.
	Partitions(ctx context.Context) (int, error)
	// Poll reads a partition from the event at from on, that one included; the zero Position reads from the oldest. Events
	// are kept for as long as a token could live that they bar, and the last older one besides, so a partition is never
	// empty; the first of all is a genesis.
	Poll(ctx context.Context, partition int, from Position) (Batch, error)
	// Listen calls ring for every event as it happens until ctx ends or the bell breaks; its error is never nil. It only
	// hastens polls: a bell may be lost. ring must not block.
	Listen(ctx context.Context, ring func(Bell)) error
}

// FeedCloser is a feed with a connection of its own, as [OpenFeed] returns it.
type FeedCloser interface {
	Feed
	// Close ends the connection.
	Close() error
}

// Partition returns the partition of a subject's digest among n.
func (d Digest) Partition(n int) int { return int(d[0]) % n }

// Position is the place of an event in its partition.
type Position struct {
	// ID orders events within a partition; its form is the backend's. Empty in the zero Position.
	ID string
	// Nonce is random: two events with one ID but different nonces show a rollback after a failover.
	Nonce [8]byte
}

// Event is a revocation as feeds tell it: the ledger's order after the step, and the ids newly barred. It holds hashes and
// no name. An event with a zero Subject is a genesis: it begins a feed.
type Event struct {
	// Position is the event's place.
	Position Position
	// Birth is when the keyspace began; a new one means that the store was lost.
	Birth time.Time
	// Time is the store's time of the step.
	Time time.Time
	// Subject is the subject's digest.
	Subject Digest
	// IDs are the digests of the ids barred in the step, at most [MaxIDs].
	IDs []Digest
	// Cut, KeptCut and Floor are the ledger's after the step.
	Cut, KeptCut, Floor uint64
	// CutTime and FloorTime are the ledger's after the step.
	CutTime, FloorTime time.Time
	// Keep is the digest of the kept session's id; zero for none.
	Keep Digest
}

// Batch is the answer of a poll.
type Batch struct {
	// Events are in order, oldest first.
	Events []Event
	// More is true when the partition goes on after them.
	More bool
}

// After returns the events behind from, and whether the batch proves that nothing was missed in between: its first event
// must be the one at from, by ID and nonce. When it is false the follower drops what it knows and reads from the zero
// Position. A poll from the zero Position proves itself, unless it is empty, which no partition is.
func (b Batch) After(from Position) ([]Event, bool) {
	if len(b.Events) == 0 {
		return nil, false
	}
	if from == (Position{}) {
		return b.Events, true
	}
	if b.Events[0].Position != from {
		return nil, false
	}
	return b.Events[1:], true
}

// Bell is an event as it happens. A follower that stands at Prev applies it without a poll.
type Bell struct {
	// Partition is the event's.
	Partition int
	// Prev is the position of the event before.
	Prev Position
	// Event is the event.
	Event Event
}

// FeedOf returns the feed of s, or [errors.ErrUnsupported] where s has none.
func FeedOf(s TokenStore) (Feed, error) {
	if f, ok := s.(Feed); ok {
		return f, nil
	}
	return nil, unsupported("feed")
}

// Unwrapper is what a layer has: it returns what it wraps.
type Unwrapper interface {
	// Unwrap returns the wrapped store.
	Unwrap() TokenStore
}

// As finds the first store of type T in s and what it wraps. It is for inspection: what changes or judges is called on the
// outermost layer.
func As[T any](s TokenStore) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		u, ok := s.(Unwrapper)
		if !ok {
			break
		}
		s = u.Unwrap()
	}
	var zero T
	return zero, false
}

func unsupported(face string) error {
	return fmt.Errorf("jeton: this store has no %s: %w", face, errors.ErrUnsupported)
}
