package memstore

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// TestBook compares the three trees with a plain map, after edits of every kind.
func TestBook(t *testing.T) {
	field := rapid.Map(rapid.ByteRange(1, 9), func(b byte) keyspace.Field { return keyspace.Field{b} })
	rapid.Check(t, func(t *rapid.T) {
		b, plain := newBook(), map[keyspace.Field]ledger.Entry{}
		no := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"record": func(t *rapid.T) {
				en := &ledger.Entry{Field: field.Draw(t, "field")}
				en.Record.IssuedAt = time.Unix(rapid.Int64Range(0, 3).Draw(t, "issued"), 0)
				en.Record.Metadata = map[string]string{"k": "v"}
				b.apply(&ledger.Change{Edits: []ledger.Edit{{Field: en.Field, New: en}}})
				plain[en.Field] = *en
			},
			"mark": func(t *rapid.T) {
				no++
				en := &ledger.Entry{Field: field.Draw(t, "field"), Mark: &ledger.Mark{No: no}}
				b.apply(&ledger.Change{Edits: []ledger.Edit{{Field: en.Field, New: en}}})
				plain[en.Field] = *en
			},
			"remove": func(t *rapid.T) {
				f := field.Draw(t, "field")
				b.apply(&ledger.Change{Edits: []ledger.Edit{{Field: f}}})
				delete(plain, f)
			},
			"erase": func(*rapid.T) {
				b.apply(&ledger.Change{EraseRecords: true})
				for f, en := range plain {
					if en.Mark == nil {
						delete(plain, f)
					}
				}
			},
			"": func(t *rapid.T) { compare(t, b, plain) },
		})
	})
}

func compare(t *rapid.T, b *book, plain map[keyspace.Field]ledger.Entry) {
	r := reader{b}
	n := rapid.IntRange(0, 10).Draw(t, "n")
	after := keyspace.Field{rapid.ByteRange(0, 9).Draw(t, "after")}
	at := ledger.Position{IssuedAt: time.Unix(rapid.Int64Range(-1, 4).Draw(t, "at"), 0), Field: after}
	scan, _ := r.Scan(after, n)
	want(t, "Scan", scan, plain, n, func(x ledger.Entry) bool { return x.Field.Compare(after) > 0 },
		func(x, y ledger.Entry) int { return x.Field.Compare(y.Field) })
	marks, _ := r.OldestMarks(n)
	want(t, "OldestMarks", marks, plain, n, func(x ledger.Entry) bool { return x.Mark != nil },
		func(x, y ledger.Entry) int { return cmp.Compare(x.Mark.No, y.Mark.No) })
	newest := func(x, y ledger.Entry) int {
		return cmp.Or(y.Record.IssuedAt.Compare(x.Record.IssuedAt), y.Field.Compare(x.Field))
	}
	first, _ := r.Newest(nil, n)
	want(t, "Newest", first, plain, n, func(x ledger.Entry) bool { return x.Mark == nil }, newest)
	more, _ := r.Newest(&at, n)
	want(t, "Newest before", more, plain, n, func(x ledger.Entry) bool {
		return x.Mark == nil && newest(ledger.Entry{Field: at.Field, Record: store.Record{IssuedAt: at.IssuedAt}}, x) < 0
	}, newest)
	en, ok, _ := r.Get(after)
	if held, has := plain[after]; ok != has || ok && !reflect.DeepEqual(en, held) {
		t.Fatalf("Get gives %+v, %v; want %+v, %v", en, ok, held, has)
	}
}

func want(t *rapid.T, what string, got []ledger.Entry, plain map[keyspace.Field]ledger.Entry, n int, in func(ledger.Entry) bool, order func(x, y ledger.Entry) int) {
	var all []ledger.Entry
	for _, en := range plain {
		if in(en) {
			all = append(all, en)
		}
	}
	slices.SortFunc(all, order)
	all = all[:min(n, len(all))]
	if len(got) != len(all) || len(all) > 0 && !reflect.DeepEqual(got, all) {
		t.Fatalf("%s(%d) gives %+v, want %+v", what, n, got, all)
	}
}

// TestReadersOwnWhatTheyGet: a step may change what it reads, and another reader sees none of it.
func TestReadersOwnWhatTheyGet(t *testing.T) {
	b := newBook()
	f, g := keyspace.Field{1}, keyspace.Field{2}
	b.apply(&ledger.Change{Edits: []ledger.Edit{
		{Field: f, New: &ledger.Entry{Field: f, Record: store.Record{Metadata: map[string]string{"k": "v"}}, Replays: []ledger.Replay{{1}}}},
		{Field: g, New: &ledger.Entry{Field: g, Mark: &ledger.Mark{Reason: "why"}}},
	}})
	entries, _ := reader{b}.Scan(keyspace.Field{}, 9)
	entries[0].Record.Metadata["k"], entries[0].Replays[0], entries[1].Mark.Reason = "x", ledger.Replay{9}, "x"
	again, _ := reader{b}.Scan(keyspace.Field{}, 9)
	if again[0].Record.Metadata["k"] != "v" || again[0].Replays[0] != (ledger.Replay{1}) || again[1].Mark.Reason != "why" {
		t.Errorf("%+v", again)
	}
}

// TestShards: subjects spread evenly over the locks, those of one partition's first byte too.
func TestShards(t *testing.T) {
	s, err := New(&Options{SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	held := map[*shard]int{}
	const subjects = 64 * shards
	for n := 0; len(held) < shards || n < subjects; n++ {
		d := store.User(fmt.Sprint(n)).Digest()
		if d[0] %= 4; n > 20*subjects {
			t.Fatalf("only %d of %d locks are used", len(held), shards)
		}
		held[s.shard(d)]++
	}
	for _, n := range held {
		if n > 2*subjects/shards {
			t.Errorf("a lock has %d of %d subjects", n, subjects)
		}
	}
}
