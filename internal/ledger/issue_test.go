package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

func TestIssue(t *testing.T) {
	t.Run("the store sets what is its own, whatever the request says", func(t *testing.T) {
		b := newBook(t)
		b.at(1234567 * time.Nanosecond)
		r := b.request("s")
		r.Record.Seq, r.Record.Version, r.Record.Rotation, r.Record.PrevLink = 9, 9, 9, store.LinkTag{9}
		r.Record.IssuedAt, r.Record.RotatedAt, r.Record.LastSeen = noon, noon, noon
		out, err := b.tryIssue(r)
		b.ok(err)
		now := b.env.Now.Truncate(time.Microsecond)
		rec := out.Record
		if rec.Version != 0 || rec.Rotation != 0 || rec.PrevLink != (store.LinkTag{}) || rec.Seq != uint64(now.UnixMicro()) {
			t.Errorf("issued %+v", rec)
		}
		if ms := now.Truncate(time.Millisecond); !rec.IssuedAt.Equal(now) || !rec.RotatedAt.Equal(ms) || !rec.LastSeen.Equal(ms) || !out.Now.Equal(now) {
			t.Errorf("issued %+v at %v", rec, now)
		}
	})
	t.Run("no deadline is ten years, rounded up", func(t *testing.T) {
		b := newBook(t)
		b.at(time.Microsecond)
		if got, want := b.issue("s").Record.Deadline, noon.Add(store.MaxLife+time.Millisecond); !got.Equal(want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
	t.Run("the answer, the ledger and the request share no metadata", func(t *testing.T) {
		b := newBook(t)
		meta := map[string]string{"k": "v"}
		out := b.issue("s", func(r *store.IssueRequest) { r.Record.Metadata = meta })
		out.Record.Metadata["k"], meta["k"] = "answer", "request"
		if got := b.lookup("s").Entries[0].Record.Metadata["k"]; got != "v" {
			t.Errorf("the ledger holds %q", got)
		}
		if got := out.Record.Metadata["k"]; got != "answer" {
			t.Errorf("the answer holds %q", got)
		}
	})
}

func TestIssueAgain(t *testing.T) {
	cut := func(b *book, d int64) *uint64 { c := uint64(int64(b.lookup().Cut) + d); return &c }
	other := func(r *store.IssueRequest) { r.Record.Link = link("another login") }
	guard := func(c *uint64) func(*store.IssueRequest) { return func(r *store.IssueRequest) { r.IfCut = c } }
	for _, c := range []struct {
		rule   string
		before func(*book)
		change func(*book) func(*store.IssueRequest)
		want   error
		repeat bool
	}{
		{rule: "its own repeat is answered again", repeat: true},
		{"its own repeat passes the guard and the limit", func(b *book) { b.issue("t") }, func(b *book) func(*store.IssueRequest) {
			return func(r *store.IssueRequest) {
				r.IfCut, r.Limit = cut(b, 1), store.Limit{Max: 1, Policy: store.Reject}
			}
		}, nil, true},
		{"another login of a live id is ErrExists", nil, func(*book) func(*store.IssueRequest) { return other }, store.ErrExists, false},
		{"once refreshed, it is no repeat any more", func(b *book) {
			for i, l := range []string{"s", "1"} { // and back to a record whose link is the first one's again
				next := map[int]string{0: "1", 1: "s"}[i]
				_, err := b.tryRotate(store.RotateRequest{ID: "s", Rotation: uint64(i), Link: link(l), NextLink: link(next)})
				b.ok(err)
			}
		}, nil, store.ErrExists, false},
		{"a revoked id is ErrRevoked", func(b *book) { b.revoke("s") }, nil, store.ErrRevoked, false},
		{"one behind the cut is ErrRevoked", func(b *book) { b.revokeAll() }, nil, store.ErrRevoked, false},
		{"liveness comes before the guard", func(b *book) { b.revokeAll() }, func(b *book) func(*store.IssueRequest) { return guard(cut(b, -1)) }, store.ErrRevoked, false},
		{"an expired id is free", func(b *book) { b.at(2 * time.Hour) }, nil, nil, false},
		{"an id whose mark has expired is free", func(b *book) { b.revoke("s"); b.at(48 * time.Hour) }, nil, nil, false},
		{
			"an expired id with the cut of before is ErrConflict", func(b *book) { b.revokeAll(); b.at(2 * time.Hour) },
			func(b *book) func(*store.IssueRequest) { return guard(cut(b, -1)) }, store.ErrConflict, false,
		},
		{
			"and with the cut of now it passes", func(b *book) { b.revokeAll(); b.at(2 * time.Hour) },
			func(b *book) func(*store.IssueRequest) { return guard(cut(b, 0)) }, nil, false,
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := newBook(t)
			first := b.issue("s").Record
			if c.before != nil {
				c.before(b)
			}
			r := b.request("s")
			if c.change != nil {
				c.change(b)(&r)
			}
			b.last = ledger.Change{}
			out, err := b.tryIssue(r)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if b.last.Write != (err == nil && !c.repeat) {
				t.Errorf("wrote=%v", b.last.Write)
			}
			if err == nil && (out.Record.Seq == first.Seq) != c.repeat {
				t.Errorf("seq %d, the first login's is %d", out.Record.Seq, first.Seq)
			}
		})
	}
}
