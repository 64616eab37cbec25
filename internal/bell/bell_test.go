package bell_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/bell"
	"github.com/jetonkit/jeton/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func no(n int) store.Bell {
	return store.Bell{Event: store.Event{Position: store.Position{ID: strconv.Itoa(n)}}}
}

// listener collects what it hears.
type listener struct {
	mu    sync.Mutex
	heard []string
	ended chan error
}

// listen begins to listen and returns once it does. ring, where it is not nil, is called first.
func listen(ctx context.Context, b *bell.Bell, ring func()) *listener {
	l := &listener{ended: make(chan error, 1)}
	go func() {
		l.ended <- b.Listen(ctx, func(e store.Bell) {
			if ring != nil {
				ring()
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.heard = append(l.heard, e.Event.Position.ID)
		})
	}()
	synctest.Wait()
	return l
}

func (l *listener) count() int {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard)
}

func TestEveryListenerHearsEveryEventInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bell.Bell
		b.Ring(no(-1)) // nobody listens yet
		one, two := listen(t.Context(), &b, nil), listen(t.Context(), &b, nil)
		const n = 500
		for i := range n {
			b.Ring(no(i))
		}
		for _, l := range []*listener{one, two} {
			if l.count() != n {
				t.Fatalf("heard %d of %d", l.count(), n)
			}
			for i, id := range l.heard {
				if id != strconv.Itoa(i) {
					t.Fatalf("heard %s in the place of %d", id, i)
				}
			}
		}
		b.Close()
		for _, l := range []*listener{one, two} {
			if err := <-l.ended; !errors.Is(err, store.ErrClosed) {
				t.Errorf("%v, want ErrClosed", err)
			}
		}
	})
}

func TestASlowListenerEndsAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bell.Bell
		defer b.Close()
		stuck := make(chan struct{})
		slow := listen(t.Context(), &b, func() { <-stuck })
		fast := listen(t.Context(), &b, nil)
		const n = 5000 // more than any backlog
		for i := range n {
			b.Ring(no(i))
			synctest.Wait()
		}
		if fast.count() != n {
			t.Errorf("the fast one heard %d of %d", fast.count(), n)
		}
		close(stuck)
		if err := <-slow.ended; err == nil || errors.Is(err, store.ErrClosed) {
			t.Errorf("the slow one ended with %v", err)
		}
		for i, id := range slow.heard { // up to the gap it missed nothing
			if id != strconv.Itoa(i) {
				t.Fatalf("heard %s in the place of %d", id, i)
			}
		}
		again := listen(t.Context(), &b, nil)
		if b.Ring(no(0)); again.count() != 1 {
			t.Error("whoever fell behind may not listen again")
		}
	})
}

func TestListenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bell.Bell
		defer b.Close()
		ctx, cancel := context.WithCancel(t.Context())
		l := listen(ctx, &b, nil)
		cancel()
		if err := <-l.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if b.Ring(no(0)); l.count() != 0 {
			t.Error("it hears after its end")
		}
	})
}

func TestAClosedBellIsClosed(t *testing.T) {
	var b bell.Bell
	b.Close()
	b.Close()
	b.Ring(no(0))
	if err := b.Listen(t.Context(), func(store.Bell) { t.Error("it rings") }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestRingListenAndCloseAtOnce is for the race detector: nobody may be left listening.
func TestRingListenAndCloseAtOnce(t *testing.T) {
	for range 50 {
		var b bell.Bell
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range 4 {
			all.Go(func() {
				if err := b.Listen(ctx, func(store.Bell) {}); err == nil {
					t.Error("Listen ended without an error")
				}
			})
			all.Go(func() {
				for i := range 2000 {
					b.Ring(no(i))
				}
			})
		}
		all.Go(cancel)
		all.Go(b.Close)
		all.Wait()
		cancel()
	}
}
