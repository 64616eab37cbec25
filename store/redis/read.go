package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// Lookup implements store.TokenStore: one HMGET, and every now and then the server's clock and the feed's birth in the
// same round trip.
func (s *Store) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	o, err := s.begin(ctx, "lookup", subject, func(time.Time) error { return store.CheckLookup(subject, ids) })
	if err != nil {
		return store.State{}, err
	}
	d, book := o.digest, books.Get().(*book) //nolint:errcheck // nothing else is in it
	defer book.release()
	book.digest = d
	args := newArguments(1+len(ids), "hmget")
	args.text(o.key)
	args.list = append(args.list, "h", "x")
	for _, id := range ids {
		f := keyspace.FieldOf(id)
		book.fields = append(book.fields, f)
		args.field(f)
	}
	values, err := s.exchange(ctx, call{key: o.key, part: o.part, at: o.at, args: args.list})
	if err != nil {
		return store.State{}, s.errs.Fail("lookup", d, err)
	}
	if len(values) != 2+len(ids) {
		return store.State{}, s.errs.Fail("lookup", d, errReply)
	}
	if err := book.fill(values); err != nil {
		return store.State{}, s.errs.Fail("lookup", d, err)
	}
	state, err := ledger.LookupFields(s.env(o.part), book, subject, book.fields)
	return state, s.errs.Fail("lookup", d, err)
}

// exchange asks a master one question about a ledger, and looks at its partition within the same round trip when it is
// time.
func (s *Store) exchange(ctx context.Context, c call) ([]any, error) {
	c.look = s.stale(c.part, c.at)
	t, err := s.send(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.look {
		err := s.note(ctx, c.part, t.sent, t.cmds[1:], true)
		if err != nil && !errors.Is(err, store.ErrCorrupt) { // a slot that is being moved has its keys on two nodes
			err = s.sight(ctx, c.part, true)
		}
		if err != nil && !c.write { // what was written is written; the next question looks again
			return nil, translate(ctx, err)
		}
	}
	return replies(t.cmds[0])
}

// env is what the rules need to know besides the ledger. A ledger that is not there starts with the feed's birth.
func (s *Store) env(part int) ledger.Env {
	env := ledger.Env{Now: s.clock(part), MaxTokenLife: s.life, MaxMarks: s.o.MaxMarks}
	if seen := s.partitions[part].seen.Load(); seen != nil {
		env.Horizon, env.HorizonTime = uint64(seen.birth.UnixMicro()), seen.birth
	}
	return env
}

// List implements store.TokenStore: one HGETALL. Its cost grows with what the subject holds.
func (s *Store) List(ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
	o, err := s.begin(ctx, "list", subject, func(time.Time) error { return p.Check() })
	if err != nil {
		return store.Records{}, err
	}
	d := o.digest
	values, err := s.exchange(ctx, call{key: o.key, part: o.part, at: o.at, args: []any{"hgetall", o.key}})
	if err != nil {
		return store.Records{}, s.errs.Fail("list", d, err)
	}
	book := book{digest: d}
	if err := book.load(values); err != nil {
		return store.Records{}, s.errs.Fail("list", d, err)
	}
	out, err := ledger.List(s.env(o.part), &book, subject, p)
	return out, s.errs.Fail("list", d, err)
}

// book is a ledger as a reply holds it.
type book struct {
	digest store.Digest
	fields []keyspace.Field
	values []any // of fields
	head   ledger.Head
	known  bool
	all    []ledger.Entry // newest first
}

// books are used again by Lookup: what is read of one is copied.
var books = sync.Pool{New: func() any { return new(book) }}

func (b *book) release() {
	*b = book{fields: b.fields[:0]}
	books.Put(b)
}

// fill reads a head, and keeps the values of the fields asked for.
func (b *book) fill(values []any) error {
	b.values = values[2:]
	return b.open(values[0], values[1])
}

func (b *book) open(order, spared any) (err error) {
	text, ok := order.(string)
	extra, fine := spared.(string)
	if (!ok && order != nil) || (!fine && spared != nil) {
		return errReply
	}
	if order == nil {
		for _, v := range b.values {
			if v != nil {
				return fmt.Errorf("%w: the ledger has entries and no head", store.ErrCorrupt)
			}
		}
		return nil
	}
	b.known = true
	b.head, err = wire.DecodeOrder(text, extra, b.digest)
	return err
}

// load reads a whole ledger.
func (b *book) load(pairs []any) error {
	var order, spared any
	for i := 0; i+1 < len(pairs); i += 2 {
		field, ok := pairs[i].(string)
		value, fine := pairs[i+1].(string)
		if !ok || !fine {
			return errReply
		}
		switch field {
		case "h":
			order = value
		case "x":
			spared = value
		}
		if len(field) != len(keyspace.Field{}) {
			continue
		}
		b.values = append(b.values, value)
		en, err := wire.DecodeEntry([]byte(value), b.digest, keyspace.Field([]byte(field)))
		if err != nil {
			return err
		}
		if en.Mark == nil {
			b.all = append(b.all, en)
		}
	}
	slices.SortFunc(b.all, func(x, y ledger.Entry) int {
		return cmp.Or(y.Record.IssuedAt.Compare(x.Record.IssuedAt), y.Field.Compare(x.Field))
	})
	return b.open(order, spared)
}

// Head implements ledger.Reader.
func (b *book) Head() (ledger.Head, bool, error) { return b.head, b.known, nil }

// Get implements ledger.Reader, for the fields asked for.
func (b *book) Get(f keyspace.Field) (ledger.Entry, bool, error) {
	i := slices.Index(b.fields, f)
	if i < 0 || b.values[i] == nil {
		return ledger.Entry{}, false, nil
	}
	text, ok := b.values[i].(string)
	if !ok {
		return ledger.Entry{}, false, errReply
	}
	en, err := wire.DecodeEntry([]byte(text), b.digest, f)
	return en, err == nil, err
}

// Newest implements ledger.Reader.
func (b *book) Newest(before *ledger.Position, n int) ([]ledger.Entry, error) {
	from := 0
	if before != nil {
		from, _ = slices.BinarySearchFunc(b.all, *before, func(en ledger.Entry, p ledger.Position) int {
			if c := cmp.Or(p.IssuedAt.Compare(en.Record.IssuedAt), p.Field.Compare(en.Field)); c != 0 {
				return c
			}
			return -1 // behind it, that is
		})
	}
	rest := b.all[from:]
	return slices.Clone(rest[:min(n, len(rest))]), nil
}

var errWriter = errors.New("the scripts write, not the ledger package")

// OldestMarks implements ledger.Reader: only writers ask.
func (b *book) OldestMarks(int) ([]ledger.Entry, error) { return nil, errWriter }

// Scan implements ledger.Reader: only writers ask.
func (b *book) Scan(keyspace.Field, int) ([]ledger.Entry, error) { return nil, errWriter }
