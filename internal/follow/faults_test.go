package follow_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/store"
)

// odd is a tape whose polls hang, or whose bell says what a test wants.
type odd struct {
	*tape
	hang    atomic.Bool
	bells   error
	listens atomic.Int64
}

func (f *odd) Poll(ctx context.Context, n int, from store.Position) (store.Batch, error) {
	if f.hang.Load() {
		<-ctx.Done()
		f.mu.Lock()
		f.polls = append(f.polls, time.Now())
		f.mu.Unlock()
		return store.Batch{}, ctx.Err()
	}
	return f.tape.Poll(ctx, n, from)
}

func (f *odd) Listen(context.Context, func(store.Bell)) error {
	f.listens.Add(1)
	return f.bells
}

// TestHungPoll: a poll that hangs ends after Poll, or after 100 ms where that is less, and the next is sent.
func TestHungPoll(t *testing.T) {
	for _, tt := range []struct{ poll, ends time.Duration }{{pace, pace}, {time.Millisecond, 100 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			f, p := &odd{tape: newTape(), bells: errors.ErrUnsupported}, &pupil{}
			f.hang.Store(true)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			begin := time.Now()
			go func() { ended <- follow.Run(ctx, f, p, follow.Options{Poll: tt.poll}) }()
			time.Sleep(tt.ends - time.Microsecond)
			f.hang.Store(false)
			time.Sleep(2 * time.Microsecond)
			if polls := f.polled(); len(polls) == 0 || polls[0].Sub(begin) != tt.ends {
				t.Errorf("%v: polls that hung ended %v, want one after %v", tt.poll, polls, tt.ends)
			}
			time.Sleep(2 * tt.poll)
			if _, cuts, at := p.state(); at.IsZero() || len(cuts) != 1 {
				t.Errorf("%v: it does not go on", tt.poll)
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// TestBellThatEnds: what cannot be listened to is not listened to again, and a bell that broke is, at the pace of the polls.
func TestBellThatEnds(t *testing.T) {
	for _, tt := range []struct {
		err         error
		least, most int64
	}{
		{errors.ErrUnsupported, 1, 1},
		{store.ErrClosed, 1, 1},
		{errors.New("cut"), 10, 11},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, p := &odd{tape: newTape(), bells: tt.err}, &pupil{}
			end := start(t, f, p)
			time.Sleep(10 * pace)
			end()
			if n := f.listens.Load(); n < tt.least || n > tt.most {
				t.Errorf("%v: listened %d times, want %d to %d", tt.err, n, tt.least, tt.most)
			}
			if n := len(f.polled()); n < 9 {
				t.Errorf("%v: %d polls", tt.err, n)
			}
		})
	}
}

// TestBellDuringAPoll: what rings while a poll is under way may have been missed by it, and is polled for when it is done.
func TestBellDuringAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		f.slow = pace / 2
		end := start(t, f, p)
		time.Sleep(pace / 4) // the first poll has read, and its reply is on its way
		f.bell(f.write(1))
		time.Sleep(pace)
		if _, cuts, _ := p.state(); !slices.Equal(cuts, []uint64{0, 1}) {
			t.Errorf("%v: the event was not polled for at once", cuts)
		}
		end()
	})
}

// TestSpread: polls are not all the same time apart, so that followers that began together do not stay so.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		end := start(t, f, p)
		time.Sleep(50 * pace)
		end()
		gaps := map[time.Duration]int{}
		polls := f.polled()
		for i := range polls[1:] {
			gaps[polls[i+1].Sub(polls[i]).Round(time.Millisecond)]++
		}
		if len(gaps) < 10 {
			t.Errorf("50 polls have gaps %v", gaps)
		}
	})
}
