package storecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/verbs"
	"github.com/jetonkit/jeton/store"
)

const (
	stale = time.Second
	// tick is how far time passes at once: further than MaxStale.
	tick = 3 * stale / 2
)

var (
	ann = store.User("ann")
	bob = store.User("bob")
)

// toy is a store of one session each of ann and bob, "sid", as a story needs it: each call is one step.
type toy struct {
	store.TokenStore // nil: what a story does not need panics
	w                *world
	known            map[string]bool // by subject's name
	revoked          map[string]bool
	expires          time.Time
	fail             error // of writes, which are done all the same
}

func (s *toy) Lookup(_ context.Context, subject store.Subject, ids ...string) (store.State, error) {
	st := store.State{Cut: 1, Now: s.w.now, Entries: make([]store.Entry, len(ids))}
	if ids[0] == "sid" {
		switch {
		case s.revoked[subject.Name]:
			st.Entries[0] = store.Entry{Status: store.Revoked}
		case s.known[subject.Name] && s.expires.After(s.w.now):
			st.Entries[0] = store.Entry{Status: store.Live, Record: store.Record{ID: "sid", Subject: subject, Class: subject.Name, ExpiresAt: s.expires}}
		}
	}
	return st, nil
}

func (s *toy) revoke(name string) error {
	s.revoked[name] = true
	if s.w.listed { // from now on it may be known
		s.w.acked[name], s.w.here[name] = s.w.now, true
	}
	s.w.sched.at("written")
	return s.fail
}

func (s *toy) Revoke(_ context.Context, r store.Revocation) error { return s.revoke(r.Subject.Name) }

func (s *toy) Forget(_ context.Context, subject store.Subject) error { return s.revoke(subject.Name) }

func (s *toy) Update(_ context.Context, r store.UpdateRequest) (store.Record, error) {
	return store.Record{}, s.revoke(r.Subject.Name)
}

func (s *toy) Rotate(_ context.Context, r store.RotateRequest) (store.Rotated, error) {
	return store.Rotated{Outcome: store.Reused}, s.revoke(r.Subject.Name)
}

// Issue with a limit ends the session; without, it begins it.
func (s *toy) Issue(_ context.Context, r store.IssueRequest) (store.Issued, error) {
	if !r.Limit.IsZero() {
		return store.Issued{Evicted: []store.Record{{ID: "sid"}}}, s.revoke(r.Record.Subject.Name)
	}
	s.known[r.Record.Subject.Name] = true
	s.w.sched.at("written")
	return store.Issued{}, s.fail
}

// queue is an engine that keeps what it is given when a move says so, in any order, or never. With one place it answers one
// key's value to another, as no engine should.
type queue struct {
	waiting []pending
	kept    map[uint64]*Answer
	single  bool
}

type pending struct {
	key uint64
	a   *Answer
}

func (q *queue) Get(key uint64) (*Answer, bool) {
	if q.single {
		key = 0
	}
	a, ok := q.kept[key]
	return a, ok
}

func (q *queue) Set(key uint64, a *Answer, _ int64) bool {
	if q.single {
		key = 0
	}
	q.waiting = append(q.waiting, pending{key, a})
	return true
}

func (q *queue) Close() {}

// Del is for the mutant that trusts in it.
func (q *queue) Del() { clear(q.kept) }

// tape is the feed of the other processes.
type tape struct {
	events []store.Event
	told   int
	// trimmed: what was there is there no more, and a follower notices by its next poll.
	trimmed bool
}

// world is one run of a story: the production code over a toy store, with a clock and a feed that move as they are chosen.
type world struct {
	sched *scheduler
	now   time.Time
	cache *Cache
	toy   *toy
	queue *queue
	feed  tape

	// acked is when a revocation was acknowledged; here says that it was in this process. issued likewise.
	acked, issued map[string]time.Time
	here          map[string]bool
	wrong         []string
	// left is how many checks are still to begin; after them nothing that arrives and no time that passes matters.
	left int
	// listed: others of this process learn what a write has done before its reply, by a List.
	listed bool
	// lives: nothing ever ends the session, though what is kept of it may say so.
	lives bool
}

var epoch = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

func newWorld(x *explorer, parts int) *world {
	w := &world{
		sched: &scheduler{x: x}, now: epoch, queue: &queue{kept: map[uint64]*Answer{}},
		acked: map[string]time.Time{}, issued: map[string]time.Time{}, here: map[string]bool{},
	}
	w.toy = &toy{w: w, known: map[string]bool{"ann": true, "bob": true}, revoked: map[string]bool{}, expires: epoch.Add(time.Hour)}
	o := Options{MaxBytes: MinBytes, MaxStale: stale, MaxAge: time.Hour, MaxReads: 8, MaxAbsent: 1, Now: func() time.Time { return w.now }}
	w.cache = &Cache{next: w.toy, core: newCore(o, parts, 2)}
	w.cache.core.ask, w.cache.core.engine, w.cache.core.probe = w.toy.Lookup, w.queue, w.sched
	w.cache.errs = verbs.NewErrors("cache", w.cache.core.closed.Load)
	if parts > 0 {
		w.cache.core.parts[0].synced.Store(&epoch)
	}
	for i := range 3 { // of what waits, any may arrive
		w.sched.moves = append(w.sched.moves, move{
			fmt.Sprint("write ", i, " arrives"), func() bool { return len(w.queue.waiting) > i && w.left > 0 },
			func() {
				p := w.queue.waiting[i]
				w.queue.waiting = slices.Delete(w.queue.waiting, i, i+1)
				w.queue.kept[p.key] = p.a
			},
		})
	}
	return w
}

// ticks lets time pass n times.
func (w *world) ticks(n int) {
	w.sched.moves = append(w.sched.moves, move{"time passes", func() bool { return n > 0 && w.left > 0 }, func() {
		n--
		w.now = w.now.Add(tick)
	}})
}

// evicts lets the engine drop what it keeps, n times.
func (w *world) evicts(n int) {
	w.sched.moves = append(w.sched.moves, move{"all is evicted", func() bool { return n > 0 && len(w.queue.kept) > 0 && w.left > 0 }, func() {
		n--
		clear(w.queue.kept)
	}})
}

// check is one question as a verifier asks it: when it began, and what was true then.
type check struct {
	// revoked, and longer ago than MaxStale or in this process.
	revoked bool
	// known: issued in this process, or longer ago than unknown ids are kept; lives: known from the beginning, and for long.
	known, lives bool
}

func (w *world) begin(s store.Subject) check {
	w.left--
	c := check{lives: w.lives}
	at, acked := w.acked[s.Name]
	c.revoked = acked && (w.here[s.Name] || w.now.Sub(at) > stale)
	at, issued := w.issued[s.Name]
	c.known = issued && (w.here[s.Name] || w.now.Sub(at) > absentAge)
	return c
}

// accepted judges a verdict by the promise.
func (w *world) accepted(c check, how string) {
	if c.revoked {
		w.wrong = append(w.wrong, how+" accepts what was revoked before the check, and longer ago than MaxStale or in this process")
	}
}

// reader asks n times.
func (w *world) reader(name string, s store.Subject, n int) {
	w.left += n
	w.sched.add(name, func() {
		for i := range n {
			if i > 0 {
				w.sched.at("answered")
			}
			w.ask(s)
		}
	})
}

// holder asks once and then uses the answer's stamp, as a cache of verified tokens does.
func (w *world) holder(name string, s store.Subject) {
	w.left += 2
	w.sched.add(name, func() {
		st := w.ask(s)
		w.sched.at("answered")
		c := w.begin(s)
		if st.Entries[0].Status == store.Live && w.cache.core.valid(st.Stamp, w.now) {
			w.accepted(c, "the stamp")
		}
	})
}

// ask asks as a verifier does, and judges the answer.
func (w *world) ask(s store.Subject) store.State {
	c := w.begin(s)
	st, err := w.cache.Lookup(context.Background(), s, "sid")
	if err != nil {
		w.wrong = append(w.wrong, err.Error())
		return store.State{Entries: make([]store.Entry, 1)}
	}
	w.judge(s, c, st.Entries[0])
	return st
}

// judge judges an answer.
func (w *world) judge(s store.Subject, c check, en store.Entry) {
	switch {
	case en.Status == store.Live:
		w.accepted(c, "the cache")
		if en.Record.Class != s.Name {
			w.wrong = append(w.wrong, "the cache answers another's question")
		}
	case en.Status == store.Unknown && c.known:
		w.wrong = append(w.wrong, "the cache does not know what was issued before the check")
	case en.Status == store.Unknown && c.lives:
		w.wrong = append(w.wrong, "the cache does not know what lives")
	}
}

// local revokes ann in this process, by a verb.
func (w *world) local(verb string) {
	w.sched.add(verb, func() {
		ctx := context.Background()
		var err error
		switch verb {
		case "revoke":
			err = w.cache.Revoke(ctx, store.Revocation{Subject: ann, All: true})
		case "forget":
			err = w.cache.Forget(ctx, ann)
		case "update":
			_, err = w.cache.Update(ctx, store.UpdateRequest{Subject: ann, ID: "sid"})
		case "rotate":
			_, err = w.cache.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "sid"})
		case "limited issue":
			_, err = w.cache.Issue(ctx, store.IssueRequest{Record: store.Record{Subject: ann}, Limit: store.Limit{Max: 1}})
		}
		if !errors.Is(err, w.toy.fail) {
			w.wrong = append(w.wrong, fmt.Sprint(verb, ": ", err))
		}
		w.acked["ann"], w.here["ann"] = w.now, true
	})
}

// remote revokes ann in another process: the write and its event are one step.
func (w *world) remote() {
	w.sched.add("other process", func() {
		w.toy.revoked["ann"] = true
		w.feed.events = append(w.feed.events, store.Event{Subject: ann.Digest()})
		w.acked["ann"] = w.now
	})
}

// login begins ann's session in this process.
func (w *world) login() {
	w.toy.known["ann"] = false
	w.sched.add("login", func() {
		_, err := w.cache.Issue(context.Background(), store.IssueRequest{Record: store.Record{Subject: ann, ID: "sid"}})
		if err != nil {
			w.wrong = append(w.wrong, err.Error())
		}
		w.issued["ann"], w.here["ann"] = w.now, true
	})
}

// otherLogin begins it in another process, of which the feed tells nothing.
func (w *world) otherLogin() {
	w.toy.known["ann"] = false
	w.sched.add("other process", func() {
		w.toy.known["ann"] = true
		w.issued["ann"] = w.now
	})
}

// slides lets another process slide ann's session, in time.
func (w *world) slides() {
	w.toy.expires, w.lives = epoch.Add(stale), true
	slid := false
	w.sched.moves = append(w.sched.moves,
		move{"another process slides", func() bool { return !slid }, func() { w.toy.expires, slid = epoch.Add(time.Hour), true }},
	)
	w.ticks(1)
	last := &w.sched.moves[len(w.sched.moves)-1]
	can := last.can
	last.can = func() bool { return slid && can() }
}

// follower polls n times, as package follow does: it tells events, and then when the poll was sent. Where it stood in what
// was trimmed, it tells doubt first.
func (w *world) follower(n int) {
	w.sched.add("follower", func() {
		for range n {
			sent := w.now
			w.sched.at("sent")
			events, trimmed := w.feed.events[w.feed.told:], w.feed.trimmed
			w.feed.trimmed, w.feed.told = false, len(w.feed.events)
			if trimmed {
				w.cache.core.Doubt(0)
				events = nil
			}
			w.cache.core.Apply(0, events)
			w.cache.core.Synced(0, sent)
		}
	})
}

// trims lets the feed lose what it holds, once.
func (w *world) trims() {
	can := true
	w.sched.moves = append(w.sched.moves, move{"the feed is trimmed", func() bool { return can && len(w.feed.events) > w.feed.told }, func() {
		can, w.feed.trimmed = false, true
	}})
}

// TestInterleavings tells every story in every order over the production code, and judges each answer by the promise.
// JETON_PROOFS=large tells longer ones, JETON_STORY one alone.
func TestInterleavings(t *testing.T) {
	large, only := os.Getenv("JETON_PROOFS") == "large", os.Getenv("JETON_STORY")
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	if raceEnabled {
		t.Skip("one goroutine runs at a time: there is nothing for the race detector, and it takes ten times as long")
	}
	total, violations := 0, 0
	for _, s := range stories() {
		if s.large && !large || only != "" && s.name != only {
			continue
		}
		x := &explorer{}
		begin, bad := time.Now(), 0
		for more := true; more; more = x.next() {
			wrong := s.once(x)
			if wrong == "" {
				continue
			}
			if bad++; bad == 1 {
				t.Errorf("%s: %s\n%s", s.name, wrong, s.again(x))
			}
			if os.Getenv("JETON_MUTANT") != "" {
				return
			}
		}
		t.Logf("%9d interleavings, %d violations, %v: %s", x.runs, bad, time.Since(begin).Round(time.Millisecond), s.name)
		total, violations = total+x.runs, violations+bad
	}
	fmt.Printf("interleavings: %d violations: %d\n", total, violations)
	if total == 0 || total < 300_000 && only == "" && !t.Failed() {
		t.Errorf("only %d interleavings", total)
	}
}

// once runs the story along the explorer's path, and returns what was wrong.
func (s story) once(x *explorer) string { return newWorld(x, s.parts).play(s) }

func (w *world) play(s story) string {
	s.tell(w)
	switch {
	case !w.sched.run():
		return "nobody can go on"
	case len(w.wrong) > 0:
		return w.wrong[0]
	}
	return ""
}

// again tells the steps of the path that was just run.
func (s story) again(x *explorer) string {
	w := newWorld(&explorer{path: x.path}, s.parts)
	w.sched.traced = true
	w.play(s)
	return w.sched.String()
}
