package conformance

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// naive is one subject's ledger as the semantics table tells it, with no thought of speed. It shares no code with any
// store. Its places in the order are its own small numbers: a player compares them with a store's by their order alone.
type naive struct {
	subject         store.Subject
	seq, cut, floor uint64
	keptCut         uint64
	keep            string
	ops             []store.Op // of the last four cuts, the newest first
	records         map[string]*naiveRecord
	marks           map[string]naiveMark
	maxMarks        int
	markLife        time.Duration
	until           time.Time // when the last thing in the ledger ends
	floorSet        bool      // the floor has risen
	// open are the ids of a step that barred more than MaxMarks: which of them have marks is the store's to choose.
	open map[string]naiveMark
}

type naiveRecord struct {
	store.Record
	replays []store.Link
}

type naiveMark struct {
	reason string
	until  time.Time
}

// answer is what a verb must do.
type answer struct {
	errs    []error // any of these; none: success
	rec     store.Record
	outcome store.Outcome
	evicted []string
	barred  []string // newly, so they are in the feed
	told    bool     // there is an event even without barred ids
}

func failing(errs ...error) answer { return answer{errs: errs} }

func newNaive(s store.Subject, maxMarks int, markLife time.Duration) *naive {
	return &naive{
		subject: s, seq: 1, cut: 1, maxMarks: maxMarks, markLife: markLife,
		records: map[string]*naiveRecord{}, marks: map[string]naiveMark{},
	}
}

func (n *naive) next() uint64 { n.seq++; return n.seq }

// tidy drops what has expired: it is as if it had never been.
func (n *naive) tidy(now time.Time) {
	maps.DeleteFunc(n.records, func(_ string, r *naiveRecord) bool { return !r.ExpiresAt.After(now) })
	maps.DeleteFunc(n.marks, func(_ string, m naiveMark) bool { return !m.until.After(now) })
}

func (n *naive) status(id string) (store.Status, string) {
	if m, ok := n.marks[id]; ok {
		return store.Revoked, m.reason
	}
	r, ok := n.records[id]
	switch {
	case !ok:
		return store.Unknown, ""
	case r.Seq <= n.cut:
		return store.Revoked, store.ReasonCut
	}
	return store.Live, ""
}

// live is the live record under an id, or what a verb that names it answers.
func (n *naive) live(id string) (*naiveRecord, []error) {
	switch status, _ := n.status(id); status {
	case store.Live:
		return n.records[id], nil
	case store.Revoked:
		return nil, []error{store.ErrRevoked}
	case store.Unknown:
	}
	return nil, []error{store.ErrNotFound}
}

// alive are the live records, in the order in which EvictOldest takes them.
func (n *naive) alive() []*naiveRecord {
	var out []*naiveRecord
	for id, r := range n.records {
		if status, _ := n.status(id); status == store.Live {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *naiveRecord) int {
		return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func (n *naive) lasts(end time.Time) {
	if end.After(n.until) {
		n.until = end
	}
}

// bar marks ids and returns the newly barred.
func (n *naive) bar(now time.Time, reason string, ids ...string) (barred []string) {
	for _, id := range ids {
		if _, marked := n.marks[id]; !marked && !slices.Contains(barred, id) {
			barred = append(barred, id)
		}
	}
	if len(barred) == 0 {
		return nil
	}
	if len(n.marks)+len(barred) > n.maxMarks {
		n.floor, n.floorSet = n.next(), true
		clear(n.marks)
	}
	n.open = map[string]naiveMark{}
	end := now.Add(n.markLife)
	n.lasts(end)
	for _, id := range barred {
		mark := naiveMark{reason, end}
		delete(n.records, id)
		if len(n.marks) < n.maxMarks {
			n.marks[id] = mark
		}
		if len(barred) > n.maxMarks {
			n.open[id] = mark
		}
	}
	return barred
}

func (n *naive) cutAt(now time.Time, op store.Op) {
	n.cut = n.next()
	n.ops = append([]store.Op{op}, n.ops...)
	n.ops = n.ops[:min(4, len(n.ops))]
	n.lasts(now)
}

func (n *naive) issue(now time.Time, r store.IssueRequest, guardHolds bool) answer {
	in := r.Record
	if r.Check(now) != nil {
		return failing(store.ErrInvalid)
	}
	switch status, _ := n.status(in.ID); status {
	case store.Live:
		if old := n.records[in.ID]; old.Link == in.Link && old.Rotation == 0 {
			return answer{rec: old.Record}
		}
		return failing(store.ErrExists)
	case store.Revoked:
		return failing(store.ErrRevoked)
	case store.Unknown:
	}
	if !guardHolds {
		return failing(store.ErrConflict)
	}
	victims := n.victims(r.Limit, in.Class)
	if len(victims) > 0 && r.Limit.Policy == store.Reject {
		return failing(store.ErrLimit)
	}
	out := answer{evicted: victims, barred: n.bar(now, store.ReasonEvicted, victims...)}
	rec := store.Record{
		ID: in.ID, Subject: in.Subject, Class: in.Class, Link: in.Link, Binding: in.Binding, Metadata: maps.Clone(in.Metadata),
		Seq: n.next(), IssuedAt: now, RotatedAt: now, LastSeen: now, ExpiresAt: in.ExpiresAt, Deadline: in.Deadline,
	}
	if rec.Deadline.IsZero() {
		rec.Deadline = now.Add(store.MaxLife)
	}
	n.records[in.ID] = &naiveRecord{Record: rec}
	n.lasts(rec.ExpiresAt)
	out.rec = rec
	return out
}

// victims are whom a limit revokes before one more of a class comes in.
func (n *naive) victims(l store.Limit, class string) (out []string) {
	alive := n.alive()
	if l.Policy == store.EvictLeastRecentlyUsed {
		slices.SortStableFunc(alive, func(a, b *naiveRecord) int { return a.LastSeen.Compare(b.LastSeen) })
	}
	if l.MaxPerClass > 0 {
		var same []*naiveRecord
		for _, r := range alive {
			if r.Class == class {
				same = append(same, r)
			}
		}
		for i := 0; i < len(same)+1-l.MaxPerClass; i++ {
			out = append(out, same[i].ID)
		}
	}
	if l.Max > 0 {
		for _, r := range alive {
			if len(alive)-len(out)+1 <= l.Max {
				break
			}
			if !slices.Contains(out, r.ID) {
				out = append(out, r.ID)
			}
		}
	}
	return out
}

func (n *naive) rotate(now time.Time, r store.RotateRequest) answer {
	if r.Check(now) != nil {
		return failing(store.ErrInvalid)
	}
	rec, errs := n.live(r.ID)
	if errs != nil {
		return failing(errs...)
	}
	away := now.Sub(rec.RotatedAt).Abs()
	switch {
	case r.Rotation == rec.Rotation && r.Link == rec.Link:
		return n.advance(now, store.RotateOK, rec, r)
	case r.Rotation+1 == rec.Rotation && r.NextLink == rec.Link:
		return answer{outcome: store.RotateOK, rec: rec.Record}
	case r.Rotation+1 == rec.Rotation && r.Link.Tag() == rec.PrevLink && r.Grace > 0 && away < r.Grace+time.Microsecond &&
		(rec.Binding == "" || rec.Binding == r.Binding):
		if !slices.Contains(rec.replays, r.NextLink) {
			if len(rec.replays) >= r.Replays() {
				return failing(store.ErrReplayLimit)
			}
			rec.replays = append(rec.replays, r.NextLink)
		}
		return answer{outcome: store.Replayed, rec: rec.Record}
	case r.Rotation > rec.Rotation:
		return n.advance(now, store.RolledForward, rec, r)
	}
	was := rec.Record
	return answer{outcome: store.Reused, rec: was, barred: n.bar(now, store.ReasonReuse, r.ID)}
}

func (n *naive) advance(now time.Time, o store.Outcome, rec *naiveRecord, r store.RotateRequest) answer {
	rec.Rotation, rec.PrevLink, rec.Link, rec.replays = r.Rotation+1, r.Link.Tag(), r.NextLink, nil
	rec.RotatedAt, rec.LastSeen = now, now
	if !r.ExpiresAt.IsZero() {
		rec.ExpiresAt = sooner(r.ExpiresAt, rec.Deadline)
	}
	if n.floorSet && rec.Seq <= n.floor {
		rec.Seq = n.next()
	}
	n.lasts(rec.ExpiresAt)
	return answer{outcome: o, rec: rec.Record}
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (n *naive) update(now time.Time, r store.UpdateRequest) answer {
	if r.Check(now) != nil {
		return failing(store.ErrInvalid)
	}
	rec, errs := n.live(r.ID)
	if errs != nil {
		return failing(errs...)
	}
	to := rec.Record
	if r.Metadata != nil {
		to.Metadata = maps.Clone(r.Metadata)
	}
	if !r.Deadline.IsZero() {
		to.Deadline = r.Deadline
	}
	if !r.ExpiresAt.IsZero() {
		to.ExpiresAt = r.ExpiresAt
	}
	to.ExpiresAt = sooner(to.ExpiresAt, to.Deadline)
	equal := maps.Equal(to.Metadata, rec.Metadata) && to.ExpiresAt.Equal(rec.ExpiresAt) && to.Deadline.Equal(rec.Deadline)
	raised := to.Deadline.After(rec.Deadline)
	switch {
	case rec.Version == r.Version+1 && equal:
		return answer{rec: rec.Record}
	case rec.Version != r.Version && raised:
		return failing(store.ErrConflict, store.ErrInvalid)
	case rec.Version != r.Version:
		return failing(store.ErrConflict)
	case raised:
		return failing(store.ErrInvalid)
	}
	lowered := to.ExpiresAt.Before(rec.ExpiresAt) || to.Deadline.Before(rec.Deadline)
	to.Version++
	rec.Record = to
	n.lasts(to.ExpiresAt)
	return answer{rec: to, told: lowered}
}

func (n *naive) touch(now time.Time, r store.TouchRequest) answer {
	if r.Check(now) != nil {
		return failing(store.ErrInvalid)
	}
	if rec, errs := n.live(r.ID); errs == nil {
		rec.LastSeen = now
		if to := sooner(r.ExpiresAt, rec.Deadline); to.After(rec.ExpiresAt) {
			rec.ExpiresAt = to
			n.lasts(to)
		}
	}
	return answer{}
}

func (n *naive) revoke(now time.Time, r store.Revocation) answer {
	repeat := slices.Contains(n.ops, r.Op)
	switch {
	case r.All:
		if repeat {
			return answer{}
		}
		n.cutAt(now, r.Op)
		n.keep = ""
		return answer{told: true}
	case r.Others == nil:
		return answer{barred: n.bar(now, r.Reason, r.IDs...)}
	}
	var kept *naiveRecord
	if r.Others.Keep != "" {
		var errs []error
		if kept, errs = n.live(r.Others.Keep); errs != nil {
			return failing(errs...)
		}
	}
	if r.Others.Class != "" {
		var ids []string
		for _, rec := range n.alive() {
			if rec.Class == r.Others.Class && rec.ID != r.Others.Keep {
				ids = append(ids, rec.ID)
			}
		}
		return answer{barred: n.bar(now, r.Reason, ids...)}
	}
	if repeat {
		return answer{}
	}
	if n.keep != r.Others.Keep {
		n.keep, n.keptCut = r.Others.Keep, n.cut
	}
	n.cutAt(now, r.Op)
	kept.Seq = n.next()
	return answer{told: true}
}

func (n *naive) forget(now time.Time) answer {
	n.cutAt(now, store.NewOp())
	n.keep = ""
	clear(n.records)
	return answer{told: true}
}
