// Package bell rings the events of a feed to the listeners of the same process.
package bell

import (
	"context"
	"errors"
	"sync"

	"github.com/jetonkit/jeton/store"
)

// errBehind ends a listener that does not keep up: it polls instead, so nothing is lost.
var errBehind = errors.New("jeton: the listener fell behind the feed, poll and listen again")

// backlog is how many bells a listener may be behind.
const backlog = 1024

// Bell rings. The zero Bell is ready and safe for concurrent use.
type Bell struct {
	mu        sync.Mutex
	closed    bool
	listeners map[*listener]struct{}
}

type listener struct {
	bells chan store.Bell
	ended error // set before bells is closed
}

// Ring passes an event on to every listener, in the order of the calls, and never waits.
func (b *Bell) Ring(e store.Bell) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		select {
		case l.bells <- e:
		default:
			b.end(l, errBehind)
		}
	}
}

// Listen calls ring until ctx ends, the listener falls behind, or the bell is closed.
func (b *Bell) Listen(ctx context.Context, ring func(store.Bell)) error {
	l := &listener{bells: make(chan store.Bell, backlog)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return store.ErrClosed
	}
	if b.listeners == nil {
		b.listeners = map[*listener]struct{}{}
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.listeners, l)
		b.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-l.bells:
			if !ok {
				return l.ended
			}
			ring(e)
		}
	}
}

// Close ends every listener with store.ErrClosed.
func (b *Bell) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for l := range b.listeners {
		b.end(l, store.ErrClosed)
	}
}

func (b *Bell) end(l *listener, err error) {
	l.ended = err
	close(l.bells)
	delete(b.listeners, l)
}
