package revocation_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
)

// TestOddEvents holds a view to its rules under events that only a store writes whose clock jumped or that lost a ledger.
func TestOddEvents(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		story func(*rig)
	}{
		{"a kept session keeps no token from before the birth", func(r *rig) {
			time.Sleep(time.Second)
			old := uint64(r.birth.UnixMicro())
			r.append(0, store.Event{Subject: ann.Digest(), Cut: seqNow(), CutTime: time.Now(), Keep: store.DigestID("sid")})
			r.open(revocation.Options{})
			r.want(store.ReasonCut, ann, store.Presented{SessionID: "sid", TokenID: "jti", Seq: old})
			r.want("alive", ann, store.Presented{SessionID: "sid", TokenID: "jti", Seq: old + 1})
		}},
		{"a floor alone leaves the birth's cut as it is", func(r *rig) {
			r.append(0, store.Event{Subject: ann.Digest(), Floor: 7, FloorTime: r.birth.Add(-time.Hour)})
			r.open(revocation.Options{})
			r.want(store.ReasonCut, ann, store.Presented{TokenID: "jti", Seq: uint64(r.birth.UnixMicro())})
			s, p := foreign(ann, time.Minute)
			r.want(store.ReasonCut, s, p)
			time.Sleep(5 * time.Second)
			s, p = own(ann)
			r.want("alive", s, p)
			s, p = foreign(ann, 0)
			r.want("alive", s, p)
		}},
		{"a count that ran ahead of the clock is no time", func(r *rig) {
			r.open(revocation.Options{})
			ahead := uint64(time.Now().Add(time.Hour).UnixMicro())
			time.Sleep(time.Second)
			r.append(0, store.Event{Subject: ann.Digest(), Cut: ahead, CutTime: time.Now()})
			time.Sleep(5 * time.Second)
			r.want(store.ReasonCut, ann, store.Presented{TokenID: "jti", Seq: ahead})
			r.want("alive", ann, store.Presented{TokenID: "jti", Seq: ahead + 1})
			s, p := foreign(ann, 0)
			r.want("alive", s, p)
		}},
		{"the time of a cut does not fall when the store's clock is set back", func(r *rig) {
			time.Sleep(time.Minute)
			fs, fp := foreign(ann, 0)
			cut := seqNow()
			r.append(0, store.Event{Subject: ann.Digest(), Cut: cut, CutTime: time.Now()})
			r.append(0, store.Event{Subject: ann.Digest(), Cut: cut + 1, CutTime: time.Now().Add(-30 * time.Second)})
			r.open(revocation.Options{})
			r.want(store.ReasonCut, fs, fp)
		}},
		{"a cut or floor whose time is ahead of its event's is known as long as it bars", func(r *rig) {
			r.open(revocation.Options{})
			ahead := time.Now().Add(30 * time.Minute)
			r.append(0, store.Event{Subject: ann.Digest(), Cut: seqNow(), CutTime: ahead})
			r.append(0, store.Event{Subject: bob.Digest(), Floor: 3, FloorTime: ahead})
			r.pass()
			time.Sleep(r.life.MaxTokenLife + 20*time.Minute)
			s, p := foreign(ann, 55*time.Minute)
			r.want(store.ReasonCut, s, p)
			s, p = foreign(bob, 55*time.Minute)
			r.want(store.ReasonFloor, s, p)
		}},
		{"what is told again under a clock set back is known as long as before", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Hour)
			s, p := own(ann)
			cut, now := seqNow(), time.Now()
			r.append(0, store.Event{Subject: ann.Digest(), Cut: cut, CutTime: now})
			r.append(0, store.Event{Subject: ann.Digest(), Floor: 3, FloorTime: now.Add(-30 * time.Minute), Time: now.Add(-30 * time.Minute)})
			for _, at := range []time.Time{now, now.Add(-30 * time.Minute)} {
				r.append(0, store.Event{Subject: bob.Digest(), IDs: []store.Digest{store.DigestID(p.TokenID)}, Time: at})
			}
			r.pass()
			time.Sleep(50 * time.Minute)
			r.tell(store.User("carol"))
			r.pass()
			r.want(store.ReasonCut, s, p)
			r.want("revoked", bob, store.Presented{TokenID: p.TokenID, Seq: cut + 1})
		}},
		{"what ended its subject's tokens latest says how long that is known", func(r *rig) {
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			now := time.Now()
			s, p := own(ann)
			r.append(0, store.Event{Subject: s.Digest(), Cut: p.Seq + 5, CutTime: now, Floor: 3, FloorTime: now, Time: now.Add(30 * time.Minute)})
			r.append(0, store.Event{Subject: s.Digest(), Cut: p.Seq + 5, CutTime: now, Floor: 3, FloorTime: now, Time: now})
			r.pass()
			time.Sleep(r.life.MaxTokenLife + 20*time.Minute)
			r.want(store.ReasonFloor, s, store.Presented{TokenID: "jti", Seq: 2})
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) { tell(t, tt.story) })
	}
}

// TestPartitionsThatChange: a feed with another number of partitions than the view was opened for makes it not ready, and ends
// nothing.
func TestPartitionsThatChange(t *testing.T) {
	for _, n := range []int{8, 1} {
		tell(t, func(r *rig) {
			r.tape = newTape(4)
			r.open(revocation.Options{})
			time.Sleep(time.Second)
			s, p := own(ann)
			r.want("alive", s, p)
			r.set(func() { r.parts = newTape(n).parts })
			revocation.Again(r.view)
			time.Sleep(time.Minute)
			r.want("not ready", s, p)
		})
	}
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(b))
	return len(b), nil
}

func (l *lines) take(with string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.text {
		if strings.Contains(line, with) {
			n++
		}
	}
	l.text = nil
	return n
}

// TestLog: failed polls and doubts are logged, a few a minute, and nothing of a feed that is well.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := newTape(4), &lines{}
		v, err := revocation.Open(t.Context(), f, &revocation.Options{Logger: slog.New(slog.NewTextHandler(l, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		time.Sleep(time.Minute)
		if n := l.take(""); n != 0 {
			t.Errorf("%d lines of a feed that is well", n)
		}
		f.set(func() { f.err = store.ErrUnavailable })
		time.Sleep(time.Minute)
		if n := l.take("fails"); n < 5 || n > 7 {
			t.Errorf("%d lines of an outage of a minute", n)
		}
		f.set(func() { f.err = nil })
		f.lose()
		time.Sleep(10 * time.Second)
		if n := l.take("read anew"); n != 1 {
			t.Errorf("%d lines of a lost feed", n)
		}
	})
}

// half is a feed whose first partition fails.
type half struct {
	*tape
	down atomic.Bool
}

func (f *half) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	if partition == 0 && f.down.Load() {
		return store.Batch{}, store.ErrUnavailable
	}
	return f.tape.Poll(ctx, partition, from)
}

// TestLag: a view is as far behind as the partition that it has not heard of for longest.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &half{tape: newTape(4)}
		v, err := revocation.Open(t.Context(), f, &revocation.Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		f.down.Store(true)
		time.Sleep(time.Minute)
		if lag, known := v.Lag(); !known || lag < 59*time.Second || lag > time.Minute {
			t.Errorf("a partition was heard of a minute ago, and the lag is %v, %v", lag, known)
		}
	})
}
