package conformance

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// world is the data behind handles: a memory store, whether it can be reached, and what a mutant remembers.
type world struct {
	*memstore.Store
	clock *storetest.Clock
	down  atomic.Bool
	refs  atomic.Int32

	mu       sync.Mutex
	reopened int
	outages  int
	memory   map[string]any // a mutant's own
	issued   []store.Record // every record ever issued, as Issue told it
}

// remember returns what a mutant has under a key, made at first.
func remember[T any](w *world, key string, first func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.memory[key]; !ok {
		w.memory[key] = first()
	}
	v, _ := w.memory[key].(T)
	return v
}

// table is a map that a mutant remembers. Its accesses are locked.
func (w *world) get(table, key string) any {
	m := remember(w, table, func() *sync.Map { return new(sync.Map) })
	v, _ := m.Load(key)
	return v
}

func (w *world) set(table, key string, v any) {
	remember(w, table, func() *sync.Map { return new(sync.Map) }).Store(key, v)
}

// peek is what the right store knows of an id.
func (w *world) peek(s store.Subject, id string) store.Entry {
	st, err := w.Lookup(context.Background(), s, id)
	if err != nil {
		return store.Entry{}
	}
	return st.Entries[0]
}

// alive are the right store's live records of a subject, oldest first.
func (w *world) alive(s store.Subject) []store.Record {
	got, _ := w.List(context.Background(), s, store.Page{Limit: store.MaxPage})
	slices.Reverse(got.Items)
	return got.Items
}

// past are the records ever issued to a subject.
func (w *world) past(s store.Subject) []store.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []store.Record
	for _, r := range w.issued {
		if r.Subject == s {
			out = append(out, r)
		}
	}
	return out
}

// harness is one over worlds whose handles have these hooks.
func (h hooks) harness() Harness {
	clock := storetest.NewClock(time.Time{})
	o := memstore.Options{Now: clock.Now, MaxTokenLife: store.DefaultMaxTokenLife}
	if h.options != nil {
		h.options(&o)
	}
	var mu sync.Mutex
	worlds := map[store.TokenStore]*world{}
	open := func(w *world) store.TokenStore {
		hd := &handle{w: w, h: h, number: w.refs.Add(1)}
		var s store.TokenStore = hd
		if h.wrap != nil {
			s = h.wrap(hd)
		}
		mu.Lock()
		defer mu.Unlock()
		worlds[s] = w
		return s
	}
	worldOf := func(s store.TokenStore) *world {
		mu.Lock()
		defer mu.Unlock()
		return worlds[s]
	}
	return Harness{
		Clock: clock,
		Open: func(context.Context) (store.TokenStore, error) {
			m, err := memstore.New(&o)
			if err != nil {
				return nil, err
			}
			return open(&world{Store: m, clock: clock, memory: map[string]any{}}), nil
		},
		Reopen: func(_ context.Context, s store.TokenStore) (store.TokenStore, error) {
			w := worldOf(s)
			again := open(w)
			w.mu.Lock()
			w.reopened++
			w.mu.Unlock()
			return again, s.Close()
		},
		Second: func(_ context.Context, s store.TokenStore) (store.TokenStore, error) { return open(worldOf(s)), nil },
		Fault: func(_ context.Context, s store.TokenStore) (func(), error) {
			w := worldOf(s)
			w.down.Store(true)
			return func() {
				w.mu.Lock()
				w.outages++
				w.mu.Unlock()
				w.down.Store(false)
			}, nil
		},
		Drop: func(_ context.Context, s store.TokenStore) error {
			mu.Lock()
			defer mu.Unlock()
			maps.DeleteFunc(worlds, func(k store.TokenStore, _ *world) bool { return k == s })
			return nil
		},
	}
}

func (w *world) wasReopened() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.reopened > 0 }
func (w *world) wasDown() bool     { w.mu.Lock(); defer w.mu.Unlock(); return w.outages > 0 }
