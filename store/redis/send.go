package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
type lanes struct {
	reads, writes lane
	// used says that somebody has come this way since a node was last added.
	used atomic.Bool
}

// The sends that may be under way to a node at once: with the health check they use five connections.
const (
	mostReads  = 2
	mostWrites = 2
)

func (s *Store) lanesOf(node *redis.Client) *lanes {
	l, ok := s.lanes.Load(node)
	if !ok {
		l = s.addLanes(node)
	}
	got := l.(*lanes) //nolint:errcheck // nothing else is in it
	if !got.used.Load() {
		got.used.Store(true)
	}
	return got
}

// addLanes makes the ways to a node that is new here, and forgets those that nobody has used since the last one came:
// nodes leave a cluster without a word.
func (s *Store) addLanes(node *redis.Client) any {
	s.lanes.Range(func(key, l any) bool {
		if !l.(*lanes).used.Swap(false) { //nolint:errcheck // as above
			s.lanes.Delete(key)
		}
		return true
	})
	l, _ := s.lanes.LoadOrStore(node, &lanes{
		reads:  lane{node: node, most: mostReads, trips: &s.trips, shared: &s.shared},
		writes: lane{node: s.level.patient(node), most: mostWrites, wait: s.level, trips: &s.trips, shared: &s.shared},
	})
	return l
}

// call is one question to the master of a key: a command, a look at a partition, or both. They go out together, and anew
// for every try. The first decides whether the call succeeded; the others only tell more.
type call struct {
	key   string
	at    time.Time // when it began; zero is now
	write bool
	// script, where there is one, is what the command runs; args, nil for no command, then begin with two empty places.
	script *script
	args   []any
	part   int // of the look
	look   bool
}

// send asks until there is an answer, as long as the error is one that passes and the deadline allows. Repeating is safe:
// every write proves its own repeat.
func (s *Store) send(caller context.Context, c call) (*try, error) {
	if c.at.IsZero() {
		c.at = now()
	}
	t := &try{call: c, form: s.form(c.script)}
	ctx, cancel := s.bounded(caller, &t.until, c.at)
	defer cancel()
	for ; ; t.attempt++ {
		err := s.ask(ctx, t)
		if err == nil {
			if t.barred {
				s.script(ctx)
			}
			return t, nil
		}
		wait, again := s.judge(ctx, err, t)
		if !again || !pause(ctx, wait) {
			s.failures.Add(1)
			return nil, t.failure(caller, err)
		}
		s.retries.Add(1)
	}
}

// try is how far a call has come. It is one piece of memory for all that a call needs.
type try struct {
	call
	cmds    []redis.Cmder
	room    [3]redis.Cmder // of cmds
	sent    time.Time      // when the look went out
	until   until
	attempt int
	to      target
	asked   string // the address of the node that was asked last
	form    form
	load    *redis.Cmd // FUNCTION LOAD, where it was sent
	barred  bool       // functions are, for this user
	unsure  bool       // a write that got no reply may have happened
}

// failure translates the last error.
func (t *try) failure(ctx context.Context, err error) error {
	err = translate(ctx, err)
	if t.unsure && errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w: the write may have happened; the same request may be repeated: %w", store.ErrIndeterminate, err)
	}
	return err
}

// target is where a redirection sends a call.
type target struct {
	addr   string
	asking bool
}

// build makes the commands of a try.
func (s *Store) build(ctx context.Context, t *try) {
	t.cmds = t.room[:0]
	switch {
	case t.script != nil:
		t.cmds = append(t.cmds, t.script.command(ctx, t.form, t.args))
	case t.args != nil:
		t.cmds = append(t.cmds, command(ctx, t.args...))
	}
	if t.look {
		t.sent = now()
		t.cmds = s.look(ctx, t.cmds, t.part)
	}
}

// ask sends once.
func (s *Store) ask(ctx context.Context, t *try) error {
	s.build(ctx, t)
	node, err := s.node(ctx, t.key, t.to)
	if err != nil {
		return err
	}
	t.asked = node.Options().Addr
	ways := s.lanesOf(node)
	way := &ways.reads
	if t.write {
		way = &ways.writes
	}
	all := t.cmds
	if t.to.asking {
		all = append([]redis.Cmder{command(ctx, "asking")}, all...)
	}
	if t.form == loaded {
		load := command(ctx, "function", "load", library)
		t.load, all = load.Cmd, append([]redis.Cmder{load}, all...)
	}
	err = way.send(ctx, all)
	if errors.Is(err, errLeft) { // the commands are still under way
		return ctx.Err()
	}
	// A WAIT says something of what was written; behind an error reply it counts neither for nor against it.
	if first := t.cmds[0].Err(); err == nil || isTold(first) {
		err = first
	}
	if errors.Is(err, redis.ErrClosed) { // go-redis drops the clients of nodes that left
		s.lanes.Delete(node)
	}
	if isNil(err) { // nothing is an answer
		err = nil
	}
	return err
}

// node returns the client of the master that a call goes to.
func (s *Store) node(ctx context.Context, key string, to target) (*redis.Client, error) {
	if s.cluster == nil {
		return s.client.(*redis.Client), nil //nolint:errcheck // open made sure
	}
	if n := s.redirected(ctx, to); n != nil {
		return n, nil
	}
	return s.cluster.MasterForKey(ctx, key)
}

// redirected returns the client of a redirection's node, nil where there is no redirection or the node is not known yet.
func (s *Store) redirected(ctx context.Context, to target) (found *redis.Client) {
	if to.addr == "" {
		return nil
	}
	s.lanes.Range(func(key, _ any) bool {
		if n := key.(*redis.Client); n.Options().Addr == to.addr { //nolint:errcheck // as above
			found = n
		}
		return found == nil
	})
	if found != nil {
		return found
	}
	nodes, _ := s.masters(ctx) // without a topology nobody is found
	i := slices.IndexFunc(nodes, func(n *redis.Client) bool { return n.Options().Addr == to.addr })
	switch {
	case i >= 0:
		return nodes[i]
	case to.asking && len(nodes) > 0:
		return s.guest(nodes[0], to.addr)
	}
	return nil
}

// guest returns a client for a node that go-redis does not know: a new master has no slots, and so stands in no
// topology, while its first one is being moved to it.
func (s *Store) guest(like *redis.Client, addr string) *redis.Client {
	if n, ok := s.guests.Load(addr); ok {
		return n.(*redis.Client) //nolint:errcheck // nothing else is in it
	}
	o := *like.Options()
	o.Addr, o.MaintNotificationsConfig = addr, nil
	mine := redis.NewClient(&o)
	n, loaded := s.guests.LoadOrStore(addr, mine)
	if loaded {
		_ = mine.Close() // another call was faster
	}
	if s.closed.Load() {
		_ = n.(*redis.Client).Close() //nolint:errcheck // as above: Close may not have seen it
	}
	return n.(*redis.Client) //nolint:errcheck // as above
}

// masters returns the clients of all masters, as the cluster has them now.
func (s *Store) masters(ctx context.Context) ([]*redis.Client, error) {
	if s.cluster == nil {
		return []*redis.Client{s.client.(*redis.Client)}, nil //nolint:errcheck // adopt made sure
	}
	var mu sync.Mutex
	var all []*redis.Client
	err := s.cluster.ForEachMaster(ctx, func(_ context.Context, n *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, n)
		return nil
	})
	return all, err
}

// fewTries is how often a call tries again over a connection that fails or a node that is not ready.
const fewTries = 3

// judge says whether to try again after an error, and when.
func (s *Store) judge(ctx context.Context, err error, t *try) (wait time.Duration, again bool) {
	message, told := asServer(err)
	t.unsure = t.unsure || t.write && mayHaveHappened(err)
	if ctx.Err() != nil {
		return 0, false
	}
	if told && t.script != nil && t.unknown(message) {
		return 0, true // the same node
	}
	t.to = target{}
	wait, few := backoff(t.attempt), t.attempt < fewTries
	if !told {
		s.reload(ctx) // the node may be gone, and go-redis would look only once a minute
		return wait, few && transient(err)
	}
	switch code(message) {
	case "MOVED", "ASK":
		s.reload(ctx)
		if fields := strings.Fields(message); len(fields) == 3 {
			t.to = target{addr: endpoint(fields[2], t.asked), asking: fields[0] == "ASK"}
		}
		if t.attempt == 0 {
			wait = 0
		}
		return wait, true
	case "TRYAGAIN":
		return wait, true
	case "READONLY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "UNBLOCKED":
		s.reload(ctx)
		return wait, few
	}
	return 0, false
}

// endpoint returns the address that a redirection told, as go-redis has it: an IPv6 address is told without its brackets,
// and a port alone is one of the host that was asked. What is none of these leads nowhere.
func endpoint(told, asked string) string {
	i := strings.LastIndexByte(told, ':')
	if i < 0 {
		return ""
	}
	host, port := strings.Trim(told[:i], "[]"), told[i+1:]
	if host == "" {
		host, _, _ = net.SplitHostPort(asked)
	}
	return net.JoinHostPort(host, port)
}

// mayHaveHappened reports whether a write that ended with this error may be in effect: its connection failed after it was
// sent, or the wait behind it did.
func mayHaveHappened(err error) bool {
	if message, told := asServer(err); told {
		return code(message) == "UNBLOCKED"
	}
	var op *net.OpError
	dialing := errors.As(err, &op) && op.Op == "dial"
	return !dialing && !errors.Is(err, redis.ErrClosed) && !errors.Is(err, redis.ErrPoolTimeout)
}

func isTold(err error) bool {
	_, told := asServer(err)
	return told
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

// pause waits; false when ctx ended, or would end meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && end.Sub(now()) <= d {
		return false
	}
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
