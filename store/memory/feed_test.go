package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
)

// all polls to the end.
func (r rig) all(from store.Position) []store.Event {
	r.t.Helper()
	var out []store.Event
	for {
		b := r.poll(from)
		events, whole := b.After(from)
		if !whole {
			r.t.Fatalf("the batch does not go on from %+v", from)
		}
		out = append(out, events...)
		if !b.More {
			return out
		}
		from = b.Events[len(b.Events)-1].Position
	}
}

func TestFeed(t *testing.T) {
	t.Run("it begins with a genesis, and all events carry the birth", func(t *testing.T) {
		r := newRig(t)
		r.Advance(time.Hour)
		r.revoke(ann, "a")
		got := r.all(store.Position{})
		if len(got) != 2 || !got[0].Subject.IsZero() || !got[0].Time.Equal(noon) || got[1].Subject != ann.Digest() {
			t.Fatalf("%+v", got)
		}
		for _, e := range got {
			if !e.Birth.Equal(noon) || e.Position.ID == "" || e.Position.Nonce == [8]byte{} {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("it holds what revokes and nothing else", func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		rec := r.issue(ann, "s", time.Hour)
		steps := []struct {
			do   func() error
			adds int
		}{
			{func() error { r.issue(ann, "t", time.Hour); return nil }, 0},
			{func() error { return r.Touch(ctx, store.TouchRequest{Subject: ann, ID: "s"}) }, 0},
			{func() error {
				_, err := r.Update(ctx, store.UpdateRequest{Subject: ann, ID: "s", Metadata: map[string]string{"k": "v"}})
				return err
			}, 0},
			{func() error {
				_, err := r.Update(ctx, store.UpdateRequest{Subject: ann, ID: "s", Version: 1, ExpiresAt: noon.Add(time.Minute)})
				return err
			}, 1},
			{func() error {
				_, err := r.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "s", Link: rec.Link, NextLink: store.NewLink()})
				return err
			}, 0},
			{func() error {
				_, err := r.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "s", Link: rec.Link, NextLink: store.NewLink()})
				return err
			}, 1},
			{func() error { r.revoke(ann, "x"); return nil }, 1},
			{func() error { r.revoke(ann, "x"); return nil }, 0},
			{func() error { r.revokeAll(ann); return nil }, 1},
			{func() error { return r.Forget(ctx, ann) }, 1},
			{func() error { _, err := r.Sweep(ctx); return err }, 0},
		}
		for i, s := range steps {
			before := len(r.all(store.Position{}))
			r.ok(s.do())
			if got := len(r.all(store.Position{})) - before; got != s.adds {
				t.Errorf("step %d added %d events, want %d", i, got, s.adds)
			}
		}
	})
	t.Run("its events hold digests, and no name or id", func(t *testing.T) {
		r := newRig(t)
		r.issue(store.User("a rare name"), "a rare id", time.Hour)
		r.ok(r.Revoke(t.Context(), store.Revocation{Subject: store.User("a rare name"), Others: &store.Others{Keep: "a rare id"}}))
		r.revoke(store.User("a rare name"), "a rare id")
		got := r.all(store.Position{})
		if text := fmt.Sprintf("%+v", got); strings.Contains(text, "a rare") {
			t.Errorf("%s", text)
		}
		if got[1].Keep != store.DigestID("a rare id") || !slices.Equal(got[2].IDs, []store.Digest{store.DigestID("a rare id")}) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("polls are inclusive, and a page at a time", func(t *testing.T) {
		r := newRig(t)
		for n := range 2500 {
			r.revoke(store.User(fmt.Sprint(n%7)), fmt.Sprint(n))
		}
		got := r.all(store.Position{})
		if len(got) != 2501 {
			t.Fatalf("%d events", len(got))
		}
		for _, at := range []int{0, 1, 1499, 2499, 2500} {
			if rest := r.all(got[at].Position); len(rest) != 2500-at {
				t.Errorf("behind event %d there are %d", at, len(rest))
			}
		}
	})
	t.Run("a position that it does not have proves nothing", func(t *testing.T) {
		r := newRig(t)
		r.revoke(ann, "a")
		last := r.all(store.Position{})[1].Position
		other := last
		other.Nonce[0]++
		for rule, from := range map[string]store.Position{
			"another nonce": other, "another store's": {ID: "0-1"}, "behind the end": {ID: "ffffffffffffffff"}, "any bytes": {ID: "\xff\x00"},
		} {
			if _, whole := r.poll(from).After(from); whole {
				t.Errorf("%s was taken for the last event", rule)
			}
		}
	})
	t.Run("another partition is refused", func(t *testing.T) {
		r := newRig(t)
		for _, n := range []int{-1, 1} {
			if _, err := r.Poll(t.Context(), n, store.Position{}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("partition %d: %v", n, err)
			}
		}
		if n, err := r.Partitions(t.Context()); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("what it gives is the caller's", func(t *testing.T) {
		r := newRig(t)
		r.revoke(ann, "a")
		r.poll(store.Position{}).Events[1].IDs[0] = store.Digest{}
		if got := r.poll(store.Position{}).Events[1].IDs[0]; got != store.DigestID("a") {
			t.Errorf("%v", got)
		}
	})
}

func TestFeedIsTrimmed(t *testing.T) {
	r := newRig(t)
	r.revoke(ann, "a")
	r.Advance(time.Hour)
	r.revoke(ann, "b")
	genesis, a, b := r.all(store.Position{})[0], r.all(store.Position{})[1], r.all(store.Position{})[2]
	keep := 24*time.Hour + store.MarkMargin

	r.Set(noon.Add(keep))
	r.revoke(ann, "c")
	if got := r.all(store.Position{}); len(got) != 4 || got[0].Position != genesis.Position {
		t.Errorf("events that a token may outlive were trimmed: %d are left", len(got))
	}
	r.Set(noon.Add(keep + time.Microsecond))
	r.revoke(ann, "d")
	if got := r.all(store.Position{}); len(got) != 3 || got[0].Position != b.Position {
		t.Errorf("the first of %d is %+v", len(got), got[0])
	}
	for _, from := range []store.Position{genesis.Position, a.Position} {
		if _, whole := r.poll(from).After(from); whole {
			t.Error("a follower behind the trimmed events was told that it missed none")
		}
	}
	r.Advance(year)
	if got := r.all(store.Position{}); len(got) != 3 {
		t.Errorf("%d events: only a new one trims, so the newest stays", len(got))
	}
	r.revoke(ann, "e")
	d := r.all(store.Position{})
	if len(d) != 2 {
		t.Errorf("%d events are left, want the newest and the one that followers stood at", len(d))
	}
	if events, whole := r.poll(d[0].Position).After(d[0].Position); !whole || len(events) != 1 {
		t.Error("a follower that stood at the last event of a quiet year must read anew")
	}
}

func TestListen(t *testing.T) {
	t.Run("bells carry the events and what was before them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			start := r.all(store.Position{})[0].Position
			var bells []store.Bell
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.Listen(ctx, func(b store.Bell) { bells = append(bells, b) }) }()
			synctest.Wait()
			for n := range 20 {
				r.revoke(store.User(fmt.Sprint(n)), "x")
			}
			synctest.Wait()
			if len(bells) != 20 {
				t.Fatalf("%d bells", len(bells))
			}
			for i, e := range r.all(start) {
				if b := bells[i]; b.Prev != start || b.Event.Position != e.Position || b.Event.Subject != e.Subject || b.Partition != 0 {
					t.Errorf("bell %d is %+v, the event %+v", i, b, e)
				}
				start = e.Position
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("Close ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			ended := make(chan error, 1)
			go func() { ended <- r.Listen(t.Context(), func(store.Bell) {}) }()
			synctest.Wait()
			r.ok(r.Close())
			var e *store.Error
			if err := <-ended; !errors.Is(err, store.ErrClosed) || !errors.As(err, &e) || e.Op != "listen" {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("a listener that is stuck ends, and holds no writer up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			stuck, ended := make(chan struct{}), make(chan error, 1)
			go func() { ended <- r.Listen(t.Context(), func(store.Bell) { <-stuck }) }()
			synctest.Wait()
			for n := range 3000 {
				r.revoke(ann, fmt.Sprint(n))
			}
			close(stuck)
			if err := <-ended; err == nil || errors.Is(err, store.ErrClosed) {
				t.Errorf("%v", err)
			}
		})
	})
}
