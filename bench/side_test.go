package bench_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }

// side is a store that is measured.
type side struct {
	b   *testing.B
	ctx context.Context
	s   store.TokenStore
}

func newSide(b *testing.B, s store.TokenStore) *side { return &side{b: b, ctx: b.Context(), s: s} }

func (r *side) must(err error) {
	if err != nil {
		r.b.Error(err)
	}
}

func (r *side) login(s store.Subject) store.Record {
	got, err := r.s.Issue(r.ctx, store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: s, Link: store.NewLink(), ExpiresAt: time.Now().Add(24 * time.Hour),
	}})
	r.must(err)
	return got.Record
}

// logins gives a subject sessions and returns the last.
func (r *side) logins(name string, n int) (rec store.Record) {
	for range n {
		rec = r.login(store.User(name))
	}
	return rec
}

// many gives a subject sessions, by many callers at once.
func (r *side) many(name string, n int) store.Subject {
	who := store.User(name)
	together(func(n int) {
		for range n {
			r.login(who)
		}
	})(n)
	return who
}

func (r *side) lookup(rec store.Record) func(int) {
	jti := store.NewID()
	return func(n int) {
		for range n {
			st, err := r.s.Lookup(r.ctx, rec.Subject, rec.ID, jti)
			if r.must(err); st.Entries[0].Status != store.Live {
				r.b.Error("not live")
			}
		}
	}
}

func (r *side) revoke(s store.Subject) func(int) {
	return func(n int) {
		for range n {
			r.must(r.s.Revoke(r.ctx, store.Revocation{Subject: s, All: true}))
		}
	}
}

// together lets 64 callers share n operations.
func together(run func(int)) func(int) {
	return func(n int) {
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { run(n / 64) })
		}
		all.Wait()
	}
}
