package bench_test

import (
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/jetonkit/jeton/bench"
	"github.com/jetonkit/jeton/internal/testenv"
	memcachestore "github.com/jetonkit/jeton/store/memcache"
)

// BenchmarkMemcache: the store on memcached beside a bare Get of the library that it stands on, of as many bytes.
func BenchmarkMemcache(b *testing.B) {
	server := testenv.SharedMemcached(b)
	s, err := memcachestore.Open(b.Context(), "memcache://"+server.Addr(), &memcachestore.Options{Prefix: testenv.Prefix(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	r, plain := newSide(b, s), memcache.New(server.Addr())
	b.Cleanup(func() { _ = plain.Close() })
	r.must(plain.Set(&memcache.Item{Key: "bare", Value: []byte(strings.Repeat("x", 300))}))
	ann := r.logins("ann", 3)
	get := func(n int) {
		for range n {
			_, err := plain.Get("bare")
			r.must(err)
		}
	}
	bench.Gate(b, bench.Row{Name: "memcached: verify, alone, to a bare Get", Of: r.lookup(ann), By: get, Ops: 4000, Most: 1.2})
}
