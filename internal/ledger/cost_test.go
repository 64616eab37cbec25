package ledger_test

import (
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// crowd is a ledger of n living sessions, put there without verbs.
func crowd(t *testing.T, n int) *book {
	b := newBook(t)
	b.issue("s")
	proto := b.entries[keyspace.FieldOf("s")]
	for _, id := range names("crowd", n-1) {
		en := proto
		en.Record.ID, en.Field = id, keyspace.FieldOf(id)
		b.entries[en.Field] = en
	}
	b.head.Entries = n
	return b
}

// TestCost: what a verb asks of the store and writes to it does not grow with what the subject holds.
func TestCost(t *testing.T) {
	for verb, do := range map[string]func(*book){
		"lookup": func(b *book) { b.lookup("s") },
		"issue":  func(b *book) { b.issue("new") },
		"rotate": func(b *book) {
			_, err := b.tryRotate(store.RotateRequest{ID: "s", Link: link("s"), NextLink: link("t")})
			b.ok(err)
		},
		"update":       func(b *book) { _, err := b.update(store.UpdateRequest{ID: "s"}); b.ok(err) },
		"touch":        func(b *book) { b.at(time.Second); b.touch("s") },
		"revoke ids":   func(b *book) { b.revoke("s") },
		"revoke all":   func(b *book) { b.revokeAll() },
		"others":       func(b *book) { b.keep("s") },
		"forget":       func(b *book) { b.forget() },
		"list":         func(b *book) { _, err := ledger.List(b.env, b, ann, store.Page{Limit: 5}); b.ok(err) },
		"replay limit": func(b *book) { _, _ = b.tryRotate(store.RotateRequest{ID: "s", Link: link("t"), NextLink: link("x")}) },
	} {
		t.Run(verb, func(t *testing.T) {
			type cost struct{ calls, given, edits int }
			measure := func(n int) cost {
				b := crowd(t, n)
				b.calls, b.given = 0, 0
				do(b)
				return cost{b.calls, b.given, len(b.last.Edits)}
			}
			few, many := measure(10), measure(10_000)
			t.Logf("%s: %d calls, %d entries read, %d written", verb, many.calls, many.given, many.edits)
			if few != many {
				t.Errorf("10 entries cost %+v, 10,000 cost %+v", few, many)
			}
			if many.calls > 4 || many.given > 11 || many.edits > 3 {
				t.Errorf("%+v is more than a small write", many)
			}
		})
	}
}
