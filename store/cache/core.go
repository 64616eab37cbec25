package storecache

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// core is the algorithm of stamps. Whether an answer counts depends on its counters and never on what the engine did with
// it:
//
//	a Lookup that misses  notes the time and the counters, then asks the store, and keeps the answer under what it noted
//	a Lookup that hits    looks at the last poll, then at the counters: all as noted
//	a write               goes to the store and then moves the counter, also when it failed
//	the feed              moves counters as it tells events, and only then the time of the last poll
//
// Each of these orders is the only one that holds; interleavings_test.go tries them all, and the others.
type core struct {
	ask    func(ctx context.Context, s store.Subject, ids ...string) (store.State, error)
	o      Options
	feed   bool
	seed   maphash.Seed
	engine Engine
	absent []atomic.Pointer[Answer]

	shards []shard
	parts  []part
	reads  chan struct{} // a place for each Lookup that may ask the store
	count  counters

	mu      sync.Mutex
	flights map[route]*flight
	alone   atomic.Uint64 // how many flights were nobody else's
	landed  sync.WaitGroup
	closed  atomic.Bool

	// probe is nil but for the checker of interleavings, which it lets choose who goes on.
	probe probe
}

// probe is told where an operation stands.
type probe interface {
	// at is a place where others may come in between.
	at(place string)
	// wait returns when a flight has landed.
	wait(landed <-chan struct{})
	// start runs an operation of its own.
	start(func())
}

// shards is how many counters the subjects share. A revocation makes what others share with it be asked for again: with a
// thousand a second, and answers kept for a minute, 3 % of all Lookups.
const shards = 1 << 16

// shard counts what happened to its subjects.
type shard struct {
	// gen counts whatever may have changed an answer for the worse.
	gen atomic.Uint64
	// absent counts Issues, after which an id without a live record may have one.
	absent atomic.Uint64
	// writes is how many are on their way. Others may know already what such a one has changed, by a write of their own or a
	// List, so nothing is told from memory then.
	writes atomic.Int64
}

// part is what is known of a partition of the feed.
type part struct {
	// epoch counts doubts: events may have been missed.
	epoch atomic.Uint64
	// synced is when the last poll was sent of which all is applied; nil for none.
	synced atomic.Pointer[time.Time]
}

func newCore(o Options, parts, shards int) *core {
	c := &core{
		o: o, feed: parts > 0, seed: maphash.MakeSeed(),
		shards: make([]shard, shards), parts: make([]part, max(1, parts)),
		reads: make(chan struct{}, o.MaxReads), flights: map[route]*flight{},
	}
	if o.MaxAbsent > 0 {
		n := 1
		for n < o.MaxAbsent {
			n *= 2
		}
		c.absent = make([]atomic.Pointer[Answer], n)
	}
	return c
}

// at gives way to the checker.
func (c *core) at(place string) {
	if c.probe != nil {
		c.probe.at(place)
	}
}

// shard is the subject's; its partition is another byte's.
func (c *core) shard(d store.Digest) *shard {
	return &c.shards[(int(d[2])<<8|int(d[3]))%len(c.shards)]
}

func (c *core) part(d store.Digest) *part { return &c.parts[d.Partition(len(c.parts))] }

// hash is the key of a question. It differs from process to process, so nobody can make keys that meet.
func (c *core) hash(q question) uint64 {
	h := mix(uint64(q.subject.Kind), maphash.String(c.seed, q.subject.Name))
	if q.subject.Realm != "" {
		h = mix(h+1, maphash.String(c.seed, q.subject.Realm))
	}
	if q.subject.Issuer != "" {
		h = mix(h+2, maphash.String(c.seed, q.subject.Issuer))
	}
	for _, id := range q.ids {
		h = mix(h+3, maphash.String(c.seed, id))
	}
	return h
}

// lookup answers from memory or asks the store. now is when the check began.
func (c *core) lookup(ctx context.Context, q question, now time.Time) (*Answer, error) {
	key := c.hash(q)
	if a := c.hit(key, q, now); a != nil {
		c.count.hits.Add(key)
		return a, nil
	}
	c.count.misses.Add(1)
	if err := store.CheckLookup(q.subject, q.ids); err != nil {
		return nil, err
	}
	return c.miss(ctx, key, q, now)
}

// hit is what memory answers at now; nil for nothing.
func (c *core) hit(key uint64, q question, now time.Time) *Answer {
	if a, ok := c.engine.Get(key); ok && c.counts(a, q, now) {
		return a
	}
	if len(c.absent) > 0 {
		if a := c.absent[key%uint64(len(c.absent))].Load(); a != nil && c.counts(a, q, now) {
			return a
		}
	}
	return nil
}

// counts reports whether an answer is the question's and may be used at now. One with a record that has expired may not:
// another process may have slid it, and Unknown would log somebody out.
func (c *core) counts(a *Answer, q question, now time.Time) bool {
	if !a.is(q) {
		return false
	}
	c.at("found")
	if c.valid(a.state.Stamp, now) && !a.ended(now) {
		return true
	}
	c.count.stale.Add(1)
	return false
}

// valid is Stamp.Valid in steps.
func (c *core) valid(s store.Stamp, now time.Time) bool {
	if !s.Timely(now) {
		return false
	}
	c.at("timely")
	return s.Unchanged()
}

// note reads the counters that a question's answer will be stamped with, and before them whether a write is on its way: one
// that was, and ended in between, has moved them.
func (c *core) note(q question, now time.Time) (src store.StampSource, writing bool) {
	d := q.subject.Digest()
	sh, p := c.shard(d), c.part(d)
	writing = sh.writes.Load() > 0
	src = store.StampSource{
		Gen: &sh.gen, GenSeen: sh.gen.Load(), Absent: &sh.absent, AbsentSeen: sh.absent.Load(),
		Writes: &sh.writes, Epoch: &p.epoch, EpochSeen: p.epoch.Load(), At: now, MaxAge: c.o.MaxAge,
	}
	if c.feed {
		src.SyncedAt, src.MaxStale = &p.synced, c.o.MaxStale
	} else {
		src.MaxAge = min(src.MaxAge, c.o.MaxStale)
	}
	src.MaxAge -= rand.N(src.MaxAge/10 + 1) //nolint:gosec // it only spreads reads
	return src, writing
}

// write is asked for a subject before the store is told to change it, and its end after the counters have moved.
func (c *core) write(s store.Subject) (end func()) {
	sh := c.shard(s.Digest())
	sh.writes.Add(1)
	return func() { sh.writes.Add(-1) }
}

// keep stamps an answer and keeps it. What is unknown altogether goes where there is a fixed number of places.
func (c *core) keep(key uint64, a *Answer, src store.StampSource) {
	if count(a.state, store.Live) == len(a.ids) { // an Issue may give any other id a record: a dead one is free in the end
		src.Absent = nil
	}
	if count(a.state, store.Unknown) < len(a.ids) {
		a.stamp(src)
		c.at("keep")
		if !c.engine.Set(key, a, a.bytes()) {
			c.count.drops.Add(1)
		}
		return
	}
	src.MaxAge = min(src.MaxAge, absentAge, c.o.MaxStale)
	a.stamp(src)
	if len(c.absent) == 0 || a.bytes() > absentBytes {
		return
	}
	c.at("keep")
	c.absent[key%uint64(len(c.absent))].Store(a)
}

// changed makes all that is known of a subject be asked for again. It comes after the store's reply: an answer that was
// read before the write and is kept after it carries the old count.
func (c *core) changed(s store.Subject) {
	c.shard(s.Digest()).gen.Add(1)
}

// issued makes the ids of a subject that have no live record be asked for again.
func (c *core) issued(s store.Subject) {
	c.shard(s.Digest()).absent.Add(1)
}

// Doubt implements follow.Handler: whatever was learnt of the partition's subjects must go.
func (c *core) Doubt(partition int) {
	c.at("doubt")
	c.count.doubts.Add(1)
	c.parts[partition].epoch.Add(1)
}

// Apply implements follow.Handler.
func (c *core) Apply(_ int, events []store.Event) {
	for i := range events {
		if !events[i].Subject.IsZero() {
			c.at("apply")
			c.count.events.Add(1)
			c.shard(events[i].Subject).gen.Add(1)
		}
	}
}

// Synced implements follow.Handler.
func (c *core) Synced(partition int, at time.Time) {
	c.at("synced")
	c.parts[partition].synced.Store(&at)
}
