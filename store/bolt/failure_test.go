package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
)

var errDisk = errors.New("input/output error")

// TestFailedCommit: a commit that fails is acknowledged to nobody, whether it came into force or not, and the file is sound
// afterwards.
func TestFailedCommit(t *testing.T) {
	for name, inForce := range map[string]bool{
		"the data could not be written":                     false,
		"the meta page was written and could not be synced": true,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			s, err := boltstore.Open(t.Context(), path, quiet)
			must(t, err)
			fail := true
			s.OnCommit(func(commit func(error) error) error {
				switch {
				case !fail:
					return commit(nil)
				case inForce:
					return errors.Join(commit(nil), errDisk)
				}
				return commit(errDisk)
			})
			_, err = s.Issue(t.Context(), issue("ann", "one"))
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrIndeterminate) || !errors.Is(err, errDisk) {
				t.Errorf("got %v, want ErrUnavailable and ErrIndeterminate with the disk's", err)
			}
			fail = false
			for n := range 3 { // each begins a ledger
				must(t, second(s.Issue(t.Context(), issue(fmt.Sprint("user", n), "id"))))
			}
			must(t, s.Revoke(t.Context(), store.Revocation{Subject: store.User("user0"), All: true}))
			must(t, s.Close())
			s = open(t, path, quiet)
			st, err := s.Lookup(t.Context(), store.User("user1"), "id")
			must(t, err)
			if st.Entries[0].Status != store.Live {
				t.Errorf("an acknowledged session is %v", st.Entries[0].Status)
			}
			st, err = s.Lookup(t.Context(), store.User("ann"), "one")
			must(t, err)
			if got := st.Entries[0].Status == store.Live; got != inForce {
				t.Errorf("the unacknowledged session is live: %v, want %v", got, inForce)
			}
		})
	}
}

// TestVerdictsOfAFailedCommit: what a call was told of writes that did not come true is not passed on.
func TestVerdictsOfAFailedCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"), quiet)
	in, err := s.Issue(t.Context(), issue("ann", "one"))
	must(t, err)
	begun, go1 := make(chan struct{}), make(chan struct{})
	commits := 0
	s.OnCommit(func(commit func(error) error) error {
		if commits++; commits > 1 {
			return commit(errDisk)
		}
		close(begun) // hold the first, so that the next calls come together
		<-go1
		return commit(nil)
	})
	var wg sync.WaitGroup
	wg.Go(func() { must(t, second(s.Issue(t.Context(), issue("bob", "hold")))) })
	<-begun
	var revoked, rotated, ended error
	queued := func(n int64) { // calls wait in the order in which they came
		for s.Waiting() < n {
			runtime.Gosched()
		}
	}
	wg.Go(func() {
		revoked = s.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), IDs: []string{"one"}})
	})
	queued(1)
	wg.Go(func() {
		_, rotated = s.Rotate(t.Context(), store.RotateRequest{Subject: store.User("ann"), ID: "one", Link: in.Record.Link, NextLink: store.NewLink()})
	})
	ctx, cancel := context.WithCancel(t.Context())
	queued(2)
	wg.Go(func() { ended = s.Forget(ctx, store.User("ann")) })
	queued(3)
	cancel()
	close(go1)
	wg.Wait()
	for what, err := range map[string]error{"revoke": revoked, "rotate": rotated} {
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrRevoked) {
			t.Errorf("%s: %v, want ErrUnavailable", what, err)
		}
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("forget: %v, want Canceled", ended)
	}
	st, err := s.Lookup(t.Context(), store.User("ann"), "one")
	must(t, err)
	if st.Entries[0].Status != store.Live {
		t.Errorf("the session is %v", st.Entries[0].Status)
	}
}

// TestLostPages: a page that a disk has lost, kept in an old state, or written in another's place is told, or does not
// matter: acknowledged revocations do not go back.
func TestLostPages(t *testing.T) {
	const page = 4096
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := boltstore.Open(t.Context(), path, quiet)
	must(t, err)
	var wg sync.WaitGroup
	for u := range 40 {
		wg.Go(func() {
			for n := range 5 {
				must(t, second(s.Issue(t.Context(), issue(fmt.Sprint("user-", u), fmt.Sprint("id", n)))))
			}
		})
	}
	wg.Wait()
	must(t, s.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	s, err = boltstore.Open(t.Context(), path, quiet)
	must(t, err)
	must(t, s.Revoke(t.Context(), store.Revocation{Subject: store.User("user-7"), All: true}))
	f := fixture{want: map[string]string{}}
	for u := range 40 {
		name := fmt.Sprint("user-", u)
		f.want[name+"/id1"], err = seen(t.Context(), s, name, "id1")
		must(t, err)
	}
	must(t, s.Close())
	after, err := os.ReadFile(path)
	must(t, err)

	lost := 0
	for at := 0; at+page <= len(after) && at+page <= len(before); at += page {
		if bytes.Equal(before[at:at+page], after[at:at+page]) {
			continue
		}
		b := bytes.Clone(after)
		copy(b[at:at+page], before[at:at+page])
		if at < 2*page { // the older meta with its whole state is what the disk had before the commit
			continue
		}
		lost++
		if !f.check(t, b, fmt.Sprintf("page %d as it was before", at/page)) {
			t.Logf("page %d does not matter", at/page)
		}
	}
	for from := 2 * page; from+page <= len(after); from += page {
		for _, to := range []int{from + page, 2 * page} {
			if to+page > len(after) || bytes.Equal(after[from:from+page], after[to:to+page]) {
				continue
			}
			b := bytes.Clone(after)
			copy(b[to:to+page], after[from:from+page])
			f.check(t, b, fmt.Sprintf("page %d over page %d", from/page, to/page))
		}
	}
	if lost == 0 {
		t.Error("the commit changed no page: the test shows nothing")
	}
}
