// Package ledger is the semantics of docs/semantics.md as pure functions: they read a subject's ledger through a Reader
// and return what to change, and the backend applies the change in the same atomic step. Memory, bolt and document
// stores call them, so that a rule is written once.
package ledger

import (
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// Head is a ledger's order and bookkeeping, of fixed size but for the subject's text and Keep.
type Head struct {
	// Subject is the text, for enumeration; zero until something is issued, and again once forgotten.
	Subject store.Subject
	// Seq is the last place given.
	Seq uint64
	// Cut, CutTime, Floor, FloorTime, Keep and KeptCut are as in store.State.
	Cut, Floor, KeptCut uint64
	CutTime, FloorTime  time.Time
	Keep                string
	// Ops are those of the last cuts, the newest first; zero where there is none.
	Ops [4]store.Op
	// Time is the latest time of the store's at which it was written.
	Time time.Time
	// Until is when nothing in the ledger can matter any more.
	Until time.Time
	// Entries and Marks count what is stored, dead or not; Entries includes Marks.
	Entries, Marks int
	// MarkNo numbers the marks in the order of their making.
	MarkNo uint64
	// Cursor is the last field that pruning has looked at.
	Cursor keyspace.Field
}

// Entry is what is stored under a field: a record, or a mark where Mark is not nil.
type Entry struct {
	// Field is where.
	Field keyspace.Field
	// Record is the record; its Subject is filled in by whoever read it.
	Record store.Record
	// Replays are the tags of the distinct NextLinks that the current grace window has answered.
	Replays []Replay
	// Mark bars the id.
	Mark *Mark
}

// Replay is the tag of a NextLink that was answered with Replayed. Sixteen bits tell a repeat from another replay; one in
// 65,536 others is let through, which the window's other bounds allow for.
type Replay [2]byte

// Mark is a blacklist entry.
type Mark struct {
	// No orders marks by their making.
	No uint64
	// Until is when the mark ends: no token that it bars can live longer.
	Until time.Time
	// Reason is the revocation's.
	Reason string
}

// Position is a record's place in the order of List: newest first.
type Position struct {
	IssuedAt time.Time
	Field    keyspace.Field
}

// Reader reads one subject's ledger as it was before the step. What it returns is the ledger's to keep: a Reader over
// shared memory copies.
type Reader interface {
	// Head returns the head; false where there is no ledger.
	Head() (Head, bool, error)
	// Get returns the entry under a field.
	Get(f keyspace.Field) (Entry, bool, error)
	// OldestMarks returns up to n marks by No, the lowest first.
	OldestMarks(n int) ([]Entry, error)
	// Scan returns up to n entries after a field, in the order of fields.
	Scan(after keyspace.Field, n int) ([]Entry, error)
	// Newest returns up to n records older than a position (nil: from the newest on), by IssuedAt and then by field, both
	// falling.
	Newest(before *Position, n int) ([]Entry, error)
}

// Env is what a step needs to know besides the ledger.
type Env struct {
	// Now is the store's time.
	Now time.Time
	// MaxTokenLife is the keyspace's.
	MaxTokenLife time.Duration
	// MaxMarks bounds the unexpired marks of a ledger.
	MaxMarks int
	// MaxSkew, where it is not zero, refuses a ledger whose last write is further in the future: another client's clock is
	// wrong. Stores that alone own their clock leave it zero.
	MaxSkew time.Duration
	// Horizon and HorizonTime are what a ledger that is not there starts with: the keyspace's birth, or the latest Seq of
	// a ledger that was swept. So neither a lost store nor a swept cut brings a token back.
	Horizon     uint64
	HorizonTime time.Time
}

// Precision is what ExpiresAt and Deadline are rounded up to.
const Precision = time.Millisecond

// Change is what a step changes. The zero Change changes nothing.
type Change struct {
	// Write is true where there is anything to apply.
	Write bool
	// Head is the new head.
	Head Head
	// Edits are the entries changed, in no order.
	Edits []Edit
	// EraseRecords removes every record, besides Edits; marks stay.
	EraseRecords bool
	// Events are the feed's, without position and birth.
	Events []store.Event
	// Revokes is true where the step was asked to revoke, or ends a session for reuse: it must not fail for its size.
	Revokes bool
}

// Edit changes one entry. Old is nil for a new one, New is nil for a removed one.
type Edit struct {
	Field    keyspace.Field
	Old, New *Entry
}

// markLife is how long a mark lasts from its making: the longest token, and the leeway and skew of whoever verifies it.
func (e Env) markLife() time.Duration { return e.MaxTokenLife + store.MarkMargin }

// keep is how long a ledger outlives its latest member or cut.
func (e Env) keep() time.Duration { return max(24*time.Hour, e.markLife()) }

// status judges an entry; the reason is for a revoked one.
func (e Env) status(h *Head, en *Entry) (store.Status, string) {
	switch {
	case en == nil:
		return store.Unknown, ""
	case en.Mark != nil:
		if en.Mark.Until.After(e.Now) {
			return store.Revoked, en.Mark.Reason
		}
		return store.Unknown, ""
	case !en.Record.ExpiresAt.After(e.Now):
		return store.Unknown, ""
	case en.Record.Seq <= h.Cut:
		return store.Revoked, store.ReasonCut
	}
	return store.Live, ""
}

// dead returns the error of a verb that names a record with this status; nil for a live one.
func dead(s store.Status) error {
	switch s {
	case store.Live:
		return nil
	case store.Revoked:
		return store.ErrRevoked
	case store.Unknown:
	}
	return store.ErrNotFound
}

// roundUp rounds an end up to the precision; zero stays zero.
func roundUp(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	down := t.Truncate(Precision)
	if down.Equal(t) {
		return down.UTC()
	}
	return down.Add(Precision).UTC()
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// milli rounds a time of the store's down to the precision that records keep of it.
func milli(t time.Time) time.Time { return t.Truncate(time.Millisecond) }
