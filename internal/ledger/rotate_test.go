package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// refreshed returns a book with a session "s" that was refreshed twice: its links are link("s"), link("1"), link("2").
func refreshed(t *testing.T) *book {
	b := newBook(t)
	b.issue("s", ttl(30*24*time.Hour), func(r *store.IssueRequest) {
		r.Record.Binding = "phone"
		r.Record.Deadline = noon.Add(60 * 24 * time.Hour)
	})
	for i, l := range []string{"s", "1"} {
		out, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: uint64(i), Link: link(l), NextLink: link(string(rune('1' + i)))})
		b.ok(err)
		if out.Outcome != store.RotateOK {
			t.Fatal(out.Outcome)
		}
	}
	return b
}

func TestRotate(t *testing.T) {
	current := store.RotateRequest{ID: "s", Rotation: 2, Link: link("2"), NextLink: link("3")}
	before := store.RotateRequest{ID: "s", Rotation: 1, Link: link("1"), NextLink: link("x"), Grace: time.Minute, Binding: "phone"}
	with := func(r store.RotateRequest, change func(*store.RotateRequest)) store.RotateRequest {
		change(&r)
		return r
	}
	for _, c := range []struct {
		rule string
		r    store.RotateRequest
		wait time.Duration
		want store.Outcome
	}{
		{"the current token rotates", current, time.Hour, store.RotateOK},
		{"the current token needs no binding", with(current, func(r *store.RotateRequest) { r.Binding = "thief" }), 0, store.RotateOK},
		{"the current rotation with another link is reuse", with(current, func(r *store.RotateRequest) { r.Link = link("z") }), 0, store.Reused},
		{"the call's own repeat rotates again, whenever", store.RotateRequest{ID: "s", Rotation: 1, Link: link("1"), NextLink: link("2")}, time.Hour, store.RotateOK},
		{"the token before, within the grace window, is replayed", before, 59 * time.Second, store.Replayed},
		{"at the end of the window too", before, time.Minute, store.Replayed},
		{"after it, it is reuse", before, time.Minute + time.Millisecond, store.Reused},
		{"a clock gone back within the window still replays", before, -59 * time.Second, store.Replayed},
		{"a clock gone back further is reuse", before, -2 * time.Hour, store.Reused},
		{"without grace it is reuse", with(before, func(r *store.RotateRequest) { r.Grace = 0 }), 0, store.Reused},
		{"with another's binding it is reuse", with(before, func(r *store.RotateRequest) { r.Binding = "thief" }), 0, store.Reused},
		{"with another link it is reuse", with(before, func(r *store.RotateRequest) { r.Link = link("z") }), 0, store.Reused},
		{"the token before that one is reuse", with(before, func(r *store.RotateRequest) { r.Rotation, r.Link = 0, link("s") }), 0, store.Reused},
		{"an old rotation with the link before is reuse", with(before, func(r *store.RotateRequest) { r.Rotation = 0 }), 0, store.Reused},
		{"a token ahead of the record rolls forward", with(current, func(r *store.RotateRequest) { r.Rotation, r.Link = 5, link("5") }), 0, store.RolledForward},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := refreshed(t)
			was := b.lookup("s").Entries[0].Record
			b.at(c.wait)
			out, err := b.tryRotate(c.r)
			b.ok(err)
			if out.Outcome != c.want {
				t.Fatalf("%v, want %v", out.Outcome, c.want)
			}
			b.wantAfter(out, was, c.r)
		})
	}
}

// wantAfter holds the record to what its outcome says.
func (b *book) wantAfter(out store.Rotated, was store.Record, r store.RotateRequest) {
	b.t.Helper()
	if out.Outcome == store.Reused {
		if en := b.lookup("s").Entries[0]; en.Status != store.Revoked || en.Reason != store.ReasonReuse {
			b.t.Errorf("after reuse: %+v", en)
		}
		if out.Record.Link != was.Link || len(b.last.Events) != 1 {
			b.t.Errorf("the answer must tell the record as it was, and the feed its death: %+v", out.Record)
		}
		return
	}
	now := b.lookup("s").Entries[0].Record
	if now.Link != out.Record.Link || now.Rotation != out.Record.Rotation {
		b.t.Errorf("answered %+v, stored %+v", out.Record, now)
	}
	moved := r.NextLink != was.Link && out.Outcome != store.Replayed
	switch {
	case moved && (now.Rotation != r.Rotation+1 || now.Link != r.NextLink || now.PrevLink != r.Link.Tag() || !now.RotatedAt.Equal(b.env.Now)):
		b.t.Errorf("the record was not moved on: %+v", now)
	case !moved && (now.Rotation != was.Rotation || now.Link != was.Link || now.PrevLink != was.PrevLink || !now.RotatedAt.Equal(was.RotatedAt)):
		b.t.Errorf("the record has changed: %+v", now)
	case now.Binding != was.Binding || now.Seq != was.Seq || now.Version != was.Version || !now.IssuedAt.Equal(was.IssuedAt):
		b.t.Errorf("Rotate changed what is not its own: %+v, was %+v", now, was)
	}
}

func TestReplays(t *testing.T) {
	replay := func(next string) store.RotateRequest {
		return store.RotateRequest{ID: "s", Rotation: 1, Link: link("1"), NextLink: link(next), Grace: time.Minute, Binding: "phone"}
	}
	t.Run("three distinct calls are answered by default, and their repeats cost nothing", func(t *testing.T) {
		b := refreshed(t)
		for range 3 {
			for _, next := range []string{"a", "b", "c"} {
				if _, err := b.tryRotate(replay(next)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := b.tryRotate(replay("d")); !errors.Is(err, store.ErrReplayLimit) {
			t.Fatalf("the fourth: %v, want ErrReplayLimit", err)
		}
		b.wantStatus("s", store.Live)
	})
	t.Run("the limit is the request's", func(t *testing.T) {
		b := refreshed(t)
		r := replay("a")
		r.GraceReplays = 1
		_, err := b.tryRotate(r)
		b.ok(err)
		r.NextLink = link("b")
		if _, err := b.tryRotate(r); !errors.Is(err, store.ErrReplayLimit) {
			t.Errorf("the second: %v, want ErrReplayLimit", err)
		}
	})
	t.Run("touches, updates and being kept do not forget them", func(t *testing.T) {
		b := refreshed(t)
		for _, next := range []string{"a", "b", "c"} {
			_, err := b.tryRotate(replay(next))
			b.ok(err)
		}
		b.at(time.Second)
		b.touch("s")
		b.keep("s")
		_, err := b.update(store.UpdateRequest{ID: "s", Metadata: map[string]string{"k": "v"}})
		b.ok(err)
		if _, err := b.tryRotate(replay("d")); !errors.Is(err, store.ErrReplayLimit) {
			t.Errorf("afterwards: %v, want ErrReplayLimit", err)
		}
	})
	t.Run("a window ends with its last microsecond, and a part of one counts whole", func(t *testing.T) {
		for _, c := range []struct {
			grace, away time.Duration
			want        store.Outcome
		}{
			{time.Microsecond, time.Microsecond, store.Replayed},
			{time.Microsecond, 2 * time.Microsecond, store.Reused},
			{1500 * time.Nanosecond, 2 * time.Microsecond, store.Replayed},
			{1500 * time.Nanosecond, 3 * time.Microsecond, store.Reused},
		} {
			b := refreshed(t)
			b.env.Now = b.lookup("s").Entries[0].Record.RotatedAt.Add(c.away)
			r := replay("a")
			r.Grace = c.grace
			if out, err := b.tryRotate(r); err != nil || out.Outcome != c.want {
				t.Errorf("%v after, within %v: %v, %v", c.away, c.grace, out.Outcome, err)
			}
		}
	})
	t.Run("a rotation begins to count anew", func(t *testing.T) {
		b := refreshed(t)
		for _, next := range []string{"a", "b", "c"} {
			_, err := b.tryRotate(replay(next))
			b.ok(err)
		}
		_, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: 2, Link: link("2"), NextLink: link("3")})
		b.ok(err)
		r := replay("d")
		r.Rotation, r.Link = 2, link("2")
		if out, err := b.tryRotate(r); err != nil || out.Outcome != store.Replayed {
			t.Errorf("%v, %v", out.Outcome, err)
		}
	})
	t.Run("a replay behind a raised floor gets the old place, and the next refresh a new one", func(t *testing.T) {
		b := refreshed(t)
		b.env.MaxMarks = 1
		b.revoke("x")
		b.revoke("y")
		out, err := b.tryRotate(replay("a"))
		b.ok(err)
		b.wantAlive(b.mint(out.Record), false, false)
		out, err = b.tryRotate(store.RotateRequest{ID: "s", Rotation: 2, Link: link("2"), NextLink: link("3")})
		b.ok(err)
		b.wantAlive(b.mint(out.Record), true, true)
	})
}

func TestRotateExpiry(t *testing.T) {
	for rule, c := range map[string]struct{ given, want time.Time }{
		"zero leaves it":                   {time.Time{}, noon.Add(30 * 24 * time.Hour)},
		"it may fall":                      {noon.Add(time.Hour), noon.Add(time.Hour)},
		"it may rise":                      {noon.Add(50 * 24 * time.Hour), noon.Add(50 * 24 * time.Hour)},
		"never above the deadline":         {noon.Add(90 * 24 * time.Hour), noon.Add(60 * 24 * time.Hour)},
		"it is rounded up to milliseconds": {noon.Add(time.Hour + time.Nanosecond), noon.Add(time.Hour + time.Millisecond)},
	} {
		t.Run(rule, func(t *testing.T) {
			b := refreshed(t)
			out, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: 2, Link: link("2"), NextLink: link("3"), ExpiresAt: c.given})
			b.ok(err)
			if !out.Record.ExpiresAt.Equal(c.want) {
				t.Errorf("%v, want %v", out.Record.ExpiresAt, c.want)
			}
			if end := b.head.Until; end.Before(c.want.Add(24 * time.Hour)) {
				t.Errorf("the ledger ends at %v", end)
			}
		})
	}
}

// TestLivenessFirst: a verb on a record that is not live changes nothing, tells no event, and says why, whatever else the
// request deserves.
func TestLivenessFirst(t *testing.T) {
	kill := map[string]struct {
		do   func(*book)
		want error
	}{
		"never there": {func(b *book) { b.forget(); b.at(time.Hour) }, store.ErrNotFound},
		"expired":     {func(b *book) { b.at(31 * 24 * time.Hour) }, store.ErrNotFound},
		"marked":      {func(b *book) { b.revoke("s") }, store.ErrRevoked},
		"cut":         {func(b *book) { b.revokeAll() }, store.ErrRevoked},
		"floor alone": {func(b *book) { b.env.MaxMarks = 1; b.revoke("s"); b.revoke("x") }, store.ErrNotFound},
	}
	for how, k := range kill {
		verbs := map[string]func(*book) error{
			"rotate": func(b *book) error {
				_, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: 2, Link: link("2"), NextLink: link("3")})
				return err
			},
			"reuse": func(b *book) error {
				_, err := b.tryRotate(store.RotateRequest{ID: "s", Link: link("s"), NextLink: link("3")})
				return err
			},
			"repeat of a rotate": func(b *book) error {
				_, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: 1, Link: link("1"), NextLink: link("2")})
				return err
			},
			"update": func(b *book) error { _, err := b.update(store.UpdateRequest{ID: "s", Version: 9}); return err },
			"others": func(b *book) error { return b.tryRevoke(store.Revocation{Others: &store.Others{Keep: "s"}}) },
			"others of a class": func(b *book) error {
				return b.tryRevoke(store.Revocation{Others: &store.Others{Keep: "s", Class: "web"}})
			},
		}
		for verb, do := range verbs {
			t.Run(how+"/"+verb, func(t *testing.T) {
				b := refreshed(t)
				k.do(b)
				b.last = ledger.Change{}
				if err := do(b); !errors.Is(err, k.want) {
					t.Errorf("%v, want %v", err, k.want)
				}
				if b.last.Write {
					t.Errorf("it wrote %+v", b.last)
				}
			})
		}
		t.Run(how+"/touch", func(t *testing.T) {
			b := refreshed(t)
			k.do(b)
			b.last = ledger.Change{}
			if b.touch("s"); b.last.Write {
				t.Errorf("it wrote %+v", b.last)
			}
		})
	}
}
