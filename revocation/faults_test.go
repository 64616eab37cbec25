package revocation_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
)

// TestFaults holds a view to what it does about each thing that a feed can do wrong.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(*rig)
	}{
		{"a feed that fails for longer than MaxStale makes no verdicts, and mends without a doubt", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			doubts := r.stat("view_doubts")
			s, p := own(ann)
			r.set(func() { r.err = store.ErrUnavailable })
			r.want("alive", s, p)
			time.Sleep(stale)
			r.want("not ready", s, p)
			r.unready("longer ago than 3s")
			r.tell(ann)
			r.set(func() { r.err = nil })
			r.pass()
			r.want(store.ReasonCut, s, p)
			if r.stat("view_doubts") != doubts || r.stat("view_feed_errors") == 0 || r.stat("view_unready") != 1 {
				r.Errorf("stats %v", r.view.Stats())
			}
		}},
		{"a feed that hangs is a feed that fails", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			r.set(func() { r.stuck = 0 })
			time.Sleep(stale + time.Second)
			r.want("not ready", s, p)
			r.set(func() { r.stuck = 1 })
			time.Sleep(stale)
			r.want("alive", s, p)
		}},
		{"a poll tells what was true when it was sent", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			gate := make(chan struct{})
			r.set(func() { r.hold = gate })
			for polls := r.count(); r.count() == polls; {
				time.Sleep(10 * time.Millisecond)
			}
			sent := time.Now()
			time.Sleep(800 * time.Millisecond)
			r.set(func() { r.hold = nil })
			close(gate)
			synctest.Wait()
			r.set(func() { r.err = store.ErrUnavailable })
			s, p := own(ann)
			time.Sleep(time.Until(sent.Add(stale - 20*time.Millisecond)))
			r.want("alive", s, p)
			time.Sleep(30 * time.Millisecond)
			r.want("not ready", s, p)
		}},
		{"a feed that was rolled back is read anew", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			r.tell(bob, "lost")
			r.pass()
			r.set(func() { r.parts[0] = r.parts[0][:1] })
			r.tell(ann, "jti") // another event in its place
			r.pass()
			r.want(revocation.ReasonRevoked, s, p)
			r.want("alive", bob, store.Presented{TokenID: "lost", Seq: seqNow()})
			if r.stat("view_doubts") != 2 {
				r.Errorf("stats %v", r.view.Stats())
			}
		}},
		{"a feed that was trimmed past the view is read anew", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			r.tell(ann, "jti")
			r.set(func() { r.parts[0] = r.parts[0][1:] })
			r.pass()
			r.want(revocation.ReasonRevoked, s, p)
			if r.stat("view_doubts") != 2 {
				r.Errorf("stats %v", r.view.Stats())
			}
		}},
		{"a feed that was lost ends what is older than its new birth", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			fs, fp := foreign(bob, 0)
			r.want("alive", s, p)
			time.Sleep(2 * time.Second)
			r.lose()
			r.pass()
			r.want(store.ReasonCut, s, p)
			r.want(store.ReasonCut, fs, fp)
			time.Sleep(time.Second)
			r.want("alive", ann, store.Presented{TokenID: "x", Seq: seqNow()})
		}},
		{"of several births in one feed the latest counts", func(r *rig) {
			time.Sleep(time.Second)
			s, p := own(ann)
			time.Sleep(time.Second)
			r.set(func() { r.birth = time.Now() })
			r.tell(bob, "jti")
			r.open(revocation.Options{})
			r.want(store.ReasonCut, s, p)
			time.Sleep(time.Second)
			s, p = own(ann)
			r.want("alive", s, p)
		}},
		{"an empty feed gives no verdicts", func(r *rig) {
			r.open(revocation.Options{})
			s, p := own(ann)
			r.set(func() { r.parts[0] = nil })
			r.pass()
			r.want("not ready", s, p)
			r.unready("of 1 partitions 1 are not read, and 0")
			if _, known := r.view.Lag(); known {
				r.Error("the lag of nothing is known")
			}
			time.Sleep(time.Hour)
			r.want("not ready", s, p)
		}},
		{"a view that reads anew gives no verdicts until it is complete", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			for i := range 10 {
				r.tell(bob, fmt.Sprint(i))
			}
			r.tell(ann, "jti")
			r.pass()
			r.set(func() {
				r.page = 2
				for i := range r.parts[0] {
					r.parts[0][i].Position.Nonce[1] = 1 // another feed
				}
			})
			gate := make(chan struct{})
			r.set(func() { r.hold = gate })
			time.Sleep(stale / 2)
			for range 5 {
				gate <- struct{}{}
				synctest.Wait()
				r.want("not ready", s, p)
			}
			r.set(func() { r.hold = nil })
			close(gate)
			synctest.Wait()
			r.want(revocation.ReasonRevoked, s, p)
		}},
		{"the verdict is of the moment that is asked for", func(r *rig) {
			r.open(revocation.Options{})
			q := revocation.NewQuery(ann, store.Presented{TokenID: "x", Seq: 1 << 60})
			now := time.Now()
			for at, want := range map[time.Duration]error{
				stale: nil, stale + time.Nanosecond: revocation.ErrNotReady, 24 * time.Hour: revocation.ErrNotReady, -stale: nil, -stale - time.Second: revocation.ErrNotReady,
			} {
				if _, err := r.view.Check(now.Add(at), &q); !errors.Is(err, want) {
					r.Errorf("%v from now: %v, want %v", at, err, want)
				}
			}
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) { tell(t, tt.story) })
	}
}
