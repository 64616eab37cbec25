package bench_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// bucket holds what the bare file has.
var bucket = []byte("bare")

// bare is a file of bbolt with as many entries as ours, of the size of a session's.
func bare(b *testing.B, entries int) *bbolt.DB {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		in, err := tx.CreateBucket(bucket)
		for i := 0; i < entries && err == nil; i++ {
			err = in.Put(bareKey(uint64(i)), make([]byte, 64)) //nolint:gosec // not below zero
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// bareKey is a key of 32 bytes, which is where sessions' lie: spread.
func bareKey(i uint64) []byte {
	key := make([]byte, 32)
	binary.BigEndian.PutUint64(key, i*0x9e3779b97f4a7c15)
	return key
}

// crowd gives a store sessions of many users, some ten each.
func (r *side) crowd(sessions int) []store.Record {
	var mu sync.Mutex
	all := make([]store.Record, 0, sessions)
	together(func(n int) {
		for range n {
			rec := r.login(store.User(fmt.Sprint("of many ", rand.N(sessions/10)))) //nolint:gosec // any
			mu.Lock()
			all = append(all, rec)
			mu.Unlock()
		}
	})(sessions)
	return all
}

// lookups looks up one session after another.
func (r *side) lookups(all []store.Record) func(int) {
	jti, next := store.NewID(), 0
	return func(n int) {
		for range n {
			next = (next + 7919) % len(all)
			st, err := r.s.Lookup(r.ctx, all[next].Subject, all[next].ID, jti)
			if r.must(err); st.Entries[0].Status != store.Live {
				r.b.Error("not live")
			}
		}
	}
}

// BenchmarkBolt: the store in a file beside the library that it stands on.
func BenchmarkBolt(b *testing.B) {
	const sessions = 128_000
	s, err := boltstore.Open(b.Context(), filepath.Join(b.TempDir(), "jeton"), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	r, db := newSide(b, s), bare(b, 2*sessions) // of ours each has two keys, and its user one more
	crowd := r.crowd(sessions)
	next := uint64(0)
	view := func(n int) {
		for range n {
			next += 7919
			r.must(db.View(func(tx *bbolt.Tx) error {
				if tx.Bucket(bucket).Get(bareKey(next%(2*sessions))) == nil {
					b.Error("not there")
				}
				return nil
			}))
		}
	}
	batch := func(n int) {
		for range n {
			key := bareKey(rand.Uint64()) //nolint:gosec // any
			r.must(db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key, make([]byte, 64)) }))
		}
	}
	issue := func(n int) {
		for range n {
			r.login(store.User(store.NewID()))
		}
	}
	one, all := r.login(store.User("one")).Subject, r.many("all", 100_000)
	bench.Gate(b,
		bench.Row{Name: "bolt: lookup to a bare View and Get", Of: r.lookups(crowd), By: view, Ops: 5000, Most: 1.5},
		bench.Row{Name: "bolt: login, 64 callers, to bbolt's Batch and Put", Of: together(issue), By: together(batch), Ops: 1280, Most: 1 / 2.0},
		bench.Row{Name: "bolt: revoke all of 100,000 sessions to 1", Of: r.revoke(all), By: r.revoke(one), Ops: 50, Most: 1.2},
	)
}

// BenchmarkMemory: what does not grow in the process's own store.
func BenchmarkMemory(b *testing.B) {
	s, err := memstore.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	r := newSide(b, s)
	one, all, ann, many := r.login(store.User("one")).Subject, r.many("all", 100_000), r.logins("ann", 10), r.logins("many", 10_000)
	bench.Gate(b,
		bench.Row{Name: "memory: verify at 10,000 sessions to 10", Of: r.lookup(many), By: r.lookup(ann), Ops: 100_000},
		bench.Row{Name: "memory: revoke all of 100,000 sessions to 1", Of: r.revoke(all), By: r.revoke(one), Ops: 40_000, Most: 1.2},
	)
}
