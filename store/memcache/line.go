package memcachestore

import (
	"context"
	"net"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// line is one connection to one server, and a gomemcache client that has this connection and never gets another. So what
// it says goes to the process that answered before, or nowhere: a cas id means nothing to a server that was started again.
type line struct {
	conn   net.Conn
	client *memcache.Client
	// held holds a token while somebody uses the line; dead is theirs.
	held chan struct{}
	dead bool
}

func newLine() *line { return &line{held: make(chan struct{}, 1)} }

// connect gives the line its connection.
func (l *line) connect(addr net.Addr, conn net.Conn) {
	l.conn = conn
	l.client = memcache.NewFromSelector(only{addr})
	l.client.MaxIdleConns = 1
	given := false
	l.client.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if given {
			return nil, net.ErrClosed
		}
		given = true
		return deadlineless{conn}, nil
	}
}

// do runs calls of the client until end, or until ctx ends. Whatever may have left the connection in the middle of a reply
// makes the line dead.
func (l *line) do(ctx context.Context, end time.Time, f func(*line) error) error {
	if err := l.conn.SetDeadline(end); err != nil {
		l.dead = true
		return err
	}
	if ctx.Done() == nil {
		return l.judged(f(l))
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	err := l.judged(f(l))
	if !stop() { // its deadline may come at any time now
		l.dead = true
	}
	return err
}

// judged notes whether the line may be used again: gomemcache closes the connection on every error but a few answers.
func (l *line) judged(err error) error {
	l.dead = err != nil && !isAnswer(err)
	return err
}

func (l *line) hangUp() {
	l.dead = true
	if l.conn != nil {
		_ = l.conn.Close() // it is given up
	}
}

// deadlineless keeps gomemcache from setting deadlines, which know nothing of contexts.
type deadlineless struct{ net.Conn }

// SetDeadline does nothing.
func (deadlineless) SetDeadline(time.Time) error { return nil }

// only is a choice of one server.
type only struct{ addr net.Addr }

// PickServer implements memcache.ServerSelector.
func (o only) PickServer(string) (net.Addr, error) { return o.addr, nil }

// Each implements memcache.ServerSelector.
func (o only) Each(f func(net.Addr) error) error { return f(o.addr) }

// address is a net.Addr as it was written: a name is resolved at each dial.
type address struct{ network, text string }

// Network implements net.Addr.
func (a address) Network() string { return a.network }

// String implements net.Addr.
func (a address) String() string { return a.text }
