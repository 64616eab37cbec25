package memcachestore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// server is one memcached and the connections to it.
type server struct {
	addr address
	o    *Options
	*counters

	// promised is what the store builds on from when it is open, nil before.
	promised atomic.Pointer[facts]

	// tickets has one for each user of a connection, so that there are never more connections than Pool: whoever holds a
	// ticket and finds no idle line may dial.
	tickets chan struct{}

	mu     sync.Mutex
	lines  []*line // those in use too
	closed bool
}

func newServer(addr string, o *Options, c *counters) *server {
	s := &server{addr: address{"tcp", addr}, o: o, counters: c, tickets: make(chan struct{}, o.Pool)}
	if isSocket(addr) {
		s.addr.network = "unix"
	}
	return s
}

// read asks a question over any connection. One that the server had closed meanwhile is no outage: the question is asked
// again over another one, in the end a new one.
func (s *server) read(ctx context.Context, f func(*line) error) error {
	end := s.end(ctx)
	for {
		l, fresh, err := s.take(ctx, end)
		if err != nil {
			return translate(ctx, s.addr, err)
		}
		err = l.do(ctx, end, f)
		s.put(l)
		if err == nil || fresh || !hungUp(err) || ctx.Err() != nil {
			return translate(ctx, s.addr, err)
		}
		s.dropIdle() // the others were most likely closed with it
	}
}

// write says something on one line, up to a time. Said is false where nothing has been sent, since the line is gone or was
// busy until then.
func (s *server) write(ctx context.Context, l *line, by time.Time, f func(*line) error) (said bool, err error) {
	end := s.end(ctx)
	if err := enter(ctx, end, s.tickets); err != nil {
		return false, translate(ctx, s.addr, err)
	}
	if err := enter(ctx, end, l.held); err != nil {
		<-s.tickets
		return false, translate(ctx, s.addr, err)
	}
	defer s.put(l)
	if l.dead || time.Now().After(by) {
		return false, nil
	}
	return true, translate(ctx, s.addr, l.do(ctx, end, f))
}

func (s *server) end(ctx context.Context) time.Time {
	end := time.Now().Add(s.o.Timeout)
	if by, ok := ctx.Deadline(); ok && by.Before(end) {
		return by
	}
	return end
}

// errNoLine is a pool whose connections are all in use.
var errNoLine = fmt.Errorf("%w: no connection of the pool became free in time: raise Pool, or look at the server's load", store.ErrUnavailable)

// enter puts a token into room, when there is room.
func enter(ctx context.Context, end time.Time, room chan<- struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(time.Until(end))
	defer late.Stop()
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		if by, ok := ctx.Deadline(); ok && !by.After(end) { // its own timer is only later than ours
			return context.DeadlineExceeded
		}
		return nothingSent{errNoLine}
	}
}

// take returns a line that is the caller's until put: an idle one, or a fresh one.
func (s *server) take(ctx context.Context, end time.Time) (l *line, fresh bool, err error) {
	if err := enter(ctx, end, s.tickets); err != nil {
		return nil, false, err
	}
	if l, fresh, err = s.idle(); err != nil {
		<-s.tickets
		return nil, false, err
	}
	if !fresh {
		return l, false, nil
	}
	if err := s.dial(ctx, end, l); err != nil {
		l.hangUp()
		s.put(l)
		return nil, false, err
	}
	return l, true, nil
}

// idle returns a line that nobody holds, or a new one that has no connection yet. The first ones are preferred, so that
// a quiet process uses few.
func (s *server) idle() (l *line, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, store.ErrClosed
	}
	for _, l := range s.lines {
		select {
		case l.held <- struct{}{}:
			return l, false, nil
		default:
		}
	}
	l = newLine()
	l.held <- struct{}{}
	s.lines = append(s.lines, l)
	return l, true, nil
}

// put gives a line back, and its ticket.
func (s *server) put(l *line) {
	s.mu.Lock()
	if l.dead || s.closed {
		s.forget(l)
	}
	<-l.held // within the lock: a line that is in lines and not held is alive
	s.mu.Unlock()
	<-s.tickets
}

// forget ends a line. The caller holds it, and the lock.
func (s *server) forget(l *line) {
	l.hangUp()
	s.lines = slices.DeleteFunc(s.lines, func(other *line) bool { return other == l })
}

// dropIdle ends the lines that nobody uses.
func (s *server) dropIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range slices.Clone(s.lines) {
		select {
		case l.held <- struct{}{}:
			s.forget(l)
			<-l.held
		default:
		}
	}
}

// close ends the idle lines now and the others when they are put back.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.dropIdle()
}

// dial connects a line, and makes sure that what answers is a memcached as it was promised.
func (s *server) dial(ctx context.Context, end time.Time, l *line) error {
	s.dials.Add(1)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	conn, err := s.o.Dial(ctx, s.addr.network, s.addr.text)
	if err != nil {
		return err
	}
	if s.o.TLS != nil && s.addr.network == "tcp" {
		conn = tls.Client(conn, s.tlsConfig())
	}
	l.connect(s.addr, conn)
	return l.do(ctx, end, func(l *line) error {
		f, err := settings(l.conn)
		if err != nil {
			return err
		}
		return s.compare(f)
	})
}

// compare refuses a server that has come back and gives less than the store builds on.
func (s *server) compare(f facts) error {
	was := s.promised.Load()
	switch {
	case was == nil:
	case f.evicts && !was.evicts:
		return fmt.Errorf("%w: the server at %v evicts now, and did not when the store was opened: start it with -M and without ext_path, or open the store again", store.ErrUnavailable, s.addr)
	case f.maxItem < was.maxItem: // a ledger could outgrow it, and then no longer be revoked from
		return fmt.Errorf("%w: the server at %v has an item_size_max of %d now, less than %d, which the store was opened with: start it with -I as before, or open the store again",
			store.ErrUnavailable, s.addr, f.maxItem, was.maxItem)
	}
	return nil
}

func (s *server) tlsConfig() *tls.Config {
	config := s.o.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(s.addr.text)
	}
	return config
}

// inspect asks a server for its settings.
func (s *server) inspect(ctx context.Context) (f facts, err error) {
	err = s.read(ctx, func(l *line) (err error) {
		f, err = settings(l.conn)
		return err
	})
	return f, err
}

// hungUp reports whether an error is that of a connection which ended, as against one of time or of an answer.
func hungUp(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) || errors.As(err, &op)
}
