package store

import (
	"context"
	"time"
)

// TokenStore is what a backend implements and what every layer is.
//
// It is safe for concurrent use. Every method honours its context and is one atomic step per subject: a method that
// returns an error has changed nothing, unless the error is [ErrIndeterminate] or [ErrUnavailable] or the context's, after
// which the write may or may not have happened; calling again with the same request is then safe, because every write
// proves its own repeat. Unknown is an answer and not an error; an outage is always [ErrUnavailable] and never looks like
// unknown. After Close every method answers [ErrClosed]. Bad input is [ErrInvalid], as a [FieldError] that names the field.
//
// Every verb judges liveness before anything else, repeats too: when the record it names is not live it answers
// [ErrRevoked] (a mark or the cut is known) or [ErrNotFound], changes nothing and writes no event. Values are copied in
// and out: a caller may change what it passed or got.
type TokenStore interface {
	// Issue makes a new record and gives it Seq = ++seq and IssuedAt = LastSeen = RotatedAt = the store's time.
	// The limit is enforced and its victims are revoked in the same step; they enter the feed.
	// An id that a live record holds is [ErrExists], and a revoked one [ErrRevoked]. IfCut differing from the
	// ledger's cut is [ErrConflict]. A policy of Reject, or a ledger too large to judge, is [ErrLimit].
	// Its own repeat (the id is live, Link equal, rotation 0) answers the record again and evicts nobody.
	Issue(ctx context.Context, r IssueRequest) (Issued, error)

	// Lookup tells everything about at most [MaxIDs] ids in one round trip; Entries[i] is ids[i]'s. Without ids it
	// reads the cut alone, the guard of a login, and no layer answers it from memory. It changes nothing and an unknown
	// subject is no error.
	Lookup(ctx context.Context, s Subject, ids ...string) (State, error)

	// List tells the live records, newest first (by IssuedAt, ties in an order that does not change), a page at a time.
	// Each page is one consistent view. A page may hold fewer than asked; only an empty Next is the end.
	List(ctx context.Context, s Subject, p Page) (Records, error)

	// Rotate refreshes a session: one winner, grace and reuse are judged in the same step. See [Outcome].
	// More than GraceReplays distinct replays within the grace window are [ErrReplayLimit]; the session lives.
	Rotate(ctx context.Context, r RotateRequest) (Rotated, error)

	// Update changes metadata and expiry where Version is the record's; it increments Version, and nothing else does.
	// Another version is [ErrConflict], but for its own repeat (Version one higher, contents equal).
	// An Update that lowers ExpiresAt or Deadline enters the feed.
	Update(ctx context.Context, r UpdateRequest) (Record, error)

	// Touch notes that a session was seen (LastSeen = the store's time) and may slide its expiry upwards, never past
	// the deadline and never down. It moves no Version, writes no event, and never revives: a dead id is nil.
	Touch(ctx context.Context, r TouchRequest) error

	// Revoke bars ids, everything, or everything but one session. It is idempotent and never fails for size.
	Revoke(ctx context.Context, r Revocation) error

	// Forget revokes everything and erases the records, their metadata and the subject's text in the same step; the
	// cut and the hashed marks stay, for as long as a token could live.
	Forget(ctx context.Context, s Subject) error

	// Capabilities tells what the store promises. The zero value claims nothing.
	Capabilities() Capabilities

	// Close ends the store and waits for what it runs in the background. A layer closes what it wraps; a backend
	// closes only the client that it opened itself. Closing twice is nil.
	Close() error
}

// Capabilities are what a store promises. The zero value promises nothing, and a checker that needs more than is
// promised is refused when the program starts.
type Capabilities struct {
	// Durable: an acknowledged write survives the death of the process that keeps it.
	Durable bool
	// Shared: several processes see one state.
	Shared bool
	// NeverEvicts: nothing unexpired disappears by itself. A denylist on a store without it would un-revoke.
	NeverEvicts bool
	// Precision is the unit that ExpiresAt and Deadline are rounded up to.
	Precision time.Duration
	// MaxTokenLife is the longest life of an access token that the keyspace allows; marks are kept that long, plus
	// [MarkMargin]. Zero: unknown, and an issuer then refuses the store.
	MaxTokenLife time.Duration
}

// Limits of the contract. They bound what one call can cost.
const (
	// MaxNameLen is the largest length in bytes of a subject's realm, issuer or name and of an id.
	MaxNameLen = 256
	// MaxClassLen is the largest length in bytes of a class.
	MaxClassLen = 64
	// MaxBindingLen is the largest length in bytes of a binding.
	MaxBindingLen = 64
	// MaxReasonLen is the largest length in bytes of a reason.
	MaxReasonLen = 64
	// MaxIDs is how many ids one Lookup or Revoke takes.
	MaxIDs = 256
	// MaxLimit is the largest Max and MaxPerClass of a [Limit].
	MaxLimit = 256
	// MaxMetadata is how many metadata pairs a record takes.
	MaxMetadata = 64
	// MaxMetadataBytes is the largest sum in bytes of the keys and values of a record's metadata.
	MaxMetadataBytes = 16 << 10
	// MaxPage is the largest page of List.
	MaxPage = 1000
	// DefaultPage is the page of List when none is asked for.
	DefaultPage = 100
	// MaxReplays is the largest GraceReplays of a [RotateRequest].
	MaxReplays = 16
	// DefaultReplays is GraceReplays when it is zero.
	DefaultReplays = 3
	// MaxGrace is the longest grace window of a [RotateRequest].
	MaxGrace = 5 * time.Minute
	// MaxLife is how far in the future an expiry or a deadline may be: ten years.
	MaxLife = 10 * 365 * 24 * time.Hour
	// DefaultMaxTokenLife is a keyspace's longest access-token life unless it was made with another.
	DefaultMaxTokenLife = 24 * time.Hour
	// DefaultMaxMarks is how many unexpired marks a ledger holds before the floor takes their place.
	DefaultMaxMarks = 256
	// MaxLeeway is the largest clock leeway that a verifier may allow; marks outlive tokens by more than it.
	MaxLeeway = 2 * time.Minute
	// MarkMargin is how much longer than MaxTokenLife a mark is kept: the largest leeway and a margin for skew.
	MarkMargin = MaxLeeway + 3*time.Minute
)
