package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
)

var (
	ann = store.User("ann")
	bob = store.User("bob")
)

// TestRules holds a view to its rules, each a story of one feed.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(*rig)
	}{
		{"a token lives until its id, its session or everything of its subject is revoked", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			r.want("alive", s, p)
			r.tell(ann, "other")
			r.tell(bob, "jti")
			r.tell(bob)
			r.pass()
			r.want("alive", s, p)
			r.tell(ann, "jti")
			r.pass()
			r.want(revocation.ReasonRevoked, s, p)
			p.TokenID = "jti2"
			r.want("alive", s, p)
			r.tell(ann, "sid")
			r.pass()
			r.want(revocation.ReasonRevoked, s, p)
			p.SessionID = "sid2"
			r.want("alive", s, p)
			r.tell(ann)
			r.pass()
			r.want(store.ReasonCut, s, p)
			r.want("alive", ann, store.Presented{TokenID: "later", Seq: seqNow() + 1})
		}},
		{"a bell is heard at once, and without one the next poll tells", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			s, p := own(ann)
			polls := r.count()
			r.ring(r.tell(ann))
			r.want(store.ReasonCut, s, p)
			if r.count() != polls {
				r.Error("the bell was not enough")
			}
			s, p = own(bob)
			r.tell(bob)
			r.want("alive", s, p)
			time.Sleep(stale/3*11/10 + time.Millisecond)
			r.want(store.ReasonCut, s, p)
		}},
		{"tokens from before the birth are refused, own and foreign", func(r *rig) {
			r.open(revocation.Options{})
			r.want(store.ReasonCut, ann, store.Presented{TokenID: "x", Seq: uint64(r.birth.UnixMicro())})
			r.want("alive", ann, store.Presented{TokenID: "x", Seq: uint64(r.birth.UnixMicro()) + 1})
			s, p := foreign(ann, 0)
			r.want(store.ReasonCut, s, p)
			time.Sleep(5 * time.Second)
			s, p = foreign(ann, 0)
			r.want("alive", s, p)
		}},
		{"of a first install foreign tokens are accepted that are older; own ones there are none", func(r *rig) {
			r.open(revocation.Options{FirstInstall: r.birth.Add(-time.Hour)})
			s, p := foreign(ann, time.Hour)
			r.want("alive", s, p)
			r.want(store.ReasonCut, ann, store.Presented{TokenID: "x", Seq: uint64(r.birth.UnixMicro())})
			r.tell(ann, "other") // with the horizon as its cut
			r.pass()
			r.want("alive", s, p)
			r.tell(ann, "jti")
			r.pass()
			r.want(revocation.ReasonRevoked, s, p)
			s, p = foreign(bob, time.Minute)
			r.tell(bob)
			r.pass()
			r.want(store.ReasonCut, s, p)
		}},
		{"an hour after the first install, or before it, is none", func(r *rig) {
			for _, at := range []time.Time{r.birth.Add(-time.Hour - time.Second), r.birth.Add(time.Hour + time.Second)} {
				if at.After(r.birth) {
					time.Sleep(2 * time.Hour)
				}
				r.open(revocation.Options{FirstInstall: at})
				s, p := foreign(ann, time.Since(r.birth)+time.Minute)
				r.want(store.ReasonCut, s, p)
				r.close()
			}
			r.open(revocation.Options{})
		}},
		{"the entries of a view end with the tokens that they bar, and their memory with them", func(r *rig) {
			time.Sleep(time.Second)
			r.open(revocation.Options{})
			for i := range 500 {
				r.tell(store.User(fmt.Sprint(i)), "jti")
				r.tell(store.User(fmt.Sprint(i)))
			}
			keep := store.User("keeper")
			r.append(0, store.Event{Subject: keep.Digest(), Cut: seqNow(), CutTime: time.Now(), Keep: store.DigestID("sid"), KeptCut: 1, Floor: 1, FloorTime: time.Now()})
			r.pass()
			if n, b := r.stat("view_entries"), r.stat("view_bytes"); n != 1001 || b < n*25 {
				r.Errorf("%d entries, %d bytes", n, b)
			}
			s, p := own(store.User("7"))
			p.Seq--
			time.Sleep(time.Hour + store.MarkMargin - time.Minute)
			r.want(revocation.ReasonRevoked, s, p)
			if n := r.stat("view_entries"); n != 1001 {
				r.Errorf("%d entries, a minute too early", n)
			}
			time.Sleep(3 * time.Minute)
			if n, b := r.stat("view_entries"), r.stat("view_bytes"); n != 0 || b != 0 {
				r.Errorf("%d entries, %d bytes are left", n, b)
			}
			r.want("alive", ann, store.Presented{TokenID: "x", Seq: seqNow()})
		}},
		{"what is over when it is read is left out", func(r *rig) {
			r.tell(ann, "jti")
			r.append(0, store.Event{Subject: bob.Digest(), IDs: []store.Digest{store.DigestID("jti")}, Time: time.Now().Add(-time.Hour - store.MarkMargin - time.Second)})
			r.open(revocation.Options{})
			if n := r.stat("view_entries"); n != 1 {
				r.Errorf("%d entries", n)
			}
		}},
		{"cut and floor never fall", func(r *rig) {
			time.Sleep(time.Second)
			s, p := own(ann)
			fs, fp := foreign(ann, 0)
			d := ann.Digest()
			r.append(0, store.Event{Subject: d, Cut: p.Seq + 5, CutTime: time.Now(), Floor: 7, FloorTime: time.Now()})
			r.append(0, store.Event{Subject: d, Cut: p.Seq - 5, CutTime: r.birth, Keep: store.DigestID("sid"), IDs: []store.Digest{d}})
			r.open(revocation.Options{})
			r.want(store.ReasonCut, s, p)
			r.want(store.ReasonFloor, fs, fp)
			p.Seq = 6
			r.want(store.ReasonFloor, s, p)
		}},
		{"of a kept session tokens live that are younger than the cut before", func(r *rig) {
			time.Sleep(time.Second)
			s, p := own(ann)
			r.append(0, store.Event{Subject: s.Digest(), Cut: p.Seq + 5, CutTime: time.Now(), Keep: store.DigestID("sid"), KeptCut: p.Seq - 1})
			r.open(revocation.Options{})
			r.want("alive", s, p)
			p.Seq--
			r.want(store.ReasonCut, s, p)
			p.Seq++
			p.SessionID, p.TokenID = "other", "sid"
			r.want(store.ReasonCut, s, p)
			p.SessionID = "" // it stands by itself
			r.want("alive", s, p)
			s, p = own(bob)
			r.append(0, store.Event{Subject: s.Digest(), Cut: p.Seq + 1e6, CutTime: time.Now().Add(time.Second), Keep: store.DigestID("sid")})
			r.pass()
			r.want("alive", s, p)
		}},
		{"an id that is revoked again is barred from then on", func(r *rig) {
			r.open(revocation.Options{})
			r.tell(ann, "jti")
			time.Sleep(time.Hour)
			r.tell(ann, "jti")
			time.Sleep(time.Hour)
			s, p := own(ann)
			r.want(revocation.ReasonRevoked, s, p)
		}},
		{"a foreign token without a date, or with one that is to come, is refused", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Minute)
			s, p := foreign(ann, -time.Second)
			r.want("alive", s, p)
			p.IssuedAt = p.IssuedAt.Add(time.Second)
			r.want(store.ReasonUndated, s, p)
			p.IssuedAt = time.Time{}
			r.want(store.ReasonUndated, s, p)
		}},
		{"a token that names nothing is dead, and no store's record helps", func(r *rig) {
			r.open(revocation.Options{})
			r.want(store.ReasonUnknown, ann, store.Presented{Seq: 1 << 60})
			r.want("alive", ann, store.Presented{SessionID: "sid", Seq: 1 << 60}) // WithoutRecord is not asked for, and taken
			if v, err := r.view.Check(time.Now(), new(revocation.Query)); v.Alive || err != nil {
				r.Errorf("the zero query: %v, %v", v.Alive, err)
			}
		}},
		{"a closed view has ended all that it ran", func(r *rig) {
			r.open(revocation.Options{})
			r.set(func() { r.stuck = 0 })
			r.pass()
			r.close()
			if r.set(func() {}); r.busy != 0 {
				r.Errorf("%d polls are under way", r.busy)
			}
		}},
		{"a closed view has ended all that it ran", func(r *rig) {
			r.open(revocation.Options{})
			r.set(func() { r.stuck = 0 })
			r.pass()
			r.close()
			if r.set(func() {}); r.busy != 0 {
				r.Errorf("%d polls are under way", r.busy)
			}
		}},
		{"a closed view gives no verdicts, and closing twice is nil", func(r *rig) {
			r.open(revocation.Options{})
			r.tell(ann, "jti")
			r.pass()
			r.close()
			r.close()
			s, p := own(ann)
			r.want("not ready", s, p)
			if r.stat("view_entries") != 0 {
				r.Error("it holds its memory")
			}
			time.Sleep(time.Hour)
			if r.view.Ready() == nil {
				r.Error("it is ready")
			}
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) { tell(t, tt.story) })
	}
}

// tell runs a story of a feed with one partition, in a bubble.
func tell(t *testing.T, story func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, tape: newTape(1)}
		defer func() { r.close() }()
		story(r)
	})
}

// pass lets each partition be polled once more.
func (r *rig) pass() {
	time.Sleep(stale/3*11/10 + time.Millisecond)
	synctest.Wait()
}

// count returns how often the feed was polled.
func (r *rig) count() (n int) {
	synctest.Wait()
	r.set(func() { n = r.polls })
	return n
}

func (r *rig) close() {
	r.Helper()
	if err := r.view.Close(); err != nil {
		r.Error(err)
	}
}

// unready holds the view to not being ready, and to saying why.
func (r *rig) unready(why string) {
	r.Helper()
	err := r.view.Ready()
	if !errors.Is(err, revocation.ErrNotReady) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), why) {
		r.Errorf("Ready is %v, want %q", err, why)
	}
}

// TestPartitions: a view is ready when every partition was read, and a doubt about one leaves the others.
func TestPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 16
		r := &rig{T: t, tape: newTape(n)}
		r.stuck = n - 1
		opened := make(chan struct{})
		go func() {
			defer close(opened)
			r.open(revocation.Options{})
		}()
		time.Sleep(10 * time.Second)
		select {
		case <-opened:
			t.Fatal("open although a partition was never read")
		default:
		}
		r.set(func() { r.stuck = n })
		<-opened
		defer func() { r.close() }()
		if err := r.view.Ready(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		r.set(func() { r.parts[3] = nil })
		r.pass()
		r.unready("of 16 partitions 1 are not read, and 0 ")
		for i := range 200 {
			s, p := own(store.User(fmt.Sprint(i)))
			want := "alive"
			if s.Digest().Partition(n) == 3 {
				want = "not ready"
			}
			r.want(want, s, p)
		}
	})
}

// TestOpenEnds: Open ends with its context, says what it waited for, and leaves nothing behind.
func TestOpenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTape(2)
		f.err = fmt.Errorf("no route: %w", store.ErrUnavailable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		v, err := revocation.Open(ctx, f, &revocation.Options{Logger: quiet})
		for _, want := range []error{revocation.ErrNotReady, context.DeadlineExceeded, store.ErrUnavailable} {
			if v != nil || !errors.Is(err, want) {
				t.Errorf("Open: %v, %v, want %v", v, err, want)
			}
		}
		if !strings.Contains(err.Error(), "no route") {
			t.Errorf("Open: %v does not say why", err)
		}
	})
}

// TestOpenOutlivesItsContext: the context of Open bounds the wait and not the view.
func TestOpenOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, tape: newTape(1)}
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		r.view, err = revocation.Open(ctx, r.tape, &revocation.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		cancel()
		time.Sleep(time.Hour)
		lag, known := r.view.Lag()
		if err := r.view.Ready(); err != nil || !known || lag > time.Second {
			t.Errorf("%v, lag %v %v", err, lag, known)
		}
		if r.view.MaxTokenLife() != time.Hour {
			t.Errorf("MaxTokenLife is %v", r.view.MaxTokenLife())
		}
	})
}

// plain is a feed that says nothing of its store.
type plain struct{ f *tape }

func (p plain) Partitions(ctx context.Context) (int, error) { return p.f.Partitions(ctx) }
func (p plain) Poll(ctx context.Context, n int, from store.Position) (store.Batch, error) {
	return p.f.Poll(ctx, n, from)
}

func (p plain) Listen(ctx context.Context, ring func(store.Bell)) error { return p.f.Listen(ctx, ring) }

// TestBadInput: each is refused with the field's name.
func TestBadInput(t *testing.T) {
	evicting, closed := newTape(1), newTape(0)
	evicting.life.NeverEvicts = false
	for _, tt := range []struct {
		field, problem string
		feed           store.Feed
		o              revocation.Options
	}{
		{"feed", "is nil", nil, revocation.Options{}},
		{"feed", "may evict", evicting, revocation.Options{}},
		{"feed", "has no partitions", closed, revocation.Options{}},
		{"Options.MaxStale", "is 99ms, the range is 100ms to 1m0s", newTape(1), revocation.Options{MaxStale: 99 * time.Millisecond}},
		{"Options.MaxStale", "is 1m0.000000001s", newTape(1), revocation.Options{MaxStale: time.Minute + 1}},
		{"Options.MaxStale", "is -1ns", newTape(1), revocation.Options{MaxStale: -1}},
		{"Options.MaxTokenLife", "is zero", plain{newTape(1)}, revocation.Options{}},
		{"Options.MaxTokenLife", "is 999ms", plain{newTape(1)}, revocation.Options{MaxTokenLife: 999 * time.Millisecond}},
		{"Options.MaxTokenLife", "is 720h0m1s", plain{newTape(1)}, revocation.Options{MaxTokenLife: 720*time.Hour + time.Second}},
		{"Options.MaxTokenLife", "tokens of at most 1h0m0s", newTape(1), revocation.Options{MaxTokenLife: time.Hour + 1}},
		{"Options.FirstInstall", "is in the future", newTape(1), revocation.Options{FirstInstall: time.Now().Add(2 * time.Hour)}},
	} {
		v, err := revocation.Open(t.Context(), tt.feed, &tt.o)
		var f *store.FieldError
		if v != nil || !errors.As(err, &f) || !errors.Is(err, store.ErrInvalid) || f.Field != tt.field || !strings.Contains(f.Problem, tt.problem) || f.Remedy == "" {
			t.Errorf("%s %s: %v", tt.field, tt.problem, err)
		}
	}
	v, err := revocation.Open(t.Context(), plain{newTape(1)}, &revocation.Options{MaxTokenLife: time.Minute})
	if err != nil || v.MaxTokenLife() != time.Minute {
		t.Fatalf("a feed that says nothing of its store: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if v, err = revocation.Open(t.Context(), newTape(1), &revocation.Options{MaxTokenLife: time.Minute}); err != nil || v.MaxTokenLife() != time.Minute {
		t.Fatalf("a shorter life than the keyspace's: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}
