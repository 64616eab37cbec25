package redisstore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/storetest"
)

// twin is one of two stores that get the same requests at the same moments, and how far its feed was read.
type twin struct {
	store.TokenStore
	feed  store.Feed
	parts int
	at    map[int]store.Position
}

func newTwin(t *testing.T, s store.TokenStore, err error) *twin {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &twin{TokenStore: s, at: map[int]store.Position{}}
	if w.feed, err = store.FeedOf(s); err == nil {
		w.parts, err = w.feed.Partitions(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// news returns what the feed tells of a subject since the last look, without what is random.
func (w *twin) news(t *rapid.T, who store.Digest) (news []store.Event) {
	part := who.Partition(w.parts)
	for more := true; more; {
		b, err := w.feed.Poll(context.Background(), part, w.at[part])
		events, ok := b.After(w.at[part])
		if err != nil || !ok {
			t.Fatalf("the feed of %T has lost its place: %v", w.TokenStore, err)
		}
		for _, e := range events {
			w.at[part] = e.Position
			if e.Subject == who {
				slices.SortFunc(e.IDs, func(a, b store.Digest) int { return slices.Compare(a[:], b[:]) })
				e.Position, e.Birth = store.Position{}, time.Time{}
				news = append(news, e)
			}
		}
		more = b.More
	}
	return news
}

// list reads all pages.
func (w *twin) list(who store.Subject, page int) (all []store.Record, err error) {
	p := store.Page{Limit: page}
	for {
		got, err := w.List(context.Background(), who, p)
		all = append(all, got.Items...)
		if p.Cursor = got.Next; err != nil || p.Cursor == "" {
			return all, err
		}
	}
}

// twins are the memory store, whose rules are package ledger's, and the one on Redis, whose rules are its scripts'.
type twins struct {
	clock *storetest.Clock
	both  [2]*twin
	life  time.Duration
	marks int
	met   map[string]int // what came of the requests, and how often
}

// history is what one run of twins knows of its subjects.
type history struct {
	*twins
	t     *rapid.T
	who   [2]store.Subject
	seen  [2]sights
	spent time.Duration // that the clock was moved
	links uint16
	log   []string
}

// TestTwins gives the memory store and the one on Redis the same random requests, good and bad, at the same moments of one
// clock, and compares all that comes of them: answers, errors to the word where input is bad, records with their place in
// the order and their times, cuts, floors, lists and the feed's events. JETON_RUNS plays a hundred histories each. Kills
// every mutant of a script that differs from package ledger in what a caller can see.
func TestTwins(t *testing.T) {
	t.Parallel()
	w := &twins{met: map[string]int{}, clock: storetest.NewClock(time.Now().Add(20 * 24 * time.Hour).Truncate(time.Millisecond)), life: time.Minute, marks: 6}
	memory, err := memstore.New(&memstore.Options{MaxTokenLife: w.life, MaxMarks: w.marks, SweepInterval: -1, Now: w.clock.Now})
	w.both[0] = newTwin(t, memory, err)
	redis, err := redisstore.Open(t.Context(), testenv.SharedRedis(t).URL(), &redisstore.Options{
		Prefix: testenv.Prefix(t), Partitions: 16, MaxTokenLife: w.life, MaxMarks: w.marks, Now: w.clock.Now,
	})
	w.both[1] = newTwin(t, redis, err)
	for range rounds(t, 1) {
		rapid.Check(t, func(rt *rapid.T) {
			h := &history{twins: w, t: rt}
			w.clock.Set(w.clock.Now().Truncate(time.Second).Add(time.Second)) // what is kept in ms meets every edge
			for i := range h.who {
				h.who[i] = store.Subject{Realm: "twins", Name: store.NewID()}
				h.compare(i)
			}
			for range draw(h, "steps", 20, 40, 60) {
				i := draw(h, "who", 0, 0, 0, 1)
				verb := draw(h, "verb", "issue", "issue", "issue", "issue", "issue", "rotate", "rotate", "rotate", "rotate", "rotate", "rotate",
					"update", "update", "update", "touch", "touch", "touch", "revoke", "revoke", "revoke", "flood", "forget", "once", "time", "time", "time")
				map[string]func(int){
					"issue": h.issue, "rotate": h.rotate, "update": h.update, "touch": h.touch, "revoke": h.revoke, "flood": h.flood, "forget": h.forget, "once": h.once,
					"time": func(int) { h.advance() },
				}[verb](i)
				h.compare(i)
			}
		})
	}
	for _, what := range []string{
		"floor", "keep", "issue", "issue: evicts", "issue: limit reached", "issue: conflict", "issue: already exists", "rotate: rotated",
		"rotate: replayed", "rotate: rolled-forward", "rotate: reused", "update", "update: conflict", "revoke: not found", "once: already exists",
	} {
		if w.met[what] == 0 {
			t.Errorf("no history met %q: the test shows nothing of it", what)
		}
	}
	total := 0
	for _, n := range w.met {
		total += n
	}
	t.Logf("%d requests and lists: %v", total, w.met)
}
