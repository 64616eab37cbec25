package memstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// TestRestart: a store that is made after another has ended knows nobody, and nothing that was issued before is alive in it,
// revoked or not: not even under a denylist, which has no record to miss. Mutant: a birth of zero.
func TestRestart(t *testing.T) {
	r := newRig(t)
	r.Advance(time.Minute)
	var before []store.Presented
	for n, kill := range []func(id string){
		func(string) {},
		func(id string) { r.revoke(ann, id) },
		func(string) { r.revokeAll(ann) },
	} {
		id := fmt.Sprint("session ", n)
		before = append(before, store.Presented{TokenID: "token of " + id, SessionID: id, Seq: r.issue(ann, id, year).Seq})
		kill(id)
	}
	r.ok(r.Close())
	r.Advance(time.Second)
	next, err := memstore.New(&memstore.Options{Now: r.Now, SweepInterval: -1})
	r.ok(err)
	shut(t, next)
	r.Store = next
	for _, p := range before {
		for _, p.WithoutRecord = range []bool{false, true} {
			if r.alive(ann, p) {
				t.Errorf("%s lives again (without record: %t)", p.SessionID, p.WithoutRecord)
			}
		}
	}
	after := store.Presented{TokenID: "new", SessionID: "new", Seq: r.issue(ann, "new", year).Seq}
	for _, after.WithoutRecord = range []bool{false, true} {
		if !r.alive(ann, after) {
			t.Errorf("a login after the restart is refused (without record: %t)", after.WithoutRecord)
		}
	}
}

// TestNothingGoes: however much there is, every session lives and every revoked one is dead until its end, whatever writes
// and sweeps come between. Mutant: a sweep that takes a record an hour before its end.
func TestNothingGoes(t *testing.T) {
	const users, sessions = 5_000, 4
	r := newRig(t)
	padding := map[string]string{"padding": strings.Repeat("x", 1000)}
	for n := range users {
		for id := range sessions {
			_, err := r.Issue(t.Context(), store.IssueRequest{Record: store.Record{
				ID: fmt.Sprint(id), Subject: store.User(fmt.Sprint(n)), Link: store.NewLink(), ExpiresAt: noon.Add(23 * time.Hour), Metadata: padding,
			}})
			r.ok(err)
		}
		r.revoke(store.User(fmt.Sprint(n)), "0")
	}
	for range 3 { // the last sweep is half an hour before the end
		r.Advance(7*time.Hour + 30*time.Minute)
		if got := r.sweep(); got != (store.Swept{}) {
			t.Errorf("a sweep took %+v", got)
		}
	}
	wrong := 0
	for n := range users {
		st := r.state(store.User(fmt.Sprint(n)), "0", "1", "2", "3")
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
