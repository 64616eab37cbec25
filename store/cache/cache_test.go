package storecache_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

func TestNewRefuses(t *testing.T) {
	ok := func(s store.TokenStore) store.TokenStore { return s }
	silent := harness.Mute
	for _, tt := range []struct {
		name, field string
		o           *storecache.Options
		next        func(store.TokenStore) store.TokenStore
	}{
		{"no store", "next", nil, func(store.TokenStore) store.TokenStore { return nil }},
		{"a cache over a cache", "next", nil, func(s store.TokenStore) store.TokenStore {
			c, err := storecache.New(t.Context(), s, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			return storetest.NewFaults(c)
		}},
		{"no feed and no MaxStale", "Options.MaxStale", nil, silent},
		{"no feed and a Poll", "Options.Poll", &storecache.Options{MaxStale: time.Second, Poll: time.Millisecond}, silent},
		{"MaxStale below three polls", "Options.MaxStale", &storecache.Options{MaxStale: time.Second, Poll: time.Second / 2}, ok},
		{"a negative MaxStale", "Options.MaxStale", &storecache.Options{MaxStale: -1}, ok},
		{"a MaxStale of a microsecond", "Options.MaxStale", &storecache.Options{MaxStale: time.Microsecond}, ok},
		{"a negative Poll", "Options.MaxStale", &storecache.Options{Poll: -1}, ok},
		{"too few bytes for one answer", "Options.MaxBytes", &storecache.Options{MaxBytes: storecache.MinBytes - 1}, ok},
		{"negative bytes", "Options.MaxBytes", &storecache.Options{MaxBytes: -1}, ok},
		{"more bytes than there are", "Options.MaxBytes", &storecache.Options{MaxBytes: 1 << 60}, ok},
		{"a MaxStale for ever", "Options.MaxStale", &storecache.Options{MaxStale: math.MaxInt64}, ok},
		{"a MaxStale for ever, without a feed", "Options.MaxStale", &storecache.Options{MaxStale: time.Hour + 1}, silent},
		{"a Poll that never rests", "Options.Poll", &storecache.Options{Poll: time.Millisecond - 1}, ok},
		{"a negative MaxAge", "Options.MaxAge", &storecache.Options{MaxAge: -1}, ok},
		{"a MaxAge of a day", "Options.MaxAge", &storecache.Options{MaxAge: 24 * time.Hour}, ok},
		{"negative reads", "Options.MaxReads", &storecache.Options{MaxReads: -1}, ok},
		{"too many reads", "Options.MaxReads", &storecache.Options{MaxReads: 1<<16 + 1}, ok},
		{"too many unknown", "Options.MaxAbsent", &storecache.Options{MaxAbsent: 1 << 21}, ok},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := storetest.New(t)
			_, err := storecache.New(t.Context(), tt.next(s), tt.o)
			var field *store.FieldError
			if !errors.As(err, &field) || field.Field != tt.field || !errors.Is(err, store.ErrInvalid) || field.Remedy == "" {
				t.Errorf("%v, want a FieldError of %s", err, tt.field)
			}
			if err := store.Ping(t.Context(), s); err != nil {
				t.Errorf("the store must stay open: %v", err)
			}
		})
	}
	t.Run("a store that does not answer", func(t *testing.T) {
		s, _ := storetest.New(t)
		f := storetest.NewFaults(s)
		f.Inject(storetest.Fault{Err: store.ErrUnavailable})
		if _, err := storecache.New(t.Context(), f, nil); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v: whether there is a feed must be known", err)
		}
	})
}

// TestDeadIDIsIssuedAgain: a revoked id is free once its mark has ended, and a login under it must be seen at once. Kills an
// answer of revoked ids that no Issue touches.
func TestDeadIDIsIssuedAgain(t *testing.T) {
	at := time.Now()
	s, err := memstore.New(&memstore.Options{Now: func() time.Time { return at }, SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	frozen := time.Now()
	c, err := storecache.New(t.Context(), s, &storecache.Options{MaxStale: time.Minute, Now: func() time.Time { return frozen }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ann := store.User("ann")
	status := func() store.Status {
		st, err := c.Lookup(t.Context(), ann, "d")
		if err != nil {
			t.Fatal(err)
		}
		return st.Entries[0].Status
	}
	if err := c.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	hits := func() int64 {
		for _, stat := range c.Stats() {
			if stat.Name == "cache_hits" {
				return stat.Value
			}
		}
		return 0
	}
	for hits() == 0 { // the engine keeps what it is given a little later
		if got := status(); got != store.Revoked {
			t.Fatalf("revoked, it is %v", got)
		}
		runtime.Gosched()
	}
	at = at.Add(48 * time.Hour)
	_, err = c.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: "d", Subject: ann, Link: store.NewLink(), ExpiresAt: at.Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := status(); got != store.Live {
		t.Errorf("issued again, it is %v", got)
	}
}

// TestGuard: a Lookup without ids is never answered from memory.
func TestGuard(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		for range 3 {
			st, err := s.c.Lookup(s.t.Context(), ann)
			if err != nil || st.Stamp.Valid(time.Now()) {
				s.t.Errorf("%v, %+v", err, st)
			}
		}
		if s.g.asked != 3 {
			s.t.Errorf("%d questions", s.g.asked)
		}
	})
}

// TestHerd: callers that ask the same at once are one question, and no caller's end is another's.
func TestHerd(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.login("a")
		release := make(chan struct{})
		s.g.set(func() { s.g.answer = release })
		first, cancel := context.WithCancel(s.t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.c.Lookup(first, ann, "a"); !errors.Is(err, context.Canceled) {
				s.t.Error(err)
			}
		})
		synctest.Wait()
		for range 1000 {
			all.Go(func() {
				if st, err := s.c.Lookup(s.t.Context(), ann, "a"); err != nil || st.Entries[0].Status != store.Live {
					s.t.Error(st.Entries, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		all.Wait()
		if s.g.asked != 1 {
			s.t.Errorf("%d questions", s.g.asked)
		}
	})
}

// TestCalledOff: a question that nobody waits for any more ends.
func TestCalledOff(t *testing.T) {
	inBubble(t, storecache.Options{}, nil, func(s stand) {
		s.g.set(func() { s.g.answer = make(chan struct{}) })
		for range 2 {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			start := time.Now()
			_, err := s.c.Lookup(ctx, ann, "a")
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
				s.t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		synctest.Wait()
		asked := 0
		s.g.set(func() { asked = s.g.asked })
		if asked != 2 {
			s.t.Errorf("%d questions: the second joined one that nobody waited for", asked)
		}
	})
}

// TestOwnBytes: what a caller does with an answer or its question is its own business.
func TestOwnBytes(t *testing.T) {
	s, clock := storetest.New(t)
	c, err := storecache.New(t.Context(), s, &storecache.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	rec := storetest.Issue(t, s, ann, storetest.Login{Metadata: map[string]string{"k": "v"}})
	ids := []string{rec.ID, "other"}
	for range 50 {
		st, err := c.Lookup(t.Context(), ann, ids...)
		if err != nil || st.Entries[0].Record.Metadata["k"] != "v" || st.Entries[0].Record.ID != rec.ID {
			t.Fatal(err, st.Entries)
		}
		st.Entries[0].Record.Metadata["k"], st.Entries[1].Status = "w", store.Revoked
		ids = []string{rec.ID, "other"}
		runtime.Gosched()
	}
}

// TestBytes: MaxBytes is what the answers take, give or take a third.
func TestBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills memory")
	}
	long, many := strings.Repeat("x", 8<<10), map[string]string{}
	for i := range store.MaxMetadata {
		many[fmt.Sprint("name ", i)] = "value"
	}
	for _, tt := range []struct {
		metadata map[string]string
		answers  int // more than it holds
	}{{nil, 45_000}, {map[string]string{"device": "a phone of a usual name", "address": "192.0.2.1"}, 45_000}, {map[string]string{"long": long}, 12_000}, {many, 12_000}} {
		s, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		const most = 32 << 20
		own := func(r *store.Record) { // the memory store's copies share their texts with its records
			for k, v := range r.Metadata {
				r.Metadata[k] = strings.Clone(v)
			}
		}
		c, err := storecache.New(t.Context(), swapped{s, own}, &storecache.Options{MaxBytes: most, MaxAge: time.Hour, MaxStale: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{ID: store.NewID(), Subject: ann, Class: "web", Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour), Metadata: tt.metadata}})
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		for i := range tt.answers {
			if _, err := c.Lookup(t.Context(), ann, out.Record.ID, fmt.Sprintf("token %016d", i)); err != nil {
				t.Fatal(err)
			}
		}
		took := heap() - before
		t.Logf("%d MiB of heap for %d MiB", took>>20, most>>20)
		if took < most*2/3 || took > most*4/3 {
			t.Errorf("%d bytes of heap for %d", took, most)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// TestCloseUnderLoad: Close lets those that ask end, with an answer or ErrClosed.
func TestCloseUnderLoad(t *testing.T) {
	for range 20 {
		s, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := storecache.New(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				for i := 0; ; i++ {
					if _, err := c.Lookup(t.Context(), ann, fmt.Sprint(n, i%100)); err != nil {
						if !errors.Is(err, store.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		all.Go(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
	}
}

// TestHitAllocates: a hit makes the caller's entries, and nothing else.
func TestHitAllocates(t *testing.T) {
	s, clock := storetest.New(t)
	c, err := storecache.New(t.Context(), s, &storecache.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	rec := storetest.Issue(t, s, ann, storetest.Login{})
	hits := func() int64 { return c.Stats()[0].Value }
	for hits() == 0 { // until the feed was polled and the answer is kept
		if _, err := c.Lookup(t.Context(), ann, rec.ID, "token"); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	n := testing.AllocsPerRun(1000, func() { _, _ = c.Lookup(ctx, ann, rec.ID, "token") })
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}
