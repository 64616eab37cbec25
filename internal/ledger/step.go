package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// step is one verb at work on one ledger. It reads through what it has already changed, and finish turns that into a
// Change with its counters right.
type step struct {
	Env
	r       Reader
	subject store.Subject
	head    Head
	edits   map[keyspace.Field]*edit
	order   []keyspace.Field
	barred  []store.Digest // the ids newly barred, for the feed
	event   bool           // an event is due even without barred ids
	cuts    bool           // the cut has moved
	erase   bool
}

// edit is an entry before and after; nil is absence.
type edit struct{ old, new *Entry }

func begin(env Env, r Reader, s store.Subject) (*step, error) {
	st := &step{Env: env, r: r, subject: s}
	if err := openHead(&st.Env, r, &st.head); err != nil {
		return nil, err
	}
	return st, nil
}

// openHead reads the head of a ledger, and makes the clock fit it.
func openHead(env *Env, r Reader, into *Head) error {
	env.Now = env.Now.UTC().Truncate(time.Microsecond) // the unit of seq and of what is stored
	if err := CheckClock(env.Now); err != nil {
		return err
	}
	h, ok, err := r.Head()
	if err != nil {
		return err
	}
	if !ok {
		h = Head{Seq: env.Horizon, Cut: env.Horizon, CutTime: env.HorizonTime}
	}
	if env.MaxSkew > 0 && h.Time.After(env.Now.Add(env.MaxSkew)) {
		return fmt.Errorf("%w: the ledger was written %v ahead of this clock, the allowed skew is %v: set the clocks",
			store.ErrClock, h.Time.Sub(env.Now), env.MaxSkew)
	}
	*into = h
	return nil
}

// CheckClock refuses a clock that no order can stand on. Before 1970 there are no microseconds to count, and from 2200 on
// seq no longer fits a JSON number and what wire gives it. Whatever writes a horizon or sweeps asks it too.
func CheckClock(now time.Time) error {
	if y := now.UTC().Year(); y < 1970 || y >= 2200 {
		return fmt.Errorf("%w: it shows the year %d: set it", store.ErrClock, y)
	}
	return nil
}

// get returns the entry under f as the step has left it; nil for none.
func (s *step) get(f keyspace.Field) (*Entry, error) {
	if e, ok := s.edits[f]; ok {
		return e.new, nil
	}
	en, ok, err := s.r.Get(f)
	if err != nil || !ok {
		return nil, err
	}
	found := en // a copy, so that who finds nothing allocates nothing
	found.Record.Subject = s.subject
	return &found, nil
}

// set replaces the entry under f, where old is what get or the Reader gave.
func (s *step) set(f keyspace.Field, old, to *Entry) {
	if e, ok := s.edits[f]; ok {
		e.new = to
		return
	}
	if s.edits == nil { // who only reads has none
		s.edits = map[keyspace.Field]*edit{}
	}
	s.edits[f] = &edit{old: old, new: to}
	s.order = append(s.order, f)
}

// live returns the live record under an id, or why there is none.
func (s *step) live(id string) (*Entry, error) {
	en, err := s.get(keyspace.FieldOf(id))
	if err != nil {
		return nil, err
	}
	status, _ := s.status(&s.head, en)
	return en, dead(status)
}

// next gives out the next place in the ledger's order.
func (s *step) next() uint64 {
	s.head.Seq = max(s.head.Seq+1, uint64(max(0, s.Now.UnixMicro())))
	return s.head.Seq
}

// put stores a changed record.
func (s *step) put(old *Entry, rec store.Record, replays []Replay) {
	f := keyspace.FieldOf(rec.ID)
	s.set(f, old, &Entry{Field: f, Record: rec, Replays: replays})
	s.outlive(rec.ExpiresAt)
}

// outlive moves the ledger's end behind a member's end or a cut. A nonce has no tokens, so nothing of it matters later.
func (s *step) outlive(end time.Time) {
	if s.subject.Kind != store.KindOnce {
		end = end.Add(s.keep())
	}
	s.head.Until = later(s.head.Until, end)
}

// bar marks ids, whose live records die. Ids under an unexpired mark keep it. When the marks do not fit, the floor rises
// in their place: it kills whatever token they could have barred, at the price of one refresh for each live session.
func (s *step) bar(reason string, ids ...string) error {
	type target struct {
		field keyspace.Field
		id    string
		old   *Entry
	}
	var targets []target
	seen := map[keyspace.Field]bool{}
	for _, id := range ids {
		f := keyspace.FieldOf(id)
		if seen[f] {
			continue
		}
		seen[f] = true
		old, err := s.get(f)
		if err != nil {
			return err
		}
		if old == nil || old.Mark == nil || !old.Mark.Until.After(s.Now) {
			targets = append(targets, target{f, id, old})
		}
	}
	if err := s.room(len(targets)); err != nil {
		return err
	}
	for i, t := range targets {
		s.barred = append(s.barred, store.DigestID(t.id))
		if i >= s.MaxMarks { // the floor bars the rest; their records must die all the same
			s.set(t.field, t.old, nil)
			continue
		}
		s.head.MarkNo++
		until := roundUp(later(s.head.Time, s.Now).Add(s.markLife())) // a clock set back must not end it before its token
		s.set(t.field, t.old, &Entry{Field: t.field, Mark: &Mark{No: s.head.MarkNo, Until: until, Reason: reason}})
		s.outlive(until)
	}
	return nil
}

// room makes room for n more marks: it drops expired ones, and failing that raises the floor and drops all.
func (s *step) room(n int) error {
	marks := s.head.Marks
	for _, e := range s.edits {
		marks += isMark(e.new) - isMark(e.old)
	}
	if n == 0 || marks+n <= s.MaxMarks {
		return nil
	}
	stored, err := s.r.OldestMarks(s.head.Marks)
	if err != nil {
		return err
	}
	for i := range stored {
		en := &stored[i]
		if _, touched := s.edits[en.Field]; !touched && !en.Mark.Until.After(s.Now) {
			s.set(en.Field, en, nil)
			marks--
		}
	}
	if marks+n <= s.MaxMarks {
		return nil
	}
	s.head.Floor, s.head.FloorTime = s.next(), later(s.head.FloorTime, s.Now)
	s.outlive(s.Now)
	for i := range stored {
		s.set(stored[i].Field, &stored[i], nil)
	}
	for _, e := range s.edits {
		if isMark(e.new) == 1 {
			e.new = nil
		}
	}
	return nil
}

func isMark(e *Entry) int {
	if e != nil && e.Mark != nil {
		return 1
	}
	return 0
}

// pruneAfter is how long a record stays behind the cut that killed it, so that a late repeat of its Issue finds it dead
// instead of bringing it back.
const pruneAfter = 5 * time.Minute

// prune looks at the next two entries and removes the dead among them, so that every write pays for its own cleaning. A
// damaged entry among them ends the round: it must not stand in the way of a revocation. A step that cuts prunes nothing: what it
// has just killed stays, and to end everything costs the same however much there is.
func (s *step) prune() error {
	const n = 2
	if s.cuts {
		return nil
	}
	entries, err := s.r.Scan(s.head.Cursor, n)
	if errors.Is(err, store.ErrCorrupt) {
		entries, err = nil, nil
	}
	if err != nil {
		return err
	}
	for i := range entries {
		en := &entries[i]
		if _, touched := s.edits[en.Field]; !touched && s.removable(en) {
			s.set(en.Field, en, nil)
		}
	}
	s.head.Cursor = keyspace.Field{}
	if len(entries) == n {
		s.head.Cursor = entries[n-1].Field
	}
	return nil
}

// removable reports whether nothing is lost with an entry.
func (s *step) removable(en *Entry) bool { return s.Removable(&s.head, en) }

// Removable reports whether nothing is lost with an entry: it expired, or its cut is old enough. Sweeps use it too.
func (e Env) Removable(h *Head, en *Entry) bool {
	switch status, _ := e.status(h, en); status {
	case store.Live:
		return false
	case store.Unknown:
		return true
	case store.Revoked:
	}
	return en.Mark == nil && h.CutTime.Add(pruneAfter).Before(e.Now)
}

// finish returns the change that the step has come to.
func (s *step) finish() (Change, error) {
	if err := s.prune(); err != nil {
		return Change{}, err
	}
	c := Change{Write: true, EraseRecords: s.erase}
	for _, f := range s.order {
		e := s.edits[f]
		if e.old == nil && e.new == nil {
			continue
		}
		c.Edits = append(c.Edits, Edit{Field: f, Old: e.old, New: e.new})
		s.head.Entries += present(e.new) - present(e.old)
		s.head.Marks += isMark(e.new) - isMark(e.old)
	}
	if s.erase {
		s.head.Entries = s.head.Marks
	}
	s.head.Time = later(s.head.Time, s.Now)
	c.Head = s.head
	c.Events = s.events()
	return c, nil
}

func present(e *Entry) int {
	if e != nil {
		return 1
	}
	return 0
}

// events tells the step to the feed, in as many events as the ids need.
func (s *step) events() []store.Event {
	if !s.event && len(s.barred) == 0 {
		return nil
	}
	base := store.Event{
		Time: s.Now, Subject: s.subject.Digest(),
		Cut: s.head.Cut, KeptCut: s.head.KeptCut, Floor: s.head.Floor,
		CutTime: s.head.CutTime, FloorTime: s.head.FloorTime,
	}
	if s.head.Keep != "" {
		base.Keep = store.DigestID(s.head.Keep)
	}
	var events []store.Event
	for ids := s.barred; ; {
		n := min(len(ids), store.MaxIDs)
		e := base
		e.IDs = ids[:n:n]
		events = append(events, e)
		if ids = ids[n:]; len(ids) == 0 {
			return events
		}
	}
}
