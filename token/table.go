package token

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/jetonkit/jeton/internal/spread"
	"github.com/jetonkit/jeton/store"
)

// MinCacheBytes is the smallest VerifierOptions.CacheBytes: room for the largest token in each part of the table, unless its
// custom claims are many small objects, which take a multiple of their text; one that has no room is read each time.
const MinCacheBytes = 1 << 20

// maxCacheBytes keeps a slip of the pen from taking all memory with the first token.
const maxCacheBytes = 1 << 40

// known are the tokens that a verifier has accepted, by their text: a table of fixed size with several places for each hash,
// bounded in bytes. Only tokens whose signature was good get in, so that nobody without a key displaces anything. Finding takes
// no lock and writes nothing but marks. Whether a token may be accepted is judged each time by what stands in its entry, so that
// the table may forget whatever it likes. A nil one keeps nothing.
type known struct {
	seed   maphash.Seed
	most   int64 // bytes of each shard
	slots  int   // of each shard, a power of two
	shards [shards]shard
	hits   spread.Counter

	misses, stale, drops, outage atomic.Int64
}

const (
	shards = 16
	ways   = 8
	// leastEntry is about the smallest that an entry is, for which there are places: two for each.
	leastEntry = 1 << 10
	// tailBytes is how much of a token's end is hashed: an HMAC of 256 bits, and of other signatures as many. Each process has
	// its own hash, so nobody can make texts that meet; if they do, all of the text is compared.
	tailBytes = 43
)

type shard struct {
	sets atomic.Pointer[[]set] // nil before the first entry

	mu     sync.Mutex // of who writes
	bytes  int64
	hand   int
	closed bool
	_      [64]byte
}

type set [ways]slot

// slot is a place. Its hash and its entry are read one after the other and may not belong together: the text decides.
type slot struct {
	hash  atomic.Uint64
	entry atomic.Pointer[entry]
}

func newKnown(most int64) *known {
	k := &known{seed: maphash.MakeSeed(), most: most / shards, slots: ways}
	for int64(k.slots) < 2*k.most/leastEntry {
		k.slots *= 2
	}
	k.most -= int64(k.slots) * int64(unsafe.Sizeof(slot{}))
	return k
}

// find returns what is known of a text, and its hash.
func (k *known) find(raw string) (*entry, uint64) {
	if k == nil {
		return nil, 0
	}
	hash := maphash.String(k.seed, raw[max(0, len(raw)-tailBytes):])
	sets := k.shards[hash%shards].sets.Load()
	if sets == nil {
		return nil, hash
	}
	set := &(*sets)[setOf(hash, len(*sets))]
	for i := range set {
		if set[i].hash.Load() == hash {
			if e := set[i].entry.Load(); e != nil && e.raw == raw {
				return e, hash
			}
		}
	}
	return nil, hash
}

// setOf is the number of a hash's set; the lowest bits choose the shard.
func setOf(hash uint64, sets int) int { return int(hash/shards) & (sets - 1) }

// put keeps an entry, in the place of an older one of the same text.
func (k *known) put(e *entry) {
	s := &k.shards[e.hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || int64(e.bytes) > k.most {
		k.drops.Add(1)
		return
	}
	sets := s.sets.Load()
	if sets == nil {
		made := make([]set, k.slots/ways)
		sets = &made
		s.sets.Store(sets)
	}
	at := (*sets)[setOf(e.hash, len(*sets))].room(e)
	if old := at.entry.Load(); old != nil {
		s.bytes -= int64(old.bytes)
		if old.raw != e.raw {
			k.drops.Add(1)
		}
	}
	s.bytes += int64(e.bytes)
	at.entry.Store(e)
	at.hash.Store(e.hash)
	for s.bytes > k.most {
		k.evict(s, *sets, e)
	}
}

// room is the place for an entry: that of its text, else an empty one, else one that was not used since somebody last looked.
func (s *set) room(e *entry) *slot {
	var empty, idle *slot
	for i := range s {
		at := &s[(uint64(i)+e.hash>>60)%ways] // begin anywhere
		switch old := at.entry.Load(); {
		case old == nil:
			empty = at
		case old.raw == e.raw:
			return at
		case idle == nil && !old.used.Swap(false):
			idle = at
		}
	}
	switch {
	case empty != nil:
		return empty
	case idle != nil:
		return idle
	}
	return &s[e.hash>>60%ways]
}

// evict goes on to the next place and empties it, unless it was used since the hand last came by, or has just been filled.
func (k *known) evict(s *shard, sets []set, fresh *entry) {
	at := &sets[s.hand/ways][s.hand%ways]
	s.hand = (s.hand + 1) % k.slots
	if e := at.entry.Load(); e != nil && e != fresh && !e.used.Swap(false) {
		k.empty(s, at, e)
	}
}

func (k *known) empty(s *shard, at *slot, e *entry) {
	at.entry.Store(nil)
	s.bytes -= int64(e.bytes)
	k.drops.Add(1)
}

// drop forgets a text.
func (k *known) drop(e *entry) {
	if k == nil || e.key == nil {
		return
	}
	s := &k.shards[e.hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	sets := s.sets.Load()
	if sets == nil {
		return
	}
	set := &(*sets)[setOf(e.hash, len(*sets))]
	for i := range set {
		if old := set[i].entry.Load(); old != nil && old.raw == e.raw {
			k.empty(s, &set[i], old)
		}
	}
}

// close forgets everything, for good.
func (k *known) close() {
	if k == nil {
		return
	}
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.Lock()
		s.closed, s.bytes = true, 0
		s.sets.Store(nil)
		s.mu.Unlock()
	}
}

const (
	// entryBytes is what an entry takes beside its texts and record: itself, what its text says, and its Token, each rounded up.
	entryBytes = int(unsafe.Sizeof(entry{})+unsafe.Sizeof(parsed{})+unsafe.Sizeof(Token{})) + 64
	// a small map of texts is one group of eight pairs.
	mapBytes  = 320
	pairBytes = 40
)

// extraBytes is about what custom claims take where each object becomes a map of anything, which is the largest that they can
// become: many times their text.
func extraBytes(object []byte) int32 {
	n := len(object)
	for _, c := range object { // those in a text count as well: it is a bound
		switch c {
		case '{':
			n += mapBytes
		case ':':
			n += 2 * pairBytes
		case ',', '[':
			n += 32 // a place, and what lies in it
		case '"':
			n += 12
		}
	}
	return int32(n) //nolint:gosec // a token is at most MaxBytes
}

// size is about what keeping the entry takes.
func (e *entry) size() int32 {
	n := entryBytes + len(e.raw)*7/4
	if e.view != nil {
		n += int(unsafe.Sizeof(queries{}))
	}
	n += int(e.extraBytes) + len(e.claims.aud)*32
	if e.claims.noted != nil {
		n += int(unsafe.Sizeof(noted{}))
	}
	if e.foreign && e.claims.sid != "" { // its answer stands on two
		n += int(unsafe.Sizeof(store.Stamp{}))
	}
	if rec := e.token.session; rec != nil {
		n += int(unsafe.Sizeof(*rec)) + 16 + len(rec.ID) + len(rec.Class) + len(rec.Binding) + len(rec.Subject.Name) + len(rec.Subject.Realm) + len(rec.Subject.Issuer)
		if rec.Metadata != nil {
			n += mapBytes + max(0, len(rec.Metadata)-8)*pairBytes*2
			for name, value := range rec.Metadata {
				n += len(name) + len(value)
			}
		}
	}
	return int32(n) //nolint:gosec // a token is at most MaxBytes, and a record is bounded
}

// own is a copy that does not keep what a text was cut from, a header for instance.
func own(text string) string { return strings.Clone(text) }

// use marks an entry, for who looks for room.
func (e *entry) use() {
	if !e.used.Load() { // most are: nobody fights over it
		e.used.Store(true)
	}
}

func (k *known) missed() {
	if k != nil {
		k.misses.Add(1)
	}
}

func (k *known) stats() []store.Stat {
	if k == nil {
		return nil
	}
	return []store.Stat{
		{Name: "token_cache_hits", Value: k.hits.Sum()},
		{Name: "token_cache_stale", Value: k.stale.Load()},
		{Name: "token_cache_misses", Value: k.misses.Load()},
		{Name: "token_cache_drops", Value: k.drops.Load()},
		{Name: "token_served_stale", Value: k.outage.Load()},
	}
}
