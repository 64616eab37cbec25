package follow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/internal/follow"
	"github.com/jetonkit/jeton/store"
)

// tape is a feed of one partition that a test writes.
type tape struct {
	mu     sync.Mutex
	birth  time.Time
	events []store.Event
	page   int // events in a batch
	err    error
	polls  []time.Time
	slow   time.Duration
	ring   func(store.Bell)
	broken error
}

func newTape() *tape {
	t := &tape{birth: time.Now(), page: 100}
	t.write(0)
	return t
}

// write appends an event that is told apart by its cut, and returns it with the bell that would ring it.
func (t *tape) write(cut uint64) store.Bell {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := store.Event{Birth: t.birth, Time: time.Now(), Cut: cut}
	e.Position.ID = fmt.Sprintf("%08d", len(t.events)+1)
	e.Position.Nonce[0], e.Position.Nonce[1] = byte(cut), byte(cut>>8)
	b := store.Bell{Event: e}
	if n := len(t.events); n > 0 {
		b.Prev = t.events[n-1].Position
	}
	t.events = append(t.events, e)
	return b
}

func (t *tape) Partitions(context.Context) (int, error) { return 1, nil }

func (t *tape) Poll(_ context.Context, _ int, from store.Position) (store.Batch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.polls = append(t.polls, time.Now())
	if t.err != nil {
		return store.Batch{}, t.err
	}
	i, _ := slices.BinarySearchFunc(t.events, from.ID, func(e store.Event, id string) int {
		if e.Position.ID < id {
			return -1
		}
		return 1
	})
	n := min(len(t.events)-i, t.page)
	batch := store.Batch{Events: slices.Clone(t.events[i : i+n]), More: i+n < len(t.events)}
	if t.slow > 0 {
		t.mu.Unlock()
		time.Sleep(t.slow) // of a synctest bubble
		t.mu.Lock()
	}
	return batch, nil
}

func (t *tape) Listen(ctx context.Context, ring func(store.Bell)) error {
	t.mu.Lock()
	t.ring = ring
	broken := t.broken
	t.mu.Unlock()
	if broken != nil {
		return broken
	}
	<-ctx.Done()
	return ctx.Err()
}

// pupil keeps what a follower tells.
type pupil struct {
	mu     sync.Mutex
	doubts int
	cuts   []uint64 // since the last doubt
	synced time.Time
}

func (p *pupil) Doubt(int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts++
	p.cuts, p.synced = nil, time.Time{}
}

func (p *pupil) Apply(_ int, events []store.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		p.cuts = append(p.cuts, e.Cut)
	}
}

func (p *pupil) Synced(_ int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.synced = at
}

func (p *pupil) state() (doubts int, cuts []uint64, synced time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doubts, slices.Clone(p.cuts), p.synced
}

const pace = 600 * time.Millisecond

// TestRun holds the follower to its rules, each a story of one feed.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		story  func(*tape, *pupil)
		doubts int
		cuts   []uint64
	}{
		{"what the feed holds at the start is told whole, page by page", func(f *tape, _ *pupil) {
			f.page = 2
			for i := range uint64(5) {
				f.write(i + 1)
			}
		}, 1, []uint64{0, 1, 2, 3, 4, 5}},
		{"what comes later is told once, in order", func(f *tape, _ *pupil) {
			for i := range uint64(4) {
				time.Sleep(pace)
				f.write(i + 1)
			}
		}, 1, []uint64{0, 1, 2, 3, 4}},
		{"a trimmed feed is doubt where the follower stood in the trimmed part", func(f *tape, _ *pupil) {
			f.write(1)
			time.Sleep(3 * pace)
			f.write(2)
			f.write(3)
			f.cutTo(3)
		}, 2, []uint64{3}},
		{"a rollback is doubt, though the count has caught up", func(f *tape, _ *pupil) {
			f.write(1)
			f.write(2)
			time.Sleep(3 * pace)
			f.lose(2)
			f.write(301)
			f.write(302)
			f.write(303)
		}, 2, []uint64{0, 301, 302, 303}},
		{"a rollback to where nothing came since is doubt", func(f *tape, _ *pupil) {
			f.write(1)
			time.Sleep(3 * pace)
			f.lose(1)
		}, 2, []uint64{0}},
		{"another birth is doubt", func(f *tape, _ *pupil) {
			f.write(1)
			time.Sleep(3 * pace)
			f.reborn()
			f.write(2)
		}, 2, []uint64{0, 1, 2}},
		{"births that a feed holds already are told whole, and the next is doubt again", func(f *tape, _ *pupil) {
			f.page = 2
			f.lose(1) // another feed than the one that was read
			for i := range uint64(6) {
				f.write(i + 1)
				f.reborn()
			}
			time.Sleep(3 * pace)
			f.write(7)
		}, 3, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"an outage is no doubt", func(f *tape, _ *pupil) {
			time.Sleep(pace)
			f.fail(errors.New("down"))
			f.write(1)
			time.Sleep(5 * pace)
			f.fail(nil)
		}, 1, []uint64{0, 1}},
		{"a bell behind the last event is applied without a poll", func(f *tape, _ *pupil) {
			time.Sleep(2 * pace)
			f.fail(errors.New("down"))
			f.bell(f.write(1))
			f.bell(f.write(2))
		}, 1, []uint64{0, 1, 2}},
		{"a bell after a gap is not applied, but polled for", func(f *tape, _ *pupil) {
			time.Sleep(2 * pace)
			f.write(1)
			f.bell(f.write(2))
		}, 1, []uint64{0, 1, 2}},
		{"a bell behind another event under the id of one that was lost is not applied, but doubt", func(f *tape, _ *pupil) {
			f.write(1)
			f.write(2)
			time.Sleep(3 * pace)
			f.lose(1)
			f.write(3)
			f.bell(f.write(4))
		}, 2, []uint64{0, 1, 3, 4}},
		{"a bell of what was told already changes nothing", func(f *tape, _ *pupil) {
			first := f.write(1)
			f.write(2)
			time.Sleep(2 * pace)
			f.bell(first)
		}, 1, []uint64{0, 1, 2}},
		{"a bell of another birth is not applied", func(f *tape, _ *pupil) {
			time.Sleep(2 * pace)
			f.fail(errors.New("down"))
			b := f.write(1)
			b.Event.Birth = b.Event.Birth.Add(time.Hour)
			f.bell(b)
		}, 1, []uint64{0}},
		{"a bell of no partition is nothing", func(f *tape, _ *pupil) {
			time.Sleep(2 * pace)
			f.bell(store.Bell{Partition: 7})
			f.bell(store.Bell{Partition: -1})
		}, 1, []uint64{0}},
		{"a bell that breaks leaves the polls", func(f *tape, _ *pupil) {
			f.broken = errors.New("cut")
			time.Sleep(2 * pace)
			f.write(1)
		}, 1, []uint64{0, 1}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, p := newTape(), &pupil{}
				end := start(t, f, p)
				tt.story(f, p)
				time.Sleep(2 * pace)
				end()
				doubts, cuts, _ := p.state()
				if doubts != tt.doubts || !slices.Equal(cuts, tt.cuts) {
					t.Errorf("%d doubts and %v, want %d and %v", doubts, cuts, tt.doubts, tt.cuts)
				}
			})
		})
	}
}

func start(t *testing.T, f store.Feed, p *pupil) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- follow.Run(ctx, f, p, follow.Options{Poll: pace}) }()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
}

func (t *tape) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

func (t *tape) lose(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = t.events[:len(t.events)-n]
}

func (t *tape) polled() []time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.polls)
}

func (t *tape) cutTo(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = t.events[i:]
}

func (t *tape) reborn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.birth = t.birth.Add(time.Hour)
}

func (t *tape) bell(b store.Bell) {
	t.mu.Lock()
	ring := t.ring
	t.mu.Unlock()
	ring(b)
	synctest.Wait()
}

// TestSynced: the time is that of sending the poll that drained the feed, and it stands still during an outage, whatever bells
// ring: they prove that nothing lies before them, and nothing of what lies behind.
func TestSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		f.slow = 100 * time.Millisecond
		begin := time.Now()
		end := start(t, f, p)
		defer end()
		if _, _, at := p.state(); !at.IsZero() {
			t.Error("synced before the first poll has answered")
		}
		time.Sleep(f.slow + time.Millisecond)
		if _, _, at := p.state(); !at.Equal(begin) {
			t.Errorf("synced at %v after the start, want when the poll was sent", at.Sub(begin))
		}
		f.fail(errors.New("down"))
		time.Sleep(10 * pace)
		f.bell(f.write(1))
		if _, cuts, at := p.state(); len(cuts) != 2 || !at.Equal(begin) {
			t.Errorf("synced moved by %v during an outage, or the bell was not heard: %v", at.Sub(begin), cuts)
		}
	})
}

// TestPagesAreOneSync: a feed of many pages is in sync only behind the last.
func TestPagesAreOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		f.page, f.slow = 2, 10*time.Millisecond
		for i := range uint64(5) {
			f.write(i + 1)
		}
		begin := time.Now()
		end := start(t, f, p)
		defer end()
		time.Sleep(25 * time.Millisecond)
		if _, cuts, at := p.state(); len(cuts) == 0 || !at.IsZero() {
			t.Errorf("after two pages of several: %d events and synced %v", len(cuts), at)
		}
		time.Sleep(100 * time.Millisecond)
		if _, _, at := p.state(); !at.After(begin) {
			t.Error("synced at the first page's time: events of the last may be newer")
		}
	})
}

// TestBellsCausePolls: a bell behind a gap is polled for at once, one that was told already is not.
func TestBellsCausePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		end := start(t, f, p)
		defer end()
		time.Sleep(pace / 2)
		n := len(f.polled())
		f.write(1)
		b := f.write(2)
		f.bell(b)
		if _, cuts, _ := p.state(); len(cuts) != 3 || len(f.polled()) != n+1 {
			t.Errorf("after a bell behind a gap: %v and %d polls, want all events and one poll", cuts, len(f.polled())-n)
		}
		time.Sleep(2 * time.Second)
		n = len(f.polled())
		f.bell(b)
		if got := len(f.polled()); got != n {
			t.Errorf("a bell of the last event caused %d polls", got-n)
		}
	})
}

// TestBellsDuringAPoll: bells that ring while a poll is under way, which has read before them, are applied at its end; those
// that are too many are polled for.
func TestBellsDuringAPoll(t *testing.T) {
	for _, tt := range []struct {
		bells, polls int
	}{{2, 0}, {256, 0}, {300, 1}} {
		synctest.Test(t, func(t *testing.T) {
			f, p := newTape(), &pupil{}
			f.page = 1000
			end := start(t, f, p)
			defer end()
			f.mu.Lock()
			f.slow = 200 * time.Millisecond
			f.mu.Unlock()
			n := len(f.polled())
			for len(f.polled()) == n {
				time.Sleep(time.Millisecond)
			}
			for i := range tt.bells {
				f.bell(f.write(uint64(i) + 1))
			}
			if _, cuts, _ := p.state(); len(cuts) != 1 {
				t.Errorf("an event was told between a poll's reading and its reply: %v", cuts)
			}
			time.Sleep(401 * time.Millisecond) // this poll's end, and another's
			if _, cuts, _ := p.state(); len(cuts) != tt.bells+1 || len(f.polled()) != n+1+tt.polls {
				t.Errorf("after %d bells during a poll: %d events and %d polls more, want %d", tt.bells, len(cuts)-1, len(f.polled())-n-1, tt.polls)
			}
		})
	}
}

// TestPace: polls come a tenth around the pace, and bells cause one a second at most.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		end := start(t, f, p)
		defer end()
		time.Sleep(100 * pace)
		polls := f.polled()
		n := len(polls)
		if n < 90 || n > 115 {
			t.Errorf("%d polls in 100 paces", n)
		}
		for i := 1; i < n; i++ {
			if gap := polls[i].Sub(polls[i-1]); gap < pace*9/10 || gap > pace*11/10 {
				t.Fatalf("a gap of %v", gap)
			}
		}
		stranger := store.Bell{Prev: store.Position{ID: "9"}, Event: store.Event{Birth: f.birth, Position: store.Position{ID: "99"}}}
		start := time.Now()
		for range 1000 {
			f.bell(stranger)
			time.Sleep(10 * time.Millisecond)
		}
		paces := int(time.Since(start) / (pace * 9 / 10))
		if caused := len(f.polled()) - n; caused > paces+11 {
			t.Errorf("1000 bells in 10 s caused more than one poll a second: %d polls", caused)
		}
	})
}

// TestLyingFeed: a feed that denies its own events is an outage, and no endless loop.
func TestLyingFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newTape(), &pupil{}
		f.events = nil
		end := start(t, f, p)
		time.Sleep(10 * pace)
		end()
		if _, _, at := p.state(); !at.IsZero() {
			t.Error("an empty feed was in sync")
		}
		if n := len(f.polled()); n > 50 {
			t.Errorf("%d polls in 10 paces", n)
		}
	})
}

// TestBadOptions: bad input is told.
func TestBadOptions(t *testing.T) {
	err := follow.Run(t.Context(), newTape(), &pupil{}, follow.Options{})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Run without a pace: %v", err)
	}
	p := &pupil{}
	if err := follow.Run(t.Context(), newTape(), p, follow.Options{Poll: pace, Partitions: 2}); !errors.Is(err, store.ErrCorrupt) || p.doubts != 0 {
		t.Errorf("Run for two partitions on a feed of one: %v, %d doubts", err, p.doubts)
	}
}
