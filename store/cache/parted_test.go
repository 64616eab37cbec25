package storecache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// parted is a memory store whose feed has several partitions, and no bell. Each can be silent, and lose what it holds.
type parted struct {
	*memstore.Store
	mu     sync.Mutex
	counts []int // what Partitions says, one after another and the last for ever; 0 is an outage
	silent map[int]bool
	trims  map[int]int // how many events are gone
	told   []error
}

func (p *parted) Partitions(context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.counts[0]
	if len(p.counts) > 1 {
		p.counts = p.counts[1:]
	}
	if n == 0 {
		return 0, store.ErrUnavailable
	}
	return n, nil
}

func (p *parted) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent[partition] {
		return store.Batch{}, store.ErrUnavailable
	}
	all, err := p.Store.Poll(ctx, 0, store.Position{})
	if err != nil {
		return store.Batch{}, err
	}
	var events []store.Event
	for _, e := range all.Events {
		if e.Subject.IsZero() || e.Subject.Partition(p.counts[0]) == partition {
			events = append(events, e)
		}
	}
	events = events[min(p.trims[partition], len(events)-1):]
	for i, e := range events {
		if e.Position == from {
			return store.Batch{Events: events[i:]}, nil
		}
	}
	return store.Batch{Events: events}, nil
}

func (p *parted) Listen(context.Context, func(store.Bell)) error { return errors.ErrUnsupported }

func (p *parted) set(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// log is a cache's Log.
func (p *parted) log(err error) { p.set(func() { p.told = append(p.told, err) }) }

func inPartitions(t *testing.T, counts []int, tell func(*testing.T, *parted, *storecache.Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &parted{Store: m, counts: counts, silent: map[int]bool{}, trims: map[int]int{}}
		c, err := storecache.New(t.Context(), p, &storecache.Options{Log: p.log})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(t, p, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// inEach is one user of each of n partitions.
func inEach(n int) []store.Subject {
	users := make([]store.Subject, n)
	for found, i := 0, 0; found < n; i++ {
		u := store.User(fmt.Sprint("user ", i))
		if at := u.Digest().Partition(n); users[at] == (store.Subject{}) {
			users[at] = u
			found++
		}
	}
	return users
}

// kept asks for a user's session twice, and reports whether the second answer came from memory.
func kept(t *testing.T, c *storecache.Cache, u store.Subject) bool {
	t.Helper()
	for range 2 {
		before := stat(c, "cache_hits")
		if _, err := c.Lookup(t.Context(), u, "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if stat(c, "cache_hits") > before {
			return true
		}
	}
	return false
}

// TestPartitions: each partition of a feed answers for its own subjects: its silence and its doubts are not the others', and
// none of them answers for another. Kills a cache with one time or one count of doubts for all.
func TestPartitions(t *testing.T) {
	const n = 4
	inPartitions(t, []int{n}, func(t *testing.T, p *parted, c *storecache.Cache) {
		users := inEach(n)
		everybody := func(what string, but int) {
			t.Helper()
			for i, u := range users {
				if got := kept(t, c, u); got == (i == but) {
					t.Errorf("%s: what is known of partition %d is kept: %v", what, i, got)
				}
			}
		}
		if got := stat(c, "cache_flushes"); got != n {
			t.Errorf("%d flushes at the start", got)
		}
		everybody("at first", -1)
		p.set(func() { p.silent[0], p.told = true, nil })
		time.Sleep(maxStale + time.Second)
		everybody("one is silent", 0)
		if lag, ok := c.Lag(); !ok || lag < maxStale || lag > 2*maxStale {
			t.Errorf("Lag %v, %v: the oldest counts", lag, ok)
		}
		p.set(func() {
			if len(p.told) == 0 || !errors.Is(p.told[0], store.ErrUnavailable) {
				t.Errorf("Log was told %v", p.told)
			}
			p.silent[0] = false
		})
		time.Sleep(maxStale)
		everybody("all are heard", -1)

		before := stat(c, "cache_misses")
		for range 2 { // the second stays in the feed
			if err := p.Revoke(t.Context(), store.Revocation{Subject: users[2], IDs: []string{"b"}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(maxStale)
		}
		p.set(func() { p.trims[2] = 2 })
		everybody("one loses events", -1) // each is asked for again at most once
		flushes := stat(c, "cache_flushes")
		if err := p.Revoke(t.Context(), store.Revocation{Subject: users[1], IDs: []string{"b"}}); err != nil {
			t.Fatal(err)
		}
		p.set(func() { p.trims[1] = 2 }) // what the follower stands at
		time.Sleep(maxStale)
		if got := stat(c, "cache_flushes") - flushes; got == 0 || got > 3 {
			t.Errorf("%d flushes for one partition that was trimmed", got)
		}
		if got := stat(c, "cache_misses") - before; got > 2*n {
			t.Errorf("%d misses", got)
		}
	})
}

// TestPartitionsUnread: before each partition was read to its end, nothing is known of how old the cache may be, and nothing
// of that partition is answered from memory.
func TestPartitionsUnread(t *testing.T) {
	const n = 4
	inPartitions(t, []int{n}, func(t *testing.T, p *parted, c *storecache.Cache) {
		if lag, ok := c.Lag(); !ok || lag != 0 {
			t.Errorf("Lag %v, %v", lag, ok)
		}
		p.set(func() { p.silent[1] = true })
		late, err := storecache.New(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if lag, ok := late.Lag(); ok {
			t.Errorf("Lag %v", lag)
		}
		for i, u := range inEach(n) {
			if got := kept(t, late, u); got == (i == 1) {
				t.Errorf("what is known of partition %d is kept: %v", i, got)
			}
		}
		if err := late.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPartitionsChange: a feed that has another number of partitions than when the cache was made is an outage of the feed,
// which is logged: the cache goes on to ask the store. Kills counters that are looked for where there are none, a panic.
func TestPartitionsChange(t *testing.T) {
	for _, counts := range [][]int{{4, 8}, {4, 2}, {4, 0, 8}} {
		inPartitions(t, counts, func(t *testing.T, p *parted, c *storecache.Cache) {
			time.Sleep(10 * maxStale)
			for i, u := range inEach(8) {
				if kept(t, c, u) {
					t.Errorf("%v: an answer to user %d is kept", counts, i)
				}
			}
			p.set(func() {
				if len(p.told) == 0 || !errors.Is(p.told[len(p.told)-1], store.ErrCorrupt) {
					t.Errorf("%v: Log was told %v", counts, p.told)
				}
			})
		})
	}
}
