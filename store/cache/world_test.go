package storecache

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
