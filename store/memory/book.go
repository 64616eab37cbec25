package memstore

import (
	"slices"

	"github.com/tidwall/btree"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
)

// book is one subject's ledger. Its entries are never changed in place, so that readers share all but metadata.
type book struct {
	head    ledger.Head
	entries *btree.BTreeG[*ledger.Entry] // by field
	newest  *btree.BTreeG[*ledger.Entry] // records, newest first
	marks   *btree.BTreeG[*ledger.Entry] // marks, oldest first
}

func newBook() *book {
	o := btree.Options{Degree: 8, NoLocks: true} // the shard's lock guards them; most subjects hold few entries
	return &book{
		entries: btree.NewBTreeGOptions(func(a, b *ledger.Entry) bool { return a.Field.Compare(b.Field) < 0 }, o),
		newest:  btree.NewBTreeGOptions(newer, o),
		marks:   btree.NewBTreeGOptions(func(a, b *ledger.Entry) bool { return a.Mark.No < b.Mark.No }, o),
	}
}

// newer is the order of List: by IssuedAt, then by field, both falling.
func newer(a, b *ledger.Entry) bool {
	if c := a.Record.IssuedAt.Compare(b.Record.IssuedAt); c != 0 {
		return c > 0
	}
	return a.Field.Compare(b.Field) > 0
}

// apply changes the book as a step has decided.
func (b *book) apply(c *ledger.Change) {
	b.head = c.Head
	for _, e := range c.Edits {
		b.remove(e.Field)
		if e.New != nil {
			b.add(e.New)
		}
	}
	if c.EraseRecords {
		for _, en := range b.newest.Items() {
			b.remove(en.Field)
		}
	}
}

func (b *book) add(en *ledger.Entry) {
	b.entries.Set(en)
	if en.Mark != nil {
		b.marks.Set(en)
		return
	}
	b.newest.Set(en)
}

func (b *book) remove(f keyspace.Field) {
	old, ok := b.entries.Delete(&ledger.Entry{Field: f})
	if !ok {
		return
	}
	if old.Mark != nil {
		b.marks.Delete(old)
		return
	}
	b.newest.Delete(old)
}

// reader reads a book; nil is a subject without one.
type reader struct{ b *book }

// own returns a copy that shares nothing with the book.
func own(en *ledger.Entry) ledger.Entry {
	out := *en
	out.Record = en.Record.Clone()
	out.Replays = slices.Clone(en.Replays)
	if en.Mark != nil {
		mark := *en.Mark
		out.Mark = &mark
	}
	return out
}

// Head implements ledger.Reader.
func (r reader) Head() (ledger.Head, bool, error) {
	if r.b == nil {
		return ledger.Head{}, false, nil
	}
	return r.b.head, true, nil
}

// Get implements ledger.Reader.
func (r reader) Get(f keyspace.Field) (ledger.Entry, bool, error) {
	if r.b == nil {
		return ledger.Entry{}, false, nil
	}
	en, ok := r.b.entries.Get(&ledger.Entry{Field: f})
	if !ok {
		return ledger.Entry{}, false, nil
	}
	return own(en), true, nil
}

// OldestMarks implements ledger.Reader.
func (r reader) OldestMarks(n int) ([]ledger.Entry, error) {
	if r.b == nil {
		return nil, nil
	}
	return take(n, r.b.marks.Scan, nil), nil
}

// Scan implements ledger.Reader.
func (r reader) Scan(after keyspace.Field, n int) ([]ledger.Entry, error) {
	if r.b == nil {
		return nil, nil
	}
	from := func(yield func(*ledger.Entry) bool) { r.b.entries.Ascend(&ledger.Entry{Field: after}, yield) }
	return take(n, from, func(en *ledger.Entry) bool { return en.Field != after }), nil
}

// Newest implements ledger.Reader.
func (r reader) Newest(before *ledger.Position, n int) ([]ledger.Entry, error) {
	if r.b == nil {
		return nil, nil
	}
	if before == nil {
		return take(n, r.b.newest.Scan, nil), nil
	}
	at := &ledger.Entry{Field: before.Field}
	at.Record.IssuedAt = before.IssuedAt
	from := func(yield func(*ledger.Entry) bool) { r.b.newest.Ascend(at, yield) }
	return take(n, from, func(en *ledger.Entry) bool { return newer(at, en) }), nil
}

// take copies the first n entries that want accepts; nil accepts all.
func take(n int, scan func(func(*ledger.Entry) bool), want func(*ledger.Entry) bool) []ledger.Entry {
	var out []ledger.Entry
	if n <= 0 {
		return nil
	}
	scan(func(en *ledger.Entry) bool {
		if want == nil || want(en) {
			out = append(out, own(en))
		}
		return len(out) < n
	})
	return out
}
