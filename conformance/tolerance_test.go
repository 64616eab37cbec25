package conformance_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

// coarse is a right store that keeps times in seconds.
type coarse struct{ store.TokenStore }

const unit = time.Second

// up rounds a time up to the unit, but for those that the contract refuses.
func (c coarse) up(ctx context.Context, s store.Subject, times ...*time.Time) {
	st, err := c.Lookup(ctx, s)
	if err != nil {
		return
	}
	for _, t := range times {
		if rounded := t.Add(unit - 1).Truncate(unit); t.After(st.Now) && !rounded.After(st.Now.Add(store.MaxLife)) {
			*t = rounded
		}
	}
}

func (c coarse) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	c.up(ctx, r.Record.Subject, &r.Record.ExpiresAt, &r.Record.Deadline)
	return c.TokenStore.Issue(ctx, r)
}

func (c coarse) Rotate(ctx context.Context, r store.RotateRequest) (store.Rotated, error) {
	c.up(ctx, r.Subject, &r.ExpiresAt)
	return c.TokenStore.Rotate(ctx, r)
}

func (c coarse) Update(ctx context.Context, r store.UpdateRequest) (store.Record, error) {
	c.up(ctx, r.Subject, &r.ExpiresAt, &r.Deadline)
	return c.TokenStore.Update(ctx, r)
}

func (c coarse) Touch(ctx context.Context, r store.TouchRequest) error {
	c.up(ctx, r.Subject, &r.ExpiresAt)
	return c.TokenStore.Touch(ctx, r)
}

func (c coarse) Capabilities() store.Capabilities {
	caps := c.TokenStore.Capabilities()
	caps.Precision = unit
	return caps
}

// slow is a right store behind a slow network.
func slow(call, end time.Duration) func(store.TokenStore) store.TokenStore {
	return func(s store.TokenStore) store.TokenStore {
		f := storetest.NewFaults(s)
		f.Inject(storetest.Fault{Delay: call}, storetest.Fault{Verb: storetest.VerbClose, Delay: end})
		return f
	}
}

func wrapped(wrap func(store.TokenStore) store.TokenStore, clock bool) conformance.Harness {
	h := memory(memstore.Options{})
	if !clock {
		h.Clock = nil
		h.Open = func(context.Context) (store.TokenStore, error) { return memstore.New(nil) }
	}
	open := h.Open
	h.Open = func(ctx context.Context) (store.TokenStore, error) {
		s, err := open(ctx)
		return wrap(s), err
	}
	return h
}

// TestTolerance shows that the suite finds no fault with a right store that rounds, or that is slow. In a bubble, slowness
// takes no time; a harness's clock has no place there, since who waits for a turn to move it is not seen to be waiting.
func TestTolerance(t *testing.T) {
	for what, wrap := range map[string]func(store.TokenStore) store.TokenStore{
		"times in seconds":     func(s store.TokenStore) store.TokenStore { return coarse{s} },
		"20 ms for each call":  slow(20*time.Millisecond, 0),
		"150 ms for each call": slow(150*time.Millisecond, 0),
		"1 s for Close":        slow(0, time.Second),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := wrapped(wrap, false)
			h.Skip = map[string]string{"concurrency/histories": "in a bubble most calls happen at one moment, and porcupine tries every order of such"}
			h.Traits.Patience = 5 * time.Minute
			synctest.Test(t, func(t *testing.T) { judge(t, h) })
		})
	}
	t.Run("times in seconds on a clock", func(t *testing.T) {
		t.Parallel()
		judge(t, wrapped(func(s store.TokenStore) store.TokenStore { return coarse{s} }, true))
	})
}

func judge(t *testing.T, h conformance.Harness) {
	t.Helper()
	h.Traits.Histories = few
	rep := conformance.Check(h)
	if !rep.OK() {
		t.Error(rep)
	}
}
