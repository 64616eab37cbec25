package revocation

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/store"
)

// part is one partition of the feed: what is known of it since its last doubt.
type part struct {
	mu  sync.Mutex // of who writes
	set atomic.Pointer[set]
}

// set is what a partition's feed has told since a doubt. Before it is complete it has not been synced at all.
type set struct {
	synced atomic.Pointer[age.Moment]
	tables []atomic.Pointer[table] // by the subject's digest; nil for an empty one

	// Written before synced is, and never after: another birth is a doubt.
	birth    time.Time
	birthSeq uint64
	foreign  time.Time // foreign tokens up to it are refused; zero for none

	dropped time.Time // the writer's: when something was last left out since its time is over
}

func newSet(tables int) *set { return &set{tables: make([]atomic.Pointer[table], tables)} }

// ready reports whether the set is complete and no older than maxStale.
func (s *set) ready(now time.Time, maxStale time.Duration) bool {
	m := s.synced.Load()
	return m != nil && m.Age(now) <= maxStale
}

// table returns where a subject's entries are.
func (s *set) table(subject *store.Digest) *atomic.Pointer[table] {
	return &s.tables[int(subject[1])%len(s.tables)]
}

// born notes a birth. The latest counts, should a feed hold several: it is what every ledger there is younger than.
func (s *set) born(birth, firstInstall time.Time) {
	if !birth.After(s.birth) {
		return
	}
	s.birth, s.birthSeq, s.foreign = birth, micros(birth), birth
	if !firstInstall.IsZero() && birth.Sub(firstInstall).Abs() <= firstInstallWindow {
		s.foreign = time.Time{}
	}
}

// apply takes in an event.
func (s *set) apply(v *View, e *store.Event, now time.Time) {
	s.born(e.Birth, v.o.FirstInstall)
	if e.Subject.IsZero() {
		return
	}
	until := later(e.Time, later(e.CutTime, e.FloorTime)).Add(v.keep)
	if until.Before(now) {
		s.dropped = now
		return
	}
	ends := micros(until)/1e6 + 1
	at := s.table(&e.Subject)
	if h := s.headOf(e); h.cut != 0 || h.cutTime != 0 || h.floor != 0 || h.floorTime != 0 {
		h.until = ends
		k := v.seeds.key(&e.Subject, &store.Digest{})
		t := s.room(v, at, now)
		if old := t.find(k); old != nil {
			was := t.head(old.v.Load())
			was.until = max(was.until, was.cut/1e6+1+v.life())
			was.merge(h)
			old.v.Store(was.word(t))
		} else {
			t.add(k, h.word(t))
		}
	}
	for i := range e.IDs {
		k := v.seeds.key(&e.Subject, &e.IDs[i])
		t := s.room(v, at, now)
		if old := t.find(k); old != nil {
			old.v.Store(max(old.v.Load(), ends))
		} else {
			t.add(k, ends)
		}
	}
}

// headOf returns what an event says of its subject that the birth does not say already.
func (s *set) headOf(e *store.Event) head {
	h := head{floor: e.Floor, floorTime: micros(e.FloorTime)}
	if e.Cut > s.birthSeq {
		h.cut, h.keep, h.keptCut = e.Cut, e.Keep, e.KeptCut
	}
	if e.CutTime.After(s.birth) {
		h.cutTime = micros(e.CutTime)
	}
	return h
}

// room returns a table with room for one more entry; who reads the one before goes on to read that.
func (s *set) room(v *View, at *atomic.Pointer[table], now time.Time) *table {
	t := at.Load()
	switch {
	case t == nil:
		t = newTable(1)
	case t.full():
		t = s.renew(v, t, now)
	default:
		return t
	}
	at.Store(t)
	return t
}

// renew returns a table without what is over.
func (s *set) renew(v *View, t *table, now time.Time) *table {
	fresh := t.kept(second(now), v.life(), 1)
	if fresh.used < t.used {
		s.dropped = now
	}
	return fresh
}

// sweep lets go of what is over, where it is more than a sixteenth of a table.
func (s *set) sweep(v *View, now time.Time) {
	for i := range s.tables {
		t := s.tables[i].Load()
		entries, heads := t.dead(second(now), v.life())
		switch {
		case entries == 0 && heads == 0:
		case entries == t.used:
			s.tables[i].Store(nil)
			s.dropped = now
		case entries*16 > t.used || heads > 16:
			s.tables[i].Store(s.renew(v, t, now))
		}
	}
}

func second(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
