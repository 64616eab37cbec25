package redisstore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// lane shares a node's connections among many callers. A lone caller sends at once, on its own goroutine, and pays
// nothing; while a send is under way further calls gather, and go out together as one pipeline when it has ended, or when
// it is late.
type lane struct {
	node *redis.Client
	// wait, where it is above zero, follows every send with a WAIT for that many replicas, on the same connection.
	wait durability
	most int

	mu      sync.Mutex
	flying  int
	waiting []*passenger
	crowded bool        // the last send was shared
	alarm   *time.Timer // rings when the send that callers wait behind is late

	trips, shared *counter
}

// passenger is a call that waits for a shared send.
type passenger struct {
	ctx  context.Context
	cmds []redis.Cmder
	err  error         // of the send as a whole
	done chan struct{} // closed when cmds hold their replies
}

// late is how long a send may be under way before the next goes out beside it.
const late = 2 * time.Millisecond

// mostShared bounds a pipeline, so that its replies do not make the last caller wait long.
const mostShared = 256

// errLeft is a caller whose context ended while its commands wait or are under way: it must not look at them.
var errLeft = errors.New("the caller left")

// send sends commands together and waits for their replies, or for the end of ctx. Each command's own error is in it; the
// error returned is errLeft, that of the send, or that of the WAIT behind it.
func (l *lane) send(ctx context.Context, cmds []redis.Cmder) error {
	l.mu.Lock()
	if l.flying == 0 && !l.crowded {
		l.flying++
		l.mu.Unlock()
		defer l.next() // also where a hook of the caller's client panics
		return l.exec(ctx, cmds)
	}
	p := &passenger{ctx: ctx, cmds: cmds, done: make(chan struct{})}
	l.waiting = append(l.waiting, p)
	lead := l.flying == 0
	switch {
	case lead:
		l.flying++
	case len(l.waiting) == 1:
		l.watch()
	}
	l.mu.Unlock()
	if lead {
		runtime.Gosched() // those who were answered together come back together
		l.next()
	}
	var end <-chan time.Time
	timer := watch(ctx)
	if timer != nil {
		end = timer.C
	}
	defer unwatch(timer)
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return errLeft
	case <-end:
		return errLeft
	}
}

// watch sets the alarm for the first who waits. The caller holds the lock.
func (l *lane) watch() {
	if l.alarm == nil {
		l.alarm = time.AfterFunc(late, l.tardy)
		return
	}
	l.alarm.Reset(late)
}

// tardy lets the gathered calls go out beside a send that is late.
func (l *lane) tardy() {
	l.mu.Lock()
	lead := len(l.waiting) > 0 && l.flying < l.most
	if lead {
		l.flying++
	}
	l.mu.Unlock()
	if lead {
		l.next()
	}
}

// next lets the gathered calls go out, or gives the place back.
func (l *lane) next() {
	if batch := l.board(); batch != nil {
		go l.serve(batch)
	}
}

// serve sends a batch, and what has gathered meanwhile.
func (l *lane) serve(batch []*passenger) {
	for ; batch != nil; batch = l.board() {
		l.fly(batch)
	}
}

// board takes the calls that go out next; nil, and the place is free again, when there are none.
func (l *lane) board() []*passenger {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alarm != nil {
		l.alarm.Stop()
	}
	for len(l.waiting) > 0 {
		n := min(len(l.waiting), mostShared)
		batch := make([]*passenger, 0, n)
		for _, p := range l.waiting[:n] {
			if p.ctx.Err() == nil { // who has left was never sent
				batch = append(batch, p)
			}
		}
		if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
			l.waiting = nil
		} else {
			l.watch()
		}
		if len(batch) > 0 {
			l.crowded = len(batch) > 1
			return batch
		}
	}
	l.flying--
	return nil
}

// fly sends a batch until the last of its callers' deadlines.
func (l *lane) fly(batch []*passenger) {
	var cmds []redis.Cmder
	for _, p := range batch {
		cmds = append(cmds, p.cmds...)
	}
	ctx := context.Background()
	if latest, bounded := deadline(batch); bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, latest)
		defer cancel()
	}
	err := errPanic // of a hook of the caller's client: on this goroutine it would end the process
	defer func() {
		if err == errPanic { //nolint:errorlint // it is set above and nowhere else
			_ = recover()
		}
		l.shared.Add(int64(len(batch)))
		for _, p := range batch {
			p.err = err
			close(p.done)
		}
	}()
	err = l.exec(ctx, cmds)
}

var errPanic = errors.New("a hook of the client panicked")

// deadline returns the latest of a batch; false where one has none.
func deadline(batch []*passenger) (latest time.Time, bounded bool) {
	for _, p := range batch {
		d, ok := p.ctx.Deadline()
		if !ok {
			return time.Time{}, false
		}
		if d.After(latest) {
			latest = d
		}
	}
	return latest, true
}

// exec sends commands on one connection, and at a durable level waits behind them until the replicas or the disk have
// them.
func (l *lane) exec(ctx context.Context, cmds []redis.Cmder) error {
	l.trips.Add(1)
	if l.wait.none() {
		if len(cmds) == 1 {
			_ = l.node.Process(ctx, cmds[0]) // the error is the command's
			return nil
		}
		_, err := pipeline(ctx, l.node, cmds)
		return err
	}
	wait := l.wait.command(ctx)
	if _, err := pipeline(ctx, l.node, append(cmds[:len(cmds):len(cmds)], wait)); err != nil {
		return err
	}
	return l.wait.judge(wait)
}

// pipeline sends commands together. Its error is one of the connection, after which no reply counts.
func pipeline(ctx context.Context, node *redis.Client, cmds []redis.Cmder) ([]redis.Cmder, error) {
	pipe := node.Pipeline()
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd) // it only queues
	}
	_, err := pipe.Exec(ctx)
	if _, told := asServer(err); told || err == nil || err == redis.Nil { //nolint:errorlint // it is returned as it is
		return cmds, nil // of one command, which holds it
	}
	return cmds, err
}
