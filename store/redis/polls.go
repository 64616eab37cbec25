package redisstore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
)

// A follower polls all partitions at once, and nearly all of them have nothing new. Asked one by one, a thousand followers
// would take more than two cores of the server. So the polls of a process that come together go out as one script, which
// tells of each feed only what is new. In a cluster the feeds are in different slots, which no script may join.
const (
	// gatherFor is how often is looked whether more polls have come, unless all partitions are there: what a look sees goes
	// out where the one before saw as many, or mostLooks looks were made.
	gatherFor = time.Millisecond
	mostLooks = 16
	// mostGathered bounds a script's feeds, and mostOfEach the events that it returns of each: the server does nothing else
	// meanwhile.
	mostGathered = 64
	mostOfEach   = 128
	// mostGlances is how many polls of a partition may ask for the tails alone before one asks for the feed itself. No revocation
	// waits for that one: whoever writes it sets the tail. It shows a feed that was taken away by hand or by eviction.
	mostGlances = 2
)

// gatherer holds the polls that wait for others.
type gatherer struct {
	mu      sync.Mutex
	waiting map[spot]*question
	polls   int // that wait
	seen    int // how many there were when it was last looked at
	looks   int
	timer   *time.Timer // of the next look
}

// spot is where polls stand; those that stand at the same are one question.
type spot struct {
	part int
	at   store.Position
}

// question is what is new in a feed behind an event that this process was told.
type question struct {
	part  int
	known *store.Event
	asks  []*ask
}

// ask is a poll.
type ask struct {
	end   time.Time
	done  chan struct{} // closed when the rest is there
	batch store.Batch
	err   error
}

// gather polls together with others.
func (s *Store) gather(ctx context.Context, part int, known *store.Event) (store.Batch, error) {
	if _, ok := ctx.Deadline(); !ok {
		watched, cancel := context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
		ctx = timed{watched, ctx}
	}
	a := &ask{done: make(chan struct{})}
	a.end, _ = ctx.Deadline()
	s.fetch(s.polls.add(a, part, known, s.keys.Partitions(), s.fetchSettled))
	select {
	case <-a.done:
		if a.err == nil || ctx.Err() == nil {
			return a.batch, a.err
		}
	case <-ctx.Done():
	}
	return store.Batch{}, translate(ctx, ctx.Err())
}

// add lets a poll wait for others, and returns the questions of all once they are as many as there are partitions.
func (g *gatherer) add(a *ask, part int, known *store.Event, partitions int, look func()) []*question {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.polls++; g.polls == 1 {
		g.waiting = map[spot]*question{}
		g.timer = time.AfterFunc(gatherFor, look)
	}
	at := spot{part, known.Position}
	q := g.waiting[at]
	if q == nil {
		q = &question{part: part, known: known}
		g.waiting[at] = q
	}
	q.asks = append(q.asks, a)
	if len(g.waiting) < partitions {
		return nil
	}
	return g.take()
}

// settled returns what has gathered, once no more come.
func (g *gatherer) settled() []*question {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.polls == 0 { // they were fetched while this look began
		return nil
	}
	if g.looks++; g.polls > g.seen && g.looks < mostLooks {
		g.seen = g.polls
		g.timer.Reset(gatherFor)
		return nil
	}
	return g.take()
}

// take takes what has gathered, by partition. The caller holds the lock.
func (g *gatherer) take() []*question {
	all := slices.SortedFunc(maps.Values(g.waiting), func(a, b *question) int { return a.part - b.part })
	g.timer.Stop()
	g.waiting, g.polls, g.seen, g.looks = nil, 0, 0, 0
	return all
}

// fetchSettled fetches what has gathered, unless more may come.
func (s *Store) fetchSettled() { s.fetch(s.polls.settled()) }

// fetch answers questions.
func (s *Store) fetch(all []*question) {
	for some := range slices.Chunk(all, mostGathered) {
		go s.fetchSome(some)
	}
}

// fetchSome asks one script for all that is new. It goes on as long as somebody may wait for it.
func (s *Store) fetchSome(some []*question) {
	var asks []*ask
	for _, q := range some {
		asks = append(asks, q.asks...)
	}
	defer func() {
		for _, a := range asks {
			close(a.done)
		}
	}()
	end := asks[0].end
	for _, a := range asks {
		if a.end.After(end) {
			end = a.end
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	err := s.pollSome(timed{ctx, context.Background()}, some) // its end is nobody's own
	for _, a := range asks {
		if err != nil {
			a.batch, a.err = store.Batch{}, err
		}
	}
}

func (s *Store) pollSome(ctx context.Context, some []*question) error {
	some, err := s.glance(ctx, some)
	if err != nil || len(some) == 0 {
		return err
	}
	t, err := s.send(ctx, call{key: s.keys.Feed(some[0].part), script: pollsScript, args: s.pollArgs(some, tailsOf(some))})
	if err != nil {
		return err
	}
	if same, ok := t.cmds[0].(once).Val().(int64); ok && same == 0 {
		for _, q := range some {
			q.answer(int64(0)) // nothing is new
			s.partitions[q.part].glances.Store(0)
		}
		return nil
	}
	got, err := replies(t.cmds[0])
	if err != nil {
		return err
	}
	if len(got) != len(some) {
		return errReply
	}
	for i, q := range some {
		known := &s.partitions[q.part]
		switch last, gone := q.answer(got[i]); {
		case gone: // who polls from there next must see it too
			known.told.Store(nil)
		case last != nil:
			s.told(q.part, *last)
		}
		known.glances.Store(0)
	}
	return nil
}

// glance answers by the tails alone what they can, where they are in one piece and no feed has gone unread for too long. It
// returns the questions that are left.
func (s *Store) glance(ctx context.Context, some []*question) (left []*question, err error) {
	unread := func(q *question) bool { return s.partitions[q.part].glances.Load() >= mostGlances }
	t := tailsOf(some)
	if t.first < 0 || slices.ContainsFunc(some, unread) {
		return some, nil
	}
	args := []any{nil, nil, 1, s.keys.Tails(), t.first, t.nonces}
	said, err := s.send(ctx, call{key: s.keys.Tails(), script: glanceScript, args: args})
	if err != nil {
		return nil, err
	}
	var last string // the tails as they are
	switch val := said.cmds[0].(once).Val().(type) {
	case string:
		last = val
	case int64:
		if val == 0 { // they are the same
			last = string(t.nonces)
		}
	}
	for _, q := range some {
		nonce := string(q.known.Position.Nonce[:])
		if !strings.HasPrefix(last, nonce) {
			left = append(left, q)
		} else {
			q.answer(int64(0)) // nothing is new
			s.partitions[q.part].glances.Add(1)
		}
		last = last[min(len(nonce), len(last)):]
	}
	return left, nil
}

// tails are what the key of that name must hold where nothing is new: the nonces of the events asked from, and where they
// begin; a negative number if they are not in one piece.
type tails struct {
	first  int
	nonces []byte
}

func tailsOf(some []*question) tails {
	t := tails{first: some[0].part * len(store.Position{}.Nonce)}
	for i, q := range some {
		t.nonces = append(t.nonces, q.known.Position.Nonce[:]...)
		if q.part != some[0].part+i {
			t.first = -1
		}
	}
	return t
}

// pollArgs are the script's: the feeds and the tails; how many events of each, where the feeds' tails begin, and the nonces
// and the ids of the events asked from.
func (s *Store) pollArgs(some []*question, t tails) []any {
	args := make([]any, 0, 2*len(some)+8)
	args = append(args, nil, nil, len(some)+1)
	for _, q := range some {
		args = append(args, s.keys.Feed(q.part))
	}
	args = append(args, s.keys.Tails(), mostOfEach+1, t.first, t.nonces)
	for _, q := range some {
		args = append(args, q.known.Position.ID)
	}
	return args
}

// answer gives every poll its own batch of what a script says. It returns the last event that is new, and whether the feed
// is gone.
func (q *question) answer(said any) (last *store.Event, gone bool) {
	for _, a := range q.asks {
		a.batch, a.err = q.judge(said)
		n := len(a.batch.Events)
		if gone = a.err == nil && n == 0; gone {
			continue
		}
		if a.err == nil && a.batch.Events[n-1].Position != q.known.Position {
			last = &a.batch.Events[n-1]
		}
	}
	return last, gone
}

// judge reads what a script says of one feed.
func (q *question) judge(said any) (store.Batch, error) {
	switch said := said.(type) {
	case int64: // the event is still there, and the newest
		e := *q.known
		e.IDs = slices.Clone(e.IDs)
		return store.Batch{Events: []store.Event{e}}, nil
	case []any:
		return batchOf(said, mostOfEach)
	}
	return store.Batch{}, errReply
}

// batchOf reads entries of a feed, of which one more than most was asked for.
func batchOf(entries []any, most int) (store.Batch, error) {
	batch := store.Batch{More: len(entries) > most}
	for _, entry := range entries[:min(len(entries), most)] {
		e, err := noticeOf(entry)
		if err != nil {
			return store.Batch{}, err
		}
		batch.Events = append(batch.Events, e)
	}
	return batch, nil
}

// told remembers an event that a follower was told, by a poll or a bell, for its next poll from there.
func (s *Store) told(part int, e store.Event) {
	e.IDs = slices.Clone(e.IDs) // the caller's own
	s.partitions[part].told.Store(&e)
}
