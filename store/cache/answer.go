package storecache

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/jetonkit/jeton/internal/age"
	"github.com/jetonkit/jeton/store"
)

// Answer is what an [Engine] keeps: a store's answer to one Lookup, with its question and its stamp. It is immutable.
type Answer struct {
	question
	state store.State
	// asked is when the question went out, by the process's clock. By the store's it was State.Now or before: a slow reply
	// makes a record end early here, and then the store is asked, but never late.
	asked time.Time
	// ends is the first end of a live record in it, by the store's clock; zero for none.
	ends time.Time
}

// question is what a Lookup asks.
type question struct {
	subject store.Subject
	ids     []string
}

// own is a copy that shares no memory with the caller's: an id is often a part of a token that would be kept with it.
func (q question) own() question {
	out := question{
		subject: store.Subject{
			Kind: q.subject.Kind, Realm: strings.Clone(q.subject.Realm),
			Issuer: strings.Clone(q.subject.Issuer), Name: strings.Clone(q.subject.Name),
		},
		ids: make([]string, len(q.ids)), // a new slice: assigned to q, the caller's would count as escaping, at each hit
	}
	for i, id := range q.ids {
		out.ids[i] = strings.Clone(id)
	}
	return out
}

// is compares in full: two questions may have one hash.
func (q question) is(other question) bool {
	return q.subject == other.subject && slices.Equal(q.ids, other.ids)
}

// newAnswer keeps a store's answer. One that is no answer to the question is an error: kept, it would look right to everybody.
func newAnswer(q question, st store.State, asked time.Time) (*Answer, error) {
	if len(st.Entries) != len(q.ids) {
		return nil, fmt.Errorf("%w: %d answers to %d ids", store.ErrCorrupt, len(st.Entries), len(q.ids))
	}
	a := &Answer{question: q, state: st, asked: asked}
	for i := range st.Entries {
		en := &st.Entries[i]
		if en.Status != store.Live {
			continue
		}
		if en.Record.Subject != q.subject || en.Record.ID != q.ids[i] {
			return nil, fmt.Errorf("%w: a record of another id or subject than asked for", store.ErrCorrupt)
		}
		en.Record.Subject, en.Record.ID = q.subject, q.ids[i] // the texts that are kept anyway
		if a.ends.IsZero() || en.Record.ExpiresAt.Before(a.ends) {
			a.ends = en.Record.ExpiresAt
		}
	}
	return a, nil
}

// stamp makes the answer count for as long as the counters say. Where the store has a stamp of its own, as a cache has that a
// layer without Unwrap hides, what it kept counts for no longer than it does there: its feed may come later than ours.
func (a *Answer) stamp(src store.StampSource) {
	ours := store.NewStamp(src)
	if a.state.Stamp != (store.Stamp{}) {
		ours = ours.And(a.state.Stamp)
	}
	a.state.Stamp = ours
}

// now is the store's time when the process's clock shows t, or a little later. The monotonic clock stands still while a
// machine sleeps, and what ended meanwhile has ended.
func (a *Answer) now(t time.Time) time.Time {
	return a.state.Now.Add(age.Passed(a.asked, t))
}

// ended reports whether a record in it has expired.
func (a *Answer) ended(t time.Time) bool { return !a.ends.IsZero() && !a.now(t).Before(a.ends) }

// count returns how many ids have a status.
func count(st store.State, status store.Status) int {
	n := 0
	for i := range st.Entries {
		if st.Entries[i].Status == status {
			n++
		}
	}
	return n
}

// tell is the answer as the caller's own, at t.
func (a *Answer) tell(t time.Time) store.State {
	st := a.state
	st.Now = a.now(t)
	st.Entries = slices.Clone(a.state.Entries)
	for i := range st.Entries {
		if st.Entries[i].Record.Metadata != nil {
			st.Entries[i].Record = st.Entries[i].Record.Clone()
		}
	}
	return st
}

const (
	// entryBytes is what an answer takes beside its texts and entries: itself, its places in the engine's table and
	// in its policy's, as measured in TestBytes.
	entryBytes = int64(unsafe.Sizeof(Answer{})) + 180
	// a small map of texts is one group of eight pairs.
	mapBytes  = 320
	pairBytes = 40
)

// bytes is about what keeping the answer takes.
func (a *Answer) bytes() int64 {
	n := entryBytes + int64(len(a.subject.Realm)+len(a.subject.Issuer)+len(a.subject.Name)+len(a.state.Keep))
	n += int64(len(a.ids)) * int64(unsafe.Sizeof("")+unsafe.Sizeof(store.Entry{}))
	for i := range a.ids {
		en := &a.state.Entries[i]
		n += int64(len(a.ids[i]) + len(en.Reason) + len(en.Record.Class) + len(en.Record.Binding))
		if m := en.Record.Metadata; m != nil {
			n += mapBytes + int64(max(0, len(m)-8))*pairBytes*2
			for k, v := range m {
				n += int64(len(k) + len(v))
			}
		}
	}
	return n
}

// mix adds one text's hash to those before.
func mix(h, text uint64) uint64 {
	hi, lo := bits.Mul64(h^text, 0x9e3779b97f4a7c15)
	return hi ^ lo
}
