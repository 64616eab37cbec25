package document_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
	"github.com/jetonkit/jeton/storetest"
)

// disk is a KV in memory that several handles share. down makes it answer nothing.
type disk struct {
	mu     sync.Mutex
	values map[string]versioned
	serial int
	down   error
	// now, if not nil, is the clock by which values go when they expire.
	now func() time.Time
	// meet, if not nil, is called before each CompareAndSwap, without the lock.
	meet func()
	// faulty, if not nil, takes the place of CompareAndSwap.
	faulty swap
}

type versioned struct {
	value   []byte
	version int
	expires time.Time
}

// at is what is under a key by now. The caller holds the lock.
func (d *disk) at(key string) (versioned, bool) {
	v, ok := d.values[key]
	if ok && d.now != nil && d.now().After(v.expires) {
		delete(d.values, key)
		return versioned{}, false
	}
	return v, ok
}

func newDisk() *disk { return &disk{values: map[string]versioned{}} }

func (d *disk) Load(ctx context.Context, key string) ([]byte, any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return nil, nil, d.down
	}
	v, ok := d.at(key)
	if !ok {
		return nil, nil, ctx.Err()
	}
	return append([]byte(nil), v.value...), v.version, ctx.Err()
}

func (d *disk) CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	if d.faulty != nil {
		return d.faulty(d, ctx, key, tag, value, expires)
	}
	return d.swap(ctx, key, tag, value, expires)
}

func (d *disk) swap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	if d.meet != nil {
		d.meet()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return false, d.down
	}
	v, ok := d.at(key)
	if (tag == nil) == ok || (ok && tag != v.version) {
		return false, ctx.Err()
	}
	d.serial++
	d.values[key] = versioned{value, d.serial, expires}
	return true, ctx.Err()
}

func (d *disk) Close() error { return nil }

// TestConformance holds the store to every rule, with several handles, reopening and outages, over a KV that keeps what has
// expired and one that drops it.
func TestConformance(t *testing.T) {
	clock := storetest.NewClock(time.Time{})
	for name, now := range map[string]func() time.Time{"keeps": nil, "drops": clock.Now} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, over(clock, func() *disk { return &disk{values: map[string]versioned{}, now: now} }))
		})
	}
}

// over is a harness over stores on disks of its own, which share a clock.
func over(clock *storetest.Clock, fresh func() *disk) conformance.Harness {
	places := harness.Places[*disk]{
		Fresh: fresh,
		Open: func(ctx context.Context, d *disk) (store.TokenStore, error) {
			return document.New(ctx, d, store.Capabilities{Shared: true}, &document.Options{Now: clock.Now, MaxSkew: -1})
		},
	}
	h := places.Harness(clock)
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		d := places.Of(s)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.down = errors.New("the cable is cut")
		return func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.down = nil
		}, nil
	}
	return h
}

func newStore(t *testing.T, d *disk, o *document.Options) *document.Store {
	t.Helper()
	s, err := document.New(t.Context(), d, store.Capabilities{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func issue(name, id string) store.IssueRequest {
	return store.IssueRequest{Record: store.Record{
		ID: id, Subject: store.User(name), Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Hour),
	}}
}

// TestRoomForRevocations: a ledger gets full by Issue, which is ErrTooLarge then; every revocation still fits below MaxBytes.
func TestRoomForRevocations(t *testing.T) {
	const most = 64 << 10
	d := newDisk()
	s := newStore(t, d, &document.Options{MaxBytes: most})
	ann := store.User("ann")
	largest := func() (n int) {
		for _, v := range d.values {
			n = max(n, len(v.value))
		}
		return n
	}
	var ids []string
	for {
		req := issue("ann", store.NewID())
		req.Record.Metadata = map[string]string{"agent": strings.Repeat("x", 200)}
		_, err := s.Issue(t.Context(), req)
		if errors.Is(err, store.ErrTooLarge) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, req.Record.ID)
	}
	reason := strings.Repeat("r", store.MaxReasonLen)
	for n := range 10 {
		var batch []string
		for i := range store.MaxIDs {
			batch = append(batch, fmt.Sprint("token", n, "-", i))
		}
		if err := s.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: batch, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []store.Revocation{
		{Others: &store.Others{Keep: ids[0]}}, {IDs: ids[:1], Reason: reason}, {All: true},
	} {
		r.Subject = ann
		if err := s.Revoke(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if n := largest(); n > most {
		t.Errorf("a value of %d bytes was written, the limit is %d", n, most)
	}
	t.Logf("%d sessions, the largest value was %d of %d bytes", len(ids), largest(), most)
}

// TestRevocationsAlwaysFit: a ledger from before MaxBytes was lowered, or MaxMarks raised, takes no more sessions, and every
// revocation.
func TestRevocationsAlwaysFit(t *testing.T) {
	d := newDisk()
	s := newStore(t, d, nil)
	for range 40 {
		req := issue("ann", store.NewID())
		req.Record.Metadata = map[string]string{"agent": strings.Repeat("x", 15_000)}
		if _, err := s.Issue(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	for name, o := range map[string]*document.Options{"MaxBytes lowered": {MaxBytes: 100_000}, "MaxMarks raised": {MaxMarks: 3000}} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, d, o)
			if _, err := s.Issue(t.Context(), issue("ann", store.NewID())); !errors.Is(err, store.ErrTooLarge) {
				t.Errorf("issue: %v, want ErrTooLarge", err)
			}
			records, err := s.List(t.Context(), store.User("ann"), store.Page{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []store.Revocation{{IDs: []string{"a token"}}, {Others: &store.Others{Keep: records.Items[0].ID, Class: "none"}}} {
				r.Subject = store.User("ann")
				if err := s.Revoke(t.Context(), r); err != nil {
					t.Errorf("%+v: %v", r, err)
				}
			}
		})
	}
	s = newStore(t, d, &document.Options{MaxBytes: 100_000})
	if err := s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}); err != nil {
		t.Error(err)
	}
}

// TestLosingWrites: a write that always meets another ends with ErrUnavailable after its attempts, or with its context.
func TestLosingWrites(t *testing.T) {
	d := newDisk()
	other := newStore(t, d, nil)
	s := newStore(t, d, &document.Options{Attempts: 5})
	n := 0
	busy := false
	d.meet = func() {
		if busy { // the other's own write
			return
		}
		busy = true
		defer func() { busy = false }()
		n++
		if _, err := other.Issue(t.Context(), issue("ann", fmt.Sprint("other", n))); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Issue(t.Context(), issue("ann", "mine")); !errors.Is(err, store.ErrUnavailable) || n != 5 {
		t.Errorf("after %d meetings: %v, want ErrUnavailable after 5", n, err)
	}
}

// TestClocks: a ledger that a process with a clock ahead has written is refused by the others, and read by it.
func TestClocks(t *testing.T) {
	d := newDisk()
	ahead := storetest.NewClock(time.Now().Add(time.Hour))
	fast := newStore(t, d, &document.Options{Now: ahead.Now})
	req := issue("ann", "one")
	req.Record.ExpiresAt = ahead.Now().Add(time.Hour)
	if _, err := fast.Issue(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, d, nil)
	if _, err := s.Lookup(t.Context(), store.User("ann"), "one"); !errors.Is(err, store.ErrClock) {
		t.Errorf("got %v, want ErrClock", err)
	}
	if _, err := s.Issue(t.Context(), issue("ann", "two")); !errors.Is(err, store.ErrClock) {
		t.Errorf("got %v, want ErrClock", err)
	}
}

// TestKeyspace: MaxTokenLife is the keyspace's, and bad options name their field.
func TestKeyspace(t *testing.T) {
	d := newDisk()
	first, err := document.New(t.Context(), d, store.Capabilities{MaxTokenLife: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := newStore(t, d, nil).Capabilities().MaxTokenLife; got != time.Hour || first.Capabilities().MaxTokenLife != time.Hour {
		t.Errorf("MaxTokenLife is %v, want the recorded hour", got)
	}
	for field, c := range map[string]struct {
		kv   document.KV
		caps store.Capabilities
		o    document.Options
	}{
		"kv":                        {},
		"Capabilities.MaxTokenLife": {d, store.Capabilities{MaxTokenLife: 2 * time.Hour}, document.Options{}},
		"Options.MaxBytes":          {d, store.Capabilities{}, document.Options{MaxBytes: 1000}},
		"Options.MaxMarks":          {d, store.Capabilities{}, document.Options{MaxMarks: 4096}},
		"Options.Attempts":          {d, store.Capabilities{}, document.Options{Attempts: -1}},
	} {
		_, err := document.New(t.Context(), c.kv, c.caps, &c.o)
		var f *store.FieldError
		if !errors.As(err, &f) || f.Field != field {
			t.Errorf("got %v, want a FieldError of %s", err, field)
		}
	}
}
