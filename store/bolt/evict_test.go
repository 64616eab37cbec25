package boltstore_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/storetest"
)

// TestNothingGoes: however much there is, every session lives and every revoked one is dead until its end, whatever writes
// and sweeps come between. Mutant: a sweep that takes a record an hour before its end.
func TestNothingGoes(t *testing.T) {
	const users, sessions, writers = 640, 4, 32
	c := storetest.NewClock(time.Time{})
	end := c.Now().Add(23 * time.Hour)
	s := open(t, filepath.Join(t.TempDir(), "x.db"), &boltstore.Options{Now: c.Now, SweepInterval: -1})
	padding := map[string]string{"padding": strings.Repeat("x", 1000)}
	write := func(user string) error {
		for id := range sessions {
			req := issue(user, fmt.Sprint(id))
			req.Record.ExpiresAt, req.Record.Metadata = end, padding
			if _, err := s.Issue(t.Context(), req); err != nil {
				return err
			}
		}
		return s.Revoke(t.Context(), store.Revocation{Subject: store.User(user), IDs: []string{"0"}})
	}
	var all sync.WaitGroup
	for w := range writers { // together, since a commit alone costs a sync of the disk
		all.Go(func() {
			for n := w; n < users; n += writers {
				if err := write(fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for range 3 { // the last sweep is half an hour before the end
		c.Advance(7*time.Hour + 30*time.Minute)
		swept, err := s.Sweep(t.Context())
		must(t, err)
		if swept != (store.Swept{}) {
			t.Errorf("a sweep took %+v", swept)
		}
	}
	wrong := 0
	for n := range users {
		st, err := s.Lookup(t.Context(), store.User(fmt.Sprint(n)), "0", "1", "2", "3")
		must(t, err)
		for id, e := range st.Entries {
			if want := map[bool]store.Status{true: store.Revoked, false: store.Live}[id == 0]; e.Status != want {
				wrong++
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d sessions are not what they were", wrong, users*sessions)
	}
}
