package storecache

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// Options are what a [Cache] may be told. The zero value is the safe one for a store with a feed; over one without, MaxStale
// is required.
type Options struct {
	// MaxBytes bounds what the answers take, in bytes: at least [MinBytes], at most 1 TiB. Counters take 1.5 MiB beside it, and
	// the default engine about 3 % of MaxBytes, at once. Defaults to 64 MiB.
	MaxBytes int64
	// MaxStale is how long after another process's revocation a check may still begin that accepts the token: 3 ms to 1
	// hour, at least three times Poll. Over a store without a feed it is how long an answer is kept, and required: there is
	// no safe default for what nobody tells. Defaults to 2 s.
	MaxStale time.Duration
	// MaxAge bounds how old an answer gets, revoked or not: metadata that another process changed may be told for so long.
	// Each answer gets up to a tenth less, so that what was read together is not asked for again together. At most
	// 1 hour. Defaults to 1 minute.
	MaxAge time.Duration
	// Poll is how often each partition of the feed is polled, give or take a tenth: at least 1 ms. Defaults to a third of
	// MaxStale.
	Poll time.Duration
	// MaxReads bounds how many Lookups ask the store at once: 1 to 65,536. The others wait, each for as long as its context
	// lets it. Defaults to 256.
	MaxReads int
	// MaxAbsent is how many answers are kept in which every id is unknown, rounded up to a power of two: up to 1,048,576;
	// negative keeps none. They take memory beside MaxBytes, some 1.3 KiB each; those over 2 KiB are not kept. Defaults to
	// 4096.
	MaxAbsent int
	// Engine makes what keeps the answers, of at most maxBytes together. Defaults to ristretto.
	Engine func(maxBytes int64) (Engine, error)
	// Log is told when the feed fails: a poll, or the bell. It must not block. Defaults to nobody.
	Log func(error)
	// Now is the clock. It must be the process's own, with its monotonic reading; tests give another. Defaults to time.Now.
	Now func() time.Time
}

// MinBytes is the smallest MaxBytes: room for the largest answer about one session and its token.
const MinBytes = 64 << 10

const (
	defaultBytes  = 64 << 20
	defaultStale  = 2 * time.Second
	defaultAge    = time.Minute
	defaultReads  = 256
	defaultAbsent = 4096
	// absentAge is how long an answer of unknown ids is kept at most: another process's Issue is told to nobody.
	absentAge = time.Second
	// absentBytes is the size above which such an answer is not kept: one about a session and its token is below, whose ids
	// and names are of the usual lengths.
	absentBytes = 2 << 10

	leastPoll  = time.Millisecond
	leastStale = polls * leastPoll
	mostStale  = time.Hour
	mostAge    = time.Hour
	mostBytes  = 1 << 40 // the engine takes 3 % of it at once: a slip of the pen is no reason to end the process
	mostReads  = 1 << 16
	mostAbsent = 1 << 20
	// polls is how many polls MaxStale must have room for: two may fail before anything is asked for again.
	polls = 3
)

// withDefaults returns a copy with every default in place. o may be nil.
func (o *Options) withDefaults(feed bool) Options {
	var out Options
	if o != nil {
		out = *o
	}
	out.MaxBytes = cmp.Or(out.MaxBytes, defaultBytes)
	if feed {
		out.MaxStale = cmp.Or(out.MaxStale, defaultStale)
		out.Poll = cmp.Or(out.Poll, out.MaxStale/polls)
	}
	out.MaxAge = cmp.Or(out.MaxAge, defaultAge)
	out.MaxReads = cmp.Or(out.MaxReads, defaultReads)
	out.MaxAbsent = max(0, cmp.Or(out.MaxAbsent, defaultAbsent))
	if out.Engine == nil {
		out.Engine = newRistretto
	}
	if out.Log == nil {
		out.Log = func(error) {}
	}
	if out.Now == nil {
		out.Now = time.Now
	}
	return out
}

// check refuses options outside their limits. The defaults are in place.
func (o *Options) check(feed bool) error {
	switch {
	case o.MaxBytes < MinBytes:
		return invalid("MaxBytes", fmt.Sprintf("is %d, too small for one answer", o.MaxBytes), fmt.Sprintf("give it at least %d bytes", MinBytes))
	case o.MaxBytes > mostBytes:
		return invalid("MaxBytes", fmt.Sprintf("is %d, the limit is %d", o.MaxBytes, int64(mostBytes)), "give it the bytes that the process can spare")
	case o.MaxStale == 0:
		return invalid("MaxStale", "is zero over a store without a feed, which tells nobody of revocations",
			"set how long an answer may be kept after a revocation in another process")
	case o.MaxStale < leastStale:
		return invalid("MaxStale", fmt.Sprintf("is %v", o.MaxStale), fmt.Sprintf("give it at least %v", leastStale))
	case o.MaxStale > mostStale:
		return invalid("MaxStale", fmt.Sprintf("is %v, the limit is %v", o.MaxStale, mostStale), "lower it, or leave it zero for 2s over a feed")
	case !feed && o.Poll != 0:
		return invalid("Poll", "is set over a store without a feed", "leave it zero")
	case feed && (o.Poll < 0 || o.MaxStale/polls < o.Poll):
		return invalid("MaxStale", fmt.Sprintf("is %v, less than three polls of %v", o.MaxStale, o.Poll),
			"raise it, or lower Poll: with one failed poll everything would be asked for again")
	case feed && o.Poll < leastPoll:
		return invalid("Poll", fmt.Sprintf("is %v", o.Poll), fmt.Sprintf("give it at least %v, or leave it zero for a third of MaxStale", leastPoll))
	case o.MaxAge < 0 || o.MaxAge > mostAge:
		return invalid("MaxAge", fmt.Sprintf("is %v, the range is up to %v", o.MaxAge, mostAge), "lower it, or leave it zero for a minute")
	case o.MaxReads < 1 || o.MaxReads > mostReads:
		return invalid("MaxReads", fmt.Sprintf("is %d, the range is 1 to %d", o.MaxReads, mostReads), "leave it zero for 256")
	case o.MaxAbsent > mostAbsent:
		return invalid("MaxAbsent", fmt.Sprintf("is %d, the limit is %d", o.MaxAbsent, mostAbsent), "leave it zero for 4096")
	}
	return nil
}

func invalid(field, problem, remedy string) error {
	return &store.FieldError{Field: "Options." + field, Problem: problem, Remedy: remedy}
}
