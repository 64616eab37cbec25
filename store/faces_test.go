package store_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/jetonkit/jeton/store"
)

// bare is a store without any face. It counts lookups.
type bare struct {
	store.TokenStore
	lookups int
	err     error
}

// Lookup implements store.TokenStore.
func (b *bare) Lookup(context.Context, store.Subject, ...string) (store.State, error) {
	b.lookups++
	return store.State{}, b.err
}

// layer wraps a store and has nothing but Unwrap.
type layer struct{ store.TokenStore }

// Unwrap implements store.Unwrapper.
func (l layer) Unwrap() store.TokenStore { return l.TokenStore }

// faced has all faces.
type faced struct{ bare }

// Subjects implements store.SubjectLister.
func (*faced) Subjects(context.Context) iter.Seq2[store.Subject, error] {
	return func(yield func(store.Subject, error) bool) { yield(store.User("ann"), nil) }
}

// Sweep implements store.Sweeper.
func (*faced) Sweep(context.Context) (store.Swept, error) { return store.Swept{Marks: 1}, nil }

// Ping implements store.Pinger.
func (*faced) Ping(context.Context) error { return errBroken }

// Stats implements store.StatsReporter.
func (*faced) Stats() []store.Stat { return []store.Stat{{Name: "x", Value: 1}} }

func TestPortableFunctions(t *testing.T) {
	ctx := t.Context()
	t.Run("a store without a face is ErrUnsupported, and never its zero answer alone", func(t *testing.T) {
		s := &bare{}
		_, sweep := store.Sweep(ctx, s)
		f, feed := store.FeedOf(s)
		var list []error
		for subject, err := range store.Subjects(ctx, s) {
			if subject != (store.Subject{}) {
				t.Errorf("a subject %v came with the error", subject)
			}
			list = append(list, err)
		}
		if len(list) != 1 || f != nil {
			t.Fatalf("%d pairs, feed %v", len(list), f)
		}
		for _, err := range []error{sweep, feed, list[0]} {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v, want ErrUnsupported", err)
			}
		}
	})
	t.Run("Ping asks such a store for somebody that nobody is", func(t *testing.T) {
		s := &bare{}
		if err := store.Ping(ctx, s); err != nil || s.lookups != 1 {
			t.Errorf("%v after %d lookups", err, s.lookups)
		}
		s.err = store.ErrUnavailable
		if err := store.Ping(ctx, s); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
	t.Run("Stats are none", func(t *testing.T) {
		if got := store.Stats(&bare{}); got != nil {
			t.Errorf("%v", got)
		}
	})
	t.Run("a store with a face answers itself", func(t *testing.T) {
		s := &faced{}
		if swept, err := store.Sweep(ctx, s); err != nil || swept.Marks != 1 {
			t.Errorf("%v, %v", swept, err)
		}
		if err := store.Ping(ctx, s); !errors.Is(err, errBroken) || s.lookups != 0 {
			t.Errorf("%v after %d lookups", err, s.lookups)
		}
		if got := store.Stats(s); len(got) != 1 {
			t.Errorf("%v", got)
		}
		for subject, err := range store.Subjects(ctx, s) {
			if subject != store.User("ann") || err != nil {
				t.Errorf("%v, %v", subject, err)
			}
		}
	})
	t.Run("a layer without a face has none, whatever it wraps: it may not be gone round", func(t *testing.T) {
		s := layer{&faced{}}
		if _, err := store.Sweep(ctx, s); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	})
}

func TestAs(t *testing.T) {
	in := &faced{}
	s := layer{layer{in}}
	if got, ok := store.As[*faced](s); !ok || got != in {
		t.Errorf("the innermost: %v, %v", got, ok)
	}
	if got, ok := store.As[layer](s); !ok || got != s {
		t.Error("the outermost comes first")
	}
	if _, ok := store.As[store.Sweeper](s); !ok {
		t.Error("a face of the wrapped store is found, to inspect")
	}
	if got, ok := store.As[*bare](s); ok || got != nil {
		t.Errorf("found what is not there: %v", got)
	}
	if _, ok := store.As[*faced](nil); ok {
		t.Error("found something in nothing")
	}
	if _, ok := store.As[*faced](layer{}); ok {
		t.Error("found something in a layer over nothing")
	}
}

func TestBatchAfter(t *testing.T) {
	at := func(id string, nonce byte) store.Position { return store.Position{ID: id, Nonce: [8]byte{nonce}} }
	batch := func(positions ...store.Position) store.Batch {
		b := store.Batch{Events: make([]store.Event, len(positions))}
		for i, p := range positions {
			b.Events[i].Position = p
		}
		return b
	}
	for _, c := range []struct {
		rule  string
		b     store.Batch
		from  store.Position
		rest  int
		whole bool
	}{
		{"the first event is the last applied", batch(at("1", 1), at("2", 2)), at("1", 1), 1, true},
		{"and there are no others", batch(at("1", 1)), at("1", 1), 0, true},
		{"the last applied was trimmed", batch(at("2", 2)), at("1", 1), 0, false},
		{"it has another nonce: a rollback", batch(at("1", 9), at("2", 2)), at("1", 1), 0, false},
		{"it has a zero nonce", batch(at("1", 0)), at("1", 1), 0, false},
		{"nothing is there: the feed was lost", batch(), at("1", 1), 0, false},
		{"from the start, everything", batch(at("1", 1), at("2", 2)), store.Position{}, 2, true},
		{"from the start, nothing: not even a genesis", batch(), store.Position{}, 0, false},
		{"a position with a nonce alone is no start", batch(at("1", 1)), at("", 1), 0, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			rest, whole := c.b.After(c.from)
			if len(rest) != c.rest || whole != c.whole {
				t.Errorf("%d events, %v; want %d, %v", len(rest), whole, c.rest, c.whole)
			}
		})
	}
}
