package memstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
)

// feed is the store's one partition. Its order is that of the appends, which happen under the subjects' locks.
type feed struct {
	mu     sync.Mutex
	no     uint64
	events []store.Event
}

// pollMost is how many events a poll returns.
const pollMost = 1000

// append trims what is older than since, adds an event, and rings it before the next can be added.
func (f *feed) append(since time.Time, e store.Event, ring func(store.Bell)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.no++
	e.Position.ID = fmt.Sprintf("%016x", f.no)
	_, _ = rand.Read(e.Position.Nonce[:]) // it ends the program rather than fail
	var prev store.Position
	if n := len(f.events); n > 0 {
		prev = f.events[n-1].Position
	}
	trim := 0
	for trim < len(f.events)-1 && f.events[trim].Time.Before(since) { // the last is where followers stand after a quiet time
		trim++
	}
	f.events = append(f.events[trim:], e)
	ring(store.Bell{Prev: prev, Event: e})
}

func (f *feed) from(at store.Position) store.Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := sort.Search(len(f.events), func(i int) bool { return f.events[i].Position.ID >= at.ID })
	n := min(len(f.events)-i, pollMost)
	batch := store.Batch{More: i+n < len(f.events), Events: make([]store.Event, n)}
	for j, e := range f.events[i : i+n] {
		e.IDs = append([]store.Digest(nil), e.IDs...)
		batch.Events[j] = e
	}
	return batch
}

// Partitions implements store.Feed: there is one.
func (s *Store) Partitions(ctx context.Context) (int, error) {
	return 1, s.errs.Ready(ctx, "partitions")
}

// Poll implements store.Feed.
func (s *Store) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	if err := s.errs.ReadyToPoll(ctx, partition); err != nil {
		return store.Batch{}, err
	}
	return s.feed.from(from), nil
}

// Listen implements store.Feed.
func (s *Store) Listen(ctx context.Context, ring func(store.Bell)) error {
	if err := s.errs.Ready(ctx, "listen"); err != nil {
		return err
	}
	return s.errs.Fail("listen", store.Digest{}, s.bell.Listen(ctx, ring))
}
