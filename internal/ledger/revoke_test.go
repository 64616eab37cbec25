package ledger_test

import (
	"testing"

	"github.com/jetonkit/jeton/store"
)

func TestOthers(t *testing.T) {
	t.Run("everything but the kept session dies, its tokens of before live on", func(t *testing.T) {
		b := newBook(t)
		kept, other := b.mint(b.issue("kept").Record), b.mint(b.issue("other").Record)
		b.keep("kept")
		b.wantAlive(kept, true, true)
		b.wantAlive(other, false, false)
		st := b.lookup("kept")
		if st.Keep != "kept" || st.KeptCut != b.env.Horizon || st.Entries[0].Record.Seq != st.Cut+1 {
			t.Errorf("state %+v", st)
		}
	})
	t.Run("kept twice, its tokens of before the first time live on too", func(t *testing.T) {
		b := newBook(t)
		first := b.mint(b.issue("kept").Record)
		b.keep("kept")
		second := b.mint(b.lookup("kept").Entries[0].Record)
		b.keep("kept")
		b.wantAlive(first, true, true)
		b.wantAlive(second, true, true)
	})
	t.Run("a token of before an earlier cut does not come back with its session's keep", func(t *testing.T) {
		b := newBook(t)
		old := b.mint(b.issue("s").Record)
		b.forget()
		b.issue("s") // a late repeat of the login
		b.wantAlive(old, false, false)
		b.keep("s")
		b.wantAlive(old, false, false)
	})
	t.Run("whoever was kept before is not any more", func(t *testing.T) {
		b := newBook(t)
		first := b.mint(b.issue("first").Record)
		b.keep("first")
		second := b.mint(b.issue("second").Record)
		b.keep("second")
		b.wantAlive(first, false, false)
		b.wantAlive(second, true, true)
	})
	t.Run("All spares nobody", func(t *testing.T) {
		b := newBook(t)
		kept := b.mint(b.issue("kept").Record)
		b.keep("kept")
		b.revokeAll()
		b.wantAlive(kept, false, false)
		if st := b.lookup(); st.Keep != "" || st.KeptCut != 0 {
			t.Errorf("state %+v", st)
		}
	})
	t.Run("a kept session that is revoked is dead", func(t *testing.T) {
		b := newBook(t)
		kept := b.mint(b.issue("kept").Record)
		b.keep("kept")
		b.revoke("kept")
		b.wantAlive(kept, false, false)
	})
	t.Run("of a class, only that class dies, with or without a Keep, and there is no cut", func(t *testing.T) {
		b := newBook(t)
		web, kept, ios := b.mint(b.issue("web", class("web")).Record), b.mint(b.issue("kept", class("web")).Record), b.mint(b.issue("ios", class("ios")).Record)
		cut := b.lookup().Cut
		b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Keep: "kept", Class: "web"}, Reason: "why"}))
		b.wantAlive(web, false, false)
		b.wantAlive(kept, true, true)
		b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Class: "web"}}))
		b.wantAlive(kept, false, false)
		b.wantAlive(ios, true, true)
		st := b.lookup("web")
		if st.Cut != cut || st.Keep != "" || st.Entries[0].Reason != "why" {
			t.Errorf("state %+v", st)
		}
	})
	t.Run("of a class that nobody has writes nothing", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		if b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Class: "web"}})); b.last.Write {
			t.Errorf("it wrote %+v", b.last)
		}
	})
}

func TestOps(t *testing.T) {
	op := store.NewOp()
	for verb, r := range map[string]store.Revocation{
		"All":    {All: true, Op: op},
		"Others": {Others: &store.Others{Keep: "s"}, Op: op},
	} {
		t.Run("a repeat of "+verb+" cuts once, also behind three other cuts", func(t *testing.T) {
			b := newBook(t)
			b.issue("s")
			b.ok(b.tryRevoke(r))
			for _, id := range names("later", 3) {
				if r.All {
					b.revokeAll()
				} else {
					b.keep("s")
				}
				cut := b.head.Cut
				b.issue(id)
				if b.ok(b.tryRevoke(r)); b.head.Cut != cut || b.last.Write {
					t.Fatal("the repeat cut again")
				}
				b.wantStatus(id, store.Live)
			}
		})
	}
	t.Run("it is no repeat after a fourth", func(t *testing.T) {
		b := newBook(t)
		r := store.Revocation{All: true, Op: op}
		b.ok(b.tryRevoke(r))
		for range 4 {
			b.revokeAll()
		}
		cut := b.head.Cut
		if b.ok(b.tryRevoke(r)); b.head.Cut == cut {
			t.Error("an op was remembered for longer than it says")
		}
	})
	t.Run("an All is no repeat of an Others with the same op, which it must outdo", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		b.ok(b.tryRevoke(store.Revocation{Others: &store.Others{Keep: "s"}, Op: op}))
		b.ok(b.tryRevoke(store.Revocation{All: true, Op: op}))
		b.wantStatus("s", store.Revoked)
	})
	t.Run("two cuts with ops of their own are two", func(t *testing.T) {
		b := newBook(t)
		b.revokeAll()
		cut := b.head.Cut
		if b.revokeAll(); b.head.Cut == cut {
			t.Error("the second did not cut")
		}
	})
}

func TestForget(t *testing.T) {
	b := newBook(t)
	tk := b.mint(b.issue("s", func(r *store.IssueRequest) { r.Record.Metadata = map[string]string{"ip": "192.0.2.1"} }).Record)
	barred := b.mint(b.issue("barred").Record)
	b.keep("s")
	b.revoke("barred")
	b.forget()
	t.Run("everything is dead", func(*testing.T) {
		b.wantAlive(tk, false, false)
		b.wantAlive(barred, false, false)
	})
	t.Run("no record, subject or kept id is left, the marks are", func(t *testing.T) {
		if len(b.entries) != 1 || b.head.Marks != 1 || b.head.Subject != (store.Subject{}) || b.head.Keep != "" {
			t.Errorf("%d entries, head %+v", len(b.entries), b.head)
		}
		b.wantStatus("barred", store.Revoked)
	})
	t.Run("the feed is told, by digest", func(t *testing.T) {
		if len(b.last.Events) != 1 || b.last.Events[0].Subject != ann.Digest() || b.last.Events[0].Cut != b.head.Cut {
			t.Errorf("events %+v", b.last.Events)
		}
	})
	t.Run("a login afterwards lives, and names the subject again", func(t *testing.T) {
		b.wantAlive(b.mint(b.issue("new").Record), true, true)
		if b.head.Subject != ann {
			t.Errorf("the head names %+v", b.head.Subject)
		}
	})
}
