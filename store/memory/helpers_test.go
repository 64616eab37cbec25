package memstore_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	ann  = store.User("ann")
)

const year = 366 * 24 * time.Hour

// rig is a store on a clock, without a sweeper of its own.
type rig struct {
	*memstore.Store
	*storetest.Clock
	t testing.TB
}

func newRig(t testing.TB, change ...func(*memstore.Options)) rig {
	t.Helper()
	c := storetest.NewClock(noon)
	o := &memstore.Options{Now: c.Now, SweepInterval: -1}
	for _, f := range change {
		f(o)
	}
	s, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	return rig{s, c, t}
}

// shut closes a store when the test has ended.
func shut(t testing.TB, s store.TokenStore) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (r rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r rig) issue(s store.Subject, id string, ttl time.Duration) store.Record {
	r.t.Helper()
	out, err := r.Issue(r.t.Context(), store.IssueRequest{Record: store.Record{
		ID: id, Subject: s, Link: store.NewLink(), ExpiresAt: r.Now().Add(ttl),
	}})
	r.ok(err)
	return out.Record
}

func (r rig) revoke(s store.Subject, ids ...string) {
	r.t.Helper()
	r.ok(r.Revoke(r.t.Context(), store.Revocation{Subject: s, IDs: ids, Reason: "test"}))
}

func (r rig) revokeAll(s store.Subject) {
	r.t.Helper()
	r.ok(r.Revoke(r.t.Context(), store.Revocation{Subject: s, All: true}))
}

func (r rig) state(s store.Subject, ids ...string) store.State {
	r.t.Helper()
	st, err := r.Lookup(r.t.Context(), s, ids...)
	r.ok(err)
	return st
}

func (r rig) alive(s store.Subject, p store.Presented) bool {
	r.t.Helper()
	return r.state(s, p.IDs()...).Verdict(p).Alive
}

func (r rig) sweep() store.Swept {
	r.t.Helper()
	swept, err := r.Sweep(r.t.Context())
	r.ok(err)
	return swept
}

func (r rig) stat(name string) int64 {
	r.t.Helper()
	for _, s := range r.Stats() {
		if s.Name == name {
			return s.Value
		}
	}
	r.t.Fatalf("no counter %s", name)
	return 0
}

func (r rig) poll(from store.Position) store.Batch {
	r.t.Helper()
	b, err := r.Poll(r.t.Context(), 0, from)
	r.ok(err)
	return b
}
