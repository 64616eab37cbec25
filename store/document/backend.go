package document

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
)

// backend is what the verbs run on.
type backend struct{ *Store }

// View implements verbs.Backend.
func (s backend) View(ctx context.Context, d store.Digest, read func(ledger.Reader, ledger.Env) error) error {
	page, err := s.load(ctx, d)
	if err != nil {
		return err
	}
	return read(page, s.env())
}

// Update implements verbs.Backend: the step runs again on the newer ledger for as long as other writers win.
func (s backend) Update(ctx context.Context, d store.Digest, step verbs.Step) error {
	var took time.Duration
	for attempt := range s.o.Attempts {
		if err := pause(ctx, attempt, took); err != nil {
			return err
		}
		began := time.Now()
		page, err := s.load(ctx, d)
		if err != nil {
			return err
		}
		c, err := step(page, s.env())
		if !c.Write {
			return err
		}
		before := page.size
		page.apply(&c)
		value := wire.AppendDocument(nil, d, &page.head, page.entries)
		if tooLarge := s.room(&page.head, before, len(value)); tooLarge != nil && !c.Revokes {
			return cmp.Or(err, tooLarge)
		}
		if ended := ctx.Err(); ended != nil { // the last moment at which it is certain that nothing has changed
			return ended
		}
		won, failed := s.kv.CompareAndSwap(ctx, key(d), page.tag, value, page.head.Until)
		if failed != nil {
			return fmt.Errorf("%w: %w", store.ErrIndeterminate, unavailable(failed))
		}
		if won {
			return err
		}
		took = time.Since(began)
	}
	return fmt.Errorf("%w: %d attempts at a write lost against other writers of the same subject", store.ErrUnavailable, s.o.Attempts)
}

// room refuses a value that leaves no room for the marks that the ledger may still get, so that a revocation, which is
// never refused, does not grow past MaxBytes. (It can where MaxBytes was lowered or MaxMarks raised over an old ledger: the
// KV has the last word then.)
func (s *Store) room(h *ledger.Head, before, size int) error {
	most := s.o.MaxBytes - max(0, s.o.MaxMarks-h.Marks)*markBytes - headBytes
	if size <= most || size <= before {
		return nil
	}
	return fmt.Errorf("%w: the subject's ledger would be %d bytes, the limit is %d of %d, the rest is kept for revocations: "+
		"limit the sessions per subject, or keep less metadata", store.ErrTooLarge, size, most, s.o.MaxBytes)
}

// load reads a ledger.
func (s *Store) load(ctx context.Context, d store.Digest) (*page, error) {
	value, tag, err := s.kv.Load(ctx, key(d))
	if err != nil {
		return nil, unavailable(err)
	}
	if tag == nil {
		return &page{}, nil
	}
	h, entries, err := wire.DecodeDocument(value, d)
	if err != nil {
		return nil, err
	}
	return &page{tag: tag, size: len(value), there: true, head: h, entries: entries}, nil
}

// pause waits before an attempt: not before the first, then up to twice as long each time, at random, so that writers who
// met do not meet again. It counts in what the last attempt took, since that is how long writers are in each other's way.
func pause(ctx context.Context, attempt int, took time.Duration) error {
	if attempt == 0 {
		return ctx.Err()
	}
	most := min(max(took, time.Millisecond)<<min(attempt, 5), time.Second)
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// unavailable makes a KV's error the contract's. A context's error stays one too.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// page is one ledger, decoded. It belongs to one call.
type page struct {
	tag     any
	size    int
	there   bool
	head    ledger.Head
	entries []ledger.Entry // by field
}

// apply changes the page as a step has decided.
func (p *page) apply(c *ledger.Change) {
	p.head = c.Head
	for _, e := range c.Edits {
		i, found := p.find(e.Field)
		switch {
		case found && e.New != nil:
			p.entries[i] = *e.New
		case found:
			p.entries = slices.Delete(p.entries, i, i+1)
		case e.New != nil:
			p.entries = slices.Insert(p.entries, i, *e.New)
		}
	}
	if c.EraseRecords {
		p.entries = slices.DeleteFunc(p.entries, func(en ledger.Entry) bool { return en.Mark == nil })
	}
}

func (p *page) find(f keyspace.Field) (int, bool) {
	return slices.BinarySearchFunc(p.entries, f, func(en ledger.Entry, f keyspace.Field) int { return en.Field.Compare(f) })
}

// Head implements ledger.Reader.
func (p *page) Head() (ledger.Head, bool, error) { return p.head, p.there, nil }

// Get implements ledger.Reader.
func (p *page) Get(f keyspace.Field) (ledger.Entry, bool, error) {
	if i, found := p.find(f); found {
		return p.entries[i], true, nil
	}
	return ledger.Entry{}, false, nil
}

// OldestMarks implements ledger.Reader.
func (p *page) OldestMarks(n int) ([]ledger.Entry, error) {
	return p.first(n, func(en *ledger.Entry) bool { return en.Mark != nil },
		func(a, b ledger.Entry) int { return cmp.Compare(a.Mark.No, b.Mark.No) }), nil
}

// Scan implements ledger.Reader.
func (p *page) Scan(after keyspace.Field, n int) ([]ledger.Entry, error) {
	i, found := p.find(after)
	if found {
		i++
	}
	return slices.Clone(p.entries[i:min(i+n, len(p.entries))]), nil
}

// Newest implements ledger.Reader.
func (p *page) Newest(before *ledger.Position, n int) ([]ledger.Entry, error) {
	newer := func(a, b ledger.Entry) int {
		return cmp.Or(b.Record.IssuedAt.Compare(a.Record.IssuedAt), b.Field.Compare(a.Field))
	}
	return p.first(n, func(en *ledger.Entry) bool {
		if en.Mark != nil || before == nil {
			return en.Mark == nil
		}
		at := ledger.Entry{Field: before.Field}
		at.Record.IssuedAt = before.IssuedAt
		return newer(at, *en) < 0
	}, newer), nil
}

// first returns the first n of the entries that want accepts, in an order.
func (p *page) first(n int, want func(*ledger.Entry) bool, order func(a, b ledger.Entry) int) []ledger.Entry {
	var out []ledger.Entry
	for i := range p.entries {
		if want(&p.entries[i]) {
			out = append(out, p.entries[i])
		}
	}
	slices.SortFunc(out, order)
	return out[:min(n, len(out))]
}
