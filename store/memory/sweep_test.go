package memstore_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

func TestSweep(t *testing.T) {
	t.Run("it removes what is dead and counts it, and nothing else", func(t *testing.T) {
		r := newRig(t)
		long := r.issue(ann, "long", year)
		r.issue(ann, "short", 3*time.Hour)
		r.revoke(ann, "old mark")
		r.issue(store.User("bob"), "s", time.Minute)
		r.Advance(2 * time.Hour)
		r.revoke(ann, "new mark")
		r.Advance(23 * time.Hour)
		if got, want := r.sweep(), (store.Swept{Ledgers: 1, Records: 1, Marks: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		st := r.state(ann, "long", "new mark")
		if st.Entries[0].Record.Seq != long.Seq || st.Entries[1].Status != store.Revoked {
			t.Errorf("%+v", st)
		}
		if got := r.sweep(); got != (store.Swept{}) {
			t.Errorf("the second removed %+v", got)
		}
		if n := r.stat("memory_ledgers"); n != 1 {
			t.Errorf("%d ledgers are left", n)
		}
		if n := r.stat("memory_sweeps"); n != 2 {
			t.Errorf("%d sweeps are counted", n)
		}
	})
	t.Run("the counters stay right, so that writes afterwards do", func(t *testing.T) {
		r := newRig(t, func(o *memstore.Options) { o.MaxMarks = 4 })
		r.issue(ann, "s", year)
		r.revoke(ann, "a", "b", "c", "d")
		r.Advance(48 * time.Hour)
		r.sweep()
		r.revoke(ann, "e", "f", "g", "h")
		if st := r.state(ann); st.Floor != 0 {
			t.Error("swept marks were counted")
		}
		if n := r.stat("memory_entries"); n != 5 {
			t.Errorf("%d entries", n)
		}
	})
	t.Run("a nonce ends with its time, and leaves the horizon alone", func(t *testing.T) {
		r := newRig(t)
		before := r.state(ann).Cut
		r.Advance(time.Hour)
		once := func() error {
			return store.Once(t.Context(), r, "scope", "nonce", r.Now().Add(time.Minute))
		}
		r.ok(once())
		if err := once(); !errors.Is(err, store.ErrExists) {
			t.Errorf("a second use: %v", err)
		}
		r.Advance(time.Minute + time.Microsecond)
		if got, want := r.sweep(), (store.Swept{Ledgers: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if st := r.state(ann); st.Cut != before {
			t.Error("the nonce's seq became the cut of everybody without a ledger")
		}
	})
	t.Run("a record behind a fresh cut stays", func(t *testing.T) {
		r := newRig(t)
		r.issue(ann, "s", year)
		r.revokeAll(ann)
		r.sweep()
		if st := r.state(ann, "s"); st.Entries[0].Status != store.Revoked {
			t.Errorf("%+v", st)
		}
		r.Advance(6 * time.Minute)
		if got := r.sweep(); got.Records != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a clock that shows no time sweeps nothing", func(t *testing.T) {
		r := newRig(t)
		rec := r.issue(ann, "s", year)
		r.Set(time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC))
		if _, err := r.Sweep(t.Context()); !errors.Is(err, store.ErrClock) {
			t.Errorf("%v, want ErrClock", err)
		}
		r.Set(noon)
		if st := r.state(ann, "s"); st.Entries[0].Record.Seq != rec.Seq {
			t.Errorf("%+v", st)
		}
	})
}

// TestHorizon: whatever a swept ledger barred stays barred, on any clock.
func TestHorizon(t *testing.T) {
	own := func(r rig, id string) store.Presented {
		return store.Presented{TokenID: "token of " + id, SessionID: id, Seq: r.issue(ann, id, time.Hour).Seq, WithoutRecord: true}
	}
	foreign := store.Presented{TokenID: "foreign", Foreign: true, WithoutRecord: true, IssuedAt: noon.Add(9 * time.Minute)}
	for _, c := range []struct {
		rule string
		kill func(rig) store.Presented
	}{
		{"a revoked session", func(r rig) store.Presented { p := own(r, "s"); r.revoke(ann, "s"); return p }},
		{"a revoked token", func(r rig) store.Presented { p := own(r, "s"); r.revoke(ann, p.TokenID); return p }},
		{"a logout everywhere", func(r rig) store.Presented { p := own(r, "s"); r.revokeAll(ann); return p }},
		{"a raised floor", func(r rig) store.Presented {
			p := own(r, "s")
			for n := range 5 {
				r.revoke(ann, fmt.Sprint(n))
			}
			return p
		}},
		{"a foreign logout everywhere", func(r rig) store.Presented { r.revokeAll(ann); return foreign }},
		{"a revoked foreign token", func(r rig) store.Presented { r.revoke(ann, "foreign"); return foreign }},
		{"a foreign token behind a raised floor", func(r rig) store.Presented {
			for n := range 5 {
				r.revoke(ann, fmt.Sprint(n))
			}
			return foreign
		}},
	} {
		t.Run(c.rule+" stays dead when the clock jumps a year ahead, a sweep runs, and it jumps back", func(t *testing.T) {
			r := newRig(t, func(o *memstore.Options) { o.MaxMarks = 4 })
			r.Advance(10 * time.Minute)
			p := c.kill(r)
			if r.alive(ann, p) {
				t.Fatal("it was alive before")
			}
			r.Advance(year)
			if got := r.sweep(); got.Ledgers != 1 {
				t.Fatalf("swept %+v", got)
			}
			r.Advance(-year)
			if r.alive(ann, p) {
				t.Error("it is alive again")
			}
			fresh := store.Presented{TokenID: "new", SessionID: "new", Seq: r.issue(ann, "new", time.Hour).Seq, WithoutRecord: true}
			if !r.alive(ann, fresh) {
				t.Error("a login afterwards is dead")
			}
			later := foreign
			later.IssuedAt = r.Now().Add(time.Second)
			later.Leeway = time.Minute
			r.Advance(2 * time.Minute)
			if later.IssuedAt = r.Now(); !r.alive(store.User("carl"), later) {
				t.Error("a foreign token issued afterwards is dead")
			}
		})
	}
	t.Run("it never falls, though a ledger of before it rose is swept later", func(t *testing.T) {
		r := newRig(t)
		r.issue(store.User("bob"), "s", 400*24*time.Hour)
		r.Advance(year)
		r.issue(ann, "s", time.Hour)
		r.Advance(26 * time.Hour)
		r.sweep()
		high := r.state(ann).Cut
		r.Advance(year)
		if got := r.sweep(); got.Ledgers != 1 {
			t.Fatalf("swept %+v", got)
		}
		if got := r.state(ann).Cut; got != high {
			t.Errorf("it went from %d to %d", high, got)
		}
	})
}

func TestSweeperInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := memstore.New(&memstore.Options{SweepInterval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Issue(t.Context(), store.IssueRequest{Record: store.Record{
			ID: "s", Subject: ann, Link: store.NewLink(), ExpiresAt: time.Now().Add(time.Minute),
		}})
		if err != nil || out.Record.ID != "s" {
			t.Fatal(err)
		}
		time.Sleep(26*time.Hour + time.Second)
		r := rig{Store: s, t: t}
		if n := r.stat("memory_ledgers"); n != 0 {
			t.Errorf("%d ledgers are left after %d sweeps", n, r.stat("memory_sweeps"))
		}
		if n := r.stat("memory_sweeps"); n != 26 {
			t.Errorf("%d sweeps in 26 hours", n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Hour)
		if n := r.stat("memory_sweeps"); n != 26 {
			t.Error("it sweeps after Close")
		}
	})
}

func TestCloseWaitsForTheSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hold atomic.Bool
		release := make(chan struct{})
		s, err := memstore.New(&memstore.Options{SweepInterval: time.Hour, Now: func() time.Time {
			if hold.Load() {
				<-release
			}
			return time.Now()
		}})
		if err != nil {
			t.Fatal(err)
		}
		hold.Store(true)
		time.Sleep(time.Hour + time.Second) // the sweeper is at work, and asks for the time
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned %v with the sweeper at work", err)
		default:
		}
		close(release)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}
