package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/internal/harness"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/store/document"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
	"github.com/jetonkit/jeton/storetest"
)

// backend is a column of the page.
type backend struct {
	name string
	// harness is over stores in a directory of t's, or on a server that t starts.
	harness func(t testing.TB) conformance.Harness
}

// backends are the columns of the page in their order: backends, and then layers around one.
var backends = []backend{
	{"memory", memory},
	{"bolt", bolt},
	{"redis", redis},
	{"memcache", memcached},
	{"document", overKV},
	{"cache", cached},
	{"breaker", guarded},
}

func memory(testing.TB) conformance.Harness { return harness.Memory() }

func bolt(t testing.TB) conformance.Harness {
	dir := t.TempDir()
	clock := storetest.NewClock(time.Time{})
	var serial atomic.Int64
	places := harness.Places[string]{
		Fresh: func() string { return filepath.Join(dir, fmt.Sprint(serial.Add(1), ".db")) },
		Open: func(ctx context.Context, path string) (store.TokenStore, error) {
			return boltstore.Open(ctx, path, &boltstore.Options{Now: clock.Now})
		},
	}
	h := places.Harness(clock)
	h.Second = nil // one process at a time has a file open
	h.Drop = func(_ context.Context, s store.TokenStore) error { return os.Remove(places.Of(s)) }
	return h
}

// redis is on one server; the tests of store/redis run the suite on a cluster and behind Sentinel too.
func redis(t testing.TB) conformance.Harness { return harness.Redis(t, testenv.Redis(t)) }

// memcached is on one server that never evicts; the tests of store/memcache run the suite on two as well, and cut their
// cables.
func memcached(t testing.TB) conformance.Harness {
	servers := []string{testenv.Memcached(t, "-m", "512", "-M").Addr()}
	clock := harness.Ahead()
	places := harness.Places[string]{
		Fresh: func() string { return testenv.Prefix(t) },
		Open: func(ctx context.Context, prefix string) (store.TokenStore, error) {
			// One clock for all of its processes: no skew to be refused.
			return memcachestore.New(ctx, servers, &memcachestore.Options{Prefix: prefix, Now: clock.Now, MaxSkew: -1})
		},
	}
	return places.Harness(clock)
}

func overKV(testing.TB) conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	places := harness.Places[*kv]{
		Fresh: func() *kv { return &kv{now: clock.Now, rows: map[string]row{}} },
		Open: func(ctx context.Context, over *kv) (store.TokenStore, error) {
			// One clock for all of its processes: no skew to be refused.
			return document.New(ctx, over, store.Capabilities{Shared: true}, &document.Options{Now: clock.Now, MaxSkew: -1})
		},
	}
	h := places.Harness(clock)
	h.Fault = func(_ context.Context, s store.TokenStore) (func(), error) {
		over := places.Of(s)
		over.down.Store(true)
		return func() { over.down.Store(false) }, nil
	}
	return h
}

// kv is a document.KV in memory that drops its rows when they expire, as the contract lets it, and for ever: a clock set
// back does not bring them back.
type kv struct {
	now  func() time.Time
	down atomic.Bool

	mu     sync.Mutex
	rows   map[string]row
	serial int
}

type row struct {
	value   []byte
	version int
	expires time.Time
}

// row is what is under a key by now. The caller holds the lock.
func (k *kv) row(key string) (row, bool) {
	r, ok := k.rows[key]
	if ok && k.now().After(r.expires) {
		delete(k.rows, key)
		return row{}, false
	}
	return r, ok
}

var errDown = errors.New("no answer")

func (k *kv) Load(ctx context.Context, key string) ([]byte, any, error) {
	if k.down.Load() {
		return nil, nil, errDown
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.row(key)
	if !ok {
		return nil, nil, ctx.Err()
	}
	return append([]byte(nil), r.value...), r.version, ctx.Err()
}

func (k *kv) CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	if k.down.Load() {
		return false, errDown
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.row(key)
	if (tag == nil) == ok || (ok && tag != r.version) {
		return false, ctx.Err()
	}
	k.serial++
	k.rows[key] = row{value, k.serial, expires}
	return true, ctx.Err()
}

func (k *kv) Close() error { return nil }
