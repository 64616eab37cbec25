package redisstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

// sights are what a caller may have kept.
type sights struct {
	records  []store.Record // as they were after each step that returned one
	issues   []store.IssueRequest
	rotates  []store.RotateRequest
	updates  []store.UpdateRequest
	revokes  []store.Revocation
	cuts     []uint64
	floor    uint64
	apart    map[string]bool // dead by the cut in one store, and pruned in the other: both are right
	taken    map[string]bool // dead or alive
	sessions []store.Record  // live
}

// twinIDs are sessions', of every form that is kept differently; twinTokens are barred alone. Together with MaxMarks they are
// so few that no step bars more than there is room for: which of them are then marked is the store's to choose.
var (
	twinIDs    = []string{"AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ", "short", "\x00\xff{}\r\n", strings.Repeat("long", 64), "AAAAAAAAAAAAAAAAAAAAAB"}
	twinTokens = []string{"token 1", "token 2", "token 3", "token 4", "token 5", "token 6", "BBBBBBBBBBBBBBBBBBBBBA", strings.Repeat("t", 256)}
)

// draw chooses one of a few, each as often as the others.
func draw[T any](h *history, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(h.t, label)
}

// oneIn is true once in n times.
func (h *history) oneIn(n int, label string) bool {
	return rapid.SampledFrom(hundred[:n]).Draw(h.t, label) == n-1 // a shrunken history has none
}

var hundred = func() (n []int) {
	for i := range 100 {
		n = append(n, i)
	}
	return n
}()

// last draws one of the last few.
func last[T any](h *history, label string, few int, all []T) T {
	return all[len(all)-1-rapid.SampledFrom(hundred[:min(few, len(all))]).Draw(h.t, label)]
}

// end draws an expiry or a deadline, good ones more often. The zero time is good where it may be left out.
func (h *history) end(label string, zero bool) time.Time {
	now := h.clock.Now()
	if zero && h.oneIn(3, "no "+label) {
		return time.Time{}
	}
	if h.oneIn(15, "bad "+label) {
		return now.Add(draw(h, label, 0, -time.Microsecond, -time.Hour, store.MaxLife+time.Millisecond, 20*store.MaxLife))
	}
	return now.Add(draw(h, label, time.Hour, time.Minute, 10*time.Hour, time.Hour+1500*time.Microsecond, 2*time.Second, 5*time.Hour,
		time.Millisecond, 30*time.Hour, time.Microsecond, store.MaxLife))
}

// id draws a session's id, but none that the stores have in different states.
func (h *history) id(i int) string {
	ids := slices.DeleteFunc(slices.Clone(twinIDs), func(id string) bool { return h.seen[i].apart[id] })
	if live := h.seen[i].sessions; len(live) > 0 && !h.oneIn(4, "whatever id") {
		return draw(h, "session", live...).ID
	}
	if len(ids) == 0 {
		return "nobody's"
	}
	return draw(h, "id", ids...)
}

// link returns a new one; the same in every run of a history.
func (h *history) link() (l store.Link) {
	h.links++
	binary.BigEndian.PutUint16(l[:], h.links) // replays are told apart by these two bytes
	return l
}

func (h *history) metadata() map[string]string {
	if h.oneIn(30, "bad metadata") {
		return map[string]string{"": "nameless"}
	}
	return draw(h, "metadata", nil, map[string]string{}, map[string]string{"k": "v"}, map[string]string{"a": "\x00", "b": ""})
}

// again draws a request made before, now and then.
func again[T any](h *history, before []T) (r T, ok bool) {
	if len(before) == 0 || !h.oneIn(6, "again") {
		return r, false
	}
	return last(h, "back", 6, before), true
}

// twinOutcome is what a call did, as far as the contract says.
type twinOutcome struct {
	Err     string
	Records []store.Record
	Outcome store.Outcome
	Now     time.Time
}

// failed names an error as the contract does.
func failed(err error) string {
	var field *store.FieldError
	if errors.As(err, &field) {
		return field.Error()
	}
	for _, is := range []error{
		store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrLimit, store.ErrReplayLimit, store.ErrTooLarge,
		store.ErrClock, store.ErrInvalid,
	} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	return fmt.Sprint(err)
}

// plain is a record whose equals are equal to reflect.
func plain(r store.Record) store.Record {
	for _, at := range []*time.Time{&r.IssuedAt, &r.ExpiresAt, &r.Deadline, &r.RotatedAt, &r.LastSeen} {
		*at = at.Round(0).UTC()
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	return r
}

func plains(rs []store.Record) []store.Record {
	out := make([]store.Record, len(rs))
	for i, r := range rs {
		out[i] = plain(r)
	}
	return out
}

func outcomeOf(err error, now time.Time, o store.Outcome, rs ...store.Record) twinOutcome {
	if err != nil {
		return twinOutcome{Err: failed(err)}
	}
	return twinOutcome{Records: plains(rs), Outcome: o, Now: now.UTC()}
}

// do sends a request to both and returns the outcome, which must be the same.
func (h *history) do(what string, call func(s store.TokenStore) twinOutcome) twinOutcome {
	h.log = append(h.log, what)
	memory, redis := call(h.both[0]), call(h.both[1])
	h.same(what, memory, redis)
	verb := strings.Fields(what)[1]
	switch {
	case memory.Err != "":
		name, _, _ := strings.Cut(memory.Err, ":")
		h.met[verb+": "+name]++
	case memory.Outcome != 0:
		h.met[verb+": "+memory.Outcome.String()]++
	case verb == "issue" && len(memory.Records) > 1:
		h.met["issue: evicts"]++
	default:
		h.met[verb]++
	}
	return memory
}

func (h *history) same(what string, memory, redis any) {
	h.t.Helper()
	if !reflect.DeepEqual(memory, redis) {
		h.t.Fatalf("%s\n  in memory %s\n  on Redis  %s\nafter\n  %s", what, shown(memory), shown(redis), strings.Join(h.log, "\n  "))
	}
}

// shown prints links too.
func shown(v any) string {
	if o, ok := v.(twinOutcome); ok {
		text := fmt.Sprintf("%q %v at %v", o.Err, o.Outcome, o.Now)
		for _, r := range o.Records {
			text += "\n    " + shown(r)
		}
		return text
	}
	if r, ok := v.(store.Record); ok {
		return fmt.Sprintf("%+v link %x after %x", r, r.Link[:], r.PrevLink[:])
	}
	return fmt.Sprintf("%+v", v)
}

func (h *history) remember(i int, o twinOutcome) {
	if o.Err == "" && len(o.Records) > 0 {
		h.seen[i].records = append(h.seen[i].records, o.Records[0])
	}
}

// free returns the ids that may be issued.
func (h *history) free(i int) []string {
	return slices.DeleteFunc(slices.Clone(twinIDs), func(id string) bool { return h.seen[i].apart[id] || h.seen[i].taken[id] })
}

func (h *history) issue(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.issues)
	if !repeat {
		r = store.IssueRequest{
			Record: store.Record{
				ID: h.id(i), Subject: h.who[i], Link: h.link(), Class: draw(h, "class", "", "web", "ios"),
				Binding: draw(h, "binding", "", "device", "other"), ExpiresAt: h.end("expires", false), Metadata: h.metadata(),
			},
			Limit: draw(h, "limit", store.Limit{}, store.Limit{}, store.Limit{Max: 2}, store.Limit{MaxPerClass: 1}, store.Limit{Max: 3, MaxPerClass: 2},
				store.Limit{}, store.Limit{Max: 1}),
		}
		if free := h.free(i); len(free) > 0 && !h.oneIn(4, "an id in use") {
			r.Record.ID = draw(h, "free id", free...)
		}
		r.Limit.Policy = draw(h, "policy", store.EvictOldest, store.EvictLeastRecentlyUsed, store.Reject)
		if h.oneIn(3, "a deadline") {
			r.Record.Deadline = r.Record.ExpiresAt.Add(draw(h, "deadline", 0, time.Millisecond, time.Hour, 100*time.Hour))
		}
		if h.oneIn(20, "bad deadline") {
			r.Record.Deadline = h.end("deadline", true)
		}
		if h.oneIn(4, "guarded") {
			cut := last(h, "cut", 3, see.cuts)
			r.IfCut = &cut
		}
		if h.oneIn(40, "bad") {
			r.Record.Class, r.Limit.Max = strings.Repeat("c", store.MaxClassLen+1), draw(h, "bad limit", -1, store.MaxLimit+1, 0)
		}
		see.issues = append(see.issues, r)
	}
	if see.apart[r.Record.ID] {
		return
	}
	h.remember(i, h.do(fmt.Sprintf("%d issue %+v repeat %v", i, r, repeat), func(s store.TokenStore) twinOutcome {
		got, err := s.Issue(context.Background(), r)
		return outcomeOf(err, got.Now, 0, append([]store.Record{got.Record}, got.Evicted...)...)
	}))
}

func (h *history) rotate(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.rotates)
	if !repeat {
		rec := store.Record{ID: h.id(i), Link: h.link()}
		switch draw(h, "token", "newest", "newest", "newest", "previous", "previous", "one of the last", "forged") {
		case "previous":
			before := slices.DeleteFunc(slices.Clone(see.records), func(r store.Record) bool {
				return !slices.ContainsFunc(see.sessions, func(s store.Record) bool { return s.ID == r.ID && s.PrevLink == r.Link.Tag() })
			})
			if len(before) > 0 {
				rec = last(h, "of", 3, before)
			}
		case "newest":
			if len(see.sessions) > 0 {
				rec = draw(h, "of", see.sessions...)
			}
		case "one of the last":
			if len(see.records) > 0 {
				rec = last(h, "back", 6, see.records)
			}
		}
		r = store.RotateRequest{
			Subject: h.who[i], ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: h.link(), Binding: draw(h, "binding", "device", "device", "other", ""),
			Grace:        draw(h, "grace", time.Minute, time.Minute, 0, time.Second, 2*time.Microsecond),
			GraceReplays: draw(h, "replays", 0, 1, 2), ExpiresAt: h.end("expires", true),
		}
		switch {
		case h.oneIn(12, "ahead"):
			r.Rotation += 2
		case h.oneIn(12, "behind"):
			r.Rotation = max(r.Rotation, 1) - 1
		case h.oneIn(40, "bad"):
			r.Grace = store.MaxGrace + 1
		}
		see.rotates = append(see.rotates, r)
	}
	if see.apart[r.ID] {
		return
	}
	h.present(i, r)
	for h.oneIn(3, "replayed") { // by another tab, at the same time, or just when it is too late
		if h.oneIn(3, "late") {
			h.pass(r.Grace + draw(h, "by", 0, time.Microsecond, time.Millisecond))
		}
		r.NextLink = h.link()
		h.compare(i)
		h.present(i, r)
	}
}

func (h *history) present(i int, r store.RotateRequest) {
	h.remember(i, h.do(fmt.Sprintf("%d rotate %+v from %x to %x", i, r, r.Link[:8], r.NextLink[:8]), func(s store.TokenStore) twinOutcome {
		got, err := s.Rotate(context.Background(), r)
		return outcomeOf(err, got.Now, got.Outcome, got.Record)
	}))
}

func (h *history) update(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.updates)
	if !repeat {
		r = store.UpdateRequest{Subject: h.who[i], ID: h.id(i), Metadata: h.metadata(), ExpiresAt: h.end("expires", true)}
		if h.oneIn(2, "a deadline") {
			r.Deadline = h.end("deadline", true)
		}
		if k := slices.IndexFunc(see.sessions, func(rec store.Record) bool { return rec.ID == r.ID }); k >= 0 {
			r.Version = see.sessions[k].Version
		}
		if h.oneIn(6, "stale") {
			r.Version++
		}
		see.updates = append(see.updates, r)
	}
	if see.apart[r.ID] {
		return
	}
	h.do(fmt.Sprintf("%d update %+v repeat %v", i, r, repeat), func(s store.TokenStore) twinOutcome {
		got, err := s.Update(context.Background(), r)
		return outcomeOf(err, time.Time{}, 0, got)
	})
}

func (h *history) touch(i int) {
	r := store.TouchRequest{Subject: h.who[i], ID: h.id(i), ExpiresAt: h.end("expires", true)}
	h.do(fmt.Sprintf("%d touch %+v", i, r), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Touch(context.Background(), r), time.Time{}, 0)
	})
}

func (h *history) revoke(i int) {
	see := &h.seen[i]
	r, repeat := again(h, see.revokes)
	if !repeat {
		r = store.Revocation{Subject: h.who[i], Reason: draw(h, "reason", "", "stolen", "\xff"), Op: store.Op{byte(draw(h, "op", hundred[1:8]...))}}
		if h.oneIn(30, "bad") {
			r.Reason = strings.Repeat("r", store.MaxReasonLen+1)
		}
		switch draw(h, "of", "ids", "ids", "ids", "all", "others", "others", "class") {
		case "ids":
			for range draw(h, "n", 1, 2, 3, 4, 5) {
				r.IDs = append(r.IDs, draw(h, "id", slices.Concat(twinIDs, twinTokens)...))
			}
		case "all":
			r.All = true
		case "others":
			r.Others = &store.Others{Keep: h.id(i)}
		case "class":
			r.Others = &store.Others{Class: draw(h, "class", "web", "ios", "nobody's"), Keep: draw(h, "keep", "", h.id(i))}
		}
		see.revokes = append(see.revokes, r)
	}
	if r.Others != nil && see.apart[r.Others.Keep] {
		return
	}
	h.revokes(i, r)
	if r.Others != nil && h.oneIn(2, "kept twice") {
		r.Op[1]++
		h.compare(i)
		h.revokes(i, r)
	}
}

// flood bars more tokens than there is room for, a few at a time.
func (h *history) flood(i int) {
	for ids := range slices.Chunk(twinTokens, 4) {
		h.revokes(i, store.Revocation{Subject: h.who[i], IDs: ids})
		h.compare(i) // a feed keeps one event of a quiet time, for followers who poll between steps
	}
}

func (h *history) revokes(i int, r store.Revocation) {
	h.do(fmt.Sprintf("%d revoke %q all %v others %+v reason %.9q op %x", i, r.IDs, r.All, r.Others, r.Reason, r.Op[:2]), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Revoke(context.Background(), r), time.Time{}, 0)
	})
}

func (h *history) forget(i int) {
	h.do(fmt.Sprintf("%d forget", i), func(s store.TokenStore) twinOutcome {
		return outcomeOf(s.Forget(context.Background(), h.who[i]), time.Time{}, 0)
	})
}

func (h *history) once(i int) {
	nonce, until := h.who[i].Name+draw(h, "nonce", "a", "b"), h.end("until", false)
	h.do(fmt.Sprintf("%d once %q until %v", i, nonce, until), func(s store.TokenStore) twinOutcome {
		return outcomeOf(store.Once(context.Background(), s, "twins", nonce, until), time.Time{}, 0)
	})
}

// mostSpent keeps a history within the time that a ledger stays after the last that is in it: afterwards the server, whose
// clock stands still meanwhile, may know what memory has forgotten.
const mostSpent = 20 * time.Hour

func (h *history) advance() {
	h.pass(draw(h, "time", time.Microsecond, time.Millisecond, time.Millisecond, 999*time.Millisecond, time.Second, 10*time.Second, time.Minute,
		h.life+store.MarkMargin, 3*time.Hour))
}

func (h *history) pass(d time.Duration) {
	if h.spent += d; h.spent > mostSpent {
		return
	}
	h.log = append(h.log, fmt.Sprintf("%v pass", d))
	h.clock.Advance(d)
}

// compare looks at all that both stores know of a subject.
func (h *history) compare(i int) {
	who, see := h.who[i], &h.seen[i]
	ids := slices.Concat(twinIDs, twinTokens)
	var states [2]store.State
	for k, w := range h.both {
		st, err := w.Lookup(context.Background(), who, ids...)
		if err != nil {
			h.t.Fatalf("%T: %v after\n  %s", w.TokenStore, err, strings.Join(h.log, "\n  "))
		}
		states[k] = st
	}
	memory, redis := &states[0], &states[1]
	see.apart, see.taken, see.sessions = map[string]bool{}, map[string]bool{}, nil
	for k, id := range ids {
		m, r := &memory.Entries[k], &redis.Entries[k]
		if m.Status != r.Status && (m.Reason == store.ReasonCut || r.Reason == store.ReasonCut) && m.Status != store.Live && r.Status != store.Live {
			see.apart[id] = true // a record at or below the cut is Revoked or, once pruned, Unknown
			*m, *r = store.Entry{}, store.Entry{}
		}
		m.Record, r.Record = plain(m.Record), plain(r.Record)
		h.same(fmt.Sprintf("Lookup of %.30q of %d", id, i), m.Record, r.Record)
		if see.taken[id] = m.Status != store.Unknown; m.Status == store.Live {
			see.sessions = append(see.sessions, m.Record)
		}
	}
	for _, st := range states {
		if st.Stamp.Valid(time.Now()) {
			h.t.Fatalf("a store that caches nothing gave a stamp")
		}
	}
	h.same(fmt.Sprintf("Lookup of %d", i), simple(*memory), simple(*redis))
	h.same(fmt.Sprintf("the feed of %d", i), h.both[0].news(h.t, who.Digest()), h.both[1].news(h.t, who.Digest()))
	for what, is := range map[string]bool{"floor": memory.Floor > see.floor, "keep": memory.Keep != "", "apart": len(see.apart) > 0} {
		if is {
			h.met[what]++
		}
	}
	see.floor = memory.Floor
	if n := len(see.cuts); n == 0 || see.cuts[n-1] != memory.Cut {
		see.cuts = append(see.cuts, memory.Cut)
	}
	if !h.oneIn(4, "list") {
		return
	}
	page := draw(h, "page", 0, 1, 2, 3)
	h.do(fmt.Sprintf("%d list by %d", i, page), func(s store.TokenStore) twinOutcome {
		all, err := s.(*twin).list(who, page) //nolint:errcheck // both are
		return outcomeOf(err, time.Time{}, 0, all...)
	})
	h.log = h.log[:len(h.log)-1]
}

// simple is a state whose equals are equal to reflect.
func simple(st store.State) store.State {
	st.Stamp = store.Stamp{}
	for _, at := range []*time.Time{&st.CutTime, &st.FloorTime, &st.Now} {
		*at = at.Round(0).UTC()
	}
	return st
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
