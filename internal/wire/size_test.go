package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// mostBytes is what a value of a Redis hash may have: one longer value turns the whole hash into a hashtable, which costs
// nearly twice the memory (DESIGN §3).
const mostBytes = 64

const day = 24 * time.Hour

// session is a realistic record: an id of store.NewID, no metadata, no binding. Its ends are whole seconds, as issuers
// should ask for, unless a shape says otherwise.
func session(change ...func(*ledger.Entry)) ledger.Entry {
	e := plainRecord()
	r := &e.Record
	r.ExpiresAt, r.Deadline = whole(noon.Add(30*day)), whole(noon.Add(180*day))
	for _, c := range change {
		c(&e)
	}
	return e
}

func whole(t time.Time) time.Time { return t.Truncate(time.Second).Add(time.Second) }

func class(name string) func(*ledger.Entry) { return func(e *ledger.Entry) { e.Record.Class = name } }

// refreshed is a session of a certain age, refreshed so often, and last seen some minutes after the last refresh.
func refreshed(age time.Duration, rotation uint64) func(*ledger.Entry) {
	return func(e *ledger.Entry) {
		r := &e.Record
		r.Rotation, r.PrevLink = rotation, store.Link(sixteen(0xB0)).Tag()
		r.RotatedAt = milli(noon.Add(age))
		r.LastSeen = milli(r.RotatedAt.Add(14*time.Minute + 13*time.Millisecond))
		r.ExpiresAt = whole(r.RotatedAt.Add(30 * day))
	}
}

// kept is a session that "log out the others" spared at some age, which moves its Seq away from IssuedAt.
func kept(age time.Duration) func(*ledger.Entry) {
	return func(e *ledger.Entry) { e.Record.Seq = uint64(noon.Add(age).UnixMicro()) + 1 }
}

func noDeadline(e *ledger.Entry) {
	e.Record.Deadline = milli(noon.Add(store.MaxLife)).Add(time.Millisecond)
}

// anyMilli gives the ends milliseconds, as time.Now().Add(ttl) does.
func anyMilli(e *ledger.Entry) {
	e.Record.ExpiresAt, e.Record.Deadline = e.Record.ExpiresAt.Add(-7*time.Millisecond), e.Record.Deadline.Add(-7*time.Millisecond)
}

func replays(n int) func(*ledger.Entry) {
	return func(e *ledger.Entry) {
		e.Replays = make([]ledger.Replay, n)
		e.Record.LastSeen = e.Record.RotatedAt
	}
}

func mark(reason string) ledger.Entry {
	e := fullMark()
	e.Mark.No, e.Mark.Reason = 1_000_000, reason
	return e
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		shape string
		entry ledger.Entry
		most  int // more than mostBytes for shapes that are known not to fit
	}{
		{"a login", session(), mostBytes},
		{"a login with a class of 3 bytes", session(class("ios")), mostBytes},
		{"a login without a deadline", session(class("ios"), noDeadline), mostBytes},
		{"a login with ends in milliseconds", session(class("ios"), anyMilli), mostBytes},
		{"refreshed 10,000 times in 104 days", session(refreshed(104*day, 10_000)), mostBytes},
		{"refreshed 10,000 times, class", session(refreshed(104*day, 10_000), class("ios")), mostBytes},
		{"refreshed 10,000 times, class, no deadline", session(refreshed(104*day, 10_000), class("ios"), noDeadline), mostBytes},
		{"refreshed 10,000 times, class, ends in milliseconds", session(refreshed(104*day, 10_000), class("ios"), anyMilli), mostBytes},
		{"refreshed 10,000 times, class of 5 bytes", session(refreshed(104*day, 10_000), class("phone")), mostBytes},
		{"refreshed for a year, class, no deadline", session(refreshed(365*day, 35_000), class("ios"), noDeadline), mostBytes},
		{"updated 200 times", session(refreshed(104*day, 10_000), func(e *ledger.Entry) { e.Record.Version = 200 }), mostBytes},
		{"just refreshed, 3 replays answered", session(refreshed(104*day, 10_000), replays(3)), mostBytes},
		{"kept on its first day", session(refreshed(day/2, 40), kept(day/2), class("ios")), mostBytes},
		{"kept, and refreshed on that day", session(refreshed(104*day, 10_000), kept(104*day-time.Hour)), mostBytes},
		{"behind a floor", session(refreshed(104*day, 10_000), kept(104*day)), mostBytes},
		{"kept long ago", session(refreshed(104*day, 10_000), kept(60*day)), mostBytes},
		{"kept long ago, class, no deadline", session(refreshed(104*day, 10_000), kept(60*day), noDeadline, class("ios")), mostBytes},
		{"kept long ago, class", session(refreshed(104*day, 10_000), kept(60*day), class("ios")), 68},
		{"just refreshed, 3 replays answered, class", session(refreshed(104*day, 10_000), replays(3), class("ios")), 67},
		{"a mark with a reason of the store's", mark(store.ReasonEvicted), mostBytes},
		{"a mark with a reason of 45 bytes", mark(strings.Repeat("r", 45)), mostBytes},
		{"a mark with the longest reason", mark(strings.Repeat("r", store.MaxReasonLen)), 83},
	} {
		t.Run(c.shape, func(t *testing.T) {
			n := len(wire.AppendEntry(nil, ann.Digest(), &c.entry))
			t.Logf("%s: %d bytes", c.shape, n)
			if n > c.most {
				t.Errorf("%d bytes, want at most %d", n, c.most)
			}
			if c.most > mostBytes && n <= mostBytes {
				t.Errorf("%d bytes: it fits now, say so in the table", n)
			}
		})
	}
}
