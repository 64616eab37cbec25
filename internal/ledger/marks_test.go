package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// names returns n ids that begin with prefix.
func names(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s %03d", prefix, i)
	}
	return ids
}

func small(t *testing.T, maxMarks int) *book {
	b := newBook(t)
	b.env.MaxMarks = maxMarks
	return b
}

// mint returns an access token that lives as long as any may.
func (b *book) mint(r store.Record) token {
	return token{jti: "token of " + r.ID, sid: r.ID, seq: r.Seq, exp: b.env.Now.Add(b.env.MaxTokenLife)}
}

func (b *book) wantAlive(tk token, sessions, denylist bool) {
	b.t.Helper()
	if got := b.alive(tk, false); got != sessions {
		b.t.Errorf("%s under sessions: alive=%v, want %v", tk.jti, got, sessions)
	}
	if got := b.alive(tk, true); got != denylist {
		b.t.Errorf("%s under a denylist: alive=%v, want %v", tk.jti, got, denylist)
	}
}

func TestMarks(t *testing.T) {
	t.Run("a mark outlives every token that it bars", func(t *testing.T) {
		b := newBook(t)
		tk := b.mint(b.issue("s", ttl(90*24*time.Hour)).Record)
		b.revoke(tk.jti)
		life := b.env.MaxTokenLife
		for _, at := range []time.Duration{0, life - time.Millisecond, life + store.MaxLeeway} {
			b.env.Now = noon.Add(at)
			b.touch("s") // which prunes
			b.touch("s")
			if b.status(tk.jti) != store.Revoked {
				t.Errorf("the mark is gone %v after its making", at)
			}
		}
		b.env.Now = noon.Add(life + store.MarkMargin)
		b.wantStatus(tk.jti, store.Unknown)
	})
	t.Run("an id under an unexpired mark keeps it, and no event tells it again", func(t *testing.T) {
		b := newBook(t)
		b.ok(b.tryRevoke(store.Revocation{IDs: []string{"x"}, Reason: "first"}))
		b.at(time.Hour)
		b.ok(b.tryRevoke(store.Revocation{IDs: []string{"x"}, Reason: "second"}))
		if b.last.Write {
			t.Error("the second revocation wrote")
		}
		if got := b.lookup("x").Entries[0].Reason; got != "first" {
			t.Errorf("the reason is %q, want the first", got)
		}
	})
	t.Run("an id whose mark has expired is marked again", func(t *testing.T) {
		b := newBook(t)
		b.revoke("x")
		b.at(48 * time.Hour)
		b.revoke("x")
		b.wantStatus("x", store.Revoked)
	})
	t.Run("one id named thrice is one mark and one id in the event", func(t *testing.T) {
		b := newBook(t)
		b.revoke("x", "x", "y", "x")
		if b.head.Marks != 2 || len(b.last.Events) != 1 || len(b.last.Events[0].IDs) != 2 {
			t.Errorf("%d marks, events %+v", b.head.Marks, b.last.Events)
		}
	})
}

func TestMarksOverflow(t *testing.T) {
	t.Run("as many marks as allowed raise no floor", func(t *testing.T) {
		b := small(t, 4)
		b.revoke(names("m", 4)...)
		if b.head.Floor != 0 || b.head.Marks != 4 {
			t.Errorf("floor %d, %d marks", b.head.Floor, b.head.Marks)
		}
	})
	t.Run("one more drops the old, raises the floor, and is marked itself", func(t *testing.T) {
		b := small(t, 4)
		b.revoke(names("m", 4)...)
		b.revoke("one more")
		st := b.lookup("m 000", "one more")
		if b.head.Marks != 1 || st.Floor != b.head.Seq || !st.FloorTime.Equal(noon) || st.Entries[1].Status != store.Revoked {
			t.Errorf("%d marks, state %+v", b.head.Marks, st)
		}
	})
	t.Run("room is made of expired marks first, and no floor is raised", func(t *testing.T) {
		b := small(t, 4)
		b.revoke(names("old", 4)...)
		b.at(48 * time.Hour)
		b.revoke(names("new", 4)...)
		if b.head.Floor != 0 || b.head.Marks != 4 {
			t.Errorf("floor %d, %d marks", b.head.Floor, b.head.Marks)
		}
	})
	t.Run("what the dropped marks barred stays dead, and sessions live on behind one refresh", func(t *testing.T) {
		b := small(t, 4)
		s, other := b.issue("s").Record, b.issue("other").Record
		barred, live, killed := b.mint(s), b.mint(other), b.mint(b.issue("killed").Record)
		b.revoke(barred.jti, "killed")
		b.wantAlive(live, true, true)
		b.revoke(names("m", 3)...)
		for _, tk := range []token{barred, live, killed} {
			b.wantAlive(tk, false, false)
		}
		b.wantStatus("killed", store.Unknown)
		out, err := b.tryRotate(store.RotateRequest{ID: "other", Link: other.Link, NextLink: link("next")})
		b.ok(err)
		b.wantAlive(b.mint(out.Record), true, true)
		b.wantAlive(live, false, false)
	})
	t.Run("more ids than marks: the first are marked, the rest die by the floor", func(t *testing.T) {
		b := small(t, 3)
		var tokens []token
		ids := names("s", 8)
		for _, id := range ids {
			tokens = append(tokens, b.mint(b.issue(id).Record))
		}
		b.revoke(ids...)
		for _, tk := range tokens {
			b.wantAlive(tk, false, false)
			if b.status(tk.sid) == store.Live {
				t.Errorf("the session %s lives", tk.sid)
			}
		}
		if b.head.Marks != 3 || len(b.last.Events[0].IDs) != 8 {
			t.Errorf("%d marks, %d ids in the event, want 3 and all 8", b.head.Marks, len(b.last.Events[0].IDs))
		}
	})
	t.Run("a lower MaxMarks than before finds its way down", func(t *testing.T) {
		b := small(t, 8)
		b.revoke(names("m", 8)...)
		b.env.MaxMarks = 2
		b.revoke("one more")
		if b.head.Marks != 1 || b.head.Floor == 0 {
			t.Errorf("%d marks, floor %d", b.head.Marks, b.head.Floor)
		}
	})
	t.Run("a login that evicts into an overflow lives above the floor", func(t *testing.T) {
		b := small(t, 2)
		for _, id := range names("s", 4) {
			b.issue(id)
		}
		out := b.issue("new", limited(store.Limit{Max: 1}))
		if len(out.Evicted) != 4 || b.head.Floor == 0 || out.Record.Seq <= b.head.Floor {
			t.Fatalf("%d evicted, floor %d, seq %d", len(out.Evicted), b.head.Floor, out.Record.Seq)
		}
		b.wantAlive(b.mint(out.Record), true, true)
		for _, r := range out.Evicted {
			b.wantAlive(b.mint(r), false, false)
		}
	})
	t.Run("more than 256 ids are told in several events, all of them", func(t *testing.T) {
		b := newBook(t)
		ids := names("s", 300)
		for _, id := range ids {
			b.issue(id)
		}
		b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Keep: ids[7], Class: ""}}))
		b.issue("web", class("web"))
		for _, id := range names("w", 300) {
			b.issue(id, class("web"))
		}
		b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Class: "web"}}))
		told := 0
		for _, e := range b.last.Events {
			told += len(e.IDs)
		}
		if len(b.last.Events) != 2 || told != 301 {
			t.Errorf("%d events tell %d ids, want 2 and 301", len(b.last.Events), told)
		}
		b.wantStatus(ids[7], store.Live)
	})
}

func TestPruning(t *testing.T) {
	t.Run("a write looks at two entries, in turn, and removes the dead among them", func(t *testing.T) {
		b := newBook(t)
		b.issue("alive", ttl(1000*time.Hour))
		for _, id := range names("dead", 20) {
			b.issue(id)
		}
		b.at(2 * time.Hour)
		for range 12 { // 21 entries, two at a time, and the turn
			before := len(b.entries)
			b.at(time.Second)
			b.touch("alive")
			if removed := before - len(b.entries); removed > 2 {
				t.Errorf("one write removed %d entries", removed)
			}
		}
		if len(b.entries) != 1 {
			t.Errorf("%d entries are left, want the living one", len(b.entries))
		}
	})
	t.Run("a record behind a cut stays five minutes, so that a repeat of its Issue finds it dead", func(t *testing.T) {
		b := newBook(t)
		r := b.request("s", ttl(1000*time.Hour))
		_, err := b.tryIssue(r)
		b.ok(err)
		b.revokeAll()
		for _, wait := range []time.Duration{0, 5 * time.Minute} {
			b.env.Now = noon.Add(wait)
			b.revoke("something " + wait.String()) // each write prunes, and this one looks at all there is
			if _, err := b.tryIssue(r); err == nil {
				t.Errorf("%v after the cut, the repeat brought the session back", wait)
			}
		}
	})
	t.Run("a damaged neighbour does not stand in the way of a revocation", func(t *testing.T) {
		b := newBook(t)
		tk := b.mint(b.issue("s").Record)
		b.fail = fmt.Errorf("%w: a test", store.ErrCorrupt)
		b.revoke("s")
		b.wantAlive(tk, false, false)
	})
	t.Run("a store that cannot read its entries fails the write", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		b.fail = store.ErrUnavailable
		if err := b.tryRevoke(store.Revocation{IDs: []string{"t"}}); err == nil {
			t.Error("the outage was passed over")
		}
	})
	t.Run("a step that cuts looks at none", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		b.at(2 * time.Hour)
		b.fail = store.ErrUnavailable
		b.revokeAll()
		if len(b.entries) != 1 {
			t.Error("it was removed")
		}
	})
}
