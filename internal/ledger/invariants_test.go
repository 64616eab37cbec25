package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

var (
	forward = []time.Duration{0, time.Microsecond, time.Second, time.Minute, 6 * time.Minute, time.Hour, 25 * time.Hour, 80 * 24 * time.Hour}
	jumps   = append([]time.Duration{-time.Second, -2 * time.Hour, 2 * time.Hour, -366 * 24 * time.Hour, 366 * 24 * time.Hour}, forward...)
)

// TestOnAClockThatGoesForward: whatever is revoked stays dead under every checker, and nothing else dies.
func TestOnAClockThatGoesForward(t *testing.T) { play(t, forward) }

// TestOnAClockThatJumps: the order does not care, and what a cut has killed stays dead under every checker.
func TestOnAClockThatJumps(t *testing.T) { play(t, jumps) }

func play(t *testing.T, clock []time.Duration) {
	for range 8 { // of rapid's rounds, since one finds a rare path one time in three
		rapid.Check(t, func(t *rapid.T) { newMachine(t).run(t, clock) })
	}
}

// invariants holds one step to what is true of every step. The counters are held by book.apply.
func (m *machine) invariants() {
	if !m.last.Write {
		return
	}
	h := m.head
	switch {
	case h.Seq < m.before.Seq:
		m.t.Fatalf("seq fell from %d to %d", m.before.Seq, h.Seq)
	case h.Cut > h.Seq, h.Floor > h.Seq, h.KeptCut > h.Cut:
		m.t.Fatalf("out of order: %+v", h)
	case h.Cut < m.before.Cut, h.Floor < m.before.Floor, h.MarkNo < m.before.MarkNo, h.Until.Before(m.before.Until):
		m.t.Fatalf("something fell: %+v, before %+v", h, m.before)
	}
	barred := map[store.Digest]bool{}
	for _, e := range m.last.Events {
		if len(e.IDs) > store.MaxIDs || e.Subject != m.subject.Digest() || e.Cut != h.Cut || e.Floor != h.Floor || e.KeptCut != h.KeptCut {
			m.t.Fatalf("an event does not tell the step: %+v, head %+v", e, h)
		}
		for _, id := range e.IDs {
			barred[id] = true
		}
	}
	floored := h.Floor > m.before.Floor
	env := m.env
	for _, e := range m.last.Edits {
		switch {
		case e.Old == nil:
		case e.Old.Mark != nil && e.New == nil && e.Old.Mark.Until.After(env.Now) && !floored:
			m.t.Fatalf("an unexpired mark was removed without a floor in its place: %+v", e.Old.Mark)
		case e.Old.Mark == nil && (e.New == nil || e.New.Mark != nil) && lives(env, m.before, e.Old) && !barred[store.DigestID(e.Old.Record.ID)]:
			m.t.Fatalf("a live record was removed, and no event bars it: %+v", e.Old.Record)
		}
	}
	keep := max(24*time.Hour, env.MaxTokenLife+store.MarkMargin)
	for _, en := range m.entries {
		end := en.Record.ExpiresAt
		if en.Mark != nil {
			end = en.Mark.Until
		} else if en.Record.Seq > h.Seq {
			m.t.Fatalf("the record %s has seq %d, the head %d", en.Record.ID, en.Record.Seq, h.Seq)
		}
		if h.Until.Before(end.Add(keep)) {
			m.t.Fatalf("the ledger ends at %v, %v behind a member that ends at %v", h.Until, keep, end)
		}
	}
}

func lives(env ledger.Env, h ledger.Head, en *ledger.Entry) bool {
	return en.Record.Seq > h.Cut && en.Record.ExpiresAt.After(env.Now)
}

// fates holds the verdict on every token to what has happened to it.
func (m *machine) fates() {
	for _, k := range m.minted {
		for _, denylist := range []bool{false, true} {
			alive := m.alive(k.token, denylist)
			dead := k.cut || k.barred
			if m.back { // then marks may have gone, and a denylist has nothing but the cut
				dead = k.cut
			}
			if alive && dead {
				m.t.Fatalf("%+v was revoked and is alive again, denylist=%v, head %+v", *k, denylist, m.head)
			}
			if m.back || k.cut || k.barred {
				continue
			}
			floored := m.head != nil && k.seq <= m.head.Floor
			lives := m.status(k.sid) == store.Live || denylist
			if want := m.env.Now.Before(k.exp) && lives && !floored; alive != want {
				m.t.Fatalf("%+v is alive=%v, want %v, denylist=%v, head %+v", *k, alive, want, denylist, m.head)
			}
		}
	}
}
