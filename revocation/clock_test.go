package revocation

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
)

// oneFeed has one partition and a fixed content.
type oneFeed struct {
	events []store.Event
	broken atomic.Bool
}

func (f *oneFeed) Partitions(context.Context) (int, error) {
	if f.broken.Load() {
		return 0, errors.New("gone")
	}
	return 1, nil
}

func (f *oneFeed) Poll(_ context.Context, _ int, from store.Position) (store.Batch, error) {
	for i, e := range f.events {
		if from == (store.Position{}) || e.Position == from {
			return store.Batch{Events: f.events[i:]}, nil
		}
	}
	return store.Batch{}, nil
}

func (f *oneFeed) Listen(ctx context.Context, _ func(store.Bell)) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestClockSetBack: what was let go by a clock that ran ahead is read again when it is set back, and until then nothing is
// judged.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		ann := store.User("ann")
		f := &oneFeed{events: []store.Event{
			{Position: store.Position{ID: "1"}, Birth: now.Add(-time.Hour), Time: now.Add(-time.Hour)},
			{Position: store.Position{ID: "2"}, Birth: now.Add(-time.Hour), Time: now, Subject: ann.Digest(), IDs: []store.Digest{store.DigestID("jti")}},
		}}
		v, err := Open(t.Context(), f, &Options{MaxTokenLife: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		q := NewQuery(ann, store.Presented{TokenID: "jti", Seq: 1 << 60})
		for _, tt := range []struct {
			ahead time.Duration
			again bool
		}{{clockSlack, false}, {clockSlack + time.Minute, true}, {365 * 24 * time.Hour, true}} {
			doubts := v.doubts.Load()
			v.parts[0].mu.Lock()
			s := v.parts[0].set.Load()
			s.sweep(v, time.Now().Add(365*24*time.Hour)) // as a clock does that is a year ahead
			s.dropped = time.Now().Add(tt.ahead)
			v.parts[0].mu.Unlock()
			time.Sleep(v.o.MaxStale)
			synctest.Wait()
			if again := v.doubts.Load() > doubts; again != tt.again {
				t.Errorf("a clock set back by %v: read anew %v, want %v", tt.ahead, again, tt.again)
			}
			if got, err := v.Check(time.Now(), &q); tt.again && (err != nil || got.Alive) {
				t.Errorf("a clock set back by %v: %+v, %v", tt.ahead, got, err)
			}
		}
	})
}

// TestSetBackIsNotReady: the poll that meets a clock set back does not make the view ready.
func TestSetBackIsNotReady(t *testing.T) {
	v := &View{parts: make([]part, 1)}
	again := false
	v.again = func() { again = true }
	s := v.empty()
	s.dropped = time.Now().Add(time.Hour)
	v.parts[0].set.Store(s)
	(*learner)(v).Synced(0, time.Now())
	if s.synced.Load() != nil || !again {
		t.Error("a set that may lack something was taken for complete")
	}
}

// TestNoLongerThanTheSlack: a check between a clock's being set back and the next poll finds its view too old.
func TestNoLongerThanTheSlack(t *testing.T) {
	if mostMaxStale > clockSlack {
		t.Errorf("MaxStale may be %v, and entries outlive their tokens by %v", mostMaxStale, clockSlack)
	}
}

// TestFeedThatEnds: a feed that cannot even be begun is tried again, and the view is not ready meanwhile.
func TestFeedThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		f := &oneFeed{events: []store.Event{{Position: store.Position{ID: "1"}, Birth: now, Time: now}}}
		v, err := Open(t.Context(), f, &Options{MaxTokenLife: time.Hour, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		f.broken.Store(true)
		v.parts[0].mu.Lock()
		v.again()
		v.parts[0].mu.Unlock()
		time.Sleep(time.Minute)
		if v.Ready() == nil || v.failures.Load() < 10 || v.failures.Load() > 100 {
			t.Errorf("%v after %d failures", v.Ready(), v.failures.Load())
		}
		f.broken.Store(false)
		time.Sleep(time.Minute)
		if err := v.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// TestDroppedIsNoted: each way to let go of what is over notes when.
func TestDroppedIsNoted(t *testing.T) {
	v := &View{keep: time.Hour}
	now := time.Now()
	old := store.Event{Birth: now.Add(-3 * time.Hour), Time: now.Add(-2 * time.Hour), Subject: store.DigestID("s"), IDs: []store.Digest{store.DigestID("i")}}
	young := old
	young.Time = now
	for way, drop := range map[string]func(*set, *store.Event){
		"it is over when it is told": func(s *set, e *store.Event) { s.apply(v, e, now) },
		"it is over when all is swept": func(s *set, e *store.Event) {
			s.apply(v, e, now.Add(-2*time.Hour))
			s.sweep(v, now)
		},
		"it is over when a table grows": func(s *set, e *store.Event) {
			s.apply(v, e, now.Add(-2*time.Hour))
			at := s.table(&e.Subject)
			at.Store(s.renew(v, at.Load(), now))
		},
	} {
		s := newSet(1)
		if drop(s, &old); !s.dropped.Equal(now) {
			t.Errorf("%s: noted as %v", way, s.dropped)
		}
		s = newSet(1)
		if drop(s, &young); !s.dropped.IsZero() {
			t.Errorf("%s, and is not over: noted as %v", way, s.dropped)
		}
	}
}

// TestMicros: a time is rounded up, so that nothing that was before it is taken for later.
func TestMicros(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_000_001)
	for d, want := range map[time.Duration]uint64{-1: 1_700_000_000_000_001, 0: 1_700_000_000_000_001, 1: 1_700_000_000_000_002} {
		if got := micros(at.Add(d)); got != want {
			t.Errorf("%v besides is %d, want %d", d, got, want)
		}
	}
	if micros(time.Time{}) != 0 || !timeOf(0).IsZero() || !timeOf(micros(at)).Equal(at) {
		t.Error("no time is 0, and the way back leads back")
	}
}
