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
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	boltstore "github.com/jetonkit/jeton/store/bolt"
	"github.com/jetonkit/jeton/store/document"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
	memstore "github.com/jetonkit/jeton/store/memory"
	redisstore "github.com/jetonkit/jeton/store/redis"
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
	{"redis", overRedis},
	{"memcache", overMemcached},
	{"document", overKV},
	{"cache", cached},
	{"breaker", guarded},
}

func memory(testing.TB) conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	return conformance.Harness{
		Clock: clock,
		Open: func(context.Context) (store.TokenStore, error) {
			return memstore.New(&memstore.Options{Now: clock.Now})
		},
	}
}

func bolt(t testing.TB) conformance.Harness {
	dir := t.TempDir()
	clock := storetest.NewClock(time.Time{})
	var serial atomic.Int64
	var paths sync.Map // store -> path
	open := func(ctx context.Context, path string) (store.TokenStore, error) {
		s, err := boltstore.Open(ctx, path, &boltstore.Options{Now: clock.Now})
		if err != nil {
			return nil, err
		}
		paths.Store(s, path)
		return s, nil
	}
	of := func(s store.TokenStore) string {
		path, _ := paths.Load(s)
		return fmt.Sprint(path)
	}
	return conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return open(ctx, filepath.Join(dir, fmt.Sprint(serial.Add(1), ".db")))
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return open(ctx, of(s))
		},
		Drop: func(_ context.Context, s store.TokenStore) error { return os.Remove(of(s)) },
	}
}

// overRedis is on one server; the tests of store/redis run the suite on a cluster and behind Sentinel too.
func overRedis(t testing.TB) conformance.Harness {
	url := "redis://" + testenv.Redis(t).Addr()
	return onServer(func(ctx context.Context, prefix string, now func() time.Time) (store.TokenStore, error) {
		return redisstore.Open(ctx, url, &redisstore.Options{Prefix: prefix, Partitions: 16, Now: now})
	})
}

// overMemcached is on one server that never evicts; the tests of store/memcache run the suite on two as well, and cut their
// cables.
func overMemcached(t testing.TB) conformance.Harness {
	servers := []string{testenv.Memcached(t, "-m", "512", "-M").Addr()}
	return onServer(func(ctx context.Context, prefix string, now func() time.Time) (store.TokenStore, error) {
		// One clock for all of its processes: no skew to be refused.
		return memcachestore.New(ctx, servers, &memcachestore.Options{Prefix: prefix, Now: now, MaxSkew: -1})
	})
}

// onServer is over stores that share a server, each under a prefix of its own.
func onServer(open func(ctx context.Context, prefix string, now func() time.Time) (store.TokenStore, error)) conformance.Harness {
	clock := storetest.NewClock(time.Now().Add(20 * 24 * time.Hour)) // ahead of the server, which expires keys by its own
	var serial atomic.Int64
	var prefixes sync.Map // store -> prefix
	at := func(ctx context.Context, prefix string) (store.TokenStore, error) {
		s, err := open(ctx, prefix, clock.Now)
		if err != nil { // the store is a nil pointer then, which is no nil interface
			return nil, err
		}
		prefixes.Store(s, prefix)
		return s, nil
	}
	again := func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
		prefix, _ := prefixes.Load(s)
		return at(ctx, fmt.Sprint(prefix))
	}
	return conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return at(ctx, fmt.Sprint("suite", serial.Add(1), ":"))
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return again(ctx, s)
		},
		Second: again,
	}
}

func overKV(testing.TB) conformance.Harness {
	clock := storetest.NewClock(time.Time{})
	var kvs sync.Map // store -> *kv
	open := func(ctx context.Context, over *kv) (store.TokenStore, error) {
		// One clock for all of its processes: no skew to be refused.
		s, err := document.New(ctx, over, store.Capabilities{Shared: true}, &document.Options{Now: clock.Now, MaxSkew: -1})
		if err != nil {
			return nil, err
		}
		kvs.Store(s, over)
		return s, nil
	}
	of := func(s store.TokenStore) *kv {
		v, _ := kvs.Load(s)
		over, _ := v.(*kv)
		return over
	}
	return conformance.Harness{
		Clock: clock,
		Open: func(ctx context.Context) (store.TokenStore, error) {
			return open(ctx, &kv{now: clock.Now, rows: map[string]row{}})
		},
		Reopen: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) {
			if err := s.Close(); err != nil {
				return nil, err
			}
			return open(ctx, of(s))
		},
		Second: func(ctx context.Context, s store.TokenStore) (store.TokenStore, error) { return open(ctx, of(s)) },
		Fault: func(_ context.Context, s store.TokenStore) (func(), error) {
			over := of(s)
			over.down.Store(true)
			return func() { over.down.Store(false) }, nil
		},
	}
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
