package conformance

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// player plays moves on a store and on naive ledgers, and tells the first difference.
type player struct {
	e        *env
	exact    bool // the clock stands still: times are compared to the unit
	unit     time.Duration
	subjects [2]*naive
	seen     [2]sights
	log      []string
}

// sights are what a player remembers of a subject's past.
type sights struct {
	tokens  map[string][]store.Record // the tokens of each id, as records after each rotation
	issues  map[string]store.IssueRequest
	turns   map[string]store.RotateRequest
	edits   map[string]store.UpdateRequest
	cuts    []store.Revocation
	oldCut  uint64
	places  map[uint64]uint64 // the model's places in the order, and the store's
	floor   uint64            // the store's before it first rises
	watched *follower
}

// newPlayer begins a history with two subjects that nobody has used.
func newPlayer(e *env) *player {
	p := &player{e: e, exact: e.h.Clock != nil, unit: max(e.precision(), 2*time.Millisecond)}
	if p.exact { // a store keeps some times in its unit; moves wait for multiples of it, and so meet every edge alike
		whole := max(e.precision(), time.Second)
		e.wait(whole - e.now().Sub(e.now().Truncate(whole)))
	} else {
		p.unit = time.Minute
	}
	for i := range p.subjects {
		e.serial++
		s := store.Subject{Realm: "model", Name: fmt.Sprint("subject ", e.serial)}
		p.subjects[i] = newNaive(s, e.h.Traits.MaxMarks, e.markLife())
		p.seen[i] = sights{
			tokens: map[string][]store.Record{}, issues: map[string]store.IssueRequest{}, turns: map[string]store.RotateRequest{},
			edits: map[string]store.UpdateRequest{}, places: map[uint64]uint64{},
		}
		st := e.lookupOf(s)
		p.seen[i].places[1], p.seen[i].floor, p.seen[i].oldCut = st.Cut, st.Floor, st.Cut
		if _, err := store.FeedOf(e.s); err == nil {
			if _, err := e.feed().Partitions(e.ctx); err == nil {
				p.seen[i].watched = e.follow(s)
			}
		}
	}
	return p
}

// play plays one move and returns how the store differed; empty if it did not.
func (p *player) play(m move) string {
	who := m.who % len(p.subjects)
	n := p.subjects[who]
	now := p.e.lookupOf(n.subject).Now
	for _, s := range p.subjects {
		s.tidy(now)
	}
	want, got, err := p.do(who, m, now)
	if diff := compareAnswers(p, want, got, err); diff != "" {
		return diff
	}
	now = p.e.lookupOf(n.subject).Now
	for i, s := range p.subjects {
		s.tidy(now)
		told := i == who && len(want.errs) == 0
		if diff := p.compareLedger(i, now); diff != "" {
			return fmt.Sprintf("subject %d: %s", i, diff)
		}
		if diff := p.compareFeed(i, told, want); diff != "" {
			return fmt.Sprintf("subject %d: %s", i, diff)
		}
	}
	return ""
}

// outcome is what a store answered.
type outcome struct {
	rec     store.Record
	outcome store.Outcome
	evicted []string
}

func compareAnswers(p *player, want answer, got outcome, err error) string {
	switch {
	case len(want.errs) > 0:
		if !slices.ContainsFunc(want.errs, func(w error) bool { return errors.Is(err, w) }) {
			return fmt.Sprintf("the answer is the error %v, want %v", err, want.errs)
		}
		return ""
	case err != nil:
		return fmt.Sprintf("the answer is the error %v, want none", err)
	case got.outcome != want.outcome:
		return fmt.Sprintf("the outcome is %v, want %v", got.outcome, want.outcome)
	}
	slices.Sort(got.evicted)
	slices.Sort(want.evicted)
	if !slices.Equal(got.evicted, want.evicted) {
		return fmt.Sprintf("evicted are %q, want %q", got.evicted, want.evicted)
	}
	if want.rec.ID != "" {
		return p.compareRecords("the answer", got.rec, want.rec)
	}
	return ""
}

// compareRecords compares all but the place in the order.
func (p *player) compareRecords(where string, got, want store.Record) string {
	for _, t := range []struct {
		field     string
		got, want time.Time
	}{
		{"IssuedAt", got.IssuedAt, want.IssuedAt},
		{"RotatedAt", got.RotatedAt, want.RotatedAt},
		{"LastSeen", got.LastSeen, want.LastSeen},
		{"ExpiresAt", got.ExpiresAt, want.ExpiresAt},
		{"Deadline", got.Deadline, want.Deadline},
	} {
		if t.got.Sub(t.want).Abs() > p.unit {
			return fmt.Sprintf("%s: %s of %q is %v, want %v", where, t.field, want.ID, t.got, t.want)
		}
	}
	g, w := untimed(got), untimed(want)
	if !reflect.DeepEqual(g, w) {
		return fmt.Sprintf("%s: the record is\n    %+v link %x after %x, want\n    %+v link %x after %x",
			where, g, g.Link[:], g.PrevLink[:], w, w.Link[:], w.PrevLink[:])
	}
	return ""
}

// untimed is a record without its times and its place, which are compared apart.
func untimed(r store.Record) store.Record {
	r.Seq = 0
	for _, t := range []*time.Time{&r.IssuedAt, &r.ExpiresAt, &r.Deadline, &r.RotatedAt, &r.LastSeen} {
		*t = time.Time{}
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	return r
}

// names are the ids that histories use.
var names = []string{"a", "b", "c", "d", "e", "f"}

// compareLedger compares all that Lookup and List tell.
func (p *player) compareLedger(i int, now time.Time) string {
	n := p.subjects[i]
	st := p.e.lookupOf(n.subject, names...)
	if p.e.h.Traits.CachedRecords {
		for _, r := range p.e.list(n.subject, 0) {
			if k := slices.Index(names, r.ID); k >= 0 && st.Entries[k].Status == store.Live {
				st.Entries[k].Record = r
			}
		}
	}
	p.lapsed(i, st, now)
	n.settle(st)
	if diff := p.compareOrder(i, st); diff != "" {
		return diff
	}
	live := map[string]bool{}
	for k, id := range names {
		en := st.Entries[k]
		if en.Status == store.Revoked && en.Reason == store.ReasonCut && p.pruned(n.subject, id) {
			en = store.Entry{}
		}
		status, reason := n.status(id)
		if status == store.Revoked && reason == store.ReasonCut && en.Status == store.Unknown {
			delete(n.records, id) // pruned, which is right too
			continue
		}
		if en.Status != status || en.Reason != reason {
			return fmt.Sprintf("%q is %v %q, want %v %q", id, en.Status, en.Reason, status, reason)
		}
		if status != store.Live {
			continue
		}
		live[id] = true
		rec := n.records[id]
		if !p.exact { // the model cannot know the moment, and the order of eviction depends on it
			rec.IssuedAt, rec.RotatedAt, rec.LastSeen = en.Record.IssuedAt, en.Record.RotatedAt, en.Record.LastSeen
		}
		if diff := p.compareRecords("Lookup", en.Record, rec.Record); diff != "" {
			return diff
		}
	}
	return p.compareList(n, live)
}

// pruned asks what is behind a cache, which may go on telling a record that was behind a cut and is pruned by now.
func (p *player) pruned(s store.Subject, id string) bool {
	inner, ok := p.e.s.(store.Unwrapper)
	if !ok || !p.e.h.Traits.CachedRecords {
		return false
	}
	st, err := inner.Unwrap().Lookup(p.e.ctx, s, id)
	return err == nil && st.Entries[0].Status == store.Unknown
}

// lapsed lets a store drop a ledger in which nothing has mattered for a day: its cut then stays or moves up, or is that of
// a subject never written where the store's ledgers end by themselves, and no floor, no Keep and no Op is left.
func (p *player) lapsed(i int, st store.State, now time.Time) {
	n, seen := p.subjects[i], &p.seen[i]
	if !now.After(n.until.Add(24 * time.Hour)) {
		return
	}
	n.ops, seen.cuts = nil, nil // whether a repeat is known is the store's to say, so there will be none
	floor := seen.floor
	if n.floorSet {
		floor = seen.places[n.floor]
	}
	if kept := st.Cut == seen.places[n.cut] && st.Keep == n.keep && st.Floor == floor; kept || st.Cut < seen.places[n.cut] && !p.ended(st) {
		return
	}
	clear(n.records)
	n.keep, n.floor, n.floorSet = "", 0, false
	seen.floor = st.Floor
	if st.Cut == seen.places[n.cut] {
		return
	}
	n.cut = n.next()
	for model, got := range seen.places { // the cut may be the last place given before
		if got == st.Cut {
			n.cut = model
		}
	}
}

// ended tells whether a ledger went by itself: a store that cannot sweep is not asked to remember the cuts of what it lost,
// and the subject is then as one never written.
func (p *player) ended(st store.State) bool {
	never := p.e.lookupOf(store.Subject{Realm: "model", Name: "never written"})
	if st.Cut != never.Cut || st.Floor != never.Floor || st.Keep != "" {
		return false
	}
	_, err := store.Sweep(p.e.ctx, p.e.s)
	return isUnsupported(err)
}

// settle lets a store choose which ids it marks where a step has barred more than there is room for.
func (n *naive) settle(st store.State) {
	for k, id := range names {
		if reason, open := n.open[id]; open && st.Entries[k].Status == store.Revoked {
			n.marks[id] = reason
		} else if open {
			delete(n.marks, id)
		}
	}
	n.open = nil
}

// compareOrder compares the places in the order by their order: the same place of the model must always be the same of
// the store, and a later one a later one.
func (p *player) compareOrder(i int, st store.State) string {
	n, seen := p.subjects[i], &p.seen[i]
	if st.Keep != n.keep {
		return fmt.Sprintf("Keep is %q, want %q", st.Keep, n.keep)
	}
	place := func(what string, model, got uint64) string {
		if known, ok := seen.places[model]; ok && known != got {
			return fmt.Sprintf("%s is %d, want %d", what, got, known)
		}
		seen.places[model] = got
		for m, g := range seen.places {
			if m < model && g >= got || m > model && g <= got {
				return fmt.Sprintf("%s is %d, which is out of order with %d", what, got, g)
			}
		}
		return ""
	}
	diffs := []string{place("Cut", n.cut, st.Cut)}
	if n.floorSet {
		diffs = append(diffs, place("Floor", n.floor, st.Floor))
	} else if st.Floor != seen.floor {
		diffs = append(diffs, fmt.Sprintf("Floor is %d, it must not have moved from %d", st.Floor, seen.floor))
	}
	if n.keep != "" {
		diffs = append(diffs, place("KeptCut", n.keptCut, st.KeptCut))
	}
	for k, id := range names {
		if status, _ := n.status(id); status == store.Live && st.Entries[k].Status == store.Live {
			diffs = append(diffs, place("Seq of "+id, n.records[id].Seq, st.Entries[k].Record.Seq))
		}
	}
	return strings.Join(slices.DeleteFunc(diffs, func(d string) bool { return d == "" }), "; ")
}

func (p *player) compareList(n *naive, live map[string]bool) string {
	listed := p.e.list(n.subject, 2)
	for k, r := range listed {
		if !live[r.ID] {
			return fmt.Sprintf("List tells %q, which is dead or told already", r.ID)
		}
		delete(live, r.ID)
		if k > 0 && r.IssuedAt.After(listed[k-1].IssuedAt) {
			return fmt.Sprintf("List tells %q before %q, which is newer", listed[k-1].ID, r.ID)
		}
		if diff := p.compareRecords("List", r, n.records[r.ID].Record); diff != "" {
			return diff
		}
	}
	for id := range live {
		return fmt.Sprintf("List does not tell %q", id)
	}
	return ""
}

// compareFeed compares what was told of a subject since the move before.
func (p *player) compareFeed(i int, done bool, want answer) string {
	w := p.seen[i].watched
	if w == nil {
		return ""
	}
	n := p.subjects[i]
	var events []store.Event
	var got []string
	for _, ev := range w.news() {
		if ev.Subject == n.subject.Digest() {
			events = append(events, ev)
			for _, d := range ev.IDs {
				got = append(got, d.String())
			}
		}
	}
	if !done || !want.told && len(want.barred) == 0 {
		if len(events) > 0 {
			return fmt.Sprintf("%d events, want none", len(events))
		}
		return ""
	}
	var ids []string
	for _, id := range want.barred {
		ids = append(ids, store.DigestID(id).String())
	}
	slices.Sort(ids)
	slices.Sort(got)
	if len(events) == 0 || !slices.Equal(got, ids) {
		return fmt.Sprintf("%d events bar %v, want at least one and %v (of %q)", len(events), got, ids, want.barred)
	}
	st, last := p.e.lookupOf(n.subject), events[len(events)-1]
	if last.Cut != st.Cut || last.Floor != st.Floor || st.Keep != "" && (last.KeptCut != st.KeptCut || last.Keep != store.DigestID(st.Keep)) {
		return fmt.Sprintf("the event tells cut %d, floor %d, kept cut %d; the ledger has %d, %d, %d", last.Cut, last.Floor, last.KeptCut, st.Cut, st.Floor, st.KeptCut)
	}
	return ""
}
