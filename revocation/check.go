package revocation

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// ErrNotReady is the answer of a view that is not complete or not fresh. It says nothing about the token: errors.Is(err,
// [store.ErrUnavailable]) holds (HTTP 503).
var ErrNotReady = fmt.Errorf("the view of revocations is not ready: %w", store.ErrUnavailable)

// ReasonRevoked is the reason for a token that was revoked by its id or its session's. Feeds tell no reasons.
const ReasonRevoked = "revoked"

// Query is a token as a view looks it up. It is immutable and safe for concurrent use; the zero Query is dead.
type Query struct {
	subject   store.Digest
	ids       [2]store.Digest // those of Presented.IDs
	n         int
	presented store.Presented
}

// NewQuery returns the query for a token of a subject. A view has no records, so p is judged as if WithoutRecord were set:
// what must also have a live session asks a store.
func NewQuery(subject store.Subject, p store.Presented) Query {
	p.WithoutRecord = true
	q := Query{subject: subject.Digest(), presented: p}
	for _, id := range p.IDs() {
		q.ids[q.n] = store.DigestID(id)
		q.n++
	}
	return q
}

// QueryOf returns the query for an own token by the digests of its subject, its session's id and its own id, for who
// keeps no names. A zero digest of either id stands for none.
func QueryOf(subject, session, id store.Digest, seq uint64) Query {
	q := Query{subject: subject, presented: store.Presented{Seq: seq, WithoutRecord: true}}
	if !session.IsZero() {
		q.presented.SessionID = session.String() // Keep is compared by digest; see into
		q.ids[q.n] = session
		q.n++
	}
	if !id.IsZero() {
		q.presented.TokenID = id.String()
		q.ids[q.n] = id
		q.n++
	}
	return q
}

// Check judges an access token at now, which must come from time.Now with its monotonic reading; see [NewQuery]. The
// only error is [ErrNotReady]. Where the view is ready the verdict is the one of [store.State.Verdict] for a token
// without a record, by all that the store had acknowledged MaxStale ago, or later. It allocates nothing.
func (v *View) Check(now time.Time, q *Query) (store.Verdict, error) {
	s := v.parts[q.subject.Partition(len(v.parts))].set.Load()
	if !s.ready(now, v.o.MaxStale) {
		v.unready.Add(1)
		return store.Verdict{}, ErrNotReady
	}
	if q.n == 0 {
		return store.Verdict{Reason: store.ReasonUnknown}, nil
	}
	state := store.State{Cut: s.birthSeq, CutTime: s.foreign, Now: now}
	if t := s.table(&q.subject).Load(); t != nil {
		for i := range q.n {
			if t.find(v.seeds.key(&q.subject, &q.ids[i])) != nil {
				return store.Verdict{Reason: ReasonRevoked}, nil
			}
		}
		if at := t.find(v.seeds.key(&q.subject, &store.Digest{})); at != nil {
			h := t.head(at.v.Load())
			h.into(&state, q)
		}
	}
	if reason := state.Barred(&q.presented); reason != "" {
		return store.Verdict{Reason: reason}, nil
	}
	return store.Verdict{Alive: true}, nil
}

// into writes what a subject's ledger says over what the birth does.
func (h *head) into(state *store.State, q *Query) {
	if h.cut > state.Cut {
		state.Cut, state.KeptCut = h.cut, max(h.keptCut, state.Cut)
		if !h.keep.IsZero() && h.keep == q.ids[0] {
			state.Keep = cmp.Or(q.presented.SessionID, q.presented.TokenID)
		}
	}
	state.CutTime = later(state.CutTime, timeOf(h.cutTime))
	state.Floor, state.FloorTime = h.floor, timeOf(h.floorTime)
}
