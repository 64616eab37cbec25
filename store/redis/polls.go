package redisstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jetonkit/jeton/store"
)

// A follower polls all partitions at once, and nearly all of them have nothing new. Asked one by one, a thousand followers
// would take more than two cores of the server. So the polls of a process that come together go out as one script, which
// tells of each feed only what is new. In a cluster the feeds are in different slots, which no script may join.
const (
	// gatherFor is how often is looked whether more polls have come, unless all partitions are there: what a look sees goes
	// out where the one before saw as many, or mostWaits looks were made.
	gatherFor = time.Millisecond
	mostWaits = 16
	// mostGathered bounds a script's feeds, and mostOfEach the events that it returns of each: the server does nothing else
	// meanwhile.
	mostGathered = 64
	mostOfEach   = 128
)

// gatherer holds the polls that wait for others.
type gatherer struct {
	mu      sync.Mutex
	waiting []*ask
	seen    int // how many there were when it was last looked at
	waits   int
	timer   *time.Timer // of the next look
}

// take takes what has gathered. The caller holds the lock.
func (g *gatherer) take() []*ask {
	all := g.waiting
	g.timer.Stop()
	g.waiting, g.seen, g.waits = nil, 0, 0
	return all
}

// ask is a poll from an event that this process was told.
type ask struct {
	part  int
	known *store.Event
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
	a := &ask{part: part, known: known, done: make(chan struct{})}
	a.end, _ = ctx.Deadline()
	s.fetch(s.polls.add(a, s.keys.Partitions(), s.fetchSettled))
	select {
	case <-a.done:
		if a.err == nil || ctx.Err() == nil {
			return a.batch, a.err
		}
	case <-ctx.Done():
	}
	return store.Batch{}, translate(ctx, ctx.Err())
}

// add lets a poll wait for others, and returns all of them once they are as many as there are partitions.
func (g *gatherer) add(a *ask, partitions int, look func()) []*ask {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting = append(g.waiting, a); len(g.waiting) == 1 {
		g.timer = time.AfterFunc(gatherFor, look)
	}
	if len(g.waiting) < partitions {
		return nil
	}
	return g.take()
}

// fetchSettled fetches what has gathered, unless more may come.
func (s *Store) fetchSettled() { s.fetch(s.polls.settled()) }

// settled returns what has gathered, once no more come.
func (g *gatherer) settled() []*ask {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.waiting)
	if n == 0 { // they were fetched while this look began
		return nil
	}
	g.waits++
	if n > g.seen && g.waits < mostWaits {
		g.seen = n
		g.timer.Reset(gatherFor)
		return nil
	}
	return g.take()
}

// fetch sends what has gathered.
func (s *Store) fetch(all []*ask) {
	for some := range slices.Chunk(all, mostGathered) {
		go s.fetchSome(some)
	}
}

// fetchSome asks one script for all that is new. It goes on as long as somebody may wait for it.
func (s *Store) fetchSome(asks []*ask) {
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
	err := s.pollSome(timed{ctx, context.Background()}, asks) // its end is nobody's own
	for _, a := range asks {
		if err != nil {
			a.batch, a.err = store.Batch{}, err
		}
	}
}

func (s *Store) pollSome(ctx context.Context, asks []*ask) error {
	args := []any{nil, nil, len(asks)}
	for _, a := range asks {
		args = append(args, s.keys.Feed(a.part))
	}
	args = append(args, mostOfEach+1)
	for _, a := range asks {
		args = append(args, a.known.Position.ID, string(a.known.Position.Nonce[:]))
	}
	t, err := s.send(ctx, call{key: s.keys.Feed(asks[0].part), script: pollsScript, args: args})
	if err != nil {
		return err
	}
	got, err := replies(t.cmds[0])
	if err != nil {
		return err
	}
	if len(got) != len(asks) {
		return errReply
	}
	for i, a := range asks {
		if a.batch, a.err = a.judge(got[i]); a.err == nil && len(a.batch.Events) > 0 {
			s.told(a.part, a.batch.Events[len(a.batch.Events)-1])
		}
	}
	return nil
}

// judge reads what a script says of one feed.
func (a *ask) judge(said any) (store.Batch, error) {
	switch said := said.(type) {
	case int64: // the event is still there, and the newest
		e := *a.known
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
