package redisstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
)

// once is a command that go-redis never sends again by itself: what a lost reply means is judged here.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

func command(ctx context.Context, args ...any) once { return once{redis.NewCmd(ctx, args...)} }

// lanes are the ways to one node.
type lanes struct{ reads, writes lane }

// The sends that may be under way to a node at once; with a listener and the health check they stay within six
// connections.
const (
	mostReads  = 2
	mostWrites = 2
)

func (s *Store) lanesOf(node *redis.Client) *lanes {
	if l, ok := s.lanes.Load(node); ok {
		return l.(*lanes) //nolint:forcetypeassert // nothing else is in it
	}
	l := &lanes{
		reads:  lane{node: node, most: mostReads, trips: &s.trips, shared: &s.shared},
		writes: lane{node: node, most: mostWrites, wait: s.level, trips: &s.trips, shared: &s.shared},
	}
	got, _ := s.lanes.LoadOrStore(node, l)
	return got.(*lanes) //nolint:forcetypeassert // nothing else is in it
}

// call is one question to the master of a key: the commands that go out together, and anew for every try. The first
// decides whether the call succeeded; the others only tell more.
type call struct {
	key   string
	write bool
	make  func() []redis.Cmder
	// eval, where it is not nil, takes the place of make for a server that does not know the script.
	eval func() []redis.Cmder
}

// send asks until there is an answer, as long as the error is one that passes and the deadline allows. Repeating is safe:
// every write proves its own repeat.
func (s *Store) send(ctx context.Context, c call) ([]redis.Cmder, error) {
	var to target
	known := true // the script is known to the server
	started := now()
	for attempt := 0; ; attempt++ {
		build := c.make
		if !known && c.eval != nil {
			build = c.eval
		}
		cmds, err := s.try(ctx, c, to, build())
		if err == nil {
			err = cmds[0].Err()
		}
		if err == nil || errors.Is(err, redis.Nil) { // nothing is an answer
			return cmds, nil
		}
		wait, again := s.judge(ctx, err, attempt, &to, &known)
		if !again || now().Sub(started)+wait > s.o.Timeout || !pause(ctx, wait) {
			s.failures.Add(1)
			return nil, translate(ctx, err)
		}
		s.retries.Add(1)
	}
}

// target is where a redirection sends a call.
type target struct {
	addr   string
	asking bool
}

// try sends once.
func (s *Store) try(ctx context.Context, c call, to target, cmds []redis.Cmder) ([]redis.Cmder, error) {
	node, err := s.node(ctx, c.key, to)
	if err != nil {
		return nil, err
	}
	ways := s.lanesOf(node)
	way := &ways.reads
	if c.write {
		way = &ways.writes
	}
	if !to.asking {
		return cmds, way.send(ctx, cmds)
	}
	all := append([]redis.Cmder{command(ctx, "asking")}, cmds...)
	return cmds, way.send(ctx, all)
}

// node returns the client of the master that a call goes to.
func (s *Store) node(ctx context.Context, key string, to target) (*redis.Client, error) {
	if s.cluster == nil {
		return s.client.(*redis.Client), nil //nolint:forcetypeassert // open made sure
	}
	if to.addr != "" {
		if n := s.masterAt(ctx, to.addr); n != nil {
			return n, nil
		}
	}
	return s.cluster.MasterForKey(ctx, key)
}

// masterAt returns the known master at an address, or nil.
func (s *Store) masterAt(ctx context.Context, addr string) (found *redis.Client) {
	hit := make(chan *redis.Client, 1)
	_ = s.cluster.ForEachMaster(ctx, func(_ context.Context, n *redis.Client) error { // without a topology nobody is found
		if n.Options().Addr == addr {
			select {
			case hit <- n:
			default:
			}
		}
		return nil
	})
	select {
	case n := <-hit:
		return n
	default:
		return nil
	}
}

// fewTries is how often a call tries again over a connection that fails or a node that is not ready.
const fewTries = 3

// judge says whether to try again after an error, when, and where.
func (s *Store) judge(ctx context.Context, err error, attempt int, to *target, known *bool) (wait time.Duration, again bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	*to = target{}
	message, told := asServer(err)
	if !told {
		if !transient(err) {
			return 0, false
		}
		s.reload(ctx) // the node may be gone, and go-redis would look only once a minute
		return backoff(attempt), attempt < fewTries
	}
	switch code(message) {
	case "NOSCRIPT":
		again = *known
		*known = false
		return 0, again
	case "MOVED", "ASK":
		s.reload(ctx)
		if fields := strings.Fields(message); len(fields) == 3 {
			*to = target{addr: fields[2], asking: fields[0] == "ASK"}
		}
		if attempt == 0 {
			return 0, true
		}
		return backoff(attempt), true
	case "TRYAGAIN":
		return backoff(attempt), true
	case "READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN":
		s.reload(ctx)
		return backoff(attempt), attempt < fewTries
	}
	return 0, false
}

// transient reports whether a connection's error may pass at once: another connection, or another master.
func transient(err error) bool {
	if errors.Is(err, store.ErrIndeterminate) || errors.Is(err, redis.ErrPoolTimeout) {
		return false
	}
	text := err.Error()
	return !strings.Contains(text, "tls:") && !strings.Contains(text, "x509:")
}

// reload asks go-redis to look at the cluster's topology, soon and in the background.
func (s *Store) reload(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}

// backoff returns how long to wait before a try: 1 ms doubling to 64 ms, half of it by chance.
func backoff(attempt int) time.Duration {
	most := time.Millisecond << min(attempt, 6)
	return most/2 + rand.N(most/2+1) //nolint:gosec // it only spreads tries
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
