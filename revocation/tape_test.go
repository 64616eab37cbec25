package revocation_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
)

// tape is a feed that a test writes.
type tape struct {
	mu    sync.Mutex
	life  store.Capabilities
	birth time.Time
	parts [][]store.Event
	no    int
	page  int // events in a batch
	polls int
	busy  int           // polls under way
	err   error         // what polls answer
	stuck int           // polls of this partition and those behind it wait until their context ends
	hold  chan struct{} // a poll waits for one of it
	ring  func(b store.Bell)
}

// newTape returns a feed of so many partitions, each with its genesis.
func newTape(partitions int) *tape {
	f := &tape{
		life:  store.Capabilities{NeverEvicts: true, MaxTokenLife: time.Hour},
		birth: time.Now(), page: 100, parts: make([][]store.Event, partitions), stuck: partitions,
	}
	for i := range f.parts {
		f.append(i, store.Event{})
	}
	return f
}

// append adds an event at the end of a partition, without ringing.
func (f *tape) append(part int, e store.Event) store.Bell {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.no++
	e.Birth = f.birth
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Position = store.Position{ID: fmt.Sprintf("%08d", f.no), Nonce: [8]byte{byte(f.no)}}
	b := store.Bell{Partition: part, Event: e}
	if n := len(f.parts[part]); n > 0 {
		b.Prev = f.parts[part][n-1].Position
	}
	f.parts[part] = append(f.parts[part], e)
	return b
}

// tell adds what a store would of a subject: ids that it bars, or a cut now where there are none.
func (f *tape) tell(s store.Subject, ids ...string) store.Bell {
	e := store.Event{Subject: s.Digest(), Cut: uint64(f.birth.UnixMicro()), CutTime: f.birth}
	for _, id := range ids {
		e.IDs = append(e.IDs, store.DigestID(id))
	}
	if len(ids) == 0 {
		e.Cut, e.CutTime = seqNow(), time.Now()
	}
	return f.append(e.Subject.Partition(len(f.parts)), e)
}

// lose begins the feed again, as a store does that was lost.
func (f *tape) lose() {
	f.set(func() { f.birth = time.Now() })
	for i := range f.parts {
		f.set(func() { f.parts[i] = nil })
		f.append(i, store.Event{})
	}
}

// set changes the feed.
func (f *tape) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *tape) Capabilities() store.Capabilities { return f.life }

func (f *tape) Partitions(context.Context) (int, error) { return len(f.parts), nil }

func (f *tape) Poll(ctx context.Context, part int, from store.Position) (store.Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls++
	f.busy++
	defer func() { f.busy-- }()
	if part >= f.stuck {
		f.mu.Unlock()
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // of the bubble: it is slow to notice
		f.mu.Lock()
		return store.Batch{}, ctx.Err()
	}
	if hold := f.hold; hold != nil {
		f.mu.Unlock()
		select {
		case <-hold:
		case <-ctx.Done():
		}
		f.mu.Lock()
	}
	if f.err != nil {
		return store.Batch{}, f.err
	}
	events := f.parts[part]
	i, _ := slices.BinarySearchFunc(events, from.ID, func(e store.Event, id string) int {
		if e.Position.ID < id {
			return -1
		}
		return 1
	})
	n := min(len(events)-i, f.page)
	return store.Batch{Events: slices.Clone(events[i : i+n]), More: i+n < len(events)}, nil
}

func (f *tape) Listen(ctx context.Context, ring func(store.Bell)) error {
	f.set(func() { f.ring = ring })
	<-ctx.Done()
	return ctx.Err()
}

func seqNow() uint64 { return uint64(time.Now().UnixMicro()) }

// rig is a view of a tape, in a bubble.
type rig struct {
	*testing.T
	*tape
	view *revocation.View
	most map[string]int64 // that each stat was
}

const stale = 3 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func (r *rig) open(o revocation.Options) {
	r.Helper()
	o.MaxStale, o.Logger = stale, quiet
	v, err := revocation.Open(r.Context(), r.tape, &o)
	if err != nil {
		r.Fatal(err)
	}
	r.view = v
}

// own is a token of this package's, issued now.
func own(s store.Subject) (store.Subject, store.Presented) {
	return s, store.Presented{SessionID: "sid", TokenID: "jti", Seq: seqNow()}
}

// foreign is another issuer's, issued some time ago.
func foreign(s store.Subject, ago time.Duration) (store.Subject, store.Presented) {
	return s, store.Presented{TokenID: "jti", Foreign: true, IssuedAt: time.Now().Add(-ago), Leeway: time.Second}
}

// judge says what becomes of a token: "alive", the reason why not, or "not ready".
func (r *rig) judge(s store.Subject, p store.Presented) string {
	q := revocation.NewQuery(s, p)
	v, err := r.view.Check(time.Now(), &q)
	switch {
	case err != nil:
		return "not ready"
	case v.Alive:
		return "alive"
	}
	return v.Reason
}

// want holds a token to what becomes of it.
func (r *rig) want(want string, s store.Subject, p store.Presented) {
	r.Helper()
	if got := r.judge(s, p); got != want {
		r.Errorf("a token is %q, want %q", got, want)
	}
}

// stat returns a counter of the view. One that falls must say that it may.
func (r *rig) stat(name string) int64 {
	for _, s := range r.view.Stats() {
		if s.Name == name {
			if s.Value < r.most[name] && !s.Level {
				r.Errorf("%s falls from %d to %d and is no level", name, r.most[name], s.Value)
			}
			if r.most == nil {
				r.most = map[string]int64{}
			}
			r.most[name] = max(r.most[name], s.Value)
			return s.Value
		}
	}
	r.Fatalf("no stat %q", name)
	return 0
}
