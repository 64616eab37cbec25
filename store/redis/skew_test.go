package redisstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

// travel is a process whose clock is wrong: a bubble's, which moves by sleeping alone, before a real server.
type travel struct {
	*Store
	t      *testing.T
	server *redis.Client // the server, asked directly
	log    *bytes.Buffer
}

// wrong are the clocks of machines that nobody has set.
var wrong = map[string]time.Duration{"three hours behind": -3 * time.Hour, "three hours ahead": 3 * time.Hour, "20 years behind": -20 * 365 * 24 * time.Hour}

// travelling tells a story in each of the wrong clocks.
func travelling(t *testing.T, story func(*travel)) {
	server := testenv.SharedRedis(t)
	for name, by := range wrong {
		t.Run(name, func(t *testing.T) {
			prefix := testenv.Prefix(t)
			synctest.Test(t, func(t *testing.T) {
				client := redis.NewClient(&redis.Options{
					Addr: server.Addr(), Protocol: 2, MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: 50, PipelinePoolSize: -1,
				})
				defer client.Close() //nolint:errcheck // it is a test's
				w := &travel{t: t, server: client, log: &bytes.Buffer{}}
				time.Sleep(w.clock().Add(by).Sub(now()))
				s, err := New(t.Context(), client, &Options{Prefix: prefix, Partitions: 16, Logger: slog.New(slog.NewTextHandler(w.log, nil))})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close() //nolint:errcheck // it is a test's
				w.Store = s
				story(w)
			})
		})
	}
}

// clock returns the server's time.
func (w *travel) clock() time.Time {
	w.t.Helper()
	got, err := w.server.Time(w.t.Context()).Result()
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// pass lets time pass, by both clocks. The bubble's stands still while the server's is awaited.
func (w *travel) pass(d time.Duration) {
	w.t.Helper()
	time.Sleep(d)
	end := w.clock().Add(d)
	for at := w.clock(); at.Before(end); at = w.clock() {
		runtime.Gosched()
	}
}

func (w *travel) issue(who store.Subject, expires time.Time) store.Record {
	w.t.Helper()
	is, err := w.Issue(w.t.Context(), store.IssueRequest{Record: store.Record{ID: store.NewID(), Subject: who, Link: store.NewLink(), ExpiresAt: expires}})
	if err != nil {
		w.t.Fatal(err)
	}
	return is.Record
}

func (w *travel) lookup(who store.Subject, ids ...string) store.State {
	w.t.Helper()
	st, err := w.Lookup(w.t.Context(), who, ids...)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// near is how far two clocks may seem apart: the bubble's stands still while a question is under way.
const near = 400 * time.Millisecond

func (w *travel) near(what string, got time.Time) {
	w.t.Helper()
	if off := got.Sub(w.clock()); off.Abs() > near {
		w.t.Errorf("%s is %v away from the server's time", what, off)
	}
}

// TestWrongClock: on a process whose clock is wrong by hours or years every time is the server's: what is issued, looked
// up, touched, refreshed and cut; sessions end when the server says so, and neither lives on in a process that is
// behind nor dies early in one that is ahead. Kills a Lookup, an Issue or a check of requests by the process's clock, and
// a sighting with its sign turned.
func TestWrongClock(t *testing.T) {
	travelling(t, func(w *travel) {
		ctx, ann := w.t.Context(), store.User("ann")
		w.near("Lookup's Now", w.lookup(ann).Now)
		day := w.issue(ann, w.clock().Add(24*time.Hour))
		w.near("IssuedAt", day.IssuedAt)
		soon := w.issue(ann, w.clock().Add(300*time.Millisecond)) // three hours ahead it has long ended, by the process's clock
		st := w.lookup(ann, day.ID, soon.ID)
		w.near("Lookup's Now", st.Now)
		if st.Entries[0].Status != store.Live || st.Entries[1].Status != store.Live {
			w.t.Errorf("just issued: %v, %v", st.Entries[0].Status, st.Entries[1].Status)
		}
		w.pass(350 * time.Millisecond)
		st = w.lookup(ann, day.ID, soon.ID)
		if st.Entries[0].Status != store.Live || st.Entries[1].Status != store.Unknown {
			w.t.Errorf("after the server's end of one: %v, %v", st.Entries[0].Status, st.Entries[1].Status)
		}
		list, err := w.List(ctx, ann, store.Page{})
		if err != nil || len(list.Items) != 1 || list.Items[0].ID != day.ID {
			w.t.Errorf("List tells %+v, %v", list.Items, err)
		}
		w.near("List's Now", list.Now)
		for _, r := range []store.Record{{ExpiresAt: w.clock().Add(-time.Second)}, {ExpiresAt: w.clock().Add(store.MaxLife + time.Hour)}} {
			r.ID, r.Subject, r.Link = store.NewID(), ann, store.NewLink()
			if _, err := w.Issue(ctx, store.IssueRequest{Record: r}); !errors.Is(err, store.ErrInvalid) {
				w.t.Errorf("a login until %v by the server's %v: %v", r.ExpiresAt, w.clock(), err)
			}
		}
		slid := w.clock().Add(25 * time.Hour).Truncate(time.Millisecond)
		if err := w.Touch(ctx, store.TouchRequest{Subject: ann, ID: day.ID, ExpiresAt: slid}); err != nil {
			w.t.Error(err)
		}
		rec := w.lookup(ann, day.ID).Entries[0].Record
		w.near("LastSeen", rec.LastSeen)
		if !rec.ExpiresAt.Equal(slid) {
			w.t.Errorf("slid to %v, want %v", rec.ExpiresAt, slid)
		}
		if err := w.Revoke(ctx, store.Revocation{Subject: ann, All: true}); err != nil {
			w.t.Error(err)
		}
		w.near("CutTime", w.lookup(ann, day.ID).CutTime)
		foreign := store.Presented{TokenID: "t", Foreign: true, WithoutRecord: true, IssuedAt: w.clock().Add(2 * time.Second)}
		foreign.Leeway = 5 * time.Second
		if v := w.lookup(ann, foreign.IDs()...).Verdict(foreign); v.Reason == store.ReasonUndated {
			w.t.Error("a foreign token of now is from the future, by the process's clock")
		}
	})
}

// TestWrongClockGrace: a grace window is as long as the server's clock says, however wrong the process's is. Kills a window
// that is measured by what the process sends along.
func TestWrongClockGrace(t *testing.T) {
	travelling(t, func(w *travel) {
		ctx, ann := w.t.Context(), store.User("ann")
		first := w.issue(ann, w.clock().Add(time.Hour))
		rotate := func(rec store.Record, grace time.Duration) store.Rotated {
			w.t.Helper()
			got, err := w.Rotate(ctx, store.RotateRequest{
				Subject: ann, ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: store.NewLink(), Grace: grace, ExpiresAt: w.clock().Add(time.Hour),
			})
			if err != nil {
				w.t.Fatal(err)
			}
			w.near("Rotate's Now", got.Now)
			return got
		}
		second := rotate(first, time.Second)
		w.near("RotatedAt", second.Record.RotatedAt)
		if got := rotate(first, 5*time.Second); second.Outcome != store.RotateOK || got.Outcome != store.Replayed {
			w.t.Errorf("%v, and within the grace %v", second.Outcome, got.Outcome)
		}
		w.pass(150 * time.Millisecond)
		if got := rotate(first, 100*time.Millisecond); got.Outcome != store.Reused {
			w.t.Errorf("after the grace: %v", got.Outcome)
		}
	})
}

// TestWrongClockMarks: a mark and a nonce last by the server's clock.
func TestWrongClockMarks(t *testing.T) {
	travelling(t, func(w *travel) {
		ctx, ann := w.t.Context(), store.User("ann")
		if err := w.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{"token"}}); err != nil {
			w.t.Fatal(err)
		}
		if got := w.lookup(ann, "token").Entries[0].Status; got != store.Revoked {
			w.t.Errorf("a token just barred is %v", got)
		}
		until := w.clock().Add(200 * time.Millisecond)
		if err := store.Once(ctx, w.Store, "scope", "nonce", until); err != nil {
			w.t.Errorf("a nonce: %v", err)
		}
		if err := store.Once(ctx, w.Store, "scope", "nonce", until.Add(time.Hour)); !errors.Is(err, store.ErrExists) {
			w.t.Errorf("the nonce again: %v", err)
		}
		if err := store.Once(ctx, w.Store, "scope", "late", w.clock().Add(-time.Second)); !errors.Is(err, store.ErrInvalid) {
			w.t.Errorf("a nonce that has ended: %v", err)
		}
	})
}

// TestWrongClockIsTold: opening tells of clocks that differ by more than tokens can bear, and of no others.
func TestWrongClockIsTold(t *testing.T) {
	travelling(t, func(w *travel) {
		if !strings.Contains(w.log.String(), "clock and this machine's differ") || !strings.Contains(w.log.String(), "by NTP") {
			w.t.Errorf("it said %q", w.log)
		}
	})
	var log bytes.Buffer
	server := testenv.SharedRedis(t)
	s, err := Open(t.Context(), server.URL(), &Options{Prefix: testenv.Prefix(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if log.Len() > 0 {
		t.Errorf("with right clocks it said %q", &log)
	}
}

// TestClocksThatMove: a process whose clock is set, or that slept, follows the server's at its next look, within sightingAge.
func TestClocksThatMove(t *testing.T) {
	travelling(t, func(w *travel) {
		ann := store.User("ann")
		day := w.issue(ann, w.clock().Add(24*time.Hour))
		time.Sleep(30 * time.Hour) // the machine's clock is set, and the server's is not
		st := w.lookup(ann, day.ID)
		w.near("Now", st.Now)
		if st.Entries[0].Status != store.Live {
			w.t.Errorf("a session of a day is %v after no time at all", st.Entries[0].Status)
		}
	})
}

// slowConn is a connection whose replies are held up on their way back.
type slowConn struct {
	net.Conn
	by *atomic.Int64 // how long, in ns
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if by := c.by.Load(); by > 0 {
		<-time.After(time.Duration(by))
	}
	return n, err
}

// TestSlowReplyMovesNoClock: a look at the server's clock whose reply is held up says little, and what was known stays. Kills
// the middle of the way taken for the moment, whenever one looks, and the end or the beginning of it.
func TestSlowReplyMovesNoClock(t *testing.T) {
	server := testenv.SharedRedis(t)
	var by atomic.Int64
	client := redis.NewClient(&redis.Options{
		Addr: server.Addr(), Protocol: 2, MaxRetries: -1, ContextTimeoutEnabled: true, PipelinePoolSize: -1,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return slowConn{c, &by}, err
		},
	})
	defer client.Close() //nolint:errcheck // it is a test's
	s, err := New(t.Context(), client, &Options{Prefix: testenv.Prefix(t), Partitions: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it is a test's
	ann := store.User("ann")
	part := &s.partitions[ann.Digest().Partition(16)]
	for _, held := range []time.Duration{0, 500 * time.Millisecond, 250 * time.Millisecond} {
		by.Store(int64(held))
		old := *part.seen.Load()
		old.at = old.at.Add(-2 * sightingAge) // it is time to look again
		part.seen.Store(&old)
		st, err := s.Lookup(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		if off := st.Now.Sub(now()); off.Abs() > 100*time.Millisecond { // both clocks are this machine's
			t.Errorf("a reply held up by %v moved the clock by %v", held, off)
		}
		if !part.seen.Load().at.After(old.at.Add(sightingAge)) {
			t.Error("it did not look")
		}
	}
}
