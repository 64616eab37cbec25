package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/storetest"
)

// TestGroupCommit: writers that come together share commits, and each is answered for itself.
func TestGroupCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"), nil)
	const writers, each = 64, 20
	var refused atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				req := issue(fmt.Sprint("user", w), fmt.Sprint("id", n/2)) // every id twice, with another link
				_, err := s.Issue(t.Context(), req)
				switch {
				case errors.Is(err, store.ErrExists):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := refused.Load(); got != writers*each/2 {
		t.Errorf("%d calls were refused, want %d", got, writers*each/2)
	}
	stats := s.Stats()
	if stats[1].Value != writers*each || stats[0].Value*2 > stats[1].Value {
		t.Errorf("%d writes took %d commits, want at most half as many", stats[1].Value, stats[0].Value)
	}
	t.Logf("%d writes, %d commits", stats[1].Value, stats[0].Value)
}

// TestEndedContext: a caller whose context ends does not wait, and a write that had not begun is not done.
func TestEndedContext(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if _, err := s.Issue(ctx, issue("ann", "one")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	if st, err := s.Lookup(t.Context(), store.User("ann"), "one"); err != nil || st.Entries[0].Status != store.Unknown {
		t.Errorf("the write was done: %+v, %v", st, err)
	}
}

// TestAbandonedWrite: a write whose caller has gone before its turn is not done.
func TestAbandonedWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"), quiet)
	begun, goOn := make(chan struct{}), make(chan struct{})
	s.OnCommit(func(commit func(error) error) error {
		select {
		case <-begun:
		default: // hold the first
			close(begun)
			<-goOn
		}
		return commit(nil)
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Issue(t.Context(), issue("bob", "hold")); err != nil {
			t.Error(err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- second(s.Issue(ctx, issue("ann", "one"))) }()
	for s.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	close(goOn)
	wg.Wait()
	must(t, second(s.Issue(t.Context(), issue("carl", "behind it")))) // the queue is in order
	if st, err := s.Lookup(t.Context(), store.User("ann"), "one"); err != nil || st.Entries[0].Status != store.Unknown {
		t.Errorf("the abandoned write was done: %+v, %v", st.Entries, err)
	}
}

// TestHorizonIsKept: what a sweep on a clock ahead has forgotten stays dead for a later process on the right one.
func TestHorizonIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	c := storetest.NewClock(time.Time{})
	o := &boltstore.Options{Now: c.Now, SweepInterval: -1}
	s := open(t, path, o)
	r := login(t, s, c, "before")
	must(t, s.Revoke(t.Context(), store.Revocation{Subject: r.Subject, All: true}))
	c.Advance(365 * 24 * time.Hour)
	swept, err := s.Sweep(t.Context())
	must(t, err)
	if swept.Ledgers != 1 {
		t.Errorf("swept %+v, want the ledger", swept)
	}
	must(t, s.Close())
	c.Advance(-365 * 24 * time.Hour)
	s = open(t, path, o)
	judge(t, s, r, true, false)
	judge(t, s, login(t, s, c, "after"), true, true)
}

// TestSweep: what is dead goes, what could still bar a token stays, in the background too.
func TestSweep(t *testing.T) {
	c := storetest.NewClock(time.Time{})
	s := open(t, filepath.Join(t.TempDir(), "x.db"), &boltstore.Options{Now: c.Now, SweepInterval: -1})
	ann, bob := store.User("ann"), store.User("bob")
	for n := range 600 { // more than one write removes
		req := issue("ann", fmt.Sprint("id", n))
		req.Record.ExpiresAt = c.Now().Add(time.Hour)
		if n == 0 {
			req.Record.ExpiresAt = c.Now().Add(100 * time.Hour)
		}
		must(t, second(s.Issue(t.Context(), req)))
	}
	must(t, s.Revoke(t.Context(), store.Revocation{Subject: bob, All: true}))
	must(t, s.Revoke(t.Context(), store.Revocation{Subject: ann, IDs: []string{"id1", "a token"}}))

	c.Advance(2 * time.Hour)
	swept, err := s.Sweep(t.Context())
	must(t, err)
	// Every write has looked at two entries on its way, but none was dead yet.
	if want := (store.Swept{Records: 598}); swept != want {
		t.Errorf("after 2h swept %+v, want %+v", swept, want)
	}
	c.Advance(23 * time.Hour) // the marks are past, and bob's cut; ann's ledger has a live record
	swept, err = s.Sweep(t.Context())
	must(t, err)
	if want := (store.Swept{Ledgers: 1, Marks: 2}); swept != want {
		t.Errorf("after 25h swept %+v, want %+v", swept, want)
	}
	if st, err := s.Lookup(t.Context(), ann, "id0"); err != nil || st.Entries[0].Status != store.Live {
		t.Errorf("the live record went: %+v, %v", st.Entries, err)
	}
	c.Advance(200 * time.Hour)
	swept, err = s.Sweep(t.Context())
	must(t, err)
	if want := (store.Swept{Ledgers: 1, Records: 1}); swept != want {
		t.Errorf("after 225h swept %+v, want %+v", swept, want)
	}
	for subject, err := range s.Subjects(t.Context()) {
		t.Errorf("a swept subject is listed: %v, %v", subject, err)
	}
}

// TestJumpingClock: a login before "log out everywhere" stays dead and one after it lives, though each process has another
// clock, sweeps with it, and a year ahead takes everything for expired.
func TestJumpingClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, jumps := range [][]time.Duration{
		{2 * time.Hour, -2 * time.Hour},
		{-2 * time.Hour, 2 * time.Hour},
		{year, -year},
		{-year, year},
		{year, -2 * year, year},
	} {
		t.Run(fmt.Sprint(jumps), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			c := storetest.NewClock(time.Time{})
			o := &boltstore.Options{Now: c.Now, SweepInterval: -1}
			ann := store.User("ann")
			s := open(t, path, o)
			before := login(t, s, c, "before")
			must(t, s.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}))
			for n, jump := range jumps {
				_ = s.Close()
				c.Advance(jump)
				s = open(t, path, o)
				must(t, second(s.Sweep(t.Context())))
				after := login(t, s, c, fmt.Sprint("after jump ", n))
				for _, without := range []bool{false, true} {
					judge(t, s, before, without, false)
					judge(t, s, after, without, true)
				}
				must(t, s.Revoke(t.Context(), store.Revocation{Subject: ann, All: true}))
				before = after
			}
		})
	}
}

func login(t *testing.T, s store.TokenStore, c *storetest.Clock, id string) store.Record {
	t.Helper()
	req := issue("ann", id)
	req.Record.ExpiresAt = c.Now().Add(time.Hour)
	out, err := s.Issue(t.Context(), req)
	must(t, err)
	return out.Record
}

func judge(t *testing.T, s store.TokenStore, r store.Record, without, alive bool) {
	t.Helper()
	p := store.Presented{TokenID: "token of " + r.ID, SessionID: r.ID, Seq: r.Seq, WithoutRecord: without}
	st, err := s.Lookup(t.Context(), r.Subject, p.IDs()...)
	must(t, err)
	if v := st.Verdict(p); v.Alive != alive {
		t.Errorf("the token of %q (without record: %v) is alive: %v, want %v (%s)", r.ID, without, v.Alive, alive, v.Reason)
	}
}

// TestFeedIsTrimmed: events older than any token go as new ones come, the newest stays, and a follower that stood on a
// trimmed one is told.
func TestFeedIsTrimmed(t *testing.T) {
	c := storetest.NewClock(time.Time{})
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path, &boltstore.Options{Now: c.Now})
	revoke := func() {
		must(t, s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), All: true}))
	}
	for range 10 {
		revoke()
	}
	old, err := s.Poll(t.Context(), 0, store.Position{})
	must(t, err)
	at := old.Events[5].Position
	batch, err := s.Poll(t.Context(), 0, at)
	must(t, err)
	if events, ok := batch.After(at); !ok || len(events) != 5 {
		t.Errorf("from the sixth of 11 events there are %d, proven %v", len(events), ok)
	}
	c.Advance(25 * time.Hour)
	for range 5 {
		revoke()
	}
	batch, err = s.Poll(t.Context(), 0, at)
	must(t, err)
	if _, ok := batch.After(at); ok {
		t.Error("a follower of a trimmed event is not told")
	}
	if len(batch.Events) != 6 {
		t.Errorf("%d events are kept, want the 5 young ones and the last old one", len(batch.Events))
	}
	stood := old.Events[len(old.Events)-1].Position // where followers stood in the quiet time
	if batch, err = s.Poll(t.Context(), 0, stood); err != nil {
		t.Fatal(err)
	}
	if events, ok := batch.After(stood); !ok || len(events) != 5 {
		t.Errorf("from the last old event there are %d, proven %v", len(events), ok)
	}
	_ = s.Close()
	s = open(t, path, &boltstore.Options{Now: c.Now}) // a trimmed feed passes the check of the open
	last := batch.Events[5].Position
	var bell store.Bell
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- s.Listen(ctx, func(b store.Bell) { bell = b; cancel() })
	}()
	for ctx.Err() == nil {
		revoke()
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the listener ended with %v", err)
	}
	if bell.Prev.ID < last.ID || bell.Event.Position.ID <= bell.Prev.ID {
		t.Errorf("the bell rings %v after %v, behind %v", bell.Event.Position, bell.Prev, last)
	}
}

// TestNamesInFile: no key holds a name or an id, and what was forgotten is under no key. (bbolt does not wipe the pages
// that it frees; docs/keys.md says so.)
func TestNamesInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path, nil)
	for _, name := range []string{"forgotten name", "kept name"} {
		req := issue(name, "id of "+name)
		req.Record.Metadata = map[string]string{"agent": "agent of " + name}
		must(t, second(s.Issue(t.Context(), req)))
		must(t, s.Revoke(t.Context(), store.Revocation{Subject: req.Record.Subject, IDs: []string{"token of " + name}}))
	}
	must(t, s.Forget(t.Context(), store.User("forgotten name")))
	must(t, s.Close())
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	must(t, err)
	defer db.Close() //nolint:errcheck // it was only read
	var keys, values strings.Builder
	must(t, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				keys.Write(k)
				values.Write(v)
				return nil
			})
		})
	}))
	if strings.Contains(keys.String(), "name") {
		t.Error("a key holds a name")
	}
	for text, want := range map[string]int{
		"forgotten name": 0, "token of kept name": 0,
		"agent of kept name": 1, "id of kept name": 1, "kept name": 3, // in the head, the id and the metadata
	} {
		if got := strings.Count(values.String(), text); got != want {
			t.Errorf("the values hold %q %d times, want %d", text, got, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }
